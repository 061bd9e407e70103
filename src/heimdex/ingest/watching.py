"""Watching folders: what is new, changed, moved or deleted, and drives that come and go.

The folders are walked again and again, because nothing else sees network drives, and because events
get lost while a drive is away or nobody watches (docs/why/jobs.md). A file is taken once it has stood still.
A file that is gone was deleted only if its folder is still there; with its folder it is offline.
"""

from __future__ import annotations

import asyncio
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heimdex.domain.ids import VideoId
from heimdex.domain.jobs import FileOutcome, JobState
from heimdex.ingest.files import Offered, is_video, shown, walk
from heimdex.ingest.library import IndexLibrary, is_drained
from heimdex.ports import KnownFile
from heimdex.ports.jobs import Inventory, JobQueue

#: at most this part of the time is spent walking
_SHARE = 0.05
#: the library is asked about its files at least this often, in seconds
_ASK_S = 60.0
#: jobs that a person held back are not put into the queue again
_HELD_BACK = {JobState.CANCELLED, JobState.PAUSED}


@dataclass(frozen=True, slots=True)
class WatchRules:
    """How patient the watcher is, in seconds."""

    poll_s: float = 5.0
    #: a file is taken when it has not changed for so long
    settle_s: float = 10.0
    #: a deleted file is forgotten after so long
    forget_after_s: float = 600.0


#: size, time, and the files beside it that bear its name: another one means to look at the file again
Look = tuple[int, int, tuple[tuple[str, int, int], ...]]


@dataclass(slots=True)
class Walk:
    """What lies in the watched folders now."""

    files: dict[Path, Look] = field(default_factory=dict)
    #: folder that holds files -> device that it is on
    devices: dict[Path, int] = field(default_factory=dict)
    #: something went away while it was walked: what is missing says nothing
    is_whole: bool = True


def look_around(roots: Sequence[Path]) -> Walk:
    """Walk ``roots``, files or folders; one that is not there has nothing in it."""
    found = Walk()
    for root in roots:
        try:
            by_folder: dict[Path, list[Path]] = {}
            for file in walk(root) if root.is_dir() else [root]:
                by_folder.setdefault(file.parent, []).append(file)
        except OSError:
            found.is_whole = False
            continue
        for folder, files in by_folder.items():
            _add(found, folder, files, named=root)
    return found


def _add(found: Walk, folder: Path, files: Sequence[Path], named: Path) -> None:
    stamps: dict[str, tuple[int, int]] = {}
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        stamps[file.name] = (status.st_size, status.st_mtime_ns)
        found.devices[folder] = status.st_dev
    videos = {name for name in stamps if is_video(Path(name)) or folder / name == named}
    others = sorted(set(stamps) - videos)
    for name in videos:
        stem = Path(name).stem
        beside = []
        for other in others[bisect_left(others, stem) :]:
            if not other.startswith(stem):
                break
            beside.append((other, *stamps[other]))
        found.files[folder / name] = (*stamps[name], tuple(beside))


@dataclass(slots=True)
class _Gone:
    """A file that is not there; the paths of its content that were known when it went."""

    since: float
    copies: frozenset[Path]


