"""What every way to find cuts must do: times of frames that were shown, in order, near the true ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import av
import numpy as np
import pytest
from tests.contract.test_media_decoder import RULES

from heimdex.media.detectors import Detector, KeyframeDetector, OwnDetector, SceneDetectDetector, open_detector
from heimdex.media.planes import luma_and_chroma
from heimdex.media.rules import SCENEDETECT
from heimdex.media.signature import sign
from heimdex.ports import Image
from heimdex.testing.clips import Shot, picture, play

SHOTS = [Shot(picture(1), 2.4, pan_px=20), Shot(picture(2), 3.0, grain=3), Shot(picture(3), 2.2)]


def scenedetect() -> Detector:
    pytest.importorskip("scenedetect", reason="the extra `scenedetect` is not installed")
    return SceneDetectDetector()


def found(detector: Detector, frames: Sequence[Image], times_s: Sequence[float]) -> list[float]:
    boundaries = []
    for image, time_s in zip(frames, times_s, strict=True):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(format="yuv420p")
        now = detector.push(sign(time_s, *luma_and_chroma(frame)), frame)
        assert all(time_s - detector.lag_s - 0.1 <= boundary <= time_s for boundary in now)
        boundaries += now
    return boundaries + detector.finish()


detectors = pytest.mark.parametrize("make", [OwnDetector, KeyframeDetector, scenedetect])


@detectors
def test_hard_cuts_are_found_at_their_time_stamps(make: Callable[[], Detector]) -> None:
    frames = list(play(SHOTS, fps=10))
    times_s = [0.1 * n + 0.03 * (n % 3) for n in range(len(frames))]

    assert found(make(), frames, times_s) == pytest.approx([times_s[24], times_s[54]])


@detectors
def test_one_shot_has_no_cut(make: Callable[[], Detector]) -> None:
    frames = list(play([Shot(picture(4), 4, pan_px=8, grain=2)], fps=10))

    assert found(make(), frames, [0.1 * n for n in range(len(frames))]) == []


@detectors
def test_nothing_seen_is_nothing_found(make: Callable[[], Detector]) -> None:
    assert make().finish() == []


def test_the_rules_choose() -> None:
    from dataclasses import replace

    assert isinstance(open_detector(RULES), OwnDetector)
    assert isinstance(open_detector(replace(RULES, fast=True)), KeyframeDetector)
    pytest.importorskip("scenedetect", reason="the extra `scenedetect` is not installed")
    assert isinstance(open_detector(replace(RULES, detector=SCENEDETECT)), SceneDetectDetector)
