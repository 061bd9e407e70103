"""``without X``: what shows X loses what X adds to its cosine.

CLIP reads "a beach without people" much like "a beach with people" (Alhamoud et al. 2025,
arXiv:2501.09425), and subtracting vectors asks for the opposite of X, which is no picture. So X is
asked for by itself, and only what shows more of it than scenes usually do is set back.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

from heimdex.domain.ids import SceneId

#: λ: how much of X's surplus is taken away
SURPLUS_WEIGHT = 1.0


def penalties(
    unwanted: Mapping[SceneId, float], *, usual: float | None = None, weight: float = SURPLUS_WEIGHT
) -> dict[SceneId, float]:
    """Return ``λ · max(0, s(X) - usual)`` for each scene, to be taken from its cosine to what is wanted.

    Args:
        unwanted: scene -> cosine to X; one that is no number costs nothing.
        usual: cosine that scenes have to X by chance; None takes the median of those given.
    """
    known = {scene: cosine for scene, cosine in unwanted.items() if math.isfinite(cosine)}
    if not known:
        return {}
    middle = statistics.median(known.values()) if usual is None else usual
    return {scene: weight * max(0.0, cosine - middle) for scene, cosine in known.items()}
