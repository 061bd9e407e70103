"""Small videos with known cuts, rendered with numpy and PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from heimdex.ports import Image

#: presentation ticks per second: every usual frame rate and every millisecond fits
TICKS = 90_000


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture on show for a time, perhaps moving."""

    picture: Image
    seconds: float
    #: pixels per second that the picture moves to the left
    pan_px: float = 0.0
    #: standard deviation of the noise of every frame, in 8-bit levels
    grain: float = 0.0


def picture(seed: int, *, width: int = 320, height: int = 180, contrast: float = 1.0) -> Image:
    """Return a made-up landscape of soft colour patches, another one for each seed, (height, width, 3) uint8."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(0, 255, (6, 8, 3))
    rows = np.linspace(0, 5, height)
    columns = np.linspace(0, 7, width)
    top, left = rows.astype(int).clip(0, 4), columns.astype(int).clip(0, 6)
    down, across = (rows - top)[:, None, None], (columns - left)[None, :, None]
    smooth = (
        coarse[top][:, left] * (1 - down) * (1 - across)
        + coarse[top + 1][:, left] * down * (1 - across)
        + coarse[top][:, left + 1] * (1 - down) * across
        + coarse[top + 1][:, left + 1] * down * across
    )
    texture = random.normal(0, 12, (height, width, 1))
    made: Image = (128 + contrast * (smooth + texture - 128)).clip(0, 255).astype(np.uint8)
    return made


def plain(colour: tuple[int, int, int], *, width: int = 320, height: int = 180) -> Image:
    """Return a picture of one colour."""
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


def play(shots: Iterable[Shot], *, fps: int = 25) -> Iterator[Image]:
    """Yield the frames of shots that follow each other in hard cuts."""
    for number, shot in enumerate(shots):
        random = np.random.default_rng(number)
        for frame in range(round(shot.seconds * fps)):
            shown = np.roll(shot.picture, -round(shot.pan_px * frame / fps), axis=1)
            if shot.grain:
                noise: NDArray[np.float64] = random.normal(0, shot.grain, shown.shape)
                shown = (shown + noise).clip(0, 255).astype(np.uint8)
            yield shown


def dissolve(one: Image, other: Image, frames: int) -> list[Image]:
    """Return ``frames`` blends that lead from one picture to another."""
    parts = (np.arange(frames) + 1) / (frames + 1)
    return [(one * (1 - part) + other * part).astype(np.uint8) for part in parts]


def write_clip(
    path: Path,
    frames: Iterable[Image],
    *,
    fps: int = 25,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    format_: str | None = None,
    options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
) -> Path:
    """Write the frames as a video and return its path.

    Args:
        times_s: presentation time of each frame; None spaces them by ``fps``.
        format_: the container where the name of the file does not say it.
        aspect: of one pixel, width to height.
    """
    with av.open(f"file:{path}", "w", format=format_) as out:
        stream: VideoStream | None = None
        for number, frame in enumerate(frames):
            if stream is None:
                stream = _stream(out, codec, frame, fps, options, aspect)
            shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            shown.pts = round((times_s[number] if times_s else number / fps) * TICKS)
            shown.time_base = Fraction(1, TICKS)
            out.mux(stream.encode(shown))
        if stream is not None:
            out.mux(stream.encode(None))
    return path


def _stream(
    out: av.container.OutputContainer, codec: str, frame: Image, fps: int, options: dict[str, str] | None,
    aspect: Fraction | None,
) -> VideoStream:  # fmt: skip
    stream = out.add_stream(codec, rate=fps, options=options or {"preset": "ultrafast", "crf": "18"})
    assert isinstance(stream, VideoStream)  # noqa: S101
    stream.height, stream.width = frame.shape[0], frame.shape[1]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS)
    stream.time_base = Fraction(1, TICKS)
    if aspect is not None:
        stream.codec_context.sample_aspect_ratio = aspect
    return stream
