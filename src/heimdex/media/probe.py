"""Opening a file that nobody vouches for, and what its headers say."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import MediaFacts, Reason
from heimdex.media.thumbnails import upright_size

#: Containers that hold videos, and audio files so that they can be told from damage. No playlist and
#: no concatenation script: those would open other files. Single images are Pillow's (`heimdex.media.photo`).
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpegts,mpeg,mpegvideo,asf,ogg,mxf,gxf,nut,rm,dv,ivf,"
    "h264,hevc,m4v,gif,obu,wtv,ivr,dhav,swf,kux,wav,mp3,aac,flac,aiff,ac3,eac3,amr,w64,caf,ape,wv,tta,dts,au,opus"
)
#: where containers say when the film was shot; the first one knows the time zone
_DATES = ("com.apple.quicktime.creationdate", "creation_time", "date")
#: an earlier year comes from a camera whose clock was never set
FIRST_YEAR = 1971
_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}


def check(path: Path) -> None:
    """Raises MediaRejected (PATH_REJECTED, EMPTY) unless ``path`` is a regular file that may be read."""
    try:
        status = path.stat()
    except OSError as error:
        raise MediaRejected(Reason.PATH_REJECTED, error.strerror or str(error)) from None
    if not stat.S_ISREG(status.st_mode):
        raise MediaRejected(Reason.PATH_REJECTED)
    if not os.access(path, os.R_OK):
        raise MediaRejected(Reason.PATH_REJECTED, "no permission to read it")
    if status.st_size == 0:
        raise MediaRejected(Reason.EMPTY)


@contextlib.contextmanager
def opened(path: Path, **options: str) -> Iterator[InputContainer]:
    """Open a regular file as one of `FORMATS`, through no other protocol than ``file``.

    Args:
        options: further ones of FFmpeg's demuxer.

    Raises:
        MediaRejected: PATH_REJECTED, EMPTY, NOT_MEDIA.
    """
    check(path)
    try:
        container = av.open(f"file:{path}", mode="r", container_options=_OPTIONS | options, metadata_errors="replace")
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError):
        raise MediaRejected(Reason.NOT_MEDIA) from None
    with container:
        yield container


def declared_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Return what the headers promise, None when they promise nothing believable."""
    if stream.duration and stream.time_base and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    if container.duration and container.duration > 0:
        return container.duration / av.time_base
    return None


def clock_start_s(container: InputContainer) -> float | None:
    """Return the time stamp that players show as 0."""
    start = container.start_time
    return start / av.time_base if start is not None else None


def facts(
    container: InputContainer, stream: VideoStream, *, size_px: tuple[int, int], duration_s: float, rotation_deg: int,
    notes: tuple[str, ...],
) -> MediaFacts:  # fmt: skip
    """Return what is known once the frames were seen.

    Args:
        size_px: width and height as decoded.
    """
    width, height = upright_size(*size_px, stream.sample_aspect_ratio, rotation_deg)
    rate = stream.average_rate or stream.guessed_rate
    return MediaFacts(
        duration_s=duration_s,
        width_px=width,
        height_px=height,
        fps=float(rate) if rate and 0 < rate < 1000 else None,
        container=container.format.name,
        video_codec=stream.codec_context.name,
        rotation_deg=rotation_deg,
        has_audio=bool(container.streams.audio),
        recorded_at=next(filter(None, (_recorded_at(container.metadata.get(key)) for key in _DATES)), None),
        notes=notes,
    )


def is_encrypted(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the headers name a key (Matroska); MP4 says it on each packet."""
    return "enc_key_id" in stream.metadata


def _recorded_at(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip()) if text else None
    except ValueError:
        return None
    if moment is None or moment.year < FIRST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
