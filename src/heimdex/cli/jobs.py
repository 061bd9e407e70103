"""``heimdex jobs``: see the queue, hold it back, take things out of it, try them again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from heimdex.cli.exits import ExitCode
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.start import start
from heimdex.domain.errors import NotFound

if TYPE_CHECKING:
    from heimdex.domain.jobs import Job, JobId, JobState, QueueState
    from heimdex.ports.jobs import JobQueue

T = TypeVar("T")
app = typer.Typer(help="See the queue and change what is in it.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object.")]
Which = Annotated[
    list[str] | None, typer.Argument(help="Files, or ids as `heimdex jobs list` shows them.", show_default=False)
]


@app.callback()
def root() -> None:
    """See the queue and change what is in it."""


@app.command("list")
def list_jobs(
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only jobs in this state; may be repeated.", show_default="all but done"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most jobs shown.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what is in work, what waits, and what failed and why.

    \b
    heimdex jobs list
    heimdex jobs list --state failed --state quarantined --json
    """
    from heimdex.domain.jobs import JobState

    known = {member.value: member for member in JobState}
    for name in state or ():
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}")
    states = [known[name] for name in state] if state else [s for s in JobState if s is not JobState.DONE]

    async def ask(queue: JobQueue) -> tuple[list[Job], QueueState]:
        return await queue.jobs(states, limit=limit), await queue.state()

    found, queue = _ask(ask)
    if as_json:
        say_json({"paused": queue.paused, "counts": counts(queue), "jobs": [describe(job) for job in found]})
        return
    for job in found:
        say(line(job))
    say(summary(queue))
    shown = sum(queue.counts.get(s, 0) for s in states)
    if shown > len(found):
        remark(f"{shown - len(found)} more: --limit {shown} shows all.")


@app.command()
def pause(which: Which = None, as_json: AsJson = False) -> None:
    """Hand out nothing from the queue until `heimdex jobs resume`; or hold back these jobs only.

    What is in work is finished, unless it is named.

    \b
    heimdex jobs pause
    heimdex jobs pause holiday.mp4
    """
    _change("pause", which, as_json)


@app.command()
def resume(which: Which = None, as_json: AsJson = False) -> None:
    """Go on with the queue and everything in it that was paused; or with these jobs only.

    \b
    heimdex jobs resume
    """
    _change("resume", which, as_json)


@app.command()
def cancel(
    which: Which = None,
    everything: Annotated[bool, typer.Option("--all", help="All jobs that have not ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take jobs out of the queue, also those in work. What is searchable stays so.

    \b
    heimdex jobs cancel holiday.mp4
    heimdex jobs cancel --all
    """
    if bool(which) == everything:
        raise typer.BadParameter("name jobs, or say --all")
    _change("cancel", which, as_json)


@app.command()
def retry(which: Which = None, as_json: AsJson = False) -> None:
    """Try again what failed or was set aside; named files also if they were cancelled or found unreadable.

    \b
    heimdex jobs retry
    heimdex jobs retry broken.mp4
    """
    _change("retry", which, as_json)


def _change(name: str, which: list[str] | None, as_json: bool) -> None:
    from heimdex.domain.jobs import JobAction

    action = JobAction(name)

    async def change(queue: JobQueue) -> int:
        ids = await _find(queue, which) if which else None
        if ids is None and action in {JobAction.PAUSE, JobAction.RESUME}:
            await queue.pause(action is JobAction.PAUSE)
        return 0 if ids is None and action is JobAction.PAUSE else await queue.change(action, ids)

    changed = _ask(change)
    if as_json:
        say_json({"action": name, "jobs": changed, "queue": not which and name in {"pause", "resume"}})
    elif not which and name in {"pause", "resume"}:
        say("the queue is paused: what is in work is finished." if name == "pause" else "the queue goes on.")
    else:
        say(f"{name}: {'1 job' if changed == 1 else f'{changed} jobs'}.")
    if which and not changed:
        raise typer.Exit(ExitCode.NOTHING_FOUND)


async def _find(queue: JobQueue, which: list[str]) -> list[JobId]:
    from heimdex.domain.jobs import JobId

    found: list[JobId] = []
    for name in which:
        try:
            jobs = await queue.find([JobId(UUID(name))])
        except ValueError:
            jobs = await queue.find_paths([Path(os.path.abspath(name))])  # noqa: PTH100, ASYNC240
        if not jobs:
            raise NotFound(f"There is no job {name}.", remedy="`heimdex jobs list` shows those that there are.")
        found += [job.job_id for job in jobs]
    return found


def _ask(work: Callable[[JobQueue], Awaitable[T]]) -> T:
    settings = start()

    async def ask() -> T:
        from heimdex.wiring import open_spaces

        async with open_spaces(settings) as store:
            return await work(store.jobs)

    return asyncio.run(ask())


def counts(queue: QueueState) -> dict[str, int]:
    """Return the number of jobs in each state."""
    from heimdex.domain.jobs import JobState

    return {state.value: queue.counts.get(state, 0) for state in JobState}


def summary(queue: QueueState) -> str:
    """Return the queue as one line."""
    parts = [f"{count} {name}" for name, count in counts(queue).items() if count]
    return f"queue{' (paused: `heimdex jobs resume`)' if queue.paused else ''}: {', '.join(parts) or 'empty'}."


def describe(job: Job) -> dict[str, Any]:
    """Return a job as the object that is printed."""
    from heimdex.ingest.files import shown

    return {
        "id": str(job.job_id), "path": shown(job.file.path), "state": job.state.value, "step": job.step.value,
        "progress": job.progress, "priority": job.priority, "attempts": job.attempts, "failures": job.failures,
        "problem": job.problem, "outcome": job.outcome.status.value if job.outcome else None,
    }  # fmt: skip


def line(job: Job) -> str:
    """Return a job as a line."""
    from heimdex.ingest.files import shown

    how = f"{job.step.value} {job.progress:.0%}" if _runs(job.state) else job.step.value
    problem = f": {job.problem}" if job.problem else ""
    return f"{job.state.value:<11} {how:<12} {job.job_id} {shown(job.file.path)}{problem}"


def _runs(state: JobState) -> bool:
    return state.value == "running"
