"""``A then B within 20s``: the best chains of scenes of one video, one scene for each side, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import Span

#: γ: what the longest gap that is allowed costs
GAP_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """A scene that one side found. ``score`` is in [0, 1]."""

    scene_id: SceneId
    video_id: VideoId
    span: Span
    score: float


@dataclass(frozen=True, slots=True)
class Chain:
    """One scene for each side. ``score`` = mean of their scores - ``penalty``."""

    steps: tuple[Step, ...]
    penalty: float

    @property
    def score(self) -> float:
        return sum(step.score for step in self.steps) / len(self.steps) - self.penalty


def find_chains(sides: Sequence[Sequence[Step]], within_s: Sequence[float]) -> list[Chain]:
    """Return the best chain for each scene of the last side, best first; no scene is in two of them.

    In each video, by dynamic programming over the sides: score(j) = s(j) + max over i before j of
    score(i) - γ · gap / window. The gap runs from the end of the one scene to the start of the
    next. After the temporal queries of the systems of the Video Browser Showdown 2021.

    Args:
        sides: for each side, the scenes that are matches.
        within_s: most seconds of the gap behind each side but the last.
    """
    if not sides or any(not side for side in sides):
        return []
    videos = set.intersection(*({step.video_id for step in side} for side in sides))
    chains = [
        chain
        for video in sorted(videos)
        for chain in _of_one_video([[s for s in side if s.video_id == video] for side in sides], within_s)
    ]
    chains.sort(key=lambda chain: (-chain.score, [step.scene_id for step in chain.steps]))
    used: set[SceneId] = set()
    kept = []
    for chain in chains:
        scenes = {step.scene_id for step in chain.steps}
        if not scenes & used:
            used |= scenes
            kept.append(chain)
    return kept


def _of_one_video(sides: Sequence[Sequence[Step]], within_s: Sequence[float]) -> list[Chain]:
    n = len(sides)

    def so_far(chain: Chain) -> tuple[float, float]:
        """Rank chains of the same length by what they bring to the whole; equals by the later scene before."""
        return sum(step.score for step in chain.steps) / n - chain.penalty, chain.steps[-2].span.start_s

    best = [Chain((step,), 0.0) for step in sides[0]]
    for side, window in zip(sides[1:], within_s, strict=True):
        longer = []
        for step in side:
            reached = [
                Chain((*chain.steps, step), chain.penalty + GAP_WEIGHT * _share(gap, window) / n)
                for chain in best
                if (gap := gap_s(chain.steps[-1].span, step.span)) is not None and gap <= window
            ]
            if reached:
                longer.append(max(reached, key=so_far))
        best = longer
    return best


def gap_s(first: Span, second: Span) -> float | None:
    """Return the seconds between two scenes, None when the second does not begin after the first."""
    return max(0.0, second.start_s - first.end_s) if second.start_s > first.start_s else None


def _share(gap: float, window: float) -> float:
    return gap / window if window > 0.0 else 0.0
