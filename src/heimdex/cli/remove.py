"""``heimdex remove``: take videos out of the library."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from heimdex.cli.output import say, say_json
from heimdex.cli.start import start

if TYPE_CHECKING:
    from heimdex.ingest.removing import Removed
    from heimdex.settings import Settings


def remove(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files, or folders with all below them.", show_default=False)
    ] = None,
    video: Annotated[
        list[UUID] | None, typer.Option("--video", help="Id of a video, with all its copies; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Take videos out of the library, with all that was made from them. Your files stay as they are.

    A file that is still there does not come back by itself; `heimdex index FILE` brings it back.

    \b
    heimdex remove ~/Videos/private
    heimdex remove --video 01a2124a-926b-7108-9069-6a74cf17ea66
    """
    if not paths and not video:
        raise typer.BadParameter("name files, folders, or --video ID")
    from heimdex.ingest.files import shown

    removed = asyncio.run(_remove(start(), paths or [], video or []))
    if as_json:
        say_json({"videos": removed.videos, "files": [shown(path) for path in removed.files]})
        return
    for path in removed.files:
        say(f"removed     {shown(path)}")
    say(f"{removed.videos} videos left the library; your files are untouched.")


async def _remove(settings: Settings, paths: list[Path], videos: list[UUID]) -> Removed:
    from heimdex.domain.ids import VideoId
    from heimdex.wiring import open_remover, open_spaces

    async with open_spaces(settings) as store:
        remover = open_remover(settings, store)
        absolute = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100, ASYNC240
        return await remover.remove(absolute, [VideoId(video) for video in videos])
