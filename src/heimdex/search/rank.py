"""From the channels' candidates to one order: fuse, then let CLIP rerank where the plan says so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, Mode
from heimdex.domain.results import Candidate, Label
from heimdex.ranking.belief import emphasised, relief, updated
from heimdex.ranking.fuse import Fused, Ranking, fuse_min_max, fuse_rrf
from heimdex.ranking.labels import CutOffs, label_cosine
from heimdex.ranking.rerank import Outcome, Reranked, rerank
from heimdex.ranking.trust import trusted, trusted_clip_weight
from heimdex.search import log_lines
from heimdex.search.losses import Loss
from heimdex.search.plan import Plan, SearchConfig, clip_share, follow_prior, settled_weights
from heimdex.search.retrieve import Answered, Question, score_pool
from heimdex.telemetry import record


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
    #: CLIP's part in the blend
    clip_weight: float = 0.0


async def rank(
    question: Question,
    plan: Plan,
    config: SearchConfig,
    answered: Mapping[Channel, Answered],
) -> Ranked:
    """Fuse what the channels found and let CLIP rerank where the plan says so.

    Without CLIP, weights and order are those of mode skip.
    """
    visual = answered.get(Channel.VISUAL)
    without_clip = settled_weights(plan, clip_answered=False)
    if plan.mode is not Mode.RERANK:
        if visual is None or visual.loss is not None:
            return _fused_only(answered, without_clip, config)
        weights = settled_weights(plan, clip_answered=True)
        if plan.adapts:
            weights, _ = _adapted(plan, config, answered)
            weights = trusted(weights, best_labels(question, answered))
        return _fused_only(answered, weights, config)

    texts: dict[Channel, Answered] = {c: answer for c, answer in answered.items() if c is not Channel.VISUAL}
    try:
        await question.clip_vector()  # a lost embedding is a loss even when there is nothing to reorder
        if plan.rerank_pool == "union":  # what is only seen gets into the pool as a candidate like any other
            return await _rerank(question, plan, config, answered, plan.weights)
        return await _rerank(question, plan, config, texts, without_clip)
    except Loss as loss:
        if loss.reason == "rerank_error":
            log_lines.rerank_failed(loss)
        fused = _fuse(texts, without_clip, config)
        return Ranked(fused.order, fused, None, {}, (loss,))


def _fused_only(answered: Mapping[Channel, Answered], weights: Mapping[Channel, float], config: SearchConfig) -> Ranked:
    fused = _fuse(answered, weights, config)
    return Ranked(fused.order, fused, None, {}, ())


def _adapted(
    plan: Plan, config: SearchConfig, answered: Mapping[Channel, Answered]
) -> tuple[dict[Channel, float], float]:
    """Return the weights of the channels and of CLIP in the blend, as what was found makes the prior look now."""
    found = {channel: relief(channel, answer.raw) for channel, answer in answered.items()}
    reliefs = {channel: seen for channel, seen in found.items() if seen is not None}
    prior = updated(plan.prior, reliefs)
    weights = emphasised(follow_prior(plan.given.values, prior), reliefs)
    return weights, clip_share(config.rerank_clip_weight, prior)


def best_labels(question: Question, answered: Mapping[Channel, Answered]) -> dict[Channel, Label]:
    """Return the label of each dense channel's best candidate, where its model has cut-offs to judge by."""
    labels: dict[Channel, Label] = {}
    for channel, answer in answered.items():
        embedder = question.embedder if channel is Channel.VISUAL else question.text_embedder
        by_words = channel is Channel.LEXICAL or (channel is Channel.SUMMARY and question.telling == "words")
        if by_words or embedder is None or not answer.candidates:
            continue
        if cut := embedder.model.calibration:
            labels[channel] = label_cosine(answer.candidates[0].raw, CutOffs(cut.weak, cut.medium, cut.strong))
    return labels


async def _rerank(
    question: Question,
    plan: Plan,
    config: SearchConfig,
    answered: Mapping[Channel, Answered],
    weights: Mapping[Channel, float],
) -> Ranked:
    """Fuse what ``answered`` holds and let CLIP reorder the first of it."""
    started = time.perf_counter()
    clip_weight = plan.clip_weight
    if plan.adapts:
        weights, clip_weight = _adapted(plan, config, answered)
        best = best_labels(question, answered)
        words_found = bool(answered[Channel.LEXICAL].candidates) if Channel.LEXICAL in answered else False
        clip_weight = trusted_clip_weight(clip_weight, best, words_found=words_found)
        weights = trusted(weights, best)
    fused = _fuse(answered, weights, config)
    base = fused.order
    pool = [scene for scene, _ in base[: config.rerank_pool_size]]
    if not pool:
        return Ranked(base, fused, None, {}, ())
    log_lines.rerank_begins(len(pool), config.rerank_pool_size)
    scored = await score_pool(question, pool)
    reranked = rerank(
        base,
        {scene: candidate.raw for scene, candidate in scored.items()},
        clip_weight=clip_weight,
        min_range=config.rerank_min_score_range,
        pool_size=config.rerank_pool_size,
    )
    record.reranked(reranked.outcome.value, reranked.score_range if reranked.scored > 1 else None)
    if reranked.outcome is Outcome.FLAT:
        log_lines.rerank_flat(reranked.score_range, reranked.scored)
    else:
        log_lines.rerank_done(reranked.scored, clip_weight, (time.perf_counter() - started) * 1000)
    return Ranked(reranked.order, fused, reranked, scored, (), len(pool), clip_weight)


def _fuse(answered: Mapping[Channel, Answered], weights: Mapping[Channel, float], config: SearchConfig) -> Fused:
    if config.fusion == "rrf":
        rankings = {channel: [c.scene_id for c in answer.candidates] for channel, answer in answered.items()}
        return fuse_rrf(rankings, weights, k=config.rrf_k)
    return fuse_min_max({channel: answer.raw for channel, answer in answered.items()}, weights)
