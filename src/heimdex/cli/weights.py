"""``heimdex config weights``: what counts how much in every search to come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.output import say, say_json
from heimdex.cli.start import start
from heimdex.domain.errors import BadRequest

if TYPE_CHECKING:
    from heimdex.domain.query import Channel
    from heimdex.settings import Settings

_MEANING = {
    "visual": "what is seen", "transcript": "what is said, by meaning", "summary": "what is told about it",
    "lexical": "what is said, word by word",
}  # fmt: skip


def weights(
    preset: Annotated[
        str | None, typer.Option(help="balanced (the settings), seen, said or exact (the very words).")
    ] = None,
    visual: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    transcript: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    summary: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    lexical: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget what was saved.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Show or save the weights of the channels. A search may still give its own: `heimdex search --weight`.

    \b
    heimdex config weights
    heimdex config weights --preset seen
    heimdex config weights --visual 1 --lexical 0
    heimdex config weights --reset
    """
    from heimdex.search.weights import PRESETS, check_weights

    given = {"visual": visual, "transcript": transcript, "summary": summary, "lexical": lexical}
    wanted = check_weights({name: value for name, value in given.items() if value is not None})
    if sum([bool(wanted), preset is not None, reset]) > 1:
        raise BadRequest("That says two things at once.", remedy="Give --preset, or single weights, or --reset.")
    if preset is not None:
        if preset not in PRESETS:
            raise BadRequest(f"There is no preset {preset[:40]!r}.", remedy=f"Choose one of {', '.join(PRESETS)}.")
        wanted = dict(PRESETS[preset])
    told = asyncio.run(_save(start(), wanted, forget=reset or preset == "balanced", replaces=preset is not None))
    if as_json:
        say_json(told)
        return
    for name, weighed in told["in_force"].items():
        say(f"{name:<10} {weighed['value']:<5.3g} {weighed['source']:<9} {_MEANING[name]}")


async def _save(settings: Settings, wanted: Mapping[Channel, float], *, forget: bool, replaces: bool) -> dict[str, Any]:
    from heimdex.search.weights import check_weights, weigh
    from heimdex.wiring import open_library, search_config

    async with open_library(settings) as library:
        saved = {} if replaces else await library.preferences.weights()
        if forget:
            saved = {}
            await library.preferences.forget_weights()
        elif wanted:
            saved = {**saved, **wanted}
            check_weights({channel.value: weight for channel, weight in saved.items()})
            await library.preferences.save_weights(saved)
        in_force = weigh(search_config(settings).weights, saved, {}).given
    return {
        "saved": {channel.value: weight for channel, weight in saved.items()},
        "in_force": {c.value: {"value": w.value, "source": w.source.value} for c, w in in_force.items()},
    }
