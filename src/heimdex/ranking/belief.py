"""What the channels found, as evidence of what the query sought: seen, said or both.

A query that was meant for what is said has one scene that stands out among its words; one that was
meant for what is seen has none there. So the router's prior, which has only read the query, is
updated by how far the best scene stands out in each channel, and a channel weighs by how far its
own best stands out. Both keep min-max fusion as it is: only the weights move.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, Prior

Scores = Mapping[SceneId, float]

#: fewer candidates have no spread worth the name
LEAST_CANDIDATES = 20
#: the also-rans that the best scene is compared with: ranks 6 to 25
_ALSO_RANS = slice(5, 25)
#: how much of the evidence is believed (0 leaves the prior as it is), chosen on dev seeds of `benchmarks.quality`
STRENGTH = 0.4
#: what a standard deviation, or a nat of BM25, speaks for a scene that is seen, said, both
_EVIDENCE: Mapping[Channel, tuple[float, float, float]] = {
    Channel.VISUAL: (1.0, 0.0, 0.8),
    Channel.TRANSCRIPT: (0.0, 1.0, 0.8),
    Channel.SUMMARY: (0.5, 0.25, 0.5),
    Channel.LEXICAL: (0.0, 0.7, 0.7),
}
#: height of a scene that a channel did not return; one without a description is like any other
_ABSENT = {Channel.VISUAL: -3.0, Channel.TRANSCRIPT: -3.0, Channel.SUMMARY: -1.0}
#: range of the candidates of a channel that has nothing special to say, in the same units
_USUAL_RANGE = {Channel.VISUAL: 5.5, Channel.TRANSCRIPT: 5.9, Channel.SUMMARY: 4.7, Channel.LEXICAL: 4.5}


@dataclass(frozen=True, slots=True)
class Relief:
    """The scores of one channel in units that can be compared: heights above the also-rans."""

    heights: Mapping[SceneId, float]
    #: height of a scene that the channel did not return
    absent: float
    #: of all heights
    range: float


def relief(channel: Channel, scores: Scores) -> Relief | None:
    """Return (s - mean of ranks 6 to 25) / σ; for words, whose BM25 is in nats already, σ = 1 and absent scenes are 0.

    None where there is too little to judge by: fewer dense candidates than `LEAST_CANDIDATES`, or all alike.
    """
    known = sorted((score for score in scores.values() if math.isfinite(score)), reverse=True)
    if channel is Channel.LEXICAL:
        if not known:
            return None
        tail = (known + [0.0] * _ALSO_RANS.stop)[_ALSO_RANS]
        low, unit = 0.0, 1.0
    else:
        if len(known) < LEAST_CANDIDATES:
            return None
        tail, low, unit = known[_ALSO_RANS], known[-1], statistics.pstdev(known)
    if unit <= 0.0 or not math.isfinite(unit):
        return None
    middle = statistics.fmean(tail)
    heights = {scene: (score - middle) / unit for scene, score in scores.items() if math.isfinite(score)}
    absent = -middle if channel is Channel.LEXICAL else _ABSENT[channel]
    return Relief(heights, absent, (known[0] - low) / unit)


def updated(prior: Prior, reliefs: Mapping[Channel, Relief], strength: float = STRENGTH) -> Prior:
    """Return p_k ∝ prior_k · exp(strength · max_s Σ_c evidence_ck · height_c(s)).

    With strength 1 and Gaussian scores this is Bayes' rule for the best scene; less than 1 allows for
    evidence that is not independent. Without visual or spoken evidence the prior stays as it is.
    """
    if Channel.VISUAL not in reliefs or not {Channel.TRANSCRIPT, Channel.LEXICAL} & set(reliefs):
        return prior
    scenes = set().union(*(relief.heights for relief in reliefs.values()))
    logits = [math.log(max(share, 1e-6)) for share in (prior.visual, prior.transcript, prior.both)]
    for kind in range(3):
        speaking = [(_EVIDENCE[c][kind], found) for c, found in reliefs.items() if _EVIDENCE[c][kind] > 0.0]
        logits[kind] += strength * max(
            math.fsum(share * found.heights.get(scene, found.absent) for share, found in speaking) for scene in scenes
        )
    powers = [math.exp(logit - max(logits)) for logit in logits]
    visual, transcript, both = (power / math.fsum(powers) for power in powers)
    return Prior(visual=visual, transcript=transcript, both=both)


def emphasised(weights: Mapping[Channel, float], reliefs: Mapping[Channel, Relief]) -> dict[Channel, float]:
    """Return weights times the range of the channel's heights, so that a unit counts the same in every channel.

    Min-max gives the best of each channel 1.0, whether it towers or barely rises. A channel that
    cannot be judged keeps its weight.
    """
    return {
        channel: weight * (reliefs[channel].range / _USUAL_RANGE[channel] if channel in reliefs else 1.0)
        for channel, weight in weights.items()
    }
