"""Several keyframes of a scene into one score of the scene."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pooling = Literal["softmax", "max", "mean", "top_k"]

#: τ of the softmax over cosines: towards 0 it is the best keyframe, towards infinity the mean of all
TEMPERATURE = 0.1
#: keyframes that cancel each other out have no direction
_LEAST_NORM = 1e-6


def pool_frames(
    query: NDArray[np.float32],
    frames: NDArray[np.float32],
    owner: NDArray[np.int64],
    how: Pooling,
    *,
    temperature: float = TEMPERATURE,
    top_k: int = 2,
) -> NDArray[np.float64]:
    """Return one score in [-1, 1] for each scene, from those of its keyframes.

    With s_i = cos(q, f_i):

    - ``max``: the best s_i;
    - ``top_k``: the mean of the ``top_k`` best s_i, or of all where a scene has fewer;
    - ``mean``: cos(q, Σ f_i);
    - ``softmax``: cos(q, Σ w_i · f_i), w = softmax(s / τ). Every keyframe has a say, those that
      are about the query a greater one.

    A scene with one keyframe has its cosine, whatever ``how``.

    Args:
        query: (dim,) unit vector.
        frames: (rows, dim) unit rows; the rows of one scene stand together.
        owner: (rows,) number of the scene that a row belongs to: 0, 0, 1, 2, 2, … without a gap.

    Source: query-scoring, Bain et al., "A CLIP-Hitchhiker's Guide to Long Video Retrieval", 2022.
    """
    if len(owner) == 0:
        return np.zeros(0)
    rows = frames.astype(np.float64)
    cosines = np.clip(rows @ query.astype(np.float64), -1.0, 1.0)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    best = np.maximum.reduceat(cosines, starts)
    if how == "max":
        return best
    if how == "top_k":
        return _mean_of_best(cosines, owner, starts, top_k)
    heat = np.inf if how == "mean" else temperature
    weights = np.exp((cosines - best[owner]) / heat)
    direction = np.add.reduceat(weights[:, None] * rows, starts, axis=0)
    norms = np.linalg.norm(direction, axis=1)
    pooled = np.add.reduceat(weights * cosines, starts) / np.maximum(norms, _LEAST_NORM)
    sizes = np.diff(starts, append=len(owner))
    return np.where((norms < _LEAST_NORM) | (sizes == 1), best, np.clip(pooled, -1.0, 1.0))


def _mean_of_best(
    cosines: NDArray[np.float64], owner: NDArray[np.int64], starts: NDArray[np.int64], top_k: int
) -> NDArray[np.float64]:
    ordered = cosines[np.lexsort((-cosines, owner))]
    taken = np.arange(len(owner)) - starts[owner] < top_k
    sums = np.add.reduceat(np.where(taken, ordered, 0.0), starts)
    return np.asarray(sums / np.minimum(np.diff(starts, append=len(owner)), top_k), dtype=np.float64)
