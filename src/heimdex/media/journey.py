"""What the frames of a video leave behind as they pass: scenes with their keyframes, and a sprite sheet."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from av import VideoFrame
from av.video.stream import VideoStream

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import Reason, Scene, Span
from heimdex.media.detectors import open_detector
from heimdex.media.gallery import Gallery
from heimdex.media.planes import luma_and_chroma
from heimdex.media.rules import DecodeRules
from heimdex.media.scenes import SceneSpans
from heimdex.media.signature import sign
from heimdex.media.sprites import SpriteSheet
from heimdex.media.thumbnails import quarter_turns

#: a sign of life at least this often, on the wall clock
_TELL_EVERY_S = 0.5


class Journey:
    """Sees every frame once. Memory stays flat: only the open scene has pictures, and those are JPEGs."""

    def __init__(
        self, rules: DecodeRules, folder: Path, declared_s: float | None, on_progress: Callable[[float], None]
    ) -> None:
        self._rules, self._folder, self._declared_s, self._on_progress = rules, folder, declared_s, on_progress
        self._detector = open_detector(rules)
        self._gallery = Gallery(folder, most=rules.keyframes_per_scene, longer_side_px=rules.thumbnail_px)
        self._sprites = SpriteSheet()
        self._spans: SceneSpans | None = None
        self._told = time.monotonic()
        self.scenes: list[Scene] = []
        self.sprites: Path | None = None
        self.frames = 0
        self.first_s = self.last_s = 0.0
        self.size_px = (0, 0)
        self.resized_s: float | None = None
        self.rotation_deg = 0

    def see(self, frame: VideoFrame, time_s: float, stream: VideoStream) -> None:
        """Take the next frame. Raises MediaRejected when a limit is passed."""
        if self._spans is None:
            self._spans = SceneSpans(time_s, min_s=self._rules.min_scene_s, max_s=self._rules.max_scene_s)
            self.first_s = time_s
            self.size_px = frame.width, frame.height
            self.rotation_deg = quarter_turns(frame.rotation)
        self._check(frame, time_s)
        self.frames, self.last_s = self.frames + 1, time_s
        signature = sign(time_s, *luma_and_chroma(frame))
        picture = self._gallery.offer(
            signature, frame, aspect=stream.sample_aspect_ratio, rotation_deg=self.rotation_deg
        )
        if picture is not None:
            self._sprites.offer(time_s, picture)
        boundaries = self._detector.push(signature, frame)
        self._keep(self._spans.push(boundaries, certain_s=signature.time_s - self._detector.lag_s))
        self._tell(time_s)

    def finish(self, end_s: float) -> list[Scene]:
        """Return all scenes; the last one ends at ``end_s``."""
        assert self._spans is not None  # noqa: S101  (the caller saw a frame)
        self._keep(self._spans.push(self._detector.finish(), certain_s=end_s) + self._spans.finish(end_s))
        self.sprites = self._sprites.write(self._folder, end_s=end_s)
        return self.scenes

    def _check(self, frame: VideoFrame, time_s: float) -> None:
        if time_s > self._rules.max_duration_s:
            raise MediaRejected(Reason.TOO_LONG, f"over {self._rules.max_duration_s:.0f} s")
        if (frame.width, frame.height) != self.size_px and self.resized_s is None:
            self.resized_s = time_s

    def _keep(self, spans: list[Span]) -> None:
        for span in spans:
            if len(self.scenes) >= self._rules.max_scenes:
                raise MediaRejected(Reason.TOO_MANY_SCENES)
            self.scenes.append(Scene(span, self._gallery.hang(span, number=len(self.scenes) + 1)))

    def _tell(self, time_s: float) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            self._on_progress(min(0.99, time_s / self._declared_s) if self._declared_s else 0.0)
