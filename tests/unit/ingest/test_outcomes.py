from __future__ import annotations

from pathlib import Path

from heimdex.domain.jobs import FileOutcome, Status
from heimdex.ingest.outcomes import IndexEvent, IndexReport, Progress

ONE, TWO = Path("/one"), Path("/two")


def test_progress_is_one_number_that_never_falls_and_ends_at_one() -> None:
    told: list[IndexEvent] = []
    progress = Progress({ONE: 3.0, TWO: 1.0}, told.append)
    progress.file(ONE, 0.5)
    progress.file(ONE, 0.2)
    progress.ended(FileOutcome(TWO, Status.FAILED))
    progress.file(ONE, 7.0)
    progress.ended(FileOutcome(ONE, Status.INDEXED))

    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.375
    assert fractions[-1] == 1.0


def test_a_run_succeeds_when_something_is_searchable_and_nothing_failed() -> None:
    def report(*statuses: Status) -> IndexReport:
        return IndexReport(tuple(FileOutcome(ONE, status) for status in statuses))

    assert report(Status.INDEXED, Status.UNREADABLE).succeeded
    assert report(Status.UNCHANGED).succeeded
    assert not report(Status.INDEXED, Status.FAILED).succeeded
    assert not report(Status.UNREADABLE).succeeded
