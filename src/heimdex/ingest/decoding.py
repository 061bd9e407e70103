"""The first half of a file's journey: is it known, and if not, what is in it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from heimdex.domain.errors import MediaRejected, NotFound
from heimdex.domain.ids import VideoId, uuid7
from heimdex.domain.jobs import FileOutcome, JobEnd, Lease, Status, Step
from heimdex.domain.media import DecodedVideo, FileStamp, Reason, Segment
from heimdex.ingest import fingerprint, hashing
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.space import is_full
from heimdex.ports import Catalogue, KnownFile, MediaDecoder, TranscriptReader
from heimdex.ports.jobs import JobQueue

#: what another try may mend without any change of file or settings
_PASSING = {Reason.CHANGED_DURING_READ, Reason.DISK_FULL, Reason.PATH_REJECTED}
#: parts of a file's progress
_HASHED, _DECODED = 0.1, 0.8


#: told how far a file is, 0 to 1; what it raises ends the work on it
Progress = Callable[[float], None]


class Stopped(Exception):
    """The worker ends, or lost the job; the file in work is left for whoever takes it up."""


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """A file ready for embedding; keyframes are relative to the artefact folder."""

    file: FileStamp
    video_id: VideoId
    decoded: DecodedVideo
    #: of the text beside it, else of its own tracks
    segments: tuple[Segment, ...]
    #: what is told about it, beside it and in it
    descriptions: tuple[Segment, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Beside:
    """The text that lies beside a content: what is said, and what is told about it."""

    said: list[Segment]
    told: list[Segment]


@dataclass(frozen=True, slots=True)
class FileDecoder:
    """The step ``decode``: whether there is anything to do, and if so, what is in the file."""

    decoder: MediaDecoder
    transcripts: TranscriptReader
    catalogue: Catalogue
    queue: JobQueue
    artefacts: Artefacts
    #: fingerprints of the decoder's settings, of its limits, and of all that a published video depends on
    decoding: str
    limits: str
    settings: str

    async def look(self, path: Path, known: KnownFile | None, *, named: bool = False) -> FileOutcome | None:
        """Return how a file ends that needs no work, None for one that does; its content is not read.

        Args:
            named: a person asked for this very file, so that one that was taken out may come back.
        """
        if known is None or (named and known.reason is Reason.REMOVED):
            return None
        if known.reason is Reason.REMOVED:
            return _refused(path, Reason.REMOVED)
        try:
            stamp = await asyncio.to_thread(hashing.stamp, path)
        except MediaRejected:
            return None
        if not _same_bytes(known, stamp):
            return None
        if known.reason is Reason.WORKER_CRASH:
            return _refused(path, Reason.WORKER_CRASH)
        beside = await self._beside(path, known.file.sha256)
        return self._as_before(known, stamp, fingerprint.with_text(self.settings, beside.said, beside.told))

    async def take(self, lease: Lease, on_progress: Progress) -> FileOutcome | None:
        """Decode the file of a job, or end the job where there is nothing to decode; return how it ended.

        Raises `Stopped` when ``on_progress`` does, LeaseLost, StoreUnavailable, MediaRejected for DISK_FULL,
        OSError where the data folder cannot be used; every other failing is the file's and ends the job.
        """
        path, forced = lease.job.file.path, lease.job.forced
        wanted = self.settings
        stamp = FileStamp(path, 0, 0)
        try:
            known = await self.catalogue.known_file(path)
            if not forced and (outcome := await self.look(path, known, named=True)) is not None:
                await self.queue.finish(JobEnd(lease, outcome))
                return outcome
            stamp = await asyncio.to_thread(hashing.stamp, path)
            stamp = await self._hash(stamp, lease.job.file, on_progress)
            if not await self.queue.note_content(lease, stamp):  # a copy is in work: this one will be linked to it
                await self.queue.give_back(lease)
                return None
            beside = await self._beside(path, stamp.sha256)
            wanted = fingerprint.with_text(self.settings, beside.said, beside.told)
            if not forced and (outcome := await self._by_content(lease, stamp, wanted, known)) is not None:
                return outcome
            await asyncio.to_thread(self._decode, stamp, on_progress)
        except MediaRejected as rejected:
            return await self._unreadable(lease, stamp, rejected, wanted)
        await self.queue.advance(lease, Step.PUBLISH)
        return None

    async def recall(self, lease: Lease) -> DecodedFile | None:
        """Return what the step found; None when it is not here any more: the job is decoded anew then."""
        stamp = lease.job.file
        decoded = await asyncio.to_thread(self.artefacts.load, stamp.sha256, self.decoding)
        if decoded is None:
            await self.queue.advance(lease, Step.DECODE)
            return None
        beside = await self._beside(stamp.path, stamp.sha256)
        known = await self.catalogue.known_file(stamp.path)
        same = known is not None and known.file.sha256 == stamp.sha256
        video_id = known.video_id if known is not None and same else None
        segments = tuple(beside.said) or decoded.segments
        descriptions = (*beside.told, *decoded.descriptions)
        wanted = fingerprint.with_text(self.settings, beside.said, beside.told)
        return DecodedFile(stamp, video_id or VideoId(uuid7()), decoded, segments, descriptions, wanted)

    async def _beside(self, path: Path, sha256: str) -> _Beside:
        """Return the text beside the content: of its copies that are there, the first by path that has any.

        Whatever the order in which copies are indexed, they agree on it.
        """
        copies = await self.catalogue.paths_of_content(sha256)

        def first(read: Callable[[Path], list[Segment]], places: Sequence[Path]) -> list[Segment]:
            return next(filter(None, map(read, places)), [])

        def look() -> _Beside:
            ordered = sorted({path, *copies}, key=os.fsencode)
            places = [place for place in ordered if place == path or place.is_file()]
            return _Beside(
                first(self.transcripts.read_sidecars, places), first(self.transcripts.read_descriptions, places)
            )

        return await asyncio.to_thread(look)

    def _as_before(self, known: KnownFile, stamp: FileStamp, wanted: str) -> FileOutcome | None:
        if known.reason is None:
            return (
                FileOutcome(stamp.path, Status.UNCHANGED) if known.fingerprint in fingerprint.enough(wanted) else None
            )
        if known.reason in _PASSING or known.fingerprint != fingerprint.with_limits(wanted, self.limits):
            return None
        return _refused(stamp.path, known.reason)

    async def _hash(self, stamp: FileStamp, earlier: FileStamp, on_progress: Progress) -> FileStamp:
        if earlier.sha256 and (earlier.size_bytes, earlier.mtime_ns) == (stamp.size_bytes, stamp.mtime_ns):
            return earlier
        read = 0

        def count(more: int) -> None:
            nonlocal read
            read += more
            on_progress(_HASHED * read / max(read, stamp.size_bytes))

        return await asyncio.to_thread(lambda: hashing.hash_file(stamp.path, on_bytes=count))

    async def _by_content(
        self, lease: Lease, stamp: FileStamp, wanted: str, known: KnownFile | None
    ) -> FileOutcome | None:
        """Link the file when the library holds its bytes already."""
        held = [await self.catalogue.find_content(stamp.sha256, enough) for enough in fingerprint.enough(wanted)]
        video_id = next((found for found in held if found is not None), None)
        if video_id is None:
            return None
        touched = known is not None and known.file.sha256 == stamp.sha256 and known.reason is None
        outcome = FileOutcome(stamp.path, Status.UNCHANGED if touched else Status.LINKED)
        try:
            await self.catalogue.link_file(stamp, video_id, end=JobEnd(lease, outcome))
        except NotFound:  # removed meanwhile: index it anew
            return None
        return outcome

    def _decode(self, stamp: FileStamp, on_progress: Progress) -> DecodedVideo:
        earlier = self.artefacts.load(stamp.sha256, self.decoding)
        if earlier is not None:
            return earlier
        try:
            with self.artefacts.staging() as staged:
                decoded = self.decoder.decode(
                    stamp.path, staged, on_progress=lambda part: on_progress(_HASHED + (_DECODED - _HASHED) * part)
                )
                now = hashing.stamp(stamp.path)
                if (now.size_bytes, now.mtime_ns) != (stamp.size_bytes, stamp.mtime_ns):
                    raise MediaRejected(Reason.CHANGED_DURING_READ)
                return self.artefacts.keep(staged, decoded, stamp.sha256, self.decoding)
        except OSError as error:
            if is_full(error):
                raise MediaRejected(Reason.DISK_FULL) from None
            raise

    async def _unreadable(self, lease: Lease, stamp: FileStamp, rejected: MediaRejected, wanted: str) -> FileOutcome:
        reason = rejected.reason
        if reason is Reason.DISK_FULL:  # that is no property of the file
            raise rejected
        if reason is Reason.PATH_REJECTED and not await asyncio.to_thread(os.path.lexists, stamp.path):
            # gone, perhaps with its drive: what the library knows of it stays
            await self.queue.fail(lease, "the file is not there")
            return FileOutcome(stamp.path, Status.FAILED, reason, rejected.detail, "Index it again when it is back.")
        outcome = FileOutcome(stamp.path, Status.UNREADABLE, reason, rejected.detail, reason.remedy)
        noted = fingerprint.with_limits(wanted, self.limits)
        await self.catalogue.record_unreadable(stamp, reason, rejected.detail, noted, end=JobEnd(lease, outcome))
        return outcome


def _refused(path: Path, reason: Reason) -> FileOutcome:
    return FileOutcome(path, Status.UNREADABLE, reason, reason.explanation, reason.remedy)


def _same_bytes(known: KnownFile, stamp: FileStamp) -> bool:
    """Whether a file is as it was when it was read, as far as its size and date tell."""
    return (known.file.size_bytes, known.file.mtime_ns) == (stamp.size_bytes, stamp.mtime_ns)
