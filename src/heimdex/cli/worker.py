"""``heimdex worker``: work through the queue."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heimdex.cli.catch_up import name_models
from heimdex.cli.index import describe, line
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.start import start
from heimdex.domain.errors import BadRequest

if TYPE_CHECKING:
    from heimdex.domain.jobs import FileOutcome
    from heimdex.ingest.worker import Worker
    from heimdex.settings import Settings


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Files decoded at once.", show_default="1")
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when nothing is left to do.")] = False,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of 127.0.0.1 that tells Prometheus what was done.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file as it ends.")] = False,
) -> None:
    """Index what is in the queue, until Ctrl-C. Run as many as you like, on as many machines as share the database.

    \b
    heimdex index /mnt/archive --enqueue
    heimdex worker
    heimdex worker --drain --json
    """
    settings = start()
    if concurrency is not None:
        settings = settings.model_copy(
            update={"worker": settings.worker.model_copy(update={"concurrency": concurrency})}
        )
    if metrics_port is not None:
        _serve_metrics(metrics_port)
    asyncio.run(_work(settings, drain=drain, as_json=as_json))


def _serve_metrics(port: int) -> None:
    from prometheus_client import start_http_server

    from heimdex.telemetry import metrics, record

    record.count_here()
    try:
        start_http_server(port, "127.0.0.1", registry=metrics.WORKER)
    except OSError as error:
        raise BadRequest(
            f"Port {port} of 127.0.0.1 cannot be used: {error.strerror}.", remedy="Choose another --metrics-port."
        ) from None


async def _work(settings: Settings, *, drain: bool, as_json: bool) -> None:
    from heimdex.ingest.library import is_drained
    from heimdex.wiring import open_library

    async with open_library(settings, stop_if_last=True) as library:
        await name_models(library)
        working = await library.index.worker(Lines(as_json=as_json))
        stop_on_signals(working)
        if not drain:
            remark("working; Ctrl-C ends it, and nothing is lost.")
        await working.run(is_done=is_drained(library.queue) if drain else None)
    if not drain:
        remark("stopped.")


def stop_on_signals(working: Worker) -> None:
    """Let SIGINT and SIGTERM end the worker: what it holds goes back to the queue at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.stop)


class Lines:
    """Prints each file as it ends, as a line or as a JSON object, and says why nothing goes on."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def file(self, path: Path, fraction: float) -> None:
        """Nothing is shown before the end: `heimdex jobs list` tells how far each file is."""

    def ended(self, outcome: FileOutcome) -> None:
        if self._as_json:
            say_json(describe(outcome), indent=None)
        else:
            say(line(outcome))

    def notice(self, text: str) -> None:
        if text:
            remark(text)
