"""``heimdex status``: how much of the library can be searched, and what cannot and why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.output import remark, say, say_json
from heimdex.cli.reembed import describe_space, line_of
from heimdex.cli.start import start

if TYPE_CHECKING:
    from heimdex.domain.media import LibraryStatus
    from heimdex.ports.spaces import Space
    from heimdex.settings import Settings


def status(as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False) -> None:
    """Show what the library holds, how much each channel can find, and which files are not searchable.

    \b
    heimdex status
    heimdex status --json | jq .coverage
    """
    settings = start()
    library, spaces = asyncio.run(_read(settings))
    found = describe(library) | {"models": [describe_space(space) for space in spaces]}
    found["data_dir"] = str(settings.data_dir)
    if as_json:
        say_json(found)
        return
    say(
        f"{found['videos']} videos, {found['scenes']} scenes, {found['hours']:.2f} hours, {found['segments']} subtitles"
    )
    for channel, coverage in found["coverage"].items():
        say(f"  {channel:<11} finds {coverage['scenes']} scenes ({coverage['fraction']:.0%})")
    for space in spaces:
        say(line_of(space))
    for file in found["unreadable"]:
        say(f"  not searchable: {file['path']}: {file['explanation']}. {file['remedy']}")
    for path in found["missing"]:
        say(f"  not there now: {path}")
    if not found["videos"]:
        remark("nothing is indexed yet: heimdex index ~/Videos, or heimdex demo.")


async def _read(settings: Settings) -> tuple[LibraryStatus, list[Space]]:
    from heimdex.wiring import open_library

    async with open_library(settings) as library:
        return await library.catalogue.status(), await library.spaces.all()


def describe(found: LibraryStatus) -> dict[str, Any]:
    """Return the status as the object that is printed."""
    from heimdex.ingest.files import shown

    return {
        "videos": found.videos,
        "scenes": found.scenes,
        "hours": found.duration_s / 3600,
        "segments": found.segments,
        "coverage": {
            channel: {"scenes": scenes, "fraction": scenes / found.scenes if found.scenes else 0.0}
            for channel, scenes in found.coverage.items()
        },
        "unreadable": [
            {
                "path": shown(file.path),
                "reason": file.reason.value,
                "explanation": file.detail or file.reason.explanation,
                "remedy": file.reason.remedy,
            }
            for file in found.unreadable
        ],
        "missing": [shown(path) for path in found.missing],
    }
