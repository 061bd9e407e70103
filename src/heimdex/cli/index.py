"""``heimdex index``: make videos searchable."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.catch_up import catch_up, fill_bars, name_models
from heimdex.cli.exits import ExitCode
from heimdex.cli.output import plain, remark, say, say_json
from heimdex.cli.start import start
from heimdex.cli.vectors import build_wanted

if TYPE_CHECKING:
    from heimdex.domain.jobs import FileOutcome
    from heimdex.ingest.outcomes import IndexEvent, IndexReport
    from heimdex.settings import Settings

_SUBTITLES = {".srt", ".vtt", ".ass", ".ssa"}
#: ignored files that are named; a folder of photos must not hide the videos
_IGNORED_SHOWN = 10

Listener = Callable[["IndexEvent"], None]


def index(
    paths: Annotated[list[Path], typer.Argument(help="Video files, or folders that hold some.", show_default=False)],
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Decode the encoder's keyframes only: about 10 times as fast, coarser scenes."),
    ] = False,
    enqueue: Annotated[
        bool, typer.Option("--enqueue", help="Only put them into the queue: `heimdex worker` does the work.")
    ] = False,
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Files of a higher one are done first.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a file as it ends, then one with the summary.")
    ] = False,
) -> None:
    """Make the videos under PATHS searchable. Safe to repeat and to interrupt; videos are only ever read.

    \b
    heimdex index ~/Videos
    heimdex index holiday.mp4 --json
    heimdex index /mnt/archive --fast
    heimdex index /mnt/archive --enqueue
    """
    from heimdex.ingest.files import find_videos

    if fast and enqueue:
        raise typer.BadParameter("whoever works through the queue decides that: HEIMDEX_INGEST__FAST=1 heimdex worker")
    settings = start()
    if fast:
        settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"fast": True})})
    find_videos(paths)  # a wrong path is said at once, before the database starts
    try:
        report = asyncio.run(_run(settings, paths, as_json, priority, work=not enqueue))
    except KeyboardInterrupt:
        remark("interrupted; nothing is lost: run the same command again to go on.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if as_json:
        for path in report.ignored:
            say_json(describe_ignored(path), indent=None)
        say_json({"summary": summary(report)}, indent=None)
    else:
        show_report(report)
    if not report.succeeded:
        raise typer.Exit(ExitCode.FAILED)


async def _run(settings: Settings, paths: list[Path], as_json: bool, priority: int, *, work: bool) -> IndexReport:
    from heimdex.wiring import open_library

    async with open_library(settings) as library:
        await name_models(library)
        with json_lines() if as_json else progress_bar() as on_event:
            report = await library.index.run(paths, on_event, priority=priority, work=work)
        with fill_bars(quiet=as_json) as bars:
            await catch_up(library, bars)
        if work:
            await build_wanted(library.vector_indexes)
        return report


@contextmanager
def json_lines() -> Iterator[Listener]:
    """Write one object for each file that ends."""
    lock = threading.Lock()

    def on_event(event: IndexEvent) -> None:
        if event.notice:
            remark(event.notice)
        if event.outcome:
            with lock:
                say_json(describe(event.outcome), indent=None)

    yield on_event


@contextmanager
def progress_bar() -> Iterator[Listener]:
    """Show one bar on stderr, when that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("looking", total=1.0)

        def on_event(event: IndexEvent) -> None:
            if event.notice:
                progress.console.print(f"heimdex: {plain(event.notice)}", markup=False, highlight=False, soft_wrap=True)
                return
            progress.update(task, completed=event.fraction, description=_name(event.path))

        yield on_event


def _name(path: Path) -> str:
    from heimdex.ingest.files import shown

    name = shown(Path(path.name))
    return name if len(name) <= 32 else name[:31] + "…"


def describe(outcome: FileOutcome) -> dict[str, Any]:
    """Return one file's end as the object that is printed."""
    from heimdex.ingest.files import shown

    return {
        "path": shown(outcome.path),
        "status": outcome.status.value,
        "scenes": outcome.scenes,
        "segments": outcome.segments,
        "reason": outcome.reason.value if outcome.reason else None,
        "detail": outcome.detail,
        "remedy": outcome.remedy,
        "notes": list(outcome.notes),
    }


def describe_ignored(path: Path) -> dict[str, Any]:
    """Return a file that was not tried as the object that is printed."""
    from heimdex.ingest.files import shown

    return {"path": shown(path), "status": "ignored", "detail": _why_ignored(path)}


def _why_ignored(path: Path) -> str:
    if path.suffix.lower() in _SUBTITLES:
        return "subtitles, read with the video that they belong to"
    return "not a video by its name; name the file itself to try it"


def summary(report: IndexReport) -> dict[str, int]:
    """Return how many files ended in which way."""
    from heimdex.domain.jobs import Status

    counts = {status.value: report.count(status) for status in Status}
    return counts | {
        "files": len(report.outcomes),
        "ignored": len(report.ignored),
        "scenes": sum(outcome.scenes for outcome in report.outcomes),
    }


def line(outcome: FileOutcome) -> str:
    """Return one file's end as a line."""
    from heimdex.ingest.files import shown

    text = f"{outcome.status.value:<11} {shown(outcome.path)}"
    if outcome.detail or outcome.reason:
        why = outcome.detail or (outcome.reason.explanation if outcome.reason else "")
        return plain(f"{text}: {why.rstrip('.')}. {outcome.remedy}")
    scenes = "1 scene" if outcome.scenes == 1 else f"{outcome.scenes} scenes"
    about = "; ".join([scenes, *outcome.notes])
    return plain(f"{text} ({about})") if outcome.scenes else text


def show_report(report: IndexReport) -> None:
    """Print what became of the files; those that did not change are only counted."""
    from heimdex.domain.jobs import Status
    from heimdex.ingest.files import shown

    for outcome in report.outcomes:
        if outcome.status not in {Status.UNCHANGED, Status.QUEUED}:
            say(line(outcome))
    for path in report.ignored[:_IGNORED_SHOWN]:
        say(f"{'ignored':<11} {shown(path)}: {_why_ignored(path)}")
    if len(report.ignored) > _IGNORED_SHOWN:
        say(f"{'ignored':<11} and {len(report.ignored) - _IGNORED_SHOWN} more")
    counts = summary(report)
    parts = [f"{counts[status.value]} {status.value}" for status in Status if counts[status.value]]
    parts += [f"{counts['ignored']} ignored"] if counts["ignored"] else []
    files = "1 file" if counts["files"] == 1 else f"{counts['files']} files"
    say(f"{files}: {', '.join(parts) or 'nothing done'}.")
    if counts["queued"]:
        say("`heimdex worker` works through the queue, `heimdex jobs list` shows it.")
