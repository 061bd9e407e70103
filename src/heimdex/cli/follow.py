"""A server that runs while `heimdex models use` or `rollback` changes the model answers with the new one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heimdex.cli.warm import warm
from heimdex.domain.errors import HeimdexError, StoreUnavailable

if TYPE_CHECKING:
    from heimdex.wiring import InUse, Library

_EVERY_S = 1.0
_NOTE = "models.changed"
#: searches that run keep the former models; no deadline that may be set is longer
_GRACE_S = 60.0


def announce_change(data_dir: Path) -> None:
    """Tell a server over the same data directory to look which models are in use now."""
    (data_dir / _NOTE).touch()


@asynccontextmanager
async def following(library: Library, *, every_s: float = _EVERY_S, grace_s: float = _GRACE_S) -> AsyncIterator[None]:
    """Look each second whether other models are in use, and adopt them once they are in memory, while the body runs.

    A database of its own is asked only after `announce_change`; one that other machines share is asked each second.
    Until then, and when they cannot be opened, the former ones go on answering. Those that were
    adopted here are closed ``grace_s`` after the next ones took over.
    """
    async with AsyncExitStack() as opened:
        task = asyncio.create_task(_Follower(library, opened, grace_s).run(every_s))
        opened.push_async_callback(_end, task)
        yield


class _Follower:
    def __init__(self, library: Library, opened: AsyncExitStack, grace_s: float) -> None:
        self._library = library
        self._opened = opened
        self._grace_s = grace_s
        self._present: AsyncExitStack | None = None
        self._refused: object = None
        self._announced = self._announcement()

    async def run(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            # an embedded database that somebody stopped must not be started by this
            if self._library.settings.database_url is None:
                announced = await asyncio.to_thread(self._announcement)
                if announced == self._announced:
                    continue
                self._announced = announced
            try:
                await self._look()
            except StoreUnavailable:  # the searches say so
                continue
            except Exception as error:
                _log().exception("the models in use could not be followed", error=type(error).__name__)

    def _announcement(self) -> int:
        try:
            return (self._library.settings.data_dir / _NOTE).stat().st_mtime_ns
        except OSError:
            return 0

    async def _look(self) -> None:
        from heimdex.wiring import open_models

        in_use = await self._library.spaces.in_use()
        wanted = _spaces(in_use)
        if wanted in (_spaces(self._library.models.in_use), self._refused):
            return
        fresh = AsyncExitStack()
        try:
            models = await fresh.enter_async_context(open_models(self._library.settings, in_use))
            await warm(models, loads_clip=self._library.loads_clip)
        except HeimdexError as error:
            await fresh.aclose()
            self._refused = wanted
            _log().error("the model now in use cannot be opened", reason=error.message, remedy=error.remedy)
            return
        self._library.adopt(models)
        _log().info(
            "Models changed: " + ", ".join(f"{channel}={space[0]}" for channel, space in sorted(wanted.items()))
        )
        self._opened.push_async_callback(fresh.aclose)
        if self._present is not None:
            self._opened.push_async_callback(_end, asyncio.create_task(_close_later(self._present, self._grace_s)))
        self._present = fresh


async def _close_later(stack: AsyncExitStack, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await stack.aclose()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _spaces(in_use: InUse) -> dict[str, tuple[str, str, int]]:
    return {channel.value: named.model.space for channel, named in in_use.items()}


def _log() -> Any:
    import structlog  # here: it is slow to start with

    return structlog.get_logger()
