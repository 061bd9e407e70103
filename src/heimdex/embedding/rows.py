"""Raw model output becomes rows that may be stored and compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heimdex.domain.errors import EmbedderRejected, ModelInvalid

_LEAST_NORM = 1e-6


def unit_rows(raw: NDArray[np.float32], *, count: int, dim: int, source: str) -> NDArray[np.float32]:
    """Return (count, dim) float32 rows of unit L2 norm.

    Raises:
        ModelInvalid: the model makes another dimension than its folder says.
        EmbedderRejected: a row is not finite or has no direction; no such row may be stored.
    """
    if raw.ndim == 1 and count == 1:
        raw = raw[np.newaxis]
    if raw.shape != (count, dim):
        raise ModelInvalid(
            f"{source} made an array of shape {raw.shape} where ({count}, {dim}) was due.",
            remedy="The folder's config.json belongs to another model: copy the whole folder again.",
        )
    wide = raw.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms < _LEAST_NORM).any():
        raise EmbedderRejected(
            f"{source} made a vector that is not finite or has no direction.",
            remedy="Check the model with `heimdex models verify`; this input gets no vector.",
        )
    return np.asarray(wide / norms, dtype=np.float32)
