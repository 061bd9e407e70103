"""``heimdex explain``: why a scene has its score, added up again from its receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.exits import ExitCode
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.search import picture_of, weighed
from heimdex.cli.show import clock, receipt_line
from heimdex.cli.similar import scene_id
from heimdex.cli.start import start

if TYPE_CHECKING:
    from heimdex.ports import Image
    from heimdex.settings import Settings
    from heimdex.wiring import Library

#: a receipt that adds up to something else would be a fault of ours
TOLERANCE = 1e-6
_PAGE = 100


def explain(
    query: Annotated[str, typer.Argument(help="The query, in quotation marks; empty with a picture alone.")],
    scene: Annotated[str, typer.Argument(help="The id of a scene, as `heimdex search --json` gives it.")],
    image: Annotated[Path | None, typer.Option(help="The picture that was searched with.")] = None,
    weights: Annotated[list[str] | None, typer.Option("--weight", help="As in the search: visual=1.")] = None,
    ignore_saved: Annotated[bool, typer.Option("--ignore-saved", help="Leave saved weights out.")] = False,
    mode: Annotated[str, typer.Option(help="What CLIP may do: auto, recall, rerank or skip.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Everything as a JSON object.")] = False,
) -> None:
    """Say how the score of SCENE for QUERY came about.

    \b
    heimdex explain "red car" 01932c5a-7b1e-7f00-8a4e-0242ac120002
    heimdex explain "at night" 01932c5a-7b1e-7f00-8a4e-0242ac120002 --image holiday.jpg
    """
    settings = start()
    wanted = str(scene_id(scene))
    options = {"mode": mode, "weights": weighed(weights), "use_saved_preferences": not ignore_saved}
    look = _by_words(query, options) if image is None else _by_picture(query, options, picture_of(image))
    answer, result = asyncio.run(_look_up(settings, look, wanted))
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
    factors = [_factor(match, answer["explanation"]) for match in result["matched"]]
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


def _factor(match: Mapping[str, Any], explanation: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the receipt with its normalised score computed anew from the raw one."""
    side = explanation["sides"][match["side"]] if "sides" in explanation else explanation
    fusion = side.get("fusion", {})
    if match["by"] == "fusion" and fusion.get("method") == "rrf":
        normalised = 1.0 / (fusion["rrf_k"] + match["rank"])
    else:
        scales = {
            "fusion": fusion.get("ranges", {}).get(match["channel"], []),
            "rerank": side.get("rerank", {}).get("range", []),
            "picture": explanation.get("picture", {}).get("range", []),
        }
        normalised = _min_max(match, scales[match["by"]])
    return {**match, "normalised": normalised, "part": normalised * match["weight"]}


def _min_max(match: Mapping[str, Any], scale: Sequence[float]) -> float:
    """Return a raw score on the scale that is told; as it stands where none is, or all are equal."""
    if not scale or scale[0] >= scale[1]:
        return float(match["normalised"])
    return float(min(1.0, max(0.0, (match["raw"] - scale[0]) / (scale[1] - scale[0]))))


Look = Callable[["Library", str | None], Awaitable[dict[str, Any]]]


def _by_words(query: str, options: Mapping[str, Any]) -> Look:
    """Return how to ask for a page of the answer."""

    async def page(library: Library, cursor: str | None) -> dict[str, Any]:
        from heimdex.cli.search import search_library
        from heimdex.search.request import check

        wanted = check(query, limit=_PAGE, explain=True, include_weak=True, cursor=cursor, **options)
        return (await search_library(library, wanted))[0]

    return page


def _by_picture(query: str, options: Mapping[str, Any], picture: Image) -> Look:
    async def page(library: Library, _cursor: str | None) -> dict[str, Any]:
        from heimdex.cli.search import answered
        from heimdex.cli.warm import warm_up
        from heimdex.search.request import check_alike

        wanted = check_alike(query, limit=_PAGE, explain=True, include_weak=True, **options)
        await warm_up(library)
        return answered(await library.search.search_picture(picture, wanted))[0]

    return page


async def _look_up(settings: Settings, look: Look, scene: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the page of the answer that has the scene and its result; None when no page has it."""
    from heimdex.wiring import open_library

    cursor: str | None = None
    async with open_library(settings) as library:
        while True:
            answer = await look(library, cursor)
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
    for name in ("fusion", "rerank", "picture"):
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
