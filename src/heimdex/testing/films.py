"""Small files with several tracks: pictures, sound with a beep at a known time, text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from heimdex.ports import Image
from heimdex.testing.clips import TICKS

_CHUNK = 1024
_BEEP_HZ = 440.0
_ASS_HEADER = b"[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\n[Events]\n"


@dataclass(frozen=True, slots=True)
class Sound:
    """A track of silence with a beep in it, as long as the pictures."""

    codec: str = "aac"
    rate: int = 48_000
    layout: str = "mono"
    language: str | None = None
    default: bool | None = None
    #: the first sample is heard then
    start_s: float = 0.0
    #: nothing is stored between these times
    gap: tuple[float, float] = (0.0, 0.0)
    beep: tuple[float, float] = (0.0, 0.0)

    def with_beep(self, start_s: float, end_s: float) -> Self:
        return replace(self, beep=(start_s, end_s))

    def samples(self, until_s: float) -> NDArray[np.float32]:
        """Return (n,) float32 from `start_s` on."""
        times = np.arange(round((until_s - self.start_s) * self.rate)) / self.rate + self.start_s
        wave = 0.5 * np.sin(2 * np.pi * _BEEP_HZ * times)
        return np.where((times >= self.beep[0]) & (times < self.beep[1]), wave, 0.0).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Text:
    """A track of cues, (start_s, end_s, text)."""

    cues: list[tuple[float, float, str]] = field(default_factory=list)
    codec: str = "subrip"
    language: str | None = None


def write_film(
    path: Path,
    frames: Sequence[Image],
    *,
    fps: int = 25,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    sounds: Sequence[Sound] = (),
    texts: Sequence[Text] = (),
    container_options: dict[str, str] | None = None,
    format_: str | None = None,
) -> Path:
    """Write pictures, sounds and texts into one file and return its path.

    Args:
        times_s: presentation time of each frame; None spaces them by ``fps``.
    """
    times_s = times_s or [number / fps for number in range(len(frames))]
    end_s = times_s[-1] + 1 / fps
    with av.open(f"file:{path}", "w", format=format_, container_options=container_options or {}) as out:
        video = _video_stream(out, codec, frames[0], fps, pix_fmt, options)
        heard = [_sound_stream(out, sound) for sound in sounds]
        told = [_text_stream(out, text) for text in texts]
        packets = _picture_packets(video, frames, times_s, pix_fmt)
        for stream, sound in zip(heard, sounds, strict=True):
            packets += _sound_packets(stream, sound, end_s)
        for track, text in zip(told, texts, strict=True):
            packets += _text_packets(track, text)
        for packet in sorted(packets, key=_decoded_s):
            out.mux(packet)
    return path


def _video_stream(
    out: OutputContainer, codec: str, frame: Image, fps: int, pix_fmt: str, options: dict[str, str] | None
) -> VideoStream:
    x264 = {"preset": "ultrafast", "crf": "18"} if codec == "libx264" else {}
    stream = out.add_stream(codec, rate=fps, options=x264 | (options or {}))
    assert isinstance(stream, VideoStream)  # noqa: S101
    stream.height, stream.width = frame.shape[0], frame.shape[1]
    stream.pix_fmt = pix_fmt
    if codec.startswith("libx26"):
        stream.codec_context.time_base = stream.time_base = Fraction(1, TICKS)
    return stream


def _sound_stream(out: OutputContainer, sound: Sound) -> AudioStream:
    stream = out.add_stream(sound.codec, rate=sound.rate, layout=sound.layout)
    assert isinstance(stream, AudioStream)  # noqa: S101
    if sound.language:
        stream.metadata["language"] = sound.language
    if sound.default is not None:
        stream.disposition = Disposition.default if sound.default else Disposition(0)
    return stream


def _text_stream(out: OutputContainer, text: Text) -> SubtitleStream:
    stream = out.add_stream(text.codec)
    assert isinstance(stream, SubtitleStream)  # noqa: S101
    stream.codec_context.subtitle_header = _ASS_HEADER  # no encoder of text opens without one
    if text.language:
        stream.metadata["language"] = text.language
    return stream


def _picture_packets(
    stream: VideoStream, frames: Sequence[Image], times_s: Sequence[float], pix_fmt: str
) -> list[Packet[Stream]]:
    packets: list[Packet[Stream]] = []
    base = stream.codec_context.time_base or Fraction(1, TICKS)
    for frame, time_s in zip(frames, times_s, strict=True):
        shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(format=pix_fmt)
        shown.pts, shown.time_base = round(time_s / base), base
        packets += stream.encode(shown)
    return [*packets, *stream.encode(None)]


def _sound_packets(stream: AudioStream, sound: Sound, end_s: float) -> list[Packet[Stream]]:
    packets: list[Packet[Stream]] = []
    samples = sound.samples(end_s)
    channels = stream.codec_context.layout.nb_channels
    chunk = stream.codec_context.frame_size or _CHUNK
    resampler = av.AudioResampler(
        format=stream.codec_context.format, layout=sound.layout, rate=sound.rate, frame_size=chunk
    )
    for first in range(0, len(samples), chunk):
        start_s = sound.start_s + first / sound.rate
        if sound.gap[0] <= start_s < sound.gap[1]:
            continue
        block = np.tile(samples[first : first + chunk], (channels, 1))
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=sound.layout)
        frame.sample_rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
        frame.pts = round(start_s * sound.rate)
        for ready in resampler.resample(frame):
            packets += stream.encode(ready)
    return [*packets, *stream.encode(None)]


def _text_packets(stream: Stream, text: Text) -> list[Packet[Stream]]:
    packets: list[Packet[Stream]] = []
    for start_s, end_s, line in text.cues:
        body = line.encode()
        packet = Packet(len(body).to_bytes(2, "big") + body if text.codec == "mov_text" else body)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = round(start_s * 1000)
        packet.duration = round((end_s - start_s) * 1000)
        packets.append(packet)
    return packets


def _decoded_s(packet: Packet[Stream]) -> float:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return float(stamp * packet.time_base) if stamp is not None and packet.time_base is not None else 0.0
