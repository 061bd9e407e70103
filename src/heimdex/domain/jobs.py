"""Jobs: what is to be done with a file, who does it, and how it ended.

A job belongs to one path. Its steps are keyed by the content and by the settings: each finds what an
earlier attempt left and goes on from there, so that a step may be repeated at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NewType
from uuid import UUID

from heimdex.domain.media import FileStamp, Reason

JobId = NewType("JobId", UUID)
WorkerId = NewType("WorkerId", UUID)


class Step(StrEnum):
    """What is done next, in this order."""

    #: read the content once: its hash, scenes, keyframes and subtitles
    DECODE = "decode"
    #: embed what was found and make it searchable
    PUBLISH = "publish"


class JobState(StrEnum):
    """Where a job stands. Only ``PENDING`` jobs and ``RUNNING`` ones with an expired lease are handed out."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self not in {JobState.PENDING, JobState.RUNNING, JobState.PAUSED}


class JobAction(StrEnum):
    """What a person may do with jobs. ``RETRY`` also tries a file again that was refused."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"


class Status(StrEnum):
    """How one file ended. ``LINKED`` has the bytes of a video that the library knew under another path."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    LINKED = "linked"
    UNREADABLE = "unreadable"
    FAILED = "failed"
    CANCELLED = "cancelled"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """One file's end. ``reason`` says why it is unreadable, ``detail`` and ``remedy`` are for people."""

    path: Path
    status: Status
    reason: Reason | None = None
    detail: str = ""
    remedy: str = ""
    scenes: int = 0
    segments: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewJob:
    """A file to be looked at. ``forced``: even if nothing about it has changed."""

    path: Path
    priority: int = 0
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands."""

    job_id: JobId
    #: the file; its content is known once it was hashed
    file: FileStamp
    step: Step
    state: JobState
    priority: int = 0
    forced: bool = False
    #: times that the step was handed out and nothing was heard of it again
    attempts: int = 0
    #: times that the step failed and was put off
    failures: int = 0
    #: of the running step, 0 to 1
    progress: float = 0.0
    #: why it waits or failed
    problem: str = ""
    outcome: FileOutcome | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A job in the hands of one worker, until the lease expires or is taken away.

    Whoever hands in a result names the token: a worker that lost its lease changes nothing.
    """

    job: Job
    token: UUID


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How the job of a lease ends; stored in the transaction that stores its results, or not at all."""

    lease: Lease
    outcome: FileOutcome


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue in numbers."""

    counts: Mapping[JobState, int]
    paused: bool = False
    #: seconds since the oldest job that waits was asked for; 0 when none waits
    oldest_s: float = 0.0


def outcome_to_json(outcome: FileOutcome) -> dict[str, Any]:
    """Return the outcome without its path, which the job has."""
    return {
        "status": outcome.status.value, "reason": outcome.reason.value if outcome.reason else None,
        "detail": outcome.detail, "remedy": outcome.remedy, "scenes": outcome.scenes, "segments": outcome.segments,
        "notes": list(outcome.notes),
    }  # fmt: skip


def outcome_from_json(path: Path, data: Mapping[str, Any]) -> FileOutcome:
    """Undo `outcome_to_json`."""
    return FileOutcome(
        path, Status(data["status"]), Reason(data["reason"]) if data["reason"] else None, str(data["detail"]),
        str(data["remedy"]), int(data["scenes"]), int(data["segments"]), tuple(data["notes"]),
    )  # fmt: skip
