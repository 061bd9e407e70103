"""``heimdex watch``: keep the library like the folders are."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heimdex.cli.catch_up import name_models
from heimdex.cli.output import remark
from heimdex.cli.start import start
from heimdex.cli.worker import Lines
from heimdex.domain.errors import BadRequest

if TYPE_CHECKING:
    from heimdex.settings import Settings


def watch(
    paths: Annotated[list[Path], typer.Argument(help="Folders, or files.", show_default=False)],
    work: Annotated[
        bool, typer.Option("--work/--no-work", help="Also work through the queue, or leave that to `heimdex worker`.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file as it ends.")] = False,
) -> None:
    """Index what is new or changed under PATHS as it appears, until Ctrl-C; follow what is moved or deleted.

    A folder that vanishes, such as a drive that is unplugged, is offline, not deleted: its videos stay in the
    library, and are known when it is back.

    \b
    heimdex watch ~/Videos /media/camera
    """
    settings = start()
    roots = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100
    asyncio.run(_watch(settings, roots, work=work, as_json=as_json))


async def _watch(settings: Settings, roots: list[Path], *, work: bool, as_json: bool) -> None:
    from heimdex.ingest.watching import Watcher
    from heimdex.wiring import open_library, watch_rules

    lines = Lines(as_json=as_json)
    async with open_library(settings, stop_if_last=True) as library:
        for root in roots:
            there = await asyncio.to_thread(os.path.lexists, root)
            if not there and not await library.inventory.files_below(root):
                raise BadRequest(f"There is no {root}.", remedy="Name folders that are there, or were when indexed.")
        await name_models(library)
        worker = await library.index.worker(lines)
        stopping = asyncio.Event()

        def stop() -> None:
            stopping.set()
            worker.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        watcher = Watcher(
            roots, library.index, library.inventory, library.queue, watch_rules(settings), tell=remark,
        )  # fmt: skip
        remark("watching; Ctrl-C ends it, and nothing is lost.")
        async with asyncio.TaskGroup() as both:
            both.create_task(watcher.run(stopping))
            if work:
                both.create_task(worker.run())
    remark("stopped.")
