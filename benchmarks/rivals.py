"""What the product must beat: the published guide taken at its word, and fusion that somebody tuned.

Scores are (queries, scenes) float64, nan where a channel did not return the scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulator import Floats, Library
from heimdex.evaluation.metrics import Ranks, mean_reciprocal_rank, ranks_of

Scores = NDArray[np.float64]

#: of each channel, as the guide sets it (CANDIDATE_K_*)
_CANDIDATES = 200
_GUIDE_WEIGHTS = {"visual": 0.25, "transcript": 0.45, "summary": 0.10, "lexical": 0.20}
#: how often the published router sends a query to recall, rerank, skip: rows v, t, vt, measured on TVR
_GUIDE_MODES = ((0.107, 0.852, 0.041), (0.035, 0.731, 0.233), (0.040, 0.784, 0.176))
_GUIDE_RERANK_WEIGHT, _GUIDE_MIN_RANGE, _GUIDE_LIMIT = 0.3, 0.05, 10

POOLINGS = ("single", "max", "mean", "top_k", "softmax")
CHANNEL_SETS = (
    ("visual", "transcript"), ("visual", "transcript", "lexical"), ("visual", "transcript", "summary", "lexical"),
)  # fmt: skip


def pooled(library: Library, how: str, asked: Floats | None = None) -> Scores:
    """Return scores of scenes from those of their keyframes; ``softmax`` is query-scoring with τ = 0.1."""
    cosines = library.cosines if asked is None else np.einsum("qd,nfd->qnf", asked, library.frames, optimize=True)
    if how == "single":
        found = cosines[:, :, cosines.shape[2] // 2]
    elif how == "max":
        found = cosines.max(axis=2)
    elif how == "top_k":
        found = np.sort(cosines, axis=2)[:, :, -2:].mean(axis=2)
    else:
        weights = np.exp((cosines - cosines.max(axis=2, keepdims=True)) / 0.1)
        weights = np.ones_like(cosines) if how == "mean" else weights
        weights /= weights.sum(axis=2, keepdims=True)
        alike = np.einsum("nfd,ngd->nfg", library.frames, library.frames, optimize=True)
        norms = np.sqrt(np.einsum("qnf,nfg,qng->qn", weights, alike, weights, optimize=True))
        found = (weights * cosines).sum(axis=2) / norms
    return np.where(library.seen, found, np.nan).astype(np.float64)


def channels(library: Library, pooling: str) -> dict[str, Scores]:
    """Return the scores of every channel, cut to the candidates that it may bring."""
    words = np.where(library.lexical > 0, library.lexical, np.nan)
    whole = {
        "visual": pooled(library, pooling), "transcript": library.transcript,
        "summary": library.summary, "lexical": words,
    }  # fmt: skip
    return {name: _best(np.asarray(scores, np.float64)) for name, scores in whole.items()}


def _best(scores: Scores) -> Scores:
    filled = np.where(np.isnan(scores), -np.inf, scores)
    last = min(_CANDIDATES, scores.shape[1]) - 1
    least = -np.sort(-filled, axis=1)[:, last : last + 1]
    return np.where(filled >= least, scores, np.nan)


def _min_max(scores: Scores) -> Scores:
    filled = np.where(np.isnan(scores), np.inf, scores)
    low = filled.min(axis=1, keepdims=True)
    high = np.where(np.isnan(scores), -np.inf, scores).max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        normalised: Scores = np.nan_to_num((scores - low) / (high - low + 1e-9), nan=0.0)
    return normalised


def _fused(found: dict[str, Scores], weights: dict[str, float], *, lone: float = 0.0) -> Scores:
    """Return the weighted mean of min-max scores; absent is 0.

    Args:
        lone: score of a channel's hits that are all alike. The published 0 makes such a channel count nothing.
    """
    total, shares = 0.0, 0.0
    candidates = np.zeros(next(iter(found.values())).shape, bool)
    for name, weight in weights.items():
        normalised = _min_max(found[name])
        if lone:
            alike = (normalised.max(axis=1, keepdims=True) <= 1e-6) & ~np.isnan(found[name])
            normalised = np.where(alike, lone, normalised)
        counts = normalised.max(axis=1, keepdims=True) > 1e-6
        total = total + weight * normalised * counts
        shares = shares + weight * counts
        candidates |= ~np.isnan(found[name])
    return np.asarray(np.where(candidates, total / np.maximum(shares, 1e-9), -np.inf), np.float64)


def guide(library: Library, seed: int, *, limit: int = _GUIDE_LIMIT) -> Ranks:
    """Return ranks by the pipeline as published (`guide_scores`)."""
    return ranks_of(guide_scores(library, seed, limit=limit), library.right)


def guide_scores(library: Library, seed: int, *, limit: int = _GUIDE_LIMIT) -> Scores:
    """Return scores by the pipeline as published: one keyframe, its modes, text pool, cut before it reranks.

    Args:
        limit: results kept before reranking: 10 as published, 500 as its text promises.
    """
    random = np.random.default_rng(seed)
    modes = np.array([random.choice(3, p=np.array(_GUIDE_MODES[k]) / sum(_GUIDE_MODES[k])) for k in library.kind])
    found = channels(library, "single")
    recall = _fused(found, _GUIDE_WEIGHTS)
    spoken = {name: weight for name, weight in _GUIDE_WEIGHTS.items() if name != "visual"}
    skip = _fused(found, spoken)
    reranked = _guide_rerank(skip, pooled(library, "single"), limit)
    return np.where((modes == 0)[:, None], recall, np.where((modes == 1)[:, None], reranked, skip))


def _guide_rerank(base: Scores, cosines: Scores, limit: int) -> Scores:
    last = min(limit, base.shape[1]) - 1
    least = -np.sort(-base, axis=1)[:, last : last + 1]
    pool = (base >= least) & np.isfinite(base)
    clip = np.where(pool, cosines, np.nan)
    known = np.where(np.isnan(clip), -np.inf, clip).max(axis=1) - np.where(np.isnan(clip), np.inf, clip).min(axis=1)
    blend = (1 - _GUIDE_RERANK_WEIGHT) * _min_max(np.where(pool, base, np.nan))
    blend = blend + _GUIDE_RERANK_WEIGHT * _min_max(clip)
    return np.where((known < _GUIDE_MIN_RANGE)[:, None], base, np.where(pool, blend, -np.inf))


Choice = tuple[str, tuple[str, ...]]


def tune_equal_weights(dev: Library) -> Choice:
    """Return the pooling and the channels with which equal-weight min-max fusion does best on ``dev``."""
    options: Sequence[Choice] = list(product(POOLINGS, CHANNEL_SETS))
    return max(options, key=lambda option: mean_reciprocal_rank(equal_weights(dev, option)))


def equal_weights(library: Library, choice: Choice) -> Ranks:
    return ranks_of(equal_weight_scores(library, choice), library.right)


def equal_weight_scores(library: Library, choice: Choice) -> Scores:
    pooling, names = choice
    return _fused(channels(library, pooling), dict.fromkeys(names, 1.0), lone=1.0)


def tune_single(dev: Library) -> Choice:
    """Return the channel that alone does best on ``dev``, with its best pooling."""
    options: list[Choice] = [("max", (name,)) for name in ("transcript", "summary", "lexical")]
    options += [(pooling, ("visual",)) for pooling in POOLINGS]
    return max(options, key=lambda option: mean_reciprocal_rank(equal_weights(dev, option)))
