"""``heimdex search``: find a moment, through the running server or without one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.exits import ExitCode
from heimdex.cli.output import remark, say_json
from heimdex.cli.running import RunningServer, ServerGone, ask, find_server, fingerprint
from heimdex.cli.start import start
from heimdex.domain.errors import BadRequest

if TYPE_CHECKING:
    from heimdex.domain.query import SearchRequest
    from heimdex.domain.results import SearchAnswer
    from heimdex.ports import Image
    from heimdex.settings import Settings
    from heimdex.wiring import Library

_SERVER_TIMEOUT_S = 30.0


def search(
    query: Annotated[
        list[str] | None, typer.Argument(help="What is seen or said, in English or Korean.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most results, 1 to 100.")] = 10,
    mode: Annotated[str, typer.Option(help="What CLIP may do: auto, recall, rerank or skip.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as a JSON object.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also show how each score came about.")] = False,
    include_weak: Annotated[bool, typer.Option("--all", help="Also show scenes that are no good match.")] = False,
    per_video: Annotated[int | None, typer.Option("--per-video", help="Most scenes of one video.")] = None,
    sort: Annotated[str, typer.Option(help="relevance, or time: the same moments by date.")] = "relevance",
    cursor: Annotated[str | None, typer.Option(help="Continue behind a page: its next_cursor.")] = None,
    folders: Annotated[
        list[str] | None, typer.Option("--in", help="Only files below this folder, or this file.")
    ] = None,
    videos: Annotated[list[str] | None, typer.Option("--video", help="Only the video with this id.")] = None,
    after: Annotated[str | None, typer.Option(help="Recorded on this day or later: 2024-05-31; UTC.")] = None,
    before: Annotated[str | None, typer.Option(help="Recorded before this day.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only where it is spoken: en, ko.")] = None,
    speech: Annotated[
        bool | None, typer.Option("--has-speech/--no-speech", help="Only scenes with, or without, words.")
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Only videos with this tag, or another --tag.")
    ] = None,
    every_tag: Annotated[list[str] | None, typer.Option("--every-tag", help="Only videos with each of these.")] = None,
    no_tag: Annotated[list[str] | None, typer.Option("--no-tag", help="No video with this tag.")] = None,
    weights: Annotated[
        list[str] | None, typer.Option("--weight", help="Weight of a channel for this search: visual=1, lexical=0.")
    ] = None,
    ignore_saved: Annotated[bool, typer.Option("--ignore-saved", help="Leave saved weights out.")] = False,
    image: Annotated[Path | None, typer.Option(help="A picture to look like; QUERY may be left out.")] = None,
) -> None:
    """Find moments that show or say QUERY.

    \b
    heimdex search "red car driving"
    heimdex search "we are in this together" --mode skip -n 3 --json
    heimdex search 'says:"cheers" then see:confetti within 20s'
    heimdex search --image holiday.jpg "at night"
    heimdex search "beach" --in ~/Videos/2024 --after 2024-07-01 --no-speech --sort time
    heimdex search "beach" --tag holiday --no-tag private --weight visual=1
    """
    from heimdex.search.request import check, check_alike

    settings = start()
    asked = asked_for(
        " ".join(query or ()), limit=limit, mode=mode, explain=explain, include_weak=include_weak,
        per_video=per_video, sort=sort, cursor=cursor, weights=weighed(weights),
        use_saved_preferences=False if ignore_saved else None,
        filter=filtered(
            folders=folders, videos=videos, after=after, before=before, language=language, speech=speech,
            tags=tags, every_tag=every_tag, no_tag=no_tag,
        ),
    )  # fmt: skip
    if image is None:
        answer, places = find(settings, check(**asked), asked)
    else:
        answer, places = find_alike(settings, check_alike(**asked), image)
    told(answer, places, as_json=as_json, explain=explain)
    if not as_json and not answer["results"] and not include_weak and cursor is None:
        remark("--all shows the nearest scenes anyway.")
    raise typer.Exit(exit_code(answer))


def told(answer: dict[str, Any], places: dict[str, str], *, as_json: bool, explain: bool = False) -> None:
    """Print an answer, for people or as JSON, and beside it what they should know."""
    for notice in answer["notices"]:
        remark(notice)
    if answer["degraded"]:
        remark(f"part of the search did not answer: {', '.join(answer['degraded_reasons'])}.")
    if not answer["results"] and (idle := unsearched(answer.get("channels", {}))):
        remark(idle)
    if as_json:
        say_json(answer)
        return
    from heimdex.cli.show import show_answer

    show_answer(answer, places=places, explain=explain)
    if answer.get("next_cursor"):
        remark(f"more: --cursor {answer['next_cursor']}")


def unsearched(channels: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what kept the search from finding anything by itself, lest it be taken for absent."""
    idle = {name: channel["reason"] for name, channel in channels.items() if channel["status"] == "skipped"}
    if channels and len(idle) == len(channels):
        return "nothing was searched: " + "; ".join(f"{name}: {reason}" for name, reason in idle.items())
    seen = idle.get("visual", "")
    if seen and not seen.startswith(("mode skip", "weight 0")):
        return f"pictures were not searched: {seen}. Index your videos: heimdex index ~/Videos"
    return ""


