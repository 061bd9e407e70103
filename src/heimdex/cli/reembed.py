"""``heimdex reembed``: the library in the space of another model, beside the one that is searched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.catch_up import catch_up, fill, fill_bars
from heimdex.cli.exits import ExitCode
from heimdex.cli.model_change import identify
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.start import start

if TYPE_CHECKING:
    from heimdex.ingest.backfill import Filled
    from heimdex.ports.spaces import Space
    from heimdex.settings import Settings

#: stored keyframes that cannot be read and are named
_SHOWN = 5


def reembed(
    model: Annotated[
        str, typer.Option(help="A name from `heimdex models list`, or a folder; what the settings mean without.")
    ] = "",
    status: Annotated[bool, typer.Option("--status", help="Only show how much each model covers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Embed what is indexed with another model, from the stored keyframes and transcripts.

    Searches go on with the model in use. Safe to interrupt: the same command goes on where it stopped.

    \b
    heimdex reembed --model ViT-B-32__openai
    heimdex reembed --status
    heimdex models use ViT-B-32__openai
    """
    settings = start()
    try:
        filled, spaces = asyncio.run(_run(settings, model, status, as_json))
    except KeyboardInterrupt:
        remark("interrupted; nothing is lost: run the same command again to go on.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if as_json:
        say_json({"filled": [_filled(each) for each in filled], "spaces": [describe_space(each) for each in spaces]})
    else:
        _show(filled, spaces, model)
    if any(each.left for each in filled):
        raise typer.Exit(ExitCode.DEGRADED)


async def _run(settings: Settings, model: str, status: bool, quiet: bool) -> tuple[list[Filled], list[Space]]:
    from heimdex.ingest.backfill import Backfill
    from heimdex.wiring import artefact_folder, open_library, open_named, open_spaces

    if not model and not status:
        async with open_library(settings) as library:
            with fill_bars(quiet=quiet) as bars:
                return await catch_up(library, bars), await library.spaces.all()
    async with open_spaces(settings) as store:
        if status:
            return [], await store.spaces.all()
        channel, _, name = await identify(settings, store.spaces, model)
        backfill = Backfill(store.spaces, artefact_folder(settings), settings.embedding.batch_size)
        async with open_named(settings, channel, name) as embedder:
            with fill_bars(quiet=quiet) as bars:
                filled = await fill(backfill, embedder, name, bars)
        return filled, await store.spaces.all()


def _show(filled: list[Filled], spaces: list[Space], model: str) -> None:
    for each in filled:
        say(f"{each.model.model_id}, {each.channel.value}: {each.vectors} vectors made, {each.videos} videos done")
        for file in each.unreadable[:_SHOWN]:
            remark(f"a stored keyframe cannot be read: {file}")
        if each.unreadable:
            remark(f"{len(each.unreadable)} stored keyframes cannot be read; restore {_FOLDER} from a backup.")
        elif each.left:
            remark(f"{each.left} videos are left: run the same command again.")
    for space in spaces:
        say(line_of(space))
    if not spaces:
        remark("nothing is indexed yet: heimdex index ~/Videos, or heimdex demo.")
    if model and not any(each.left for each in filled):
        remark(f"`heimdex models compare` shows what changes, `heimdex models use {model}` switches.")


_FOLDER = "the folder `artefacts` of the data directory"


def line_of(space: Space) -> str:
    """Return one space as a line."""
    total = space.videos + space.pending
    return (
        f"  {space.channel.value:<11} {space.name or space.model.model_id} ({space.model.dim}-d): {state_of(space)}, "
        f"{space.videos} of {total} videos ({space.fraction:.0%}), {space.scenes} scenes"
    )


def state_of(space: Space) -> str:
    """Return what a space is to the library, in two words at most."""
    return "in use" if space.active else "being filled" if space.filling else "kept"


def describe_space(space: Space) -> dict[str, Any]:
    """Return a space as the object that is printed."""
    return {
        "channel": space.channel.value, "model": space.model.model_id, "revision": space.model.revision,
        "dim": space.model.dim, "name": space.name, "state": state_of(space), "scenes": space.scenes,
        "videos": space.videos, "pending_videos": space.pending, "fraction": space.fraction,
    }  # fmt: skip


def _filled(each: Filled) -> dict[str, Any]:
    return {
        "channel": each.channel.value, "model": each.model.model_id, "videos": each.videos, "vectors": each.vectors,
        "left": each.left, "unreadable": [str(file) for file in each.unreadable],
    }  # fmt: skip
