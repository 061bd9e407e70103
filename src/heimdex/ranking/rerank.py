"""CLIP reorders a pool that other channels found, exactly as the published guide says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heimdex.domain.ids import SceneId
from heimdex.ranking.fuse import Ranking
from heimdex.ranking.normalize import is_flat, min_max, score_range


class Outcome(StrEnum):
    """What reranking did."""

    APPLIED = "applied"
    #: raw cosines too close together: base order unchanged
    FLAT = "flat"
    #: not one scene of the pool has a vector: base order unchanged
    UNSCORED = "unscored"


@dataclass(frozen=True, slots=True)
class Blended:
    """How the final score of one scene came about: ``score = base_weight · base + clip_weight · clip_normalised``."""

    base: float
    base_weight: float
    #: raw cosine, None for a scene without a vector
    clip: float | None
    clip_normalised: float
    clip_weight: float

    @property
    def score(self) -> float:
        return self.base_weight * self.base + self.clip_weight * self.clip_normalised


@dataclass(frozen=True, slots=True)
class Reranked:
    """The ranking after CLIP had its say, pool first, then what lay outside the pool in base order."""

    order: Ranking
    outcome: Outcome
    #: of the raw cosines
    score_range: float
    scored: int
    #: of every scene; empty unless applied
    blended: dict[SceneId, Blended] = field(default_factory=dict)


def rerank(
    base: Ranking,
    cosines: Mapping[SceneId, float],
    *,
    clip_weight: float,
    min_range: float,
    pool_size: int,
) -> Reranked:
    """Blend cosines into the first ``pool_size`` scenes of a ranking.

    score = (1 - w) · base + w · clip. Cosines are min-max normalised over the pool; base scores are
    divided by the best of them, min-max with 0 as the least that fusion can give. A scene without
    a cosine keeps its base score. Ties keep the base order.

    Args:
        base: (scene, score >= 0) best first, not yet cut to the page that is shown.
        cosines: raw cosines in [-1, 1]; one that is no number counts as missing.
        clip_weight: ``w`` in [0, 1].
        min_range: below this range of the raw cosines the base order stands, strictly.
        pool_size: scenes that may move.
    """
    pool, rest = base[:pool_size], base[pool_size:]
    known = {scene: cosines[scene] for scene, _ in pool if math.isfinite(cosines.get(scene, math.nan))}
    spread = score_range(known)
    if not known:
        return Reranked(list(base), Outcome.UNSCORED, 0.0, 0)
    if is_flat(known, min_range):
        return Reranked(list(base), Outcome.FLAT, spread, len(known))

    best = max(score for _, score in pool)
    scale = 1.0 / best if best > 0.0 else 0.0
    clip = min_max(known)
    if len(known) == 1:  # a lone cosine cannot be put on a scale: it agrees with the base, and so changes nothing
        clip = {scene: score * scale for scene, score in pool if scene in known}
    blended = {scene: _blend(score, scale, known.get(scene), clip.get(scene), clip_weight) for scene, score in pool}
    # sorted() is stable, so equal scores keep the base order
    order = sorted(((scene, blended[scene].score) for scene, _ in pool), key=lambda item: -item[1])
    if rest:
        shrink = min(scale, order[-1][1] / rest[0][1]) if rest[0][1] > 0.0 else 0.0
        blended |= {scene: Blended(score, shrink, None, 0.0, 0.0) for scene, score in rest}
        order += [(scene, blended[scene].score) for scene, _ in rest]
    return Reranked(order, Outcome.APPLIED, spread, len(known), blended)


def _blend(base: float, scale: float, cosine: float | None, clip: float | None, weight: float) -> Blended:
    if cosine is None or clip is None:
        return Blended(base, scale, None, 0.0, 0.0)
    return Blended(base, (1.0 - weight) * scale, cosine, clip, weight)