def exit_code(answer: dict[str, Any]) -> ExitCode:
    """Return what the answer means to a script; a degraded one cannot claim that nothing exists."""
    if answer["degraded"]:
        return ExitCode.DEGRADED
    return ExitCode.DONE if answer["results"] else ExitCode.NOTHING_FOUND


def asked_for(query: str, **options: Any) -> dict[str, Any]:
    """Return a search as it goes over the wire, without what was not given."""
    return {"query": query} | {name: value for name, value in options.items() if value is not None}


def weighed(written: list[str] | None) -> dict[str, float] | None:
    """Return ``visual=1`` as it goes over the wire, None without any. Raises BadRequest."""
    found: dict[str, float] = {}
    for each in written or ():
        name, _, value = each.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise BadRequest(f"{each[:40]!r} is no weight.", remedy="Write it as --weight visual=0.8.") from None
    return found or None


def filtered(
    *,
    folders: list[str] | None,
    videos: list[str] | None,
    after: str | None,
    before: str | None,
    language: list[str] | None,
    speech: bool | None,
    tags: list[str] | None = None,
    every_tag: list[str] | None = None,
    no_tag: list[str] | None = None,
) -> dict[str, Any] | None:
    """Return the filter as it goes over the wire, None without any condition."""
    conditions = {
        # absolute as the library knows them: links are not followed
        "folders": [os.path.abspath(folder) for folder in folders or ()],  # noqa: PTH100
        "video_ids": videos,
        "after": after,
        "before": before,
        "languages": language,
        "has_speech": speech,
        "tags": tags,
        "all": [{"tags": [tag]} for tag in every_tag or ()],
        "none": [{"tags": no_tag}] if no_tag else None,
    }
    return {name: value for name, value in conditions.items() if value is not None and value != []} or None


def find(settings: Settings, wanted: SearchRequest, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the answer as it goes over the wire, and for each scene id where to play it."""
    server = find_server(settings.data_dir)
    if server and server.fingerprint != fingerprint(settings):
        remark("the running server has other settings; searching without it.")
        server = None
    if server:
        try:
            return _from_server(server, body)
        except ServerGone:
            remark("the server stopped answering; searching without it.")
    return asyncio.run(_in_process(settings, wanted))


def _from_server(server: RunningServer, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    answer = ask(server, "/v1/search", body, timeout_s=_SERVER_TIMEOUT_S)
    return answer, {result["scene_id"]: server.url + result["link"] for result in answer["results"]}


async def _in_process(settings: Settings, wanted: SearchRequest) -> tuple[dict[str, Any], dict[str, str]]:
    from heimdex.wiring import open_library

    async with open_library(settings) as library:
        return await search_library(library, wanted)


async def search_library(library: Library, wanted: SearchRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what an open library answers, and for each scene id its file."""
    from heimdex.cli.warm import search_cold

    return answered(await search_cold(library, wanted))


def find_alike(settings: Settings, wanted: SearchRequest, image: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what looks like the picture in a file; always without the server, which need not see the file."""
    picture = picture_of(image)

    async def in_process() -> tuple[dict[str, Any], dict[str, str]]:
        from heimdex.cli.warm import warm_up
        from heimdex.wiring import open_library

        async with open_library(settings) as library:
            if wanted.query:
                await warm_up(library)
            return answered(await library.search.search_picture(picture, wanted))

    return asyncio.run(in_process())


def picture_of(image: Path) -> Image:
    """Return the picture in a file. Raises BadRequest."""
    from heimdex.search.picture import MAX_BYTES, read_picture

    try:
        with image.open("rb") as file:
            return read_picture(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise BadRequest(f"The picture cannot be read: {error.strerror}.", remedy="Check its path.") from None


def answered(answer: SearchAnswer) -> tuple[dict[str, Any], dict[str, str]]:
    """Return an answer as it goes over the wire, and for each scene id its file."""
    from heimdex.ingest.files import shown
    from heimdex.web.schemas import AnswerOut

    places = {str(hit.scene.scene_id): shown(hit.scene.path) for hit in answer.hits}
    return AnswerOut.of(answer).model_dump(mode="json"), places
