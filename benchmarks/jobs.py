"""What the queue costs for each file, and what walking watched folders costs.

.venv/bin/python -m benchmarks.jobs
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from heimdex.domain.ids import uuid7
from heimdex.domain.jobs import FileOutcome, JobEnd, NewJob, Status, Step, WorkerId
from heimdex.domain.media import FileStamp
from heimdex.ingest.watching import look_around
from heimdex.store import open_store

JOBS = 2000
FOLDERS, FILES = 500, 100


async def queue(data: Path) -> None:
    """Put jobs into the queue and take each through all its steps, on an embedded server that is durable."""
    paths = [Path(f"/v/{number}.mp4") for number in range(JOBS)]
    async with open_store(None, data, stop_if_last=True) as store:
        began = time.perf_counter()
        await store.jobs.enqueue([NewJob(path) for path in paths], uuid7())
        queued = time.perf_counter()
        worker = WorkerId(uuid7())
        while (lease := await store.jobs.claim(Step.DECODE, worker)) is not None:
            path = lease.job.file.path
            await store.jobs.note_content(lease, FileStamp(path, 1, 1, path.stem))
            await store.jobs.advance(lease, Step.PUBLISH)
            lease = await store.jobs.claim(Step.PUBLISH, worker)
            assert lease is not None
            await store.jobs.finish(JobEnd(lease, FileOutcome(path, Status.INDEXED)))
        done = time.perf_counter()
    print(
        f"queue: {JOBS} jobs put in {queued - began:.2f} s, {1000 * (done - queued) / JOBS:.1f} ms a job for all steps"
    )


def walk(folder: Path) -> None:
    """Walk folders of files, the second time with what the system remembers of them."""
    for number in range(FOLDERS):
        (folder / f"{number}").mkdir()
        for name in range(FILES):
            (folder / f"{number}" / f"{name}.mp4").touch()
    for _ in range(2):
        began = time.process_time()
        found = len(look_around([folder]).files)
        spent = time.process_time() - began
    print(f"walk: {found} files, {spent:.2f} s of processor time a round")


def main() -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory() as data:
        asyncio.run(queue(Path(data)))
    with tempfile.TemporaryDirectory() as folder:
        walk(Path(folder))


if __name__ == "__main__":
    main()