class Watcher:
    """Keeps the library like the folders are; `tick` does one round."""

    def __init__(
        self, roots: Sequence[Path], library: IndexLibrary, inventory: Inventory, queue: JobQueue,
        rules: WatchRules, tell: Callable[[str], None], ended: Callable[[FileOutcome], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._roots, self._library, self._inventory, self._queue = roots, library, inventory, queue
        self._rules, self._tell, self._ended, self._now = rules, tell, ended, now
        self._seen: dict[Path, tuple[Look, float]] = {}
        self._handled: dict[Path, Look] = {}
        self._devices: dict[Path, int] = {}
        self._gone: dict[Path, _Gone] = {}
        self._asked = float("-inf")

    async def run(self, stopping: asyncio.Event) -> None:
        """Go round until ``stopping`` is set."""
        while not stopping.is_set():
            began = self._now()
            await self.tick()
            pause_s = max(self._rules.poll_s, (self._now() - began) / _SHARE)
            try:
                await asyncio.wait_for(stopping.wait(), pause_s)
            except TimeoutError:
                continue

    async def tick(self) -> None:
        """Look once, and put into the queue what stood still and is new or changed."""
        found = await asyncio.to_thread(look_around, self._roots)
        now = self._now()
        before = set(self._seen)
        self._seen = {
            path: (look, self._seen[path][1] if path in self._seen and self._seen[path][0] == look else now)
            for path, look in found.files.items()
        }
        self._handled = {path: look for path, look in self._handled.items() if path in found.files}
        settled = [
            path
            for path, (look, since) in self._seen.items()
            if now - since >= self._rules.settle_s and self._handled.get(path) != look
        ]
        if settled:
            await self._take(settled)
        if not found.is_whole:
            return
        if before != set(self._seen) or self._gone or now - self._asked >= _ASK_S:
            self._asked = now
            await self._compare(found, now)
        self._devices |= found.devices

    async def _take(self, settled: Sequence[Path]) -> None:
        looks = {path: self._seen[path][0] for path in settled}
        ends = await self._library.look(Offered(tuple(settled)))
        fresh = [path for path, outcome in ends.items() if outcome is None]
        held_back = {job.file.path for job in await self._queue.find_paths(fresh) if job.state in _HELD_BACK}
        await self._library.enqueue([path for path in fresh if path not in held_back])
        self._handled |= looks

    async def _compare(self, found: Walk, now: float) -> None:
        """Mark what is gone, and what is back; forget what was deleted or moved."""
        known: dict[Path, KnownFile] = {}
        for root in self._roots:
            known |= {file.file.path: file for file in await self._inventory.files_below(root)}
        paths_of: dict[VideoId, set[Path]] = {}
        for path, file in known.items():
            if file.video_id is not None:
                paths_of.setdefault(file.video_id, set()).add(path)
        back = [path for path, file in known.items() if file.is_gone and path in found.files]
        gone = {path: file for path, file in known.items() if path not in found.files}
        offline = await asyncio.to_thread(
            lambda: {path for path, file in gone.items() if file.is_offline or self._is_offline(path)}
        )
        deleted = set(gone) - offline
        await self._inventory.mark_presence(
            present=back,
            deleted=[path for path in deleted if not gone[path].is_gone],
            offline=[path for path in offline if not gone[path].is_offline],
        )
        for path in offline:
            if not gone[path].is_offline:
                self._tell(f"offline: {shown(path)}")
        for path in back:
            self._tell(f"there again: {shown(path)}")
        self._gone = {
            path: self._gone.get(path)
            or _Gone(now, frozenset(paths_of.get(file.video_id, ()) if file.video_id else ()))
            for path, file in gone.items()
        }
        await self._forget(gone, deleted, paths_of, set(found.files), now)

    async def _forget(
        self, gone: dict[Path, KnownFile], deleted: set[Path], paths_of: dict[VideoId, set[Path]],
        there: set[Path], now: float,
    ) -> None:  # fmt: skip
        def is_over(path: Path) -> bool:
            mark, video_id = self._gone[path], gone[path].video_id
            moved = video_id is not None and bool((paths_of[video_id] - mark.copies) & there)
            return moved or (path in deleted and now - mark.since >= self._rules.forget_after_s)

        over = [path for path in gone if is_over(path)]
        # a moved file must be recognised before its former path goes
        if over and await is_drained(self._queue)():
            await self._inventory.forget_files(over)
            await self._queue.forget(over)
            for path in over:
                self._gone.pop(path, None)
                self._tell(f"no longer there: {shown(path)}")

    def _is_offline(self, path: Path) -> bool:
        """Whether a file went with its folder or with the drive that the folder was on."""
        try:
            with os.scandir(path.parent) as entries:
                is_empty = not any(entries)
            device = path.parent.stat().st_dev
        except OSError:
            return True
        known = self._devices.get(path.parent)
        return is_empty if known is None else device != known
