"""Several keyframes of a scene into one score of the scene."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pooling = Literal["softmax", "max", "mean", "top2"]

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
) -> NDArray[np.float64]:
    """Return one score in [-1, 1] for each scene, from those of its keyframes.

    With s_i = cos(q, f_i):

    - ``max``: the best s_i;
    - ``top2``: the mean of the two best s_i;
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
    if how == "top2":
        return _mean_of_two_best(cosines, owner, starts)
    heat = np.inf if how == "mean" else temperature
    weights = np.exp((cosines - best[owner]) / heat)
    direction = np.add.reduceat(weights[:, None] * rows, starts, axis=0)
    norms = np.linalg.norm(direction, axis=1)
    pooled = np.add.reduceat(weights * cosines, starts) / np.maximum(norms, _LEAST_NORM)
    sizes = np.diff(starts, append=len(owner))
    return np.where((norms < _LEAST_NORM) | (sizes == 1), best, np.clip(pooled, -1.0, 1.0))


def _mean_of_two_best(
    cosines: NDArray[np.float64], owner: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    ordered = cosines[np.lexsort((-cosines, owner))]
    sizes = np.diff(starts, append=len(owner))
    two: NDArray[np.float64] = (ordered[starts] + ordered[starts + np.minimum(1, sizes - 1)]) / 2
    return two
