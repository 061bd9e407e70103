"""Which frames stand for a scene: informative ones, unlike each other, spread over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heimdex.domain.media import Span
from heimdex.media.signature import Signature, contrast, difference

#: seconds between the frames that are considered
EVERY_S = 0.5
#: a further keyframe must differ this much from those that a scene has
LEAST_NEWS = 0.04
#: and be this good, as a part of the best one's quality
_WORTH = 0.3
#: the most candidates that wait for their scene to end; more than that are thinned out
MOST_WAITING = 512


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame that may become a keyframe, kept as its JPEG."""

    signature: Signature
    #: 0 (black or blurred away) to 1
    quality: float
    jpeg: bytes

    @property
    def time_s(self) -> float:
        return self.signature.time_s


def quality(signature: Signature, grey: NDArray[np.uint8]) -> float:
    """Return how much can be seen: light x contrast x sharpness, each 0 to 1, as their geometric mean.

    Args:
        grey: (height, width) uint8, the small picture. Sharpness is the mean absolute Laplacian.
    """
    light = float(signature.luma.mean())
    lit = np.clip((light - 0.07) / 0.15, 0, 1) * np.clip((0.97 - light) / 0.1, 0, 1)
    pixels = grey.astype(np.int16)
    if min(pixels.shape) < 3:
        return float(np.cbrt(lit * np.clip(contrast(signature) / 0.1, 0, 1)))
    laplacian = 4 * pixels[1:-1, 1:-1] - pixels[:-2, 1:-1] - pixels[2:, 1:-1] - pixels[1:-1, :-2] - pixels[1:-1, 2:]
    sharp = np.clip(float(np.abs(laplacian).mean()) / 8.0, 0, 1)
    return round(float(np.cbrt(lit * np.clip(contrast(signature) / 0.1, 0, 1) * sharp)), 4)


def choose(span: Span, candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Return 1 to ``most`` candidates in order of time.

    First the best one (near the middle counts a little), then whichever brings most that the
    chosen ones do not show, while it brings `LEAST_NEWS`.

    Raises:
        ValueError: no candidate.
    """
    if not candidates:
        raise ValueError("a scene without candidates has no keyframe")
    chosen = [max(candidates, key=lambda c: (c.quality + 0.05) * (1 - 0.3 * _off_centre(span, c.time_s)))]
    least = max(0.05, _WORTH * chosen[0].quality)
    while len(chosen) < most:
        news = [(min(difference(c.signature, k.signature) for k in chosen), c) for c in candidates]
        fresh = [(new * c.quality, c) for new, c in news if new >= LEAST_NEWS and c.quality >= least]
        if not fresh:
            break
        chosen.append(max(fresh, key=lambda f: (f[0], -f[1].time_s))[1])
    return sorted(chosen, key=lambda c: c.time_s)


def thin(candidates: list[Candidate]) -> list[Candidate]:
    """Halve the candidates: of each pair of neighbours the better one stays."""
    pairs = [candidates[n : n + 2] for n in range(0, len(candidates), 2)]
    return [max(pair, key=lambda c: c.quality) for pair in pairs]


def _off_centre(span: Span, time_s: float) -> float:
    if span.duration_s <= 0:
        return 0.0
    return min(1.0, abs(2 * (time_s - span.start_s) / span.duration_s - 1))
