"""``heimdex explain``: why a scene has its score, added up again from its receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.exits import ExitCode
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.show import clock, receipt_line
from heimdex.cli.similar import scene_id
from heimdex.cli.start import start

if TYPE_CHECKING:
    from heimdex.settings import Settings

#: a receipt that adds up to something else would be a fault of ours
TOLERANCE = 1e-6
_PAGE = 100


def explain(
    query: Annotated[str, typer.Argument(help="The query, in quotation marks.")],
    scene: Annotated[str, typer.Argument(help="The id of a scene, as `heimdex search --json` gives it.")],
    mode: Annotated[str, typer.Option(help="What CLIP may do: auto, recall, rerank or skip.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Everything as a JSON object.")] = False,
) -> None:
    """Say how the score of SCENE for QUERY came about.

    \b
    heimdex explain "red car" 01932c5a-7b1e-7f00-8a4e-0242ac120002
    """
    settings = start()
    wanted = str(scene_id(scene))
    answer, result = asyncio.run(_look_up(settings, query, mode, wanted))
    if result is None:
        _absent(answer, wanted, as_json=as_json)
        raise typer.Exit(ExitCode.NOTHING_FOUND)
    told = account(answer, result)
    if as_json:
        say_json(told)
    else:
        _show(told, result)
    raise typer.Exit(ExitCode.DONE if told["difference"] <= TOLERANCE else ExitCode.FAILED)


def account(answer: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return every factor of a result's score, and the score computed anew from them alone."""
    blend = answer["explanation"].get("hits", {}).get(result["scene_id"], {})
    factors = [_factor(match, answer["explanation"], blend) for match in result["matched"]]
    recomputed = sum(factor["part"] for factor in factors) - result["penalty"]
    explanation = dict(answer["explanation"])
    details = explanation.pop("hits", {})
    return {
        "query": answer["query"],
        "scene_id": result["scene_id"],
        "title": result["title"],
        "rank": result["rank"],
        "label": result["label"],
        "mode": answer["mode"],
        "factors": factors,
        "penalty": result["penalty"],
        "score": result["score"],
        "recomputed": recomputed,
        "difference": abs(recomputed - result["score"]),
        "scene": details.get(result["scene_id"], {}),
        **explanation,
    }


def _factor(match: Mapping[str, Any], explanation: Mapping[str, Any], blend: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the receipt with its normalised score computed anew from the raw one, where that is possible.

    It is not for the sides of a sequence, nor where CLIP scored one scene only: there the line stands.
    """
    normalised = match["normalised"]
    fusion, rerank = explanation.get("fusion", {}), explanation.get("rerank", {})
    # CLIP may have two lines: one as a channel among others, one from reordering them
    reranked = match["channel"] == "visual" and (match["weight"], match["normalised"]) == (
        blend.get("clip_weight"), blend.get("clip_normalised")
    )  # fmt: skip
    scale = rerank["range"] if reranked else fusion.get("ranges", {}).get(match["channel"], [])
    if fusion.get("method") == "rrf" and not reranked:
        normalised = 1.0 / (fusion["rrf_k"] + match["rank"])
    elif scale and scale[0] < scale[1]:
        normalised = min(1.0, max(0.0, (match["raw"] - scale[0]) / (scale[1] - scale[0])))
    return {**match, "normalised": normalised, "part": normalised * match["weight"]}


async def _look_up(
    settings: Settings, query: str, mode: str, scene: str
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the page of the answer that has the scene and its result; None when no page has it."""
    from heimdex.cli.search import search_library
    from heimdex.search.request import check
    from heimdex.wiring import open_library

    cursor: str | None = None
    async with open_library(settings) as library:
        while True:
            wanted = check(query, mode=mode, limit=_PAGE, explain=True, include_weak=True, cursor=cursor)
            answer, _ = await search_library(library, wanted)
            for result in answer["results"]:
                if scene in (result["scene_id"], *result["merged"]):
                    return answer, result
            cursor = answer["next_cursor"]
            if cursor is None:
                return answer, None


def _show(told: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    mode = told["mode"]
    say(f"{told['rank']}. {told['title']}  {clock(result['start_s'])} – {clock(result['end_s'])}  {told['label']}")
    say(f"mode {mode['used']} ({mode['confidence']:.2f}): {mode['reason']}")
    for factor in told["factors"]:
        say(f"  {receipt_line(factor)}")
    if told["penalty"]:
        say(f"  time between the scenes: - {told['penalty']:.6f}")
    for name in ("fusion", "rerank"):
        if name in told:
            say(f"  {name}: {_listed(told[name])}")
    if told["scene"]:
        say(f"  this scene: {_listed(told['scene'])}")
    say(f"score {told['score']:.9f}, from the receipt {told['recomputed']:.9f}, difference {told['difference']:.1e}")


def _listed(values: Mapping[str, Any]) -> str:
    def shown(value: object) -> str:
        if isinstance(value, Mapping):
            return "(" + _listed(value) + ")"
        return f"{value:.4f}" if isinstance(value, float) else str(value)

    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def _absent(answer: Mapping[str, Any], scene: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"query": answer["query"], "scene_id": scene, "channels": answer["channels"]})
        return
    remark("no channel proposes this scene for this query.")
    for name, channel in answer["channels"].items():
        say(f"{name:<10} {channel['status']:<8} {channel['candidates']:>4} candidates  {channel['reason']}")
