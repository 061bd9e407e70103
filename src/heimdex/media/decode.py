"""One pass over one file: frames become cuts, scenes and keyframes; subtitle packets become text.

Runs inside the child process (`heimdex.media.child`); nothing here protects against a hostile file
beyond refusing what the headers already give away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import av.error
from av import VideoFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import DecodedVideo, Reason, Scene, Span
from heimdex.media import probe, subtitles
from heimdex.media.cuts import CutDetector
from heimdex.media.gallery import Gallery
from heimdex.media.planes import luma_and_chroma
from heimdex.media.rules import DecodeRules
from heimdex.media.scenes import SceneSpans
from heimdex.media.signature import Signature, sign
from heimdex.media.thumbnails import quarter_turns

#: decoding less than this part of what the headers promise is worth a note, and without frames a reason
_MUCH = 0.5
_PROGRESS_EVERY_S = 1.0


def decode_video(
    path: Path, keyframes: Path, rules: DecodeRules, *, on_progress: Callable[[float], None]
) -> DecodedVideo:
    """Decode ``path`` once and write its keyframes into the folder ``keyframes``.

    Raises:
        MediaRejected: whatever keeps the file from giving one scene.
    """
    with probe.opened(path) as container:
        stream = probe.best_video(container, max_frame_px=rules.max_frame_px)
        _prepare(stream, rules)
        declared_s = probe.declared_duration_s(container, stream)
        if declared_s is not None and declared_s > rules.max_duration_s:
            raise MediaRejected(Reason.TOO_LONG, f"{declared_s:.0f} s")
        tracks, notes = subtitles.choose_tracks(container)
        reel = _Reel(container, stream, tracks)
        journey = _Journey(rules, keyframes, declared_s, on_progress)
        for frame, time_s in reel.frames():
            journey.see(frame, time_s, stream)
        if journey.frames == 0:
            raise _nothing_decoded(reel, container, stream, declared_s)
        end_s = max(reel.end_s, journey.last_s)
        scenes = journey.finish(end_s)
        notes += _notes(container, stream, reel, declared_s, seen_s=end_s - journey.first_s)
        facts = probe.facts(
            container, stream, size_px=journey.size_px, duration_s=end_s, rotation_deg=journey.rotation_deg,
            notes=tuple(notes),
        )  # fmt: skip
        return DecodedVideo(facts, tuple(scenes), subtitles.segments(tracks, duration_s=end_s))


class _Reel:
    """The frames of one stream with their times on the clock that players show, damage stepped over."""

    def __init__(self, container: InputContainer, stream: VideoStream, tracks: list[subtitles.Track]) -> None:
        self._container, self._stream = container, stream
        self._tracks = {track.stream.index: track for track in tracks}
        self._clock_start_s = probe.clock_start_s(container)
        self._last_s = -1.0
        self.end_s = 0.0
        self.damaged = 0
        self.encrypted = probe.is_encrypted(container, stream)

    def frames(self) -> Iterator[tuple[VideoFrame, float]]:
        for packet in self._packets():
            track = self._tracks.get(packet.stream.index)  # the packet's own index is 0 when it flushes
            if track is not None:
                subtitles.read_packet(track, packet, self._clock_start_s or 0.0)
                continue
            if packet.has_sidedata("encryption_info"):
                self.encrypted = True
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                self.damaged += 1
                continue
            for frame in frames:
                if isinstance(frame, VideoFrame) and (time_s := self._time(frame)) is not None:
                    yield frame, time_s

    def _packets(self) -> Iterator[Packet[Stream]]:
        streams = [self._stream, *(track.stream for track in self._tracks.values())]
        packets = self._container.demux(streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.damaged += 1
                return
            yield packet

    def _time(self, frame: VideoFrame) -> float | None:
        """Return when the frame is shown; a frame that goes back in time is left out."""
        step_s = self._step_s(frame)
        if frame.pts is None or frame.time_base is None:
            time_s = self._last_s + step_s if self._last_s >= 0 else 0.0
        else:
            shown_s = float(frame.pts * frame.time_base)
            if self._clock_start_s is None:
                self._clock_start_s = shown_s
            time_s = round(max(0.0, shown_s - self._clock_start_s), 6)
        if time_s <= self._last_s:
            return None
        self._last_s = time_s
        self.end_s = round(time_s + step_s, 6)
        return time_s

    def _step_s(self, frame: VideoFrame) -> float:
        if frame.duration and frame.time_base and 0 < (duration_s := float(frame.duration * frame.time_base)) < 60:
            return duration_s
        rate = self._stream.average_rate or self._stream.guessed_rate
        return 1 / float(rate) if rate and 1 <= rate <= 1000 else 0.04


class _Journey:
    """What the frames leave behind: boundaries, candidates and finished scenes. Memory stays flat."""

    def __init__(
        self, rules: DecodeRules, keyframes: Path, declared_s: float | None, on_progress: Callable[[float], None]
    ) -> None:
        self._rules, self._declared_s, self._on_progress = rules, declared_s, on_progress
        self._cuts = CutDetector()
        self._gallery = Gallery(keyframes, most=rules.keyframes_per_scene, longer_side_px=rules.thumbnail_px)
        self._spans: SceneSpans | None = None
        self._told_s = 0.0
        self.scenes: list[Scene] = []
        self.frames = 0
        self.first_s = self.last_s = 0.0
        self.size_px = (0, 0)
        self.rotation_deg = 0

    def see(self, frame: VideoFrame, time_s: float, stream: VideoStream) -> None:
        if self._spans is None:
            self._spans = SceneSpans(time_s, min_s=self._rules.min_scene_s, max_s=self._rules.max_scene_s)
            self.first_s = time_s
            self.size_px = frame.width, frame.height
            self.rotation_deg = quarter_turns(frame.rotation)
        if time_s > self._rules.max_duration_s:
            raise MediaRejected(Reason.TOO_LONG, f"over {self._rules.max_duration_s:.0f} s")
        self.frames, self.last_s = self.frames + 1, time_s
        signature = sign(time_s, *luma_and_chroma(frame))
        self._gallery.offer(signature, frame, aspect=stream.sample_aspect_ratio, rotation_deg=self.rotation_deg)
        self._advance(signature)
        if time_s - self._told_s >= _PROGRESS_EVERY_S:
            self._told_s = time_s
            self._on_progress(min(0.99, time_s / self._declared_s) if self._declared_s else 0.0)

    def finish(self, end_s: float) -> list[Scene]:
        assert self._spans is not None  # noqa: S101  (the caller saw a frame)
        spans = self._spans.push(self._cuts.finish(), certain_s=end_s) + self._spans.finish(end_s)
        self._keep(spans)
        return self.scenes

    def _advance(self, signature: Signature) -> None:
        assert self._spans is not None  # noqa: S101
        boundaries = self._cuts.push(signature)
        self._keep(self._spans.push(boundaries, certain_s=signature.time_s - self._cuts.lag_s))

    def _keep(self, spans: list[Span]) -> None:
        for span in spans:
            if len(self.scenes) >= self._rules.max_scenes:
                raise MediaRejected(Reason.TOO_MANY_SCENES)
            self.scenes.append(Scene(span, self._gallery.hang(span, number=len(self.scenes) + 1)))


def _prepare(stream: VideoStream, rules: DecodeRules) -> None:
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = rules.threads or _threads(
        stream.codec_context.width * stream.codec_context.height
    )
    stream.codec_context.options = {"max_pixels": str(rules.max_frame_px)}


def _threads(frame_px: int) -> int:
    """Return how many threads may decode: each holds frames, and those of 8K take 50 MB or more."""
    return max(1, min(os.cpu_count() or 1, 8 if frame_px <= 4096 * 2304 else 2))


def _nothing_decoded(
    reel: _Reel, container: InputContainer, stream: VideoStream, declared_s: float | None
) -> MediaRejected:
    if reel.encrypted:
        return MediaRejected(Reason.ENCRYPTED)
    if not reel.damaged and declared_s and declared_s > 1:
        return MediaRejected(Reason.TRUNCATED, "it ends before its first frame")
    return MediaRejected(Reason.NO_FRAMES)


def _notes(
    container: InputContainer, stream: VideoStream, reel: _Reel, declared_s: float | None, *, seen_s: float
) -> list[str]:
    notes = []
    others = [s.index for s in container.streams.video if s.index != stream.index]
    if others:
        notes.append(f"video track {stream.index} was indexed, not {', '.join(map(str, others))}")
    if reel.damaged:
        notes.append(f"damaged: {reel.damaged} packets could not be decoded")
    if declared_s and seen_s < _MUCH * declared_s and declared_s - seen_s > 1:
        notes.append(f"only {seen_s:.1f} s of the promised {declared_s:.1f} s could be decoded")
    return notes
