"""The ways to find cuts, behind one port.

Ours looks at signatures and knows hard cuts, fades and dissolves. The fast one compares the encoder's
keyframes, which is all that the fast mode decodes. PySceneDetect's adaptive detector (extra
`scenedetect`) is there to be compared with.
"""

from __future__ import annotations

from typing import Protocol

from av import VideoFrame

from heimdex.domain.errors import SettingsInvalid
from heimdex.media.cuts import CutDetector
from heimdex.media.rules import SCENEDETECT, DecodeRules
from heimdex.media.signature import Signature, difference

#: two keyframes of an encoder that differ by more show different shots
_NEW_SHOT = 0.12
#: PySceneDetect's own default: it looks at frames about this wide
_SCENEDETECT_WIDTH_PX = 256


class Detector(Protocol):
    """Sees every decoded frame in order of time, and gives the times at which shots begin."""

    #: no boundary comes later than this after its frame was seen
    lag_s: float

    def push(self, signature: Signature, frame: VideoFrame) -> list[float]:
        """Take the next frame; return the boundaries that are now certain, in seconds."""
        ...

    def finish(self) -> list[float]:
        """Return the boundaries that are left."""
        ...


class OwnDetector:
    """`CutDetector`, which needs no more than signatures."""

    lag_s = CutDetector.lag_s

    def __init__(self) -> None:
        self._cuts = CutDetector()

    def push(self, signature: Signature, frame: VideoFrame) -> list[float]:
        return self._cuts.push(signature)

    def finish(self) -> list[float]:
        return self._cuts.finish()


class KeyframeDetector:
    """A shot begins at a keyframe of the encoder that looks unlike the one before it."""

    lag_s = 0.0

    def __init__(self) -> None:
        self._last: Signature | None = None

    def push(self, signature: Signature, frame: VideoFrame) -> list[float]:
        last, self._last = self._last, signature
        return [signature.time_s] if last is not None and difference(last, signature) > _NEW_SHOT else []

    def finish(self) -> list[float]:
        return []


class SceneDetectDetector:
    """PySceneDetect's AdaptiveDetector with its own defaults; numbers of frames become our times.

    Raises:
        SettingsInvalid: PySceneDetect is not installed.
    """

    lag_s = 1.0

    def __init__(self) -> None:
        try:
            from scenedetect import FrameTimecode
            from scenedetect.detectors import AdaptiveDetector
        except ImportError:
            raise SettingsInvalid(
                "PySceneDetect is not installed.",
                remedy="pip install 'heimdex[scenedetect]', or set HEIMDEX_INGEST__DETECTOR=own.",
            ) from None
        self._detector, self._timecode = AdaptiveDetector(), FrameTimecode
        self._times_s: list[float] = []

    def push(self, signature: Signature, frame: VideoFrame) -> list[float]:
        scale = min(1.0, _SCENEDETECT_WIDTH_PX / frame.width)
        size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        picture = frame.reformat(*size, format="bgr24", interpolation="AREA").to_ndarray()
        self._times_s.append(signature.time_s)
        return self._times(self._detector.process_frame(self._at(len(self._times_s) - 1), picture))

    def finish(self) -> list[float]:
        return self._times(self._detector.post_process(self._at(len(self._times_s) - 1))) if self._times_s else []

    def _at(self, number: int) -> object:
        return self._timecode(number, fps=25.0)  # the rate is only a unit here

    def _times(self, found: list[object]) -> list[float]:
        return [self._times_s[int(cut.frame_num)] for cut in found]  # type: ignore[attr-defined]


def open_detector(rules: DecodeRules) -> Detector:
    """Return a fresh detector for one file."""
    if rules.fast:
        return KeyframeDetector()
    return SceneDetectDetector() if rules.detector == SCENEDETECT else OwnDetector()
