"""How far a channel is believed in one search, by the best that it has to offer.

Min-max lifts the best candidate of every channel to 1.0, also when the channel has nothing to say
about the query. Where a model's own cut-offs show that even its best candidate means little, its
weight shrinks, so that what the other channels really found comes first.
"""

from __future__ import annotations

from collections.abc import Mapping

from heimdex.domain.query import Channel
from heimdex.domain.results import Label

_TRUST = {Label.NONE: 0.2, Label.WEAK: 0.6, Label.MEDIUM: 1.0, Label.STRONG: 1.0}


def trusted(weights: Mapping[Channel, float], best: Mapping[Channel, Label]) -> dict[Channel, float]:
    """Return the weights, each shrunk by what the best candidate of its channel is worth.

    Args:
        best: channel -> label of its best candidate; a channel without a judgement keeps its weight.
    """
    return {channel: weight * _trust(best, channel) for channel, weight in weights.items()}


def trusted_clip_weight(weight: float, best: Mapping[Channel, Label], *, words_found: bool) -> float:
    """Return the weight of CLIP in a blend, moved towards whichever side has evidence.

    w·v / (w·v + (1 - w)·t), where v and t are the trust in CLIP and in the best of the other channels.

    Args:
        words_found: whether words of the query were said, which is evidence of the other side.
    """
    others = [_trust(best, channel) for channel in best if channel is not Channel.VISUAL]
    text = 1.0 if words_found or not others else max(others)
    seen, said = weight * _trust(best, Channel.VISUAL), (1.0 - weight) * text
    return seen / (seen + said) if seen + said > 0.0 else weight


def _trust(best: Mapping[Channel, Label], channel: Channel) -> float:
    return _TRUST[best[channel]] if channel in best else 1.0
