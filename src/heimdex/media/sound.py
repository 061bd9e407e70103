"""The sound of a file as speech recognition wants it: 16 kHz, one channel, 16 bits, on the clock of the video."""

from __future__ import annotations

import contextlib
import wave
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
from av import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from heimdex.media import probe, tracks

RATE_HZ = 16_000
BYTES_PER_S = RATE_HZ * 2
#: time stamps that disagree by less are rounding, not a gap
_LEAST_GAP_S = 0.02
_SILENCE = bytes(BYTES_PER_S)


class SoundTrack:
    """Writes a WAV whose sample n is heard at n / 16,000 s: gaps become silence, what overlaps is left out."""

    def __init__(self, stream: AudioStream, path: Path, *, max_duration_s: float) -> None:
        self.stream, self.path = stream, path
        self._most = round(max_duration_s * RATE_HZ)
        self._written = 0
        #: samples to leave out, because others were heard at their time
        self._skip = 0
        self._resampler = _resampler()
        #: when the samples that come next are heard, None before the first
        self._next_s: float | None = None
        self._wave = wave.open(str(path), "wb")  # noqa: SIM115  (closed with the context)
        self._wave.setparams((1, 2, RATE_HZ, 0, "NONE", ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(None)
        self._wave.close()

    @property
    def index(self) -> int:
        return self.stream.index

    @property
    def duration_s(self) -> float:
        return self._written / RATE_HZ

    def read_packet(self, packet: Packet[Stream], clock_start_s: float) -> None:
        """Decode one packet and write what it holds; a damaged one leaves silence."""
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            if isinstance(frame, AudioFrame) and frame.samples:
                self._place(frame, clock_start_s)
                self._write(frame)

    def _place(self, frame: AudioFrame, clock_start_s: float) -> None:
        """Write silence up to the frame when it begins later than the one before it ended."""
        if frame.pts is None or frame.time_base is None:
            return
        start_s = float(frame.pts * frame.time_base) - clock_start_s
        if self._next_s is None or abs(start_s - self._next_s) > _LEAST_GAP_S:
            self._write(None)
            self._pad(round(start_s * RATE_HZ))
            self._next_s = start_s
        self._next_s += frame.samples / frame.sample_rate

    def _pad(self, until: int) -> None:
        missing = min(until, self._most) - self._written
        self._skip = max(0, self._written - until)
        while missing > 0:
            step = min(missing, RATE_HZ)
            self._wave.writeframesraw(_SILENCE[: 2 * step])
            self._written += step
            missing -= step

    def _write(self, frame: AudioFrame | None) -> None:
        """Resample a frame, or with None what the resampler still holds; then it starts anew."""
        try:
            frames = self._resample(frame)
        except (av.error.FFmpegError, ValueError):
            frames = []
        for ready in frames:
            samples = bytes(ready.planes[0])[: 2 * ready.samples]
            dropped = min(self._skip, ready.samples)
            self._skip -= dropped
            samples = samples[2 * dropped : 2 * (dropped + max(0, self._most - self._written))]
            self._wave.writeframesraw(samples)
            self._written += len(samples) // 2

    def _resample(self, frame: AudioFrame | None) -> list[AudioFrame]:
        if frame is None:
            resampler, self._resampler = self._resampler, _resampler()
            return resampler.resample(None) if resampler.format is not None and self._next_s is not None else []
        frame.pts = None  # the place of the samples is kept here
        try:
            return self._resampler.resample(frame)
        except ValueError:  # the sound changes its rate or channels midway
            rest = self._resample(None)
            return rest + self._resampler.resample(frame)


def extract(path: Path, into: Path, *, max_duration_s: float, on_progress: Callable[[float], None]) -> float:
    """Write only the sound of ``path`` and return its seconds, 0 without a file when it has none.

    Raises:
        MediaRejected: what keeps the file from being opened.
    """
    with probe.opened(path) as container:
        stream = tracks.best_audio(container)
        if stream is None:
            return 0.0
        start_s = probe.clock_start_s(container) or 0.0
        whole_s = container.duration / av.time_base if container.duration else 0.0
        chosen: list[Stream] = [stream]
        # what is damaged ends the sound, not the reading of it
        with (
            SoundTrack(stream, into, max_duration_s=max_duration_s) as sound,
            contextlib.suppress(av.error.FFmpegError),
        ):
            for packet in container.demux(chosen):
                sound.read_packet(packet, start_s)
                on_progress(min(0.99, sound.duration_s / whole_s) if whole_s > 0 else 0.0)
        return sound.duration_s


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
