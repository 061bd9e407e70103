"""Taking the result of a job from the worker that holds its lease, inside the transaction that stores the result."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from heimdex.domain.errors import LeaseLost
from heimdex.domain.jobs import FileOutcome, JobEnd, JobState, Lease, Step, outcome_to_json
from heimdex.store.database import Connection
from heimdex.store.queries import load_queries
from heimdex.store.rows import storable

_SQL = load_queries("jobs")


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where a worker leaves a job."""

    state: JobState
    next_step: Step | None = None
    outcome: FileOutcome | None = None
    problem: str = ""
    #: the worker is well: this attempt was no crash, earlier ones still count
    uncounted: bool = False
    failed: bool = False
    delay_s: float = 0.0


async def settle(connection: Connection, tenant: UUID, lease: Lease, settlement: Settlement) -> None:
    """Leave the job as told. To be the last statement of its transaction: it locks the job.

    Raises LeaseLost when the job is not in these hands any more; the transaction must not be committed then.
    """
    outcome = settlement.outcome
    values = {
        "tenant": tenant, "job_id": lease.job.job_id, "token": lease.token, "state": settlement.state.value,
        "next_step": settlement.next_step.value if settlement.next_step else None,
        "outcome": None if outcome is None else Jsonb(_storable(outcome)), "problem": storable(settlement.problem),
        "delay_s": settlement.delay_s, "uncounted": settlement.uncounted, "failed": settlement.failed,
    }  # fmt: skip
    if await (await connection.execute(_SQL["settle"], values)).fetchone() is not None:
        return
    if await (await connection.execute(_SQL["settled_before"], values)).fetchone() is None:
        raise lost(lease)


async def finish(connection: Connection, tenant: UUID, end: JobEnd) -> None:
    """End the job with its outcome; see `settle`."""
    await settle(connection, tenant, end.lease, Settlement(JobState.DONE, outcome=end.outcome))


def lost(lease: Lease) -> LeaseLost:
    """Return the error for a worker whose job is in other hands."""
    return LeaseLost(f"Job {lease.job.job_id} was handed to another worker.", remedy="Nothing to do: it goes on there.")


def _storable(outcome: FileOutcome) -> dict[str, object]:
    clean = outcome_to_json(outcome)
    clean["detail"], clean["remedy"] = storable(outcome.detail), storable(outcome.remedy)
    clean["notes"] = [storable(note) for note in outcome.notes]
    return clean
