"""Protocols of the work behind the library: the queue, and what of the library is on the disks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from heimdex.domain.ids import VideoId
from heimdex.domain.jobs import Job, JobAction, JobEnd, JobId, JobState, Lease, NewJob, QueueState, Step, WorkerId
from heimdex.domain.media import FileStamp
from heimdex.domain.query import Channel
from heimdex.ports import KnownFile


@dataclass(frozen=True, slots=True)
class HeldContent:
    """A searchable video as the artefact folder should know it."""

    video_id: VideoId
    sha256: str
    #: of its first scene, relative to the artefact folder; all its images lie beside it
    image: Path


@dataclass(frozen=True, slots=True)
class HeldVideo:
    """A searchable video: where it lies, and how many of its scenes each channel can find."""

    video_id: VideoId
    title: str
    scenes: int
    covered: Mapping[Channel, int]
    #: all files with its content, in order
    paths: tuple[Path, ...]
    #: those that went with their folder
    offline: tuple[Path, ...] = ()


class Inventory(Protocol):
    """The library beside what is on the disks. Contract: tests/contract/test_inventory.py."""

    async def files_below(self, folder: Path) -> list[KnownFile]:
        """Return the files that are known at ``folder`` itself and below it."""
        ...

    async def mark_presence(
        self, *, present: Sequence[Path] = (), deleted: Sequence[Path] = (), offline: Sequence[Path] = ()
    ) -> None:
        """Note which files are there, which are gone, and which are gone with their folder."""
        ...

    async def forget_files(self, paths: Sequence[Path]) -> int:
        """Drop these paths, and the videos that no other path holds; return how many videos went."""
        ...

    async def take_out(self, paths: Sequence[Path]) -> int:
        """Like `forget_files`, but remember the paths as removed, so that they do not come back by themselves."""
        ...

    async def paths_of_video(self, video_id: VideoId) -> list[Path]: ...

    async def contents(self) -> list[HeldContent]: ...

    async def videos(self) -> list[HeldVideo]: ...

    async def born(self) -> str:
        """Return what tells this library from any other."""
        ...


class JobQueue(Protocol):
    """Who does what, at most once at a time. Contract: tests/contract/test_jobs.py.

    A worker that dies keeps its job until the lease expires. Every call with a lease raises LeaseLost,
    and changes nothing, when the job is in other hands by then.
    """

    @property
    def lease_s(self) -> float: ...

    async def enqueue(self, jobs: Sequence[NewJob], batch: UUID) -> Mapping[Path, JobId]:
        """Add a job for each path, or take up the one that it has; a running one goes on."""
        ...

    async def adopt(self, ids: Sequence[JobId], batch: UUID) -> None:
        """Let these jobs, as far as they are not over, belong to the request ``batch``."""
        ...

    async def claim(self, step: Step, worker: WorkerId, *, batch: UUID | None = None) -> Lease | None:
        """Hand out the most urgent job that waits for ``step``, the oldest of equals; None when there is none.

        The attempt is counted now. A job that was handed out too often without an answer is quarantined
        instead, and its file listed as unreadable.
        """
        ...

    async def note_content(self, lease: Lease, file: FileStamp) -> bool:
        """Note the content of the job's file; False when another job does the same content at this time."""
        ...

    async def advance(self, lease: Lease, step: Step) -> None:
        """Let the job wait for its next step."""
        ...

    async def finish(self, end: JobEnd) -> None: ...

    async def give_back(self, lease: Lease, problem: str = "", *, delay_s: float = 0.0) -> None:
        """Let the job wait again, as if it had not been handed out."""
        ...

    async def postpone(self, lease: Lease, problem: str, *, delay_s: float) -> None:
        """Note a failure that may pass, and let the job wait for ``delay_s``."""
        ...

    async def fail(self, lease: Lease, problem: str) -> None: ...

    async def renew(self, leases: Mapping[JobId, tuple[Lease, float]]) -> set[JobId]:
        """Prolong leases and note the progress of each, 0 to 1; return those that still hold."""
        ...

    async def release_dead(self, workers: Sequence[WorkerId]) -> int:
        """Let the leases of workers that are known to be dead expire now; return how many."""
        ...

    async def find(self, ids: Sequence[JobId]) -> list[Job]: ...

    async def find_paths(self, paths: Sequence[Path]) -> list[Job]: ...

    async def jobs(self, states: Sequence[JobState], *, limit: int) -> list[Job]:
        """Return jobs in these states: running ones first, then in the order in which they are handed out."""
        ...

    async def state(self) -> QueueState: ...

    async def contents(self) -> set[str]:
        """Return the contents (SHA-256) that unfinished and failed jobs will still need."""
        ...

    async def pause(self, paused: bool) -> None:
        """Hand out nothing, or go on; what runs is finished."""
        ...

    async def change(self, action: JobAction, ids: Sequence[JobId] | None) -> int:
        """Do ``action`` to these jobs, None for all that it can mean; return how many there were."""
        ...

    async def forget(self, paths: Sequence[Path]) -> None:
        """Drop the jobs of these paths; whoever holds one of them loses it."""
        ...
