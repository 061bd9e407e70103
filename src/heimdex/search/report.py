"""How the channels fared and how the scores came about, as the answer tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heimdex.domain.query import Channel
from heimdex.domain.results import Candidate, ChannelReport, ChannelStatus, Hit
from heimdex.ranking.fuse import FLOORS
from heimdex.ranking.rerank import Blended, Outcome
from heimdex.search.evidence import Evidence
from heimdex.search.plan import Plan, SearchConfig
from heimdex.search.rank import Ranked
from heimdex.search.retrieve import Answered, Question


def reports(plan: Plan, answered: Mapping[Channel, Answered], ranked: Ranked) -> dict[Channel, ChannelReport]:
    """Return every channel's part. In mode rerank, the visual weight is that of the blend."""
    reports: dict[Channel, ChannelReport] = {}
    for channel in Channel:
        if channel in plan.skipped:
            reports[channel] = ChannelReport(ChannelStatus.SKIPPED, reason=plan.skipped[channel])
        elif channel in answered:
            answer = answered[channel]
            weight = ranked.fused.weights.get(channel, 0.0)
            if channel is Channel.VISUAL and ranked.reranked is not None:
                weight = ranked.clip_weight if ranked.reranked.outcome is Outcome.APPLIED else 0.0
            reports[channel] = ChannelReport(
                answer.status, len(answer.candidates), weight, answer.took_ms, answer.reason
            )
        else:
            reports[channel] = _rescoring(ranked)
    return reports


def _rescoring(ranked: Ranked) -> ChannelReport:
    """Return the visual channel's part when it brought no candidates of its own."""
    for loss in ranked.losses:
        return ChannelReport(loss.status, reason=loss.reason)
    if ranked.reranked is None:
        return ChannelReport(ChannelStatus.EMPTY, reason="nothing to rerank")
    applied = ranked.reranked.outcome is Outcome.APPLIED
    return ChannelReport(
        ChannelStatus.OK if ranked.scored else ChannelStatus.EMPTY,
        ranked.reranked.scored,
        ranked.clip_weight if applied else 0.0,
        reason=f"rerank {ranked.reranked.outcome}",
    )


def explain(
    config: SearchConfig,
    answered: Mapping[Channel, Answered],
    ranked: Ranked,
    evidence: Evidence,
    question: Question,
    hits: tuple[Hit, ...],
) -> dict[str, object]:
    """Return every factor of the scores; a hit's receipt alone adds up to its score."""
    explanation: dict[str, object] = {
        "fusion": {
            "method": config.fusion,
            "weights": {c.value: w for c, w in ranked.fused.weights.items()},
            "rrf_k": config.rrf_k,
            "ranges": {c.value: raw_range(answered[c].candidates, FLOORS.get(c)) for c in ranked.fused.weights},
        },
        "heard": question.spoken,
    }
    if ranked.reranked is not None:
        reranked = ranked.reranked
        explanation["rerank"] = {
            "outcome": reranked.outcome.value,
            "clip_weight": ranked.clip_weight,
            "score_range": reranked.score_range,
            "range": raw_range(ranked.scored.values()),
            "pool": ranked.pool,
            "clip_coverage": reranked.scored / ranked.pool if ranked.pool else 0.0,
        }
    explanation["hits"] = {
        str(hit.scene.scene_id): {
            "labels": {c.value: label.value for c, label in evidence.labels(hit.scene.scene_id, hit.scene).items()},
            **_taken(question, hit),
            **(_blend_of(ranked.reranked.blended.get(hit.scene.scene_id)) if ranked.reranked else {}),
        }
        for hit in hits
    }
    return explanation


def raw_range(candidates: Iterable[Candidate], floor: float | None = None) -> list[float]:
    """Return the raw scores that became 0 and 1 by min-max, [low, high]; [] without candidates."""
    raws = [candidate.raw for candidate in candidates]
    if not raws:
        return []
    low = min(raws)
    # equal scores are all 1, whatever the floor
    return [low if floor is None or low == max(raws) else min(floor, low), max(raws)]


def _taken(question: Question, hit: Hit) -> dict[str, object]:
    """Return what was taken from a scene's cosine; the raw figure of its receipt is what was left."""
    scene = hit.scene.scene_id
    told: dict[str, object] = {}
    if taken := question.taken.get(scene):
        told["without"] = dict(taken)
    if scene in question.held_back:
        told["hub_correction"] = question.held_back[scene]
    return told


def _blend_of(blended: Blended | None) -> dict[str, object]:
    if blended is None:
        return {}
    return {
        "base": blended.base,
        "base_weight": blended.base_weight,
        "clip": blended.clip,
        "clip_normalised": blended.clip_normalised,
        "clip_weight": blended.clip_weight,
    }
