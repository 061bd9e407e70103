"""``heimdex status``: how much of the library can be searched, and what cannot and why."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.jobs import counts, summary
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.reembed import describe_space, line_of
from heimdex.cli.start import start

if TYPE_CHECKING:
    from heimdex.domain.jobs import QueueState
    from heimdex.domain.media import LibraryStatus
    from heimdex.ports.jobs import HeldVideo
    from heimdex.ports.spaces import Space
    from heimdex.settings import Settings


def status(
    duplicates: Annotated[bool, typer.Option("--duplicates", help="List files that hold the same video.")] = False,
    gaps: Annotated[bool, typer.Option("--gaps", help="List every video that a channel cannot find.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object, with everything in it.")] = False,
) -> None:
    """Show what the library holds, what each channel can find, what is not searchable and why, and the queue.

    \b
    heimdex status
    heimdex status --duplicates
    heimdex status --json | jq .coverage
    """
    settings = start()
    seen = asyncio.run(_read(settings))
    found = describe(seen.library) | {"models": [describe_space(space) for space in seen.spaces]}
    found |= describe_state(seen)
    found["data_dir"] = str(settings.data_dir)
    if as_json:
        say_json(found)
        return
    say(
        f"{found['videos']} videos, {found['scenes']} scenes, {found['hours']:.2f} hours, {found['segments']} subtitles"
    )
    for channel, coverage in found["coverage"].items():
        say(f"  {channel:<11} finds {coverage['scenes']} scenes ({coverage['fraction']:.0%})")
        for gap in found["gaps"].get(channel, ()):
            say(f"{'':<14}not all of {_count(len(gap['videos']), 'video')}: {gap['reason']}. {gap['remedy']}")
            for video in gap["videos"] if gaps else ():
                say(f"{'':<16}{video['title']}")
    for space in seen.spaces:
        say(line_of(space))
    _show_files(found, duplicates=duplicates)
    say(summary(seen.queue))
    if found["disk"]["shortage"]:
        say(f"work waits for space on the disk: {found['disk']['shortage']}.")
    if not found["videos"]:
        remark("nothing is indexed yet: heimdex index ~/Videos, or heimdex demo.")


def _show_files(found: dict[str, Any], *, duplicates: bool) -> None:
    for file in found["unreadable"]:
        say(f"  not searchable: {file['path']}: {file['explanation']}. {file['remedy']}")
    for path in found["offline"]:
        say(f"  offline: {path}")
    for path in found["missing"]:
        if path not in found["offline"]:
            say(f"  not there now: {path}")
    for paths in found["duplicates"] if duplicates else ():
        say(f"  the same video: {' = '.join(paths)}")
    if found["duplicates"] and not duplicates:
        say(f"  {_count(len(found['duplicates']), 'video')} in several files: `heimdex status --duplicates`")


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the status is made of."""

    library: LibraryStatus
    spaces: list[Space]
    videos: list[HeldVideo]
    queue: QueueState
    #: why there is no text model
    text_reason: str
    #: what is missing on the disk, empty when there is room
    shortage: str


async def _read(settings: Settings) -> Seen:
    from heimdex.ingest.space import DiskSpace
    from heimdex.wiring import artefact_folder, open_library

    space = DiskSpace(artefact_folder(settings), settings.ingest.free_bytes)
    async with open_library(settings) as library:
        return Seen(
            await library.catalogue.status(), await library.spaces.all(), await library.inventory.videos(),
            await library.queue.state(), library.models.text_reason, await asyncio.to_thread(space.shortage),
        )  # fmt: skip


def describe_state(seen: Seen) -> dict[str, Any]:
    """Return the queue, the gaps of each channel, and files that are offline or there twice."""
    from heimdex.ingest.files import shown
    from heimdex.ingest.gaps import find_gaps

    gaps: dict[str, list[dict[str, Any]]] = {}
    for gap in find_gaps(seen.videos, text_reason=seen.text_reason):
        videos = [{"id": str(v.video_id), "title": v.title} for v in gap.videos]
        gaps.setdefault(gap.channel.value, []).append({"reason": gap.reason, "remedy": gap.remedy, "videos": videos})
    return {
        "queue": {"paused": seen.queue.paused, "counts": counts(seen.queue)},
        "gaps": gaps,
        "offline": [shown(path) for video in seen.videos for path in video.offline],
        "duplicates": [[shown(path) for path in video.paths] for video in seen.videos if len(video.paths) > 1],
        "disk": {"shortage": seen.shortage},
    }


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
