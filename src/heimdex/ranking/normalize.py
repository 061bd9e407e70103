"""Scores of different channels onto one scale, and the test whether scores say anything at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from heimdex.domain.ids import SceneId
from heimdex.domain.results import Candidate

#: 0.25 - 0.20 is a little less than 0.05 in binary
_ROUNDING = 1e-9


def finite(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates whose score is a number, best first, ties by scene id, each scene once."""
    best: dict[SceneId, Candidate] = {}
    for candidate in candidates:
        known = best.get(candidate.scene_id)
        if math.isfinite(candidate.raw) and (known is None or candidate.raw > known.raw):
            best[candidate.scene_id] = candidate
    return sorted(best.values(), key=lambda candidate: (-candidate.raw, candidate.scene_id))


def min_max(scores: Mapping[SceneId, float], *, floor: float | None = None) -> dict[SceneId, float]:
    """Return ``(s - low) / (high - low)`` for each finite score, in [0, 1].

    Args:
        scores: raw scores; one that is no number is left out.
        floor: the least score that the measure can give (0 for BM25), taken as ``low`` instead of
            the least score observed. Then two candidates of nearly the same score stay close,
            where plain min-max tears them apart to 1 and 0.

    Returns:
        1.0 for every scene where all scores are equal: a lone hit is a hit, not a missing one.

    Source: theoretical minimum as in Bruch, Gai & Ingber, ACM TOIS 2023.
    """
    known = {scene: score for scene, score in scores.items() if math.isfinite(score)}
    if not known:
        return {}
    high = max(known.values())
    low = min(known.values()) if floor is None else min(floor, min(known.values()))
    # equal scores stay equal whatever the floor, and a range too small to divide by is none
    if min(known.values()) == high or not math.isfinite(high - low) or high - low <= 0.0:
        return dict.fromkeys(known, 1.0)
    return {scene: min(1.0, max(0.0, (score - low) / (high - low))) for scene, score in known.items()}


def score_range(scores: Mapping[SceneId, float]) -> float:
    """Return the distance between the best and the worst finite score; 0 without any."""
    known = [score for score in scores.values() if math.isfinite(score)]
    return max(known) - min(known) if known else 0.0


def is_flat(cosines: Mapping[SceneId, float], min_range: float) -> bool:
    """Return whether raw cosines differ by less than ``min_range``, so that their order means nothing.

    One scene, or none, is not flat: there is nothing to put in order. The comparison is strict.
    """
    known = [score for score in cosines.values() if math.isfinite(score)]
    return len(known) > 1 and score_range(cosines) < min_range - _ROUNDING
