"""Videos of every kind, made at test time: name -> how it is made. `crafted_corpus.toml` says what becomes of them.

Most show one picture for two seconds and another one for two seconds, 25 frames a second.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.stream import VideoStream

from heimdex.media.tone import HLG, PQ
from heimdex.ports import Image
from heimdex.testing.clips import Shot, picture, plain, play, write_clip
from heimdex.testing.films import Sound, Text, write_film

Maker = Callable[[Path], object]

WIDTH, HEIGHT = 160, 90
CUES = [(0.5, 1.0, "first words"), (2.2, 3.1, "the second shot")]


def two_shots(width: int = WIDTH, height: int = HEIGHT, fps: int = 25) -> list[Image]:
    first, second = (picture(seed, width=width, height=height) for seed in (1, 2))
    return list(play([Shot(first, 2), Shot(second, 2)], fps=fps))


def film(path: Path, codec: str = "libx264", pix_fmt: str = "yuv420p", **how: Any) -> Path:
    return write_film(path, two_shots(), codec=codec, pix_fmt=pix_fmt, **how)


def of(codec: str, pix_fmt: str = "yuv420p", **how: Any) -> Maker:
    return lambda path: film(path, codec, pix_fmt, **how)


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> Image:
    half = [plain(colour, width=WIDTH // 2, height=HEIGHT) for colour in (left, right)]
    return np.concatenate(half, axis=1)


def rotated(matrix: Sequence[int]) -> Maker:
    """Red on the left, blue on the right, and a display matrix of 16.16 fixed point."""

    def make(path: Path) -> None:
        write_film(path, [halves((220, 20, 20), (20, 20, 220))] * 25)
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 4 + 40
        data[at : at + 36] = struct.pack(">9i", *matrix)
        path.write_bytes(data)

    return make


def trimmed(path: Path) -> None:
    """An edit list that leaves out the first second of pictures and text."""
    write_film(path, two_shots(), options={"bf": "0", "g": "10"}, texts=[Text(CUES, codec="mov_text")])
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"elst", at + 1)) >= 0:
        track = data.rindex(b"trak", 0, at)
        media = data.index(b"mdhd", track)
        ticks = struct.unpack_from(">I", data, media + 16)[0]  # version 0: times of 4 bytes each
        count = struct.unpack_from(">I", data, at + 8)[0]
        entry = at + 12 + 12 * (count - 1)
        length, _, rate = struct.unpack_from(">IiI", data, entry)
        struct.pack_into(">IiI", data, entry, length - 1000, ticks, rate)
    path.write_bytes(data)


def delayed(path: Path) -> None:
    """The sound begins at 0, the pictures a second later: an empty edit."""
    times_s = [1 + number / 25 for number in range(100)]
    write_film(path, two_shots(), times_s=times_s, sounds=[Sound("aac", rate=16_000)])


def resized(path: Path) -> None:
    """A stream whose pictures change their size after two seconds, as broadcasts do."""
    parts = []
    for number, (width, height) in enumerate([(160, 90), (320, 240)]):
        part = path.with_suffix(f".{number}")
        frames = list(play([Shot(picture(number, width=width, height=height), 2)]))
        times_s = [2 * number + n / 25 for n in range(50)]
        write_clip(part, frames, times_s=times_s, format_="mpegts")
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))


def interlaced(path: Path) -> None:
    """Two fields of different brightness in one frame: a comb that must not be seen."""
    frame = plain((200, 200, 200), width=WIDTH, height=96)
    frame[1::2] = 20
    write_film(path, [frame] * 50, codec="mpeg2video", options={"flags": "+ilme+ildct", "q": "2", "b": "8M"})


def transparent(codec: str, pix_fmt: str) -> Maker:
    """The left half can be seen, the right half is there and transparent."""

    def make(path: Path) -> None:
        layered = np.full((HEIGHT, WIDTH, 4), (40, 200, 40, 255), np.uint8)
        layered[:, WIDTH // 2 :] = (250, 250, 250, 0)
        with av.open(str(path), "w") as out:
            stream = out.add_stream(codec, rate=25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
            for number in range(25):
                frame = av.VideoFrame.from_ndarray(layered, format="rgba").reformat(format=pix_fmt)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))

    return make


def bright(transfer: int, signals: tuple[float, float]) -> Maker:
    """Two grey halves of 10-bit BT.2020 with the given non-linear signals."""

    def make(path: Path) -> None:
        luma = np.full((HEIGHT, WIDTH), round(64 + 876 * signals[0]), np.uint16)
        luma[:, WIDTH // 2 :] = round(64 + 876 * signals[1])
        planes = np.concatenate([luma.ravel(), np.full(HEIGHT * WIDTH // 2, 512, np.uint16)]).reshape(-1, WIDTH)
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx265", rate=25, options={"crf": "4", "x265-params": "log-level=none"})
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
            context = stream.codec_context
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, transfer, 1
            for number in range(25):
                frame = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
                frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = 9, 9, transfer, 1
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))

    return make


def two_pictures(path: Path, *, cover: bool) -> None:
    """A second stream of pictures: another view, or a cover."""
    with av.open(str(path), "w") as out:
        streams = []
        for number, codec in enumerate(["libx264", "mjpeg" if cover else "libx264"]):
            stream = out.add_stream(codec, rate=25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = WIDTH // (1 + number), HEIGHT // (1 + number) // 2 * 2
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            streams.append(stream)
        streams[0].disposition = Disposition.default
        streams[1].disposition = Disposition.attached_pic if cover else Disposition(0)
        for number, image in enumerate(two_shots()):
            for stream in streams[: 1 if cover and number else 2]:
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame = frame.reformat(stream.width, stream.height, format=stream.pix_fmt)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))


def ten_hours(path: Path) -> None:
    """A picture every 20 seconds, another view each hour."""
    views = [picture(hour, width=64, height=36) for hour in range(10)]
    frames = [views[number // 180] for number in range(1800)]
    write_clip(path, frames, times_s=[20.0 * number for number in range(1800)])


def uneven_times() -> list[float]:
    """Half speed in the first shot, a fifth in the second: the cut lies at 4 s, the end at 14 s."""
    return [n * 0.08 for n in range(50)] + [4 + n * 0.2 for n in range(50)]


def gap_times() -> list[float]:
    return [n / 25 for n in range(50)] + [12 + n / 25 for n in range(50)]


_90 = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
_180 = (-(1 << 16), 0, 0, 0, -(1 << 16), 0, 0, 0, 1 << 30)
_270 = (0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30)

VIDEOS: dict[str, Maker] = {
    "h264.mp4": of("libx264"),
    "hevc.mp4": of("libx265", options={"x265-params": "log-level=none"}),
    "vp8.webm": of("libvpx"),
    "vp9.webm": of("libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}),
    "av1.mkv": of("libsvtav1", options={"preset": "13"}),
    "mpeg4.avi": of("mpeg4"),
    "mpeg2.mpg": of("mpeg2video"),
    "wmv2.wmv": of("wmv2"),
    "flash.flv": of("flv"),
    "mjpeg.mov": of("mjpeg", "yuvj420p"),
    "prores.mov": of("prores_ks", "yuv422p10le"),
    "ffv1.mkv": of("ffv1"),
    "huffyuv.avi": of("huffyuv", "yuv422p"),
    "utvideo.avi": of("utvideo", "yuv422p"),
    "raw.nut": of("rawvideo"),
    "moving.gif": of("gif", "rgb8"),
    "grey.mkv": of("ffv1", "gray"),
    "rgb.mkv": of("ffv1", "bgr0"),
    "yuv444.mp4": of("libx264", "yuv444p"),
    "ten_bit.mkv": of("libx265", "yuv420p10le", options={"x265-params": "log-level=none"}),
    "pq.mkv": bright(PQ, (0.1500, 0.7518)),
    "hlg.mp4": bright(HLG, (0.1, 0.75)),
    "interlaced.ts": interlaced,
    "alpha_qtrle.mov": transparent("qtrle", "argb"),
    "alpha_ffv1.mkv": transparent("ffv1", "yuva420p"),
    "odd_size.mkv": lambda path: write_film(path, two_shots(161, 91), codec="ffv1"),
    "tiny.mp4": lambda path: write_film(path, two_shots(16, 16)),
    "wide.mp4": lambda path: write_film(path, two_shots(1920, 16)),
    "resized.ts": resized,
    "anamorphic.mp4": lambda path: write_clip(path, two_shots(), aspect=Fraction(2, 1)),
    "rotated_90.mp4": rotated(_90),
    "rotated_180.mp4": rotated(_180),
    "rotated_270.mp4": rotated(_270),
    "vfr.mkv": lambda path: write_film(path, two_shots(), times_s=uneven_times(), texts=[Text(CUES)]),
    "vfr.mp4": lambda path: write_film(path, two_shots(), times_s=uneven_times(), texts=[Text(CUES, codec="mov_text")]),
    "hole.mkv": lambda path: write_film(path, two_shots(), times_s=gap_times()),
    "edit_trimmed.mp4": trimmed,
    "edit_delayed.mp4": delayed,
    "late_clock.ts": lambda path: write_clip(path, two_shots(), times_s=[7 + n / 25 for n in range(100)]),
    "live.webm": of("libvpx", container_options={"live": "1"}),
    "fragmented.mp4": of("libx264", container_options={"movflags": "frag_keyframe+empty_moov"}),
    "faststart.mp4": of("libx264", container_options={"movflags": "faststart"}),
    "slow_rate.mp4": lambda path: write_film(path, two_shots(fps=2), fps=2),
    "fast_rate.mp4": lambda path: write_film(path, two_shots(fps=120), fps=120),
    "surround.mkv": of("libx264", sounds=[Sound("ac3", layout="5.1")]),
    "two_sounds.mkv": of(
        "libx264",
        sounds=[Sound("aac", language="eng", default=False), Sound("aac", language="kor", default=True)],
    ),
    "two_pictures.mkv": lambda path: two_pictures(path, cover=False),
    "cover.mp4": lambda path: two_pictures(path, cover=True),
    "three_texts.mkv": of(
        "libx264",
        texts=[
            Text(CUES, language="eng"), Text([(2.0, 3.0, "안녕하세요")], language="kor"),
            Text([(1.0, 2.0, "commentary")], language="eng"),
        ],
    ),
    "ass.mkv": of("libx264", texts=[Text([(2.2, 3.1, r"0,0,Default,,0,0,0,,{\i1}the second{\i0} shot")], codec="ass")]),
    "mov_text.mp4": of("libx264", texts=[Text(CUES, codec="mov_text")]),
    "one_frame.mp4": lambda path: write_film(path, [picture(1)]),
    "black.mp4": lambda path: write_film(path, [plain((0, 0, 0), width=WIDTH, height=HEIGHT)] * 50),
    "ten_hours.mkv": ten_hours,
    "eight_k.mp4": lambda path: write_film(path, [np.tile(picture(1), (24, 24, 1))] * 2),
}  # fmt: skip
