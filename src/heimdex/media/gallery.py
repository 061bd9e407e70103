"""The frames that wait to stand for a scene, and the JPEG files of those that do."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from heimdex.domain.media import Keyframe, Span
from heimdex.media.keyframes import EVERY_S, MOST_WAITING, Candidate, choose, quality, thin
from heimdex.media.signature import Signature, difference
from heimdex.media.thumbnails import grey, jpeg, thumbnail

#: a step like this may open a scene, whatever the time
_NEW_PICTURE = 0.1
#: a picture that changes all the time is still looked at only this often
_SOONEST_S = 0.1
#: what a frame is worth that the decoder itself calls broken
_BROKEN = 0.3


class Gallery:
    """Holds candidates as JPEGs of a few kilobytes each, and only those of scenes that are still open."""

    def __init__(self, folder: Path, *, most: int, longer_side_px: int) -> None:
        self._folder, self._most, self._longer_side_px = folder, most, longer_side_px
        self._waiting: list[Candidate] = []
        self._last: Candidate | None = None
        self._every_s = EVERY_S

    def offer(
        self, signature: Signature, frame: VideoFrame, *, aspect: Fraction | None, rotation_deg: int
    ) -> NDArray[np.uint8] | None:
        """Look at a frame; when a picture is due, keep it and return it: (height, width, 3) uint8 RGB, upright."""
        if not self._is_due(signature):
            return None
        picture = thumbnail(frame, aspect=aspect, rotation_deg=rotation_deg, longer_side_px=self._longer_side_px)
        worth = quality(signature, grey(picture)) * (_BROKEN if frame.is_corrupt else 1.0)
        candidate = Candidate(signature, worth, jpeg(picture))
        self._waiting.append(candidate)
        self._last = candidate
        if len(self._waiting) > MOST_WAITING:
            self._waiting = thin(self._waiting)
        return picture

    def hang(self, span: Span, *, number: int) -> tuple[Keyframe, ...]:
        """Write the keyframes of scene ``number`` and let go of what lies before its end."""
        inside = [c for c in self._waiting if span.start_s <= c.time_s < span.end_s]
        if not inside:  # a gap in time: the frame that is on show there came earlier
            kept = self._waiting or ([self._last] if self._last else [])
            inside = sorted(kept, key=lambda c: abs(c.time_s - span.start_s))[:1]
        chosen = choose(span, inside, self._most)
        self._waiting = [c for c in self._waiting if c.time_s >= span.end_s]
        return tuple(self._write(c, f"{number:06d}-{place}.jpg", span) for place, c in enumerate(chosen, start=1))

    def _is_due(self, signature: Signature) -> bool:
        if self._last is None:
            return True
        waited_s = signature.time_s - self._last.time_s
        if waited_s >= self._every_s:
            return True
        return waited_s >= _SOONEST_S and difference(self._last.signature, signature) > _NEW_PICTURE

    def _write(self, candidate: Candidate, name: str, span: Span) -> Keyframe:
        image = self._folder / name
        image.write_bytes(candidate.jpeg)
        time_s = min(max(candidate.time_s, span.start_s), span.end_s)
        return Keyframe(time_s, candidate.quality, image)
