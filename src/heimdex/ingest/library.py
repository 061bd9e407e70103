"""The use case: make the videos under some paths searchable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from heimdex.domain.errors import EmbedderRejected, EmbedderUnavailable, HeimdexError
from heimdex.domain.media import Reason
from heimdex.ingest import fingerprint
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.decoding import DecodedFile, FileDecoder
from heimdex.ingest.files import find_videos
from heimdex.ingest.outcomes import FileOutcome, IndexEvent, IndexReport, Progress, Status, weigh
from heimdex.ingest.publishing import Publisher
from heimdex.ports import Catalogue, Embedder, MediaDecoder, TextEmbedder, TranscriptReader

#: for one batch of images or passages; a model on a busy laptop is slow, not gone
_EMBED_TIMEOUT_S = 300.0
#: for a service that has not answered yet
_FIRST_ANSWER_S = 30.0


class IndexLibrary:
    """Indexes files and folders; safe to repeat, safe to kill.

    One file is decoded while the one before it is embedded and published. A file that fails does
    not stop the others.
    """

    def __init__(
        self,
        *,
        decoder: MediaDecoder,
        transcripts: TranscriptReader,
        embedder: Embedder,
        text_embedder: TextEmbedder | None,
        catalogue: Catalogue,
        artefacts: Path,
        decoding_fingerprint: str,
        limits_fingerprint: str,
        batch_size: int = 16,
    ) -> None:
        """Take the adapters as they are.

        Args:
            artefacts: folder for keyframes; made when missing.
            decoding_fingerprint: of the settings that scenes depend on (`IsolatedDecoder.fingerprint`).
            limits_fingerprint: of the limits that refuse files (`IsolatedDecoder.limits_fingerprint`).
            batch_size: images or passages embedded at once.
        """
        self._artefacts = Artefacts(artefacts)
        self._stop = threading.Event()
        self._embedder = embedder
        self._decoder = FileDecoder(
            decoder, transcripts, catalogue, self._artefacts,
            decoding=decoding_fingerprint, limits=limits_fingerprint,
            settings=fingerprint.of_settings(decoding_fingerprint), stop=self._stop,
        )  # fmt: skip
        self._publisher = Publisher(
            embedder, text_embedder, catalogue, self._artefacts, root=artefacts, batch_size=batch_size,
            timeout_s=_EMBED_TIMEOUT_S, decoding=decoding_fingerprint,
        )  # fmt: skip

    async def run(self, paths: Sequence[Path], on_event: Callable[[IndexEvent], None] = lambda _: None) -> IndexReport:
        """Index the videos among ``paths`` and below them.

        Args:
            on_event: called from any thread, often; what it shows is up to the caller.

        Raises:
            BadRequest: a path does not exist, or holds no video; nothing was done.
            StoreUnavailable: the database is gone; what was published stays.
            EmbedderUnavailable: a service that never said which model it runs does not answer.
        """
        self._stop.clear()
        offered = await asyncio.to_thread(find_videos, paths)
        await self._know_the_model()
        await asyncio.to_thread(self._artefacts.sweep)
        progress = Progress(await asyncio.to_thread(weigh, offered.videos), on_event)
        outcomes: dict[Path, FileOutcome] = {}

        def end(outcome: FileOutcome) -> None:
            outcomes[outcome.path] = outcome
            progress.ended(outcome)

        waiting: asyncio.Queue[DecodedFile | None] = asyncio.Queue(maxsize=1)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._decode_all(offered.videos, waiting, progress, end))
                both.create_task(self._publish_all(waiting, progress, end))
        except ExceptionGroup as failed:
            raise _first(failed) from None
        finally:
            self._stop.set()  # a thread that still decodes ends at its next sign of life
        return IndexReport(tuple(outcomes[path] for path in offered.videos if path in outcomes), offered.ignored)

    async def _know_the_model(self) -> None:
        try:
            _ = self._embedder.model
        except EmbedderUnavailable:  # a service that was not asked yet
            await self._embedder.embed_texts(["which model"], timeout_s=_FIRST_ANSWER_S)

    async def _decode_all(
        self,
        videos: Sequence[Path],
        waiting: asyncio.Queue[DecodedFile | None],
        progress: Progress,
        end: Callable[[FileOutcome], None],
    ) -> None:
        underway: set[str] = set()
        for path in videos:
            found = await self._decode(path, progress)
            if isinstance(found, FileOutcome):
                end(found)
                if found.reason is Reason.DISK_FULL:  # every further file would meet the same end
                    break
                continue
            if found.file.sha256 in underway:  # a copy of one that is not published yet
                await waiting.join()
                found = await self._decode(path, progress)
                if isinstance(found, FileOutcome):
                    end(found)
                    continue
            underway.add(found.file.sha256)
            await waiting.put(found)
        await waiting.put(None)

    async def _publish_all(
        self, waiting: asyncio.Queue[DecodedFile | None], progress: Progress, end: Callable[[FileOutcome], None]
    ) -> None:
        while (found := await waiting.get()) is not None:
            end(await self._publish(found, progress))
            waiting.task_done()

    async def _decode(self, path: Path, progress: Progress) -> DecodedFile | FileOutcome:
        try:
            return await self._decoder.take(path, lambda fraction: progress.file(path, fraction))
        except OSError as error:
            return FileOutcome(path, Status.FAILED, None, error.strerror or str(error), "Check the data folder.")

    async def _publish(self, found: DecodedFile, progress: Progress) -> FileOutcome:
        path = found.file.path
        try:
            return await self._publisher.publish(found, lambda fraction: progress.file(path, fraction))
        except (EmbedderUnavailable, EmbedderRejected) as error:
            # decoding is kept: the next run goes on from there
            return FileOutcome(path, Status.FAILED, None, error.message, error.remedy or "Index it again.")
        except OSError as error:
            return FileOutcome(path, Status.FAILED, None, error.strerror or str(error), "Check the data folder.")


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that a person should see: one of ours before any other."""
    flat: list[BaseException] = []
    for error in failed.exceptions:
        flat += [_first(error)] if isinstance(error, BaseExceptionGroup) else [error]
    return next((error for error in flat if isinstance(error, HeimdexError)), flat[0])
