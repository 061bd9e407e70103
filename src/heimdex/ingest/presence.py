"""Which workers on this data directory live: each holds a lock that the kernel drops when it dies.

So the jobs of a worker that was killed go on at once, instead of when its leases expire. Workers of
other machines with their own data directory are told apart by their leases alone.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from heimdex.domain.ids import uuid7
from heimdex.domain.jobs import WorkerId
from heimdex.filelock import SUPPORTED, FileLock


class Presence:
    """This worker, as long as it is entered, and those that died."""

    def __init__(self, folder: Path) -> None:
        self.worker = WorkerId(uuid7())
        self._folder = folder
        self._lock = FileLock(self._path(self.worker))

    def enter(self) -> None:
        """Show that this worker lives. Raises OSError where the folder cannot be written."""
        if SUPPORTED:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()

    def leave(self) -> None:
        """Be gone; what this worker held must have been given back before."""
        if self._lock.held:
            self._path(self.worker).unlink(missing_ok=True)
            self._lock.close()

    def dead(self) -> list[WorkerId]:
        """Return the workers that ended without leaving."""
        found = []
        for path in self._folder.glob("*.lock") if SUPPORTED else ():
            lock = FileLock(path)
            if lock.acquire():
                lock.close()
                found.append(WorkerId(UUID(path.stem)))
        return [worker for worker in found if worker != self.worker]

    def bury(self, worker: WorkerId) -> None:
        """Forget a dead worker, once its jobs are in the queue again."""
        self._path(worker).unlink(missing_ok=True)

    def _path(self, worker: WorkerId) -> Path:
        return self._folder / f"{worker}.lock"
