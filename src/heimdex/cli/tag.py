"""``heimdex tag``: what you call your videos."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from heimdex.cli.output import remark, say, say_json
from heimdex.cli.start import start
from heimdex.domain.errors import NotFound
from heimdex.domain.ids import VideoId

if TYPE_CHECKING:
    from heimdex.ports.shelf import StreamableVideo
    from heimdex.settings import Settings

app = typer.Typer(help="Tag videos; `heimdex search --tag` looks only at those that have a tag.", no_args_is_help=True)

_Tag = Annotated[str, typer.Argument(help="The tag, such as holiday.")]
_Videos = Annotated[list[str], typer.Argument(help="Videos: files, folders with all below them, or ids.")]
_Json = Annotated[bool, typer.Option("--json", help="As a JSON object.")]


@app.command()
def add(tag: _Tag, videos: _Videos, as_json: _Json = False) -> None:
    """Give videos a tag. Indexing them anew keeps it.

    \b
    heimdex tag add holiday ~/Videos/2024
    """
    _change("add", tag, videos, as_json=as_json)


@app.command()
def remove(tag: _Tag, videos: _Videos, as_json: _Json = False) -> None:
    """Take a tag off videos.

    \b
    heimdex tag remove holiday ~/Videos/2024/office.mp4
    """
    _change("remove", tag, videos, as_json=as_json)


@app.command("list")
def list_(
    videos: Annotated[
        list[str] | None, typer.Argument(help="Show the tags of these; none given shows all tags.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Show every tag with the number of its videos, or the tags of some videos.

    \b
    heimdex tag list
    heimdex tag list ~/Videos/2024 --json
    """
    settings = start()
    if videos:
        found = asyncio.run(_tags_of(settings, videos))
        if as_json:
            say_json([{"video_id": str(v.video_id), "title": v.title, "tags": list(v.tags)} for v in found])
            return
        for video in found:
            say(f"{video.title}: {', '.join(video.tags) or 'no tags'}")
        return
    every = asyncio.run(_every(settings))
    if as_json:
        say_json([{"tag": tag, "videos": count} for tag, count in every])
        return
    for tag, count in every:
        say(f"{tag}  ({count} {'video' if count == 1 else 'videos'})")
    if not every:
        remark("no video has a tag yet: heimdex tag add holiday ~/Videos/2024.")


def _change(what: str, tag: str, videos: Sequence[str], *, as_json: bool) -> None:
    from heimdex.domain.tags import clean_tag

    settings, tag = start(), clean_tag(tag)
    named, changed = asyncio.run(_changed(settings, what, tag, videos))
    if as_json:
        say_json({"tag": tag, "videos": named, "changed": changed})
        return
    done = "tagged" if what == "add" else "no longer tagged"
    rest = f"; {named - changed} {'had it' if what == 'add' else 'had it not'}" if named > changed else ""
    say(f"{changed} {'video' if changed == 1 else 'videos'} {done} {tag}{rest}.")


async def _changed(settings: Settings, what: str, tag: str, videos: Sequence[str]) -> tuple[int, int]:
    from heimdex.wiring import open_library

    async with open_library(settings) as library:
        found = [video.video_id for video in named(await library.shelf.videos(), videos)]
        change = library.tags.add if what == "add" else library.tags.remove
        return len(found), await change(tag, found)


async def _tags_of(settings: Settings, videos: Sequence[str]) -> list[StreamableVideo]:
    from heimdex.wiring import open_library

    async with open_library(settings) as library:
        return named(await library.shelf.videos(), videos)


async def _every(settings: Settings) -> list[tuple[str, int]]:
    from heimdex.wiring import open_library

    async with open_library(settings) as library:
        return await library.tags.every()


def named(library: Sequence[StreamableVideo], names: Sequence[str]) -> list[StreamableVideo]:
    """Return the videos that are meant by ids, files or folders, each once, in the order of the library.

    A name that means none is told; a pattern such as ``clips/*`` also names subtitle files.

    Raises:
        NotFound: not one of them means a video of the library.
    """
    meant: set[VideoId] = set()
    unknown: list[str] = []
    for name in names:
        found = {video.video_id for video in library if _is(video, name)}
        meant |= found
        unknown += [] if found else [name]
    if not meant:
        raise NotFound(f"No video of the library is {unknown[0][:200]}.", remedy="Index it first: heimdex index PATH.")
    for name in unknown:
        remark(f"left out, no video of the library: {name[:200]}")
    return [video for video in library if video.video_id in meant]


def _is(video: StreamableVideo, name: str) -> bool:
    try:
        return video.video_id == UUID(name)
    except ValueError:
        place = Path(os.path.abspath(name))  # noqa: PTH100  links are not followed, as in the library
        return any(path.is_relative_to(place) for path in (video.path, *video.copies))
