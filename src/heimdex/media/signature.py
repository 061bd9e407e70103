"""What the cut detector and the keyframe choice look at instead of a frame: about 1,000 numbers.

The planes of a decoded frame are sampled where they lie, at fixed places; nothing is scaled or
converted, so that a signature costs a few percent of decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: cells of the picture: (rows, columns) of luma, half of it for each chroma plane
LUMA_CELLS = (18, 32)
CHROMA_CELLS = (9, 16)
_SAMPLES_PER_CELL = 4
_LUMA_BINS = 32
_CHROMA_BINS = 16
#: chroma spans less of its range than luma in natural pictures
_CHROMA_GAIN = 2.0


@dataclass(frozen=True, slots=True)
class Signature:
    """One frame.

    ``cells`` is (864,) float32, luma in 0 to 1 and then chroma; ``histogram`` (64,) float32, summing to 1.
    """

    time_s: float
    cells: Floats
    histogram: Floats

    @property
    def luma(self) -> Floats:
        """The luma cells, (18, 32) float32 in 0 to 1."""
        rows, columns = LUMA_CELLS
        return self.cells[: rows * columns].reshape(rows, columns)


def sign(time_s: float, luma: Plane, blue: Plane | None, red: Plane | None) -> Signature:
    """Return the signature of 8-bit planes of any size; chroma is None for grey pictures."""
    cells, histogram = _sample(luma, LUMA_CELLS, _LUMA_BINS)
    parts, histograms = [cells], [0.5 * histogram]
    for plane in (blue, red):
        if plane is None:
            plane = np.full(CHROMA_CELLS, 128, np.uint8)
        cells, histogram = _sample(plane, CHROMA_CELLS, _CHROMA_BINS)
        parts.append(cells * _CHROMA_GAIN)
        histograms.append(0.25 * histogram)
    return Signature(time_s, np.concatenate(parts), np.concatenate(histograms))


def difference(one: Signature, other: Signature) -> float:
    """Return how unlike two frames are, 0 to about 1: the geometric mean of two distances.

    A pan changes the cells and keeps the colours, a shift of light the colours more than the
    cells; a cut changes both.
    """
    cells = float(np.abs(one.cells - other.cells).mean())
    colours = 0.5 * float(np.abs(one.histogram - other.histogram).sum())
    return float(np.sqrt(cells * colours))


def contrast(signature: Signature) -> float:
    """Return the standard deviation of the luma cells, 0 (one flat colour) to 0.5."""
    return float(signature.luma.std())


def _sample(plane: Plane, grid: tuple[int, int], bins: int) -> tuple[Floats, Floats]:
    """Return the mean of each cell in 0 to 1, flattened, and the histogram of the sampled points."""
    rows, columns = grid
    down = _places(plane.shape[0], rows * _SAMPLES_PER_CELL)
    across = _places(plane.shape[1], columns * _SAMPLES_PER_CELL)
    points = plane[down[:, None], across]
    blocks = points.reshape(rows, _SAMPLES_PER_CELL, columns, _SAMPLES_PER_CELL)
    cells = blocks.mean(axis=(1, 3), dtype=np.float32).ravel() / np.float32(255)
    counts = np.bincount((points.ravel().astype(np.uint16) * bins) >> 8, minlength=bins)
    return cells, (counts / points.size).astype(np.float32)


def _places(length: int, count: int) -> NDArray[np.intp]:
    return ((np.arange(count) + 0.5) * length / count).astype(np.intp)
