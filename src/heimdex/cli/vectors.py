"""Approximate indexes of large libraries, built with a progress bar: at the end of `index`, and by `db index`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heimdex.store.vector_index import VectorIndex, VectorIndexes


async def build_wanted(indexes: VectorIndexes) -> list[VectorIndex]:
    """Build what is wanted and not there, with one bar on stderr when that is a terminal; return what was built."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        tasks = {}

        def on_progress(index: VectorIndex, fraction: float) -> None:
            if index.name not in tasks:
                tasks[index.name] = progress.add_task(f"{index.channel}: {index.frames:,} vectors", total=1.0)
            progress.update(tasks[index.name], completed=fraction)

        return await indexes.build_wanted(on_progress)
