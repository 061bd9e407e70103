"""``heimdex search``: find a moment, through the running server or without one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.exits import ExitCode
from heimdex.cli.output import remark, say_json
from heimdex.cli.running import RunningServer, ServerGone, ask, find_server, fingerprint
from heimdex.cli.start import start

if TYPE_CHECKING:
    from heimdex.domain.query import SearchRequest
    from heimdex.settings import Settings
    from heimdex.wiring import Library

_SERVER_TIMEOUT_S = 30.0


def search(
    query: Annotated[list[str], typer.Argument(help="What is seen or said, in English or Korean.")],
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most results, 1 to 100.")] = 10,
    mode: Annotated[str, typer.Option(help="What CLIP may do: auto, recall, rerank or skip.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as a JSON object.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also show how each score came about.")] = False,
    include_weak: Annotated[bool, typer.Option("--all", help="Also show scenes that are no good match.")] = False,
) -> None:
    """Find moments that show or say QUERY.

    \b
    heimdex search "red car driving"
    heimdex search "we are in this together" --mode skip -n 3 --json
    """
    from heimdex.search.request import check

    settings = start()
    wanted = check(" ".join(query), limit=limit, mode=mode, explain=explain, include_weak=include_weak)
    answer, places = find(settings, wanted)
    for notice in answer["notices"]:
        remark(notice)
    if answer["degraded"]:
        remark(f"part of the search did not answer: {', '.join(answer['degraded_reasons'])}.")
    if as_json:
        say_json(answer)
    else:
        from heimdex.cli.show import show_answer

        show_answer(answer, places=places, explain=explain)
        if not answer["results"] and not include_weak:
            remark("--all shows the nearest scenes anyway.")
    raise typer.Exit(exit_code(answer))


def exit_code(answer: dict[str, Any]) -> ExitCode:
    """Return what the answer means to a script; a degraded one cannot claim that nothing exists."""
    if answer["degraded"]:
        return ExitCode.DEGRADED
    return ExitCode.DONE if answer["results"] else ExitCode.NOTHING_FOUND


def find(settings: Settings, wanted: SearchRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the answer as it goes over the wire, and for each scene id where to play it."""
    server = find_server(settings.data_dir)
    if server and server.fingerprint != fingerprint(settings):
        remark("the running server has other settings; searching without it.")
        server = None
    if server:
        try:
            return _from_server(server, wanted)
        except ServerGone:
            remark("the server stopped answering; searching without it.")
    return asyncio.run(_in_process(settings, wanted))


def _from_server(server: RunningServer, wanted: SearchRequest) -> tuple[dict[str, Any], dict[str, str]]:
    body = {
        "query": wanted.query,
        "limit": wanted.limit,
        "mode": wanted.mode.value,
        "explain": wanted.explain,
        "include_weak": wanted.include_weak,
    }
    answer = ask(server, "/v1/search", body, timeout_s=_SERVER_TIMEOUT_S)
    return answer, {result["scene_id"]: server.url + result["link"] for result in answer["results"]}


async def _in_process(settings: Settings, wanted: SearchRequest) -> tuple[dict[str, Any], dict[str, str]]:
    from heimdex.wiring import open_library

    async with open_library(settings) as library:
        return await search_library(library, wanted)


async def search_library(library: Library, wanted: SearchRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what an open library answers, and for each scene id its file."""
    from heimdex.cli.warm import search_cold
    from heimdex.ingest.files import shown
    from heimdex.web.schemas import AnswerOut

    answer = await search_cold(library, wanted)
    places = {str(hit.scene.scene_id): shown(hit.scene.path) for hit in answer.hits}
    return AnswerOut.of(answer).model_dump(mode="json"), places
