"""The first half of a file's journey: is it known, and if not, what is in it."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from heimdex.domain.errors import MediaRejected, NotFound
from heimdex.domain.ids import VideoId, uuid7
from heimdex.domain.media import DecodedVideo, FileStamp, Reason, Segment
from heimdex.ingest import fingerprint, hashing
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.outcomes import FileOutcome, Status
from heimdex.ports import Catalogue, KnownFile, MediaDecoder, TranscriptReader

#: what another try may mend without any change of file or settings
_PASSING = {Reason.CHANGED_DURING_READ, Reason.DISK_FULL, Reason.PATH_REJECTED}
#: parts of a file's progress
_HASHED, _DECODED = 0.1, 0.8


class Stopped(Exception):
    """The run ends; the file in work is left for the next one."""


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
    """Turns a path into a `DecodedFile`, or into an outcome when there is nothing left to do."""

    decoder: MediaDecoder
    transcripts: TranscriptReader
    catalogue: Catalogue
    artefacts: Artefacts
    #: fingerprints of the decoder's settings, of its limits, and of all that a published video depends on
    decoding: str
    limits: str
    settings: str
    stop: threading.Event

    async def take(self, path: Path, on_progress: Callable[[float], None]) -> DecodedFile | FileOutcome:
        """Look at one file. Raises `Stopped`, StoreUnavailable; everything else becomes an outcome."""
        wanted = self.settings
        stamp = FileStamp(path, 0, 0)
        try:
            stamp = await asyncio.to_thread(hashing.stamp, path)
            known = await self.catalogue.known_file(path)
            if known is not None and _same_bytes(known, stamp):
                beside = await self._beside(path, known.file.sha256)
                wanted = fingerprint.with_text(self.settings, beside.said, beside.told)
                if (outcome := self._as_before(known, stamp, wanted)) is not None:
                    return outcome
            stamp = await self._hash(stamp, on_progress)
            beside = await self._beside(path, stamp.sha256)
            wanted = fingerprint.with_text(self.settings, beside.said, beside.told)
            if (outcome := await self._by_content(stamp, wanted, known)) is not None:
                return outcome
            decoded = await asyncio.to_thread(self._decode, stamp, on_progress)
        except MediaRejected as rejected:
            return await self._unreadable(stamp, rejected, wanted)
        same = known is not None and known.file.sha256 == stamp.sha256
        video_id = known.video_id if known is not None and same else None
        segments = tuple(beside.said) or decoded.segments
        descriptions = (*beside.told, *decoded.descriptions)
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
        reason = known.reason
        return FileOutcome(stamp.path, Status.UNREADABLE, reason, reason.explanation, reason.remedy)

    async def _hash(self, stamp: FileStamp, on_progress: Callable[[float], None]) -> FileStamp:
        read = 0

        def count(more: int) -> None:
            nonlocal read
            read += more
            self._check_stop()
            on_progress(_HASHED * read / max(read, stamp.size_bytes))

        return await asyncio.to_thread(lambda: hashing.hash_file(stamp.path, on_bytes=count))

    async def _by_content(self, stamp: FileStamp, wanted: str, known: KnownFile | None) -> FileOutcome | None:
        """Link the file when the library holds its bytes already."""
        held = [await self.catalogue.find_content(stamp.sha256, enough) for enough in fingerprint.enough(wanted)]
        video_id = next((found for found in held if found is not None), None)
        if video_id is None:
            return None
        try:
            await self.catalogue.link_file(stamp, video_id)
        except NotFound:  # removed meanwhile: index it anew
            return None
        touched = known is not None and known.file.sha256 == stamp.sha256 and known.reason is None
        return FileOutcome(stamp.path, Status.UNCHANGED if touched else Status.LINKED)

    def _decode(self, stamp: FileStamp, on_progress: Callable[[float], None]) -> DecodedVideo:
        earlier = self.artefacts.load(stamp.sha256, self.decoding)
        if earlier is not None:
            return earlier

        def tell(fraction: float) -> None:
            self._check_stop()
            on_progress(_HASHED + (_DECODED - _HASHED) * fraction)

        try:
            with self.artefacts.staging() as staged:
                decoded = self.decoder.decode(stamp.path, staged, on_progress=tell)
                now = hashing.stamp(stamp.path)
                if (now.size_bytes, now.mtime_ns) != (stamp.size_bytes, stamp.mtime_ns):
                    raise MediaRejected(Reason.CHANGED_DURING_READ)
                return self.artefacts.keep(staged, decoded, stamp.sha256, self.decoding)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise MediaRejected(Reason.DISK_FULL) from None
            raise

    async def _unreadable(self, stamp: FileStamp, rejected: MediaRejected, wanted: str) -> FileOutcome:
        reason = rejected.reason
        if reason is not Reason.DISK_FULL:  # that is no property of the file
            noted = fingerprint.with_limits(wanted, self.limits)
            await self.catalogue.record_unreadable(stamp, reason, rejected.detail, noted)
        status = Status.FAILED if reason is Reason.DISK_FULL else Status.UNREADABLE
        return FileOutcome(stamp.path, status, reason, rejected.detail, reason.remedy)

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise Stopped


def _same_bytes(known: KnownFile, stamp: FileStamp) -> bool:
    """Whether a file is as it was when it was read, as far as its size and date tell."""
    return (known.file.size_bytes, known.file.mtime_ns) == (stamp.size_bytes, stamp.mtime_ns)
