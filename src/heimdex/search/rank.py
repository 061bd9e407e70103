"""From the channels' candidates to one order: fuse, then let CLIP rerank where the plan says so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, Mode, SearchRequest
from heimdex.domain.results import Candidate
from heimdex.ranking.fuse import Fused, Ranking, fuse_min_max, fuse_rrf
from heimdex.ranking.rerank import Outcome, Reranked, rerank, union_pool
from heimdex.search import log_lines
from heimdex.search.losses import Loss
from heimdex.search.plan import Plan, SearchConfig, settled_weights
from heimdex.search.retrieve import Answered, Question, score_pool


@dataclass(frozen=True, slots=True)
class Ranked:
    """The final order and how it came about."""

    order: Ranking
    fused: Fused
    reranked: Reranked | None
    #: cosines of the pool, when CLIP scored one
    scored: Mapping[SceneId, Candidate]
    losses: tuple[Loss, ...]
    pool: int = 0


async def rank(
    question: Question,
    plan: Plan,
    request: SearchRequest,
    config: SearchConfig,
    answered: Mapping[Channel, Answered],
) -> Ranked:
    """Fuse what the channels found and let CLIP rerank where the plan says so."""
    visual = answered.get(Channel.VISUAL)
    if plan.mode is not Mode.RERANK:
        clip_answered = visual is not None and visual.loss is None
        weights = settled_weights(plan, request, config, clip_answered=clip_answered)
        fused = _fuse(answered, weights, config)
        return Ranked(fused.order, fused, None, {}, ())

    texts: dict[Channel, Answered] = {
        channel: answer for channel, answer in answered.items() if channel is not Channel.VISUAL
    }
    fused = _fuse(texts, settled_weights(plan, request, config, clip_answered=False), config)
    seen = [c.scene_id for c in visual.candidates] if visual else []
    base = _base(fused.order, seen, config.rerank_pool_size)
    try:
        return await _rerank(question, plan, config, fused, base)
    except Loss as loss:
        if loss.reason == "rerank_error":
            log_lines.rerank_failed(loss)
        return Ranked(fused.order, fused, None, {}, (loss,))


def _base(text: Ranking, seen: list[SceneId], pool_size: int) -> Ranking:
    """Return the ranking that CLIP reorders: what the text channels found, and silent scenes at 0."""
    if not seen:
        return text
    scores = dict(text)
    pool = union_pool(list(scores), seen, pool_size)
    kept = set(pool)
    return [(scene, scores.get(scene, 0.0)) for scene in pool] + [item for item in text if item[0] not in kept]


async def _rerank(question: Question, plan: Plan, config: SearchConfig, fused: Fused, base: Ranking) -> Ranked:
    started = time.perf_counter()
    pool = [scene for scene, _ in base[: config.rerank_pool_size]]
    await question.clip_vector()  # a lost embedding is a loss even when there is nothing to reorder
    if not pool:
        return Ranked(base, fused, None, {}, ())
    log_lines.rerank_begins(len(pool), config.rerank_pool_size)
    scored = await score_pool(question, pool)
    reranked = rerank(
        base,
        {scene: candidate.raw for scene, candidate in scored.items()},
        clip_weight=plan.clip_weight,
        min_range=config.rerank_min_score_range,
        pool_size=config.rerank_pool_size,
    )
    if reranked.outcome is Outcome.FLAT:
        log_lines.rerank_flat(reranked.score_range, reranked.scored)
    else:
        log_lines.rerank_done(reranked.scored, plan.clip_weight, (time.perf_counter() - started) * 1000)
    return Ranked(reranked.order, fused, reranked, scored, (), len(pool))


def _fuse(answered: Mapping[Channel, Answered], weights: Mapping[Channel, float], config: SearchConfig) -> Fused:
    if config.fusion == "rrf":
        rankings = {channel: [c.scene_id for c in answer.candidates] for channel, answer in answered.items()}
        return fuse_rrf(rankings, weights, k=config.rrf_k)
    return fuse_min_max({channel: answer.raw for channel, answer in answered.items()}, weights)
