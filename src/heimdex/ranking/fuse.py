"""Several channels' candidates into one ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel
from heimdex.ranking.normalize import min_max

#: The least score that a channel's measure can give, where that is known and meaningful.
FLOORS: dict[Channel, float] = {Channel.LEXICAL: 0.0}

Ranking = list[tuple[SceneId, float]]


@dataclass(frozen=True, slots=True)
class Fused:
    """A ranking and all that is needed to compute it again."""

    #: (scene, score) best first, ties by scene id
    order: Ranking
    #: channel -> scene -> normalised score
    normalised: dict[Channel, dict[SceneId, float]]
    #: weights in force; they sum to 1
    weights: dict[Channel, float]


def in_order(scores: Mapping[SceneId, float]) -> Ranking:
    """Return (scene, score) pairs, best first; ties by scene id, so that runs reproduce."""
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def share_out(weights: Mapping[Channel, float], answered: Mapping[Channel, object]) -> dict[Channel, float]:
    """Return the weights of the channels that answered, scaled to sum to 1.

    A channel of weight 0 is absent. A channel that failed leaves its weight to the others; one
    that answered with nothing does too, since it can tell no scene from another.
    """
    held = {channel: weights.get(channel, 0.0) for channel in sorted(answered) if weights.get(channel, 0.0) > 0.0}
    total = sum(held.values())
    return {channel: weight / total for channel, weight in held.items()} if total > 0.0 else {}


def fuse_min_max(raw: Mapping[Channel, Mapping[SceneId, float]], weights: Mapping[Channel, float]) -> Fused:
    """Fuse by the weighted sum of min-max scores over the union of the candidates.

    score(s) = Σ_c w_c · n_c(s), in [0, 1]; a channel that did not return ``s`` adds nothing.

    Args:
        raw: channel -> scene -> raw score. Channels without candidates do not count.
        weights: channel -> weight >= 0; those of the channels that count are scaled to sum to 1.

    Source: convex combination, Bruch, Gai & Ingber, ACM TOIS 2023.
    """
    normalised = {channel: min_max(scores, floor=FLOORS.get(channel)) for channel, scores in raw.items()}
    normalised = {channel: scores for channel, scores in normalised.items() if scores}
    shares = share_out(weights, normalised)
    scores: dict[SceneId, float] = {}
    for channel, share in shares.items():
        for scene, score in normalised[channel].items():
            scores[scene] = scores.get(scene, 0.0) + share * score
    return Fused(in_order(scores), {channel: normalised[channel] for channel in shares}, shares)


def fuse_rrf(
    rankings: Mapping[Channel, Sequence[SceneId]], weights: Mapping[Channel, float], *, k: float = 60.0
) -> Fused:
    """Fuse best-first rankings by weighted reciprocal rank.

    score(s) = Σ_c w_c / (k + rank_c(s)); ranks are 1-based; a channel that did not return ``s``
    adds nothing. Scores are in (0, 1 / (k + 1)].

    Args:
        rankings: channel -> scene ids, best first, no repeats.
        weights: as in `fuse_min_max`.
        k: rank offset, > 0. Larger flattens the top ranks.

    Source: Cormack, Clarke & Büttcher, SIGIR 2009 (k = 60); the weights are ours.
    """
    reciprocal = {
        channel: {scene: 1.0 / (k + rank) for rank, scene in enumerate(scenes, start=1)}
        for channel, scenes in rankings.items()
        if scenes
    }
    shares = share_out(weights, reciprocal)
    scores: dict[SceneId, float] = {}
    for channel, share in shares.items():
        for scene, score in reciprocal[channel].items():
            scores[scene] = scores.get(scene, 0.0) + share * score
    return Fused(in_order(scores), {channel: reciprocal[channel] for channel in shares}, shares)
