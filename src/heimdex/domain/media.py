"""Videos, scenes, keyframes and segments. Times are seconds on the presentation clock of the file."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open stretch of time, ``start_s <= t < end_s``."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_s <= self.end_s < float("inf"):
            raise ValueError(f"not a span: {self.start_s} to {self.end_s}")

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def overlap_s(self, other: Span) -> float:
        """Return the seconds that both spans share, 0 when they do not meet."""
        return max(0.0, min(self.end_s, other.end_s) - max(self.start_s, other.start_s))


class Reason(StrEnum):
    """Why a file is not searchable."""

    EMPTY = "empty"
    NOT_MEDIA = "not_media"
    NO_VIDEO_STREAM = "no_video_stream"
    NO_FRAMES = "no_frames"
    TRUNCATED = "truncated"
    ENCRYPTED = "encrypted"
    TOO_LONG = "too_long"
    TOO_LARGE_FRAME = "too_large_frame"
    TOO_MANY_SCENES = "too_many_scenes"
    DECODER_CRASH = "decoder_crash"
    DECODER_TIMEOUT = "decoder_timeout"
    MEMORY = "memory"
    CHANGED_DURING_READ = "changed_during_read"
    PATH_REJECTED = "path_rejected"
    DISK_FULL = "disk_full"
    WORKER_CRASH = "worker_crash"
    REMOVED = "removed"

    @property
    def explanation(self) -> str:
        return _REASONS[self][0]

    @property
    def remedy(self) -> str:
        return _REASONS[self][1]


_REASONS: dict[Reason, tuple[str, str]] = {
    Reason.EMPTY: ("the file has no bytes", "Copy it again from its source."),
    Reason.NOT_MEDIA: ("no known media container", "Check that it is a video; a wrong name ending does no harm."),
    Reason.NO_VIDEO_STREAM: ("there is sound but no picture", "Nothing to do: only videos are indexed."),
    Reason.NO_FRAMES: ("not one frame could be decoded", "Play it elsewhere; copy it again if that fails too."),
    Reason.TRUNCATED: ("most of the file is missing or damaged", "Copy it again from its source."),
    Reason.ENCRYPTED: ("the streams are encrypted", "Index a copy without protection."),
    Reason.TOO_LONG: ("longer than the limit", "Raise HEIMDEX_INGEST__MAX_DURATION_S."),
    Reason.TOO_LARGE_FRAME: ("the frames are larger than the limit", "Raise HEIMDEX_INGEST__MAX_FRAME_PX."),
    Reason.TOO_MANY_SCENES: ("more scenes than the limit", "Raise HEIMDEX_INGEST__MAX_SCENES."),
    Reason.DECODER_CRASH: ("the decoder crashed on it", "Convert it with another program and index the copy."),
    Reason.DECODER_TIMEOUT: ("decoding took too long", "Raise HEIMDEX_INGEST__TIMEOUT_S, or convert the file."),
    Reason.MEMORY: ("decoding needed more memory than allowed", "Raise HEIMDEX_INGEST__MAX_MEMORY_BYTES."),
    Reason.CHANGED_DURING_READ: ("the file changed while it was read", "Index it again once it is complete."),
    Reason.PATH_REJECTED: ("not a regular file that may be read", "Check its type and permissions."),
    Reason.WORKER_CRASH: ("the program died on it again and again", "Try it once more: heimdex jobs retry PATH."),
    Reason.REMOVED: ("taken out of the library by hand", "To have it back, name the file: heimdex index PATH."),
    Reason.DISK_FULL: ("no space left for the library", "Free some space, then index again."),
}


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What the container and the chosen streams say about themselves.

    ``width_px`` and ``height_px`` are those of the upright picture, after rotation.
    """

    duration_s: float
    width_px: int
    height_px: int
    fps: float | None
    container: str
    video_codec: str
    rotation_deg: int = 0
    has_audio: bool = False
    recorded_at: datetime | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """Timed text: of a transcript, what is said; of a description, what is told about the picture."""

    span: Span
    text: str
    #: ``sidecar``, ``embedded`` or ``speech``; of a description ``sidecar``, ``chapter``, ``container`` or ``caption``
    source: str
    #: BCP 47, None when unknown
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame that stands for a scene, kept as a JPEG beside the library."""

    time_s: float
    #: 0 (black or blurred away) to 1
    quality: float
    image: Path


@dataclass(frozen=True, slots=True)
class Scene:
    """The stretch between two cuts: the unit of retrieval. Always has at least one keyframe."""

    span: Span
    keyframes: tuple[Keyframe, ...]


@dataclass(frozen=True, slots=True)
class DecodedVideo:
    """All that one pass over a file gives."""

    facts: MediaFacts
    scenes: tuple[Scene, ...]
    #: text of embedded subtitle tracks
    segments: tuple[Segment, ...] = ()
    #: chapter titles, and what the container tells about the whole
    descriptions: tuple[Segment, ...] = ()
    #: WAV, 16 kHz, mono, 16 bits, sample 0 at 0 s; only when it was asked for. Whoever listened may delete it
    audio: Path | None = None
    #: a JPEG of small pictures, its index beside it with the ending ``.vtt``
    sprites: Path | None = None


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file as it was when it was read. ``path`` is absolute; its bytes are never changed by heimdex."""

    path: Path
    size_bytes: int
    mtime_ns: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """How much of the library can be searched, and what cannot and why."""

    videos: int
    scenes: int
    duration_s: float
    segments: int
    #: channel name -> scenes that the channel can find
    coverage: dict[str, int] = field(default_factory=dict)
    unreadable: tuple[UnreadableFile, ...] = ()
    missing: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that was offered and is not searchable."""

    path: Path
    reason: Reason
    detail: str


def title_of(path: Path) -> str:
    """Return a printable name for people: the file's, without its ending."""
    name = path.stem.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", name)).split()) or "?"
