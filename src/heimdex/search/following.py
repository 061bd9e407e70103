"""``A then B``: the hits of several sides joined to moments that follow each other in one video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from heimdex.domain.results import Followed, Hit, Label
from heimdex.ranking.labels import weakest
from heimdex.ranking.sequence import Chain, Step, find_chains


def follow(sides: Sequence[Sequence[Hit]], within_s: Sequence[float]) -> list[Hit]:
    """Return a hit for each chain, best first: the scene of the first side, with those that follow.

    Its receipt has the lines of all its scenes, each weighted by one over their number; the score
    is their sum less ``penalty``.
    """
    steps = [[_step(hit) for hit in side] for side in sides]
    by_scene = [{hit.scene.scene_id: hit for hit in side} for side in sides]
    chains = find_chains(steps, within_s)
    return [
        _joined(number, chain, [hits[step.scene_id] for hits, step in zip(by_scene, chain.steps, strict=True)])
        for number, chain in enumerate(chains, start=1)
    ]


def _step(hit: Hit) -> Step:
    return Step(hit.scene.scene_id, hit.scene.video_id, hit.scene.span, hit.score)


def _joined(rank: int, chain: Chain, hits: Sequence[Hit]) -> Hit:
    n = len(hits)
    label: Label = weakest(hit.label for hit in hits)
    return replace(
        hits[0],
        rank=rank,
        score=chain.score,
        label=label,
        matched=tuple(
            replace(match, weight=match.weight / n, side=side) for side, hit in enumerate(hits) for match in hit.matched
        ),
        snippet=" … ".join(hit.snippet for hit in hits if hit.snippet),
        then=tuple(Followed(hit.scene, hit.moment_s) for hit in hits[1:]),
        penalty=chain.penalty,
    )
