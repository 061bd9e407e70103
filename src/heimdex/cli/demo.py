"""``heimdex demo``: try heimdex with the videos that come along."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.catch_up import catch_up, fill_bars
from heimdex.cli.index import line, progress_bar, summary
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.running import find_server
from heimdex.cli.search import search_library
from heimdex.cli.serve import listen, serve_library
from heimdex.cli.start import start
from heimdex.cli.warm import warm_up
from heimdex.domain.errors import NotFound

if TYPE_CHECKING:
    from heimdex.ingest.outcomes import IndexReport
    from heimdex.settings import Settings

FOLDER = Path(__file__).parents[1] / "demo"
#: something that is seen, the same in Korean, and something that is only said
EXAMPLES = ("red car", "빨간 자동차", "he whispered that we are in this together")
_SHOWN = 2


def demo(
    serve: Annotated[bool, typer.Option("--serve", help="Then serve the search page until Ctrl-C.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(envvar="PORT", min=0, max=65535, help="Port to listen on.", show_default="8765")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with the summary and the answers.")] = False,
) -> None:
    """Index the six drawn videos that come along, and search them three times. Safe to repeat.

    \b
    heimdex demo
    heimdex demo --serve
    """
    settings = start()
    if not any(FOLDER.glob("*.mp4")):
        raise NotFound(f"The demo videos are not in {FOLDER}.", remedy="Install heimdex again.")
    with ExitStack() as resources:
        listener = None
        if serve and (running := find_server(settings.data_dir)):
            remark(f"the server already runs: {running.url}")
        elif serve:  # the port is taken first: that may fail, and indexing takes a while
            listener = resources.enter_context(listen(settings, host, port))
        asyncio.run(_demo(settings, listener, as_json))


async def _demo(settings: Settings, listener: socket.socket | None, as_json: bool) -> None:
    from heimdex.search.request import check
    from heimdex.wiring import open_library

    async with open_library(settings, stop_if_last=listener is not None) as library:
        remark("indexing the demo videos; a second time takes no time.")
        with progress_bar() as on_event:
            report = await library.index.run([FOLDER], on_event)
        with fill_bars() as bars:
            await catch_up(library, bars)
        await warm_up(library)
        answers = [await search_library(library, check(query, limit=_SHOWN)) for query in EXAMPLES]
        if as_json:
            say_json({"summary": summary(report), "answers": [answer for answer, _ in answers]})
        else:
            _show(report, answers)
        if listener:
            await serve_library(library, settings, listener, _ready)


def _ready(url: str) -> None:
    say(f"\nheimdex is ready: {url}")
    remark("Ctrl-C stops it.")


def _show(report: IndexReport, answers: list[tuple[dict[str, Any], dict[str, str]]]) -> None:
    from heimdex.cli.show import show_answer

    for outcome in report.outcomes:
        if outcome.reason or outcome.detail:
            remark(line(outcome))
    say(f"{len(report.outcomes)} demo videos are searchable.")
    for notice in dict.fromkeys(notice for answer, _ in answers for notice in answer["notices"]):
        remark(notice)
    for answer, places in answers:
        say(f'\n$ heimdex search "{answer["query"]}"')
        show_answer(answer, places=places)
