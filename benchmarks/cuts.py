"""How well changes of shot are found, by ours and by PySceneDetect's adaptive detector, through the same pass.

    .venv/bin/python -m benchmarks.cuts [--seed 2026] [--clips 4]

The clips are rendered from the seed (`benchmarks.cut_set`). The default seed was never looked at while
detectors or their thresholds were changed; seeds 0 to 9 are for that. A change is found when one start of a
scene lies within two frames of a hard cut, or within a quarter of a second of a gradual one; a start that
belongs to no change, or to one that is found already, is false. Scenes are those of the product: pieces
shorter than a second are merged.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.cut_set import FPS, CutClip, render
from heimdex.domain.media import Span
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.rules import OWN, SCENEDETECT, DecodeRules

HELD_OUT_SEED = 2026
_RULES = DecodeRules(1.0, 600.0, 1, 160, max_duration_s=3600, max_frame_px=1 << 24, max_scenes=10_000)


@dataclass(frozen=True, slots=True)
class Score:
    """Of one detector: changes found, changes missed, starts that are no change."""

    found: int = 0
    missed: int = 0
    false: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.found + other.found, self.missed + other.missed, self.false + other.false)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.found / max(1, 2 * self.found + self.missed + self.false)


def main() -> None:
    """Render, decode and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--clips", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = [render(Path(folder), options.seed * 100 + number) for number in range(options.clips)]
        changes = sum(len(clip.changes) for clip in clips)
        gradual = sum(change.duration_s > 0 for clip in clips for change in clip.changes)
        print(f"seed {options.seed}: {options.clips} clips, {changes} changes of shot, {gradual} of them gradual")
        print(f"{'detector':14}{'found':>7}{'missed':>8}{'false':>7}{'F1':>8}")
        for detector in (OWN, SCENEDETECT):
            score = measure(clips, detector)
            print(f"{detector:14}{score.found:7}{score.missed:8}{score.false:7}{score.f1:8.3f}")


def measure(clips: Sequence[CutClip], detector: str) -> Score:
    """Return how the detector does on all clips together."""
    decoder = IsolatedDecoder(replace(_RULES, detector=detector), timeout_s=3600, max_memory_bytes=4 << 30)
    total = Score()
    for clip in clips:
        with tempfile.TemporaryDirectory() as folder:
            decoded = decoder.decode(clip.path, Path(folder), on_progress=lambda _: None)
        total += score(clip.changes, [scene.span.start_s for scene in decoded.scenes[1:]])
    return total


def score(changes: Sequence[Span], starts_s: Sequence[float]) -> Score:
    """Match starts of scenes with changes, each at most once, in order of time."""
    left = list(starts_s)
    found = 0
    for change in changes:
        near_s = 0.25 if change.duration_s else 2.01 / FPS
        match = [s for s in left if change.start_s - near_s <= s <= change.end_s + near_s]
        if match:
            found += 1
            left.remove(match[0])
    return Score(found, len(changes) - found, len(left))


if __name__ == "__main__":
    main()
