"""What became of each file, and how far the whole run is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heimdex.domain.jobs import FileOutcome, Status


@dataclass(frozen=True, slots=True)
class IndexEvent:
    """Something to show: ``fraction`` of the whole run (0 to 1), and a file that ended, if one did.

    ``notice`` says why nothing goes on, for people.
    """

    fraction: float
    path: Path
    outcome: FileOutcome | None = None
    notice: str = ""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """All outcomes in the order of the files, and what lay beside them and is no video by its name."""

    outcomes: tuple[FileOutcome, ...]
    ignored: tuple[Path, ...] = ()

    def count(self, status: Status) -> int:
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def succeeded(self) -> bool:
        """Whether nothing failed, and something is searchable or will be."""
        searchable = {Status.INDEXED, Status.UNCHANGED, Status.LINKED, Status.QUEUED}
        return self.count(Status.FAILED) == 0 and any(o.status in searchable for o in self.outcomes)


@dataclass(slots=True)
class Progress:
    """One number for the run: each file weighs what it holds, in bytes."""

    weights: dict[Path, float]
    tell: Callable[[IndexEvent], None]
    _done: dict[Path, float] = field(default_factory=dict)
    _told: float = 0.0

    def file(self, path: Path, fraction: float) -> None:
        """Note how far one file is; the number never falls."""
        self._done[path] = max(self._done.get(path, 0.0), min(1.0, fraction))
        self.tell(IndexEvent(self._overall(), path))

    def ended(self, outcome: FileOutcome) -> None:
        self._done[outcome.path] = 1.0
        self.tell(IndexEvent(self._overall(), outcome.path, outcome))

    def notice(self, text: str) -> None:
        self.tell(IndexEvent(self._overall(), Path(), notice=text))

    def _overall(self) -> float:
        total = sum(self.weights.values())
        done = sum(self.weights.get(path, 0.0) * part for path, part in list(self._done.items()))
        self._told = max(self._told, min(1.0, done / total)) if total else 1.0
        return self._told


def weigh(paths: Sequence[Path]) -> dict[Path, float]:
    """Return what each file adds to the progress of the run: its bytes, and a little for being a file."""
    weights = {}
    for path in paths:
        try:
            weights[path] = path.stat().st_size + 65536.0
        except OSError:
            weights[path] = 65536.0
    return weights
