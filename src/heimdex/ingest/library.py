"""The use case: make the videos under some paths searchable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from uuid import UUID

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.domain.ids import VideoId, uuid7
from heimdex.domain.jobs import FileOutcome, Job, JobId, JobState, NewJob, Status
from heimdex.domain.media import Reason
from heimdex.ingest import fingerprint
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.decoding import FileDecoder
from heimdex.ingest.files import Offered, find_videos
from heimdex.ingest.outcomes import IndexEvent, IndexReport, Progress, weigh
from heimdex.ingest.presence import Presence
from heimdex.ingest.publishing import Publisher
from heimdex.ingest.space import DiskSpace, is_full
from heimdex.ingest.tidying import Tidying
from heimdex.ingest.worker import Worker, WorkListener, WorkRules
from heimdex.ports import Catalogue, Embedder, KnownFile, MediaDecoder, TextEmbedder, TranscriptReader
from heimdex.ports.jobs import JobQueue

#: for one batch of images or passages; a model on a busy laptop is slow, not gone
_EMBED_TIMEOUT_S = 300.0
#: for a service that has not answered yet
_FIRST_ANSWER_S = 30.0
#: files looked up at once
_PAGE = 500


class IndexLibrary:
    """Indexes files and folders through the queue; safe to repeat, safe to kill, from any number of processes."""

    def __init__(
        self,
        *,
        decoder: MediaDecoder,
        transcripts: TranscriptReader,
        embedder: Embedder,
        text_embedder: TextEmbedder | None,
        catalogue: Catalogue,
        queue: JobQueue,
        artefacts: Path,
        workers: Path,
        decoding_fingerprint: str,
        limits_fingerprint: str,
        batch_size: int = 16,
        rules: WorkRules | None = None,
        least_free_bytes: int = 0,
        tidying: Tidying | None = None,
    ) -> None:
        """Take the adapters as they are.

        Args:
            artefacts: folder for keyframes; made when missing.
            workers: folder where living workers show themselves; made when missing.
            decoding_fingerprint: of the settings that scenes depend on (`IsolatedDecoder.fingerprint`).
            limits_fingerprint: of the limits that refuse files (`IsolatedDecoder.limits_fingerprint`).
            batch_size: images or passages embedded at once.
            least_free_bytes: with less room on the disk of ``artefacts``, work waits.
            tidying: compares the artefacts with the library when work begins; None leaves them as they are.
        """
        self._artefacts = Artefacts(artefacts)
        self._queue, self._catalogue = queue, catalogue
        self._embedder = embedder
        self._workers = workers
        self._tidying = tidying
        self._bare: frozenset[VideoId] = frozenset()
        self._rules = rules or WorkRules()
        self._space = DiskSpace(artefacts, least_free_bytes)
        self._decoder = FileDecoder(
            decoder, transcripts, catalogue, queue, self._artefacts,
            decoding=decoding_fingerprint, limits=limits_fingerprint,
            settings=fingerprint.of_settings(decoding_fingerprint),
        )  # fmt: skip
        self._publisher = Publisher(
            embedder, text_embedder, catalogue, self._artefacts, root=artefacts, batch_size=batch_size,
            timeout_s=_EMBED_TIMEOUT_S, decoding=decoding_fingerprint,
        )  # fmt: skip

    async def run(
        self,
        paths: Sequence[Path],
        on_event: Callable[[IndexEvent], None] = lambda _: None,
        *,
        priority: int = 0,
        work: bool = True,
    ) -> IndexReport:
        """Index the videos among ``paths`` and below them: put them into the queue, and work until they are done.

        Args:
            on_event: called from any thread, often; what it shows is up to the caller.
            priority: jobs of a higher one are done first.
            work: False only puts them into the queue.

        Raises:
            BadRequest: a path does not exist, or holds no video; nothing was done.
            StoreUnavailable: the database is gone; what was published stays.
            EmbedderUnavailable: a service that never said which model it runs does not answer.
        """
        offered = await asyncio.to_thread(find_videos, paths)
        progress = Progress(await asyncio.to_thread(weigh, offered.videos), on_event)
        outcomes: dict[Path, FileOutcome] = {}
        batch = uuid7()
        run = _Run(self._queue, batch, progress, outcomes)
        await self._tidy()
        for outcome in (await self.look(offered)).values():
            if outcome is not None:
                run.ended(outcome)
        # what a video lost is made again even though its file is as it was
        left = [NewJob(path, priority, forced=bool(self._bare)) for path in offered.videos if path not in outcomes]
        run.jobs = {job_id: path for path, job_id in (await self._queue.enqueue(left, batch)).items()}
        if work and left:
            await self._worker(run).run(batch=batch, is_done=run.is_done)
        for path in run.jobs.values():
            if path not in outcomes:
                run.ended(FileOutcome(path, Status.QUEUED))
        return IndexReport(tuple(outcomes[path] for path in offered.videos), offered.ignored)

    async def worker(self, listener: WorkListener) -> Worker:
        """Return a worker for everything in the queue."""
        await self._tidy()
        await self._know_the_model()
        return self._worker(listener)

    async def look(self, offered: Offered) -> dict[Path, FileOutcome | None]:
        """Return how each file ends that needs no work, None for the others; contents are not read."""
        await self._know_the_model()
        found: dict[Path, FileOutcome | None] = {}
        for first in range(0, len(offered.videos), _PAGE):
            page = offered.videos[first : first + _PAGE]
            known: dict[Path, KnownFile] = dict(await self._catalogue.known_files(page))
            for path in page:
                if path in known and known[path].video_id in self._bare:
                    found[path] = None
                else:
                    found[path] = await self._decoder.look(path, known.get(path), named=path in offered.named)
        return found

    async def enqueue(self, paths: Sequence[Path], *, priority: int = 0, forced: bool = False) -> None:
        """Put files into the queue, without looking at them."""
        await self._queue.enqueue([NewJob(path, priority, forced) for path in paths], uuid7())

    async def _tidy(self) -> None:
        """Remove what killed runs left; note which videos have lost their keyframes."""
        await asyncio.to_thread(self._artefacts.sweep)
        if self._tidying is None:
            return
        try:
            found = await self._tidying.look()
        except OSError as error:
            if not is_full(error):
                raise
            return  # the work itself says so, and waits; the next run tidies
        await self._tidying.discard(found)
        self._bare = frozenset(content.video_id for content in found.bare)

    def _worker(self, listener: WorkListener) -> Worker:
        presence = Presence(self._workers)
        return Worker(self._queue, self._decoder, self._publisher, self._space, presence, self._rules, listener)

    async def _know_the_model(self) -> None:
        try:
            _ = self._embedder.model
        except EmbedderUnavailable:  # a service that was not asked yet
            await self._embedder.embed_texts(["which model"], timeout_s=_FIRST_ANSWER_S)


class _Run:
    """One call of `IndexLibrary.run`: hears of its own files, also of those that another worker ends."""

    def __init__(self, queue: JobQueue, batch: UUID, progress: Progress, outcomes: dict[Path, FileOutcome]) -> None:
        self._queue, self._batch, self._progress, self._outcomes = queue, batch, progress, outcomes
        self.jobs: dict[JobId, Path] = {}

    def file(self, path: Path, fraction: float) -> None:
        self._progress.file(path, fraction)

    def notice(self, text: str) -> None:
        self._progress.notice(text)

    def ended(self, outcome: FileOutcome) -> None:
        self._outcomes[outcome.path] = outcome
        self._progress.ended(outcome)

    async def is_done(self) -> bool:
        """Look for files that ended elsewhere; return whether all have ended."""
        left = [job_id for job_id, path in self.jobs.items() if path not in self._outcomes]
        found = {job.job_id: job for job in await self._queue.find(left)} if left else {}
        for job_id in left:
            path = self.jobs[job_id]
            outcome = end_of(found[job_id]) if job_id in found else FileOutcome(path, Status.CANCELLED)
            if outcome is not None and path not in self._outcomes:
                self.ended(outcome)
        left = [job_id for job_id in left if self.jobs[job_id] not in self._outcomes]
        if left:
            # another run may have asked for the same files since, and ended early
            await self._queue.adopt(left, self._batch)
            if (await self._queue.state()).paused:
                self.notice("the queue is paused: `heimdex jobs resume` lets it go on.")
        return not left


def end_of(job: Job) -> FileOutcome | None:
    """Return how the file of a job ended, None when it goes on by itself soon."""
    path = job.file.path
    if job.outcome is not None:
        return job.outcome
    if job.state is JobState.QUARANTINED:
        return FileOutcome(path, Status.UNREADABLE, Reason.WORKER_CRASH, job.problem, Reason.WORKER_CRASH.remedy)
    if job.state is JobState.CANCELLED:
        return FileOutcome(path, Status.CANCELLED)
    if job.state is JobState.PAUSED:
        return FileOutcome(path, Status.CANCELLED, detail="paused", remedy="`heimdex jobs resume` goes on with it.")
    if job.state is JobState.FAILED or (job.state is JobState.PENDING and job.failures):
        return FileOutcome(path, Status.FAILED, None, job.problem, "`heimdex jobs retry` tries it again.")
    return None


def is_drained(queue: JobQueue) -> Callable[[], Awaitable[bool]]:
    """Return a question: whether nothing waits and nothing runs, what was put off included."""

    async def ask() -> bool:
        counts = (await queue.state()).counts
        return not counts.get(JobState.PENDING, 0) and not counts.get(JobState.RUNNING, 0)

    return ask
