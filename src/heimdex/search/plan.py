"""From a request, the router's intent and the settings to what will be done: mode, channels, weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from heimdex.domain.query import UNIFORM, Channel, Intent, Mode, Prior, Router, SearchRequest
from heimdex.ranking.pool_frames import Pooling
from heimdex.search.weights import GUIDE_WEIGHTS, Weights, weigh

#: What CLIP is worth when the answer is surely seen, surely said, or both.
_VISUAL_SHARE = Prior(visual=0.80, transcript=0.02, both=0.50)
_SPOKEN_SHARE = Prior(visual=0.02, transcript=0.80, both=0.50)
_TOLD_SHARE = Prior(visual=0.40, transcript=0.10, both=0.25)


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """The settings that a search depends on; replaced as a whole when they are read again."""

    visual_mode: Mode = Mode.AUTO
    #: what decides the mode and the weights in `auto`
    router: Router = "learned"
    multi_dense_enabled: bool = True
    weights: Mapping[Channel, float] = field(default_factory=lambda: GUIDE_WEIGHTS)
    #: least cosine of a visual candidate
    threshold_visual: float | None = None
    clip_timeout_s: float = 1.5
    rerank_pool_size: int = 500
    rerank_clip_weight: float = 0.3
    rerank_min_score_range: float = 0.05
    #: which candidates CLIP reorders when the router chose rerank
    rerank_pool: Literal["union", "text"] = "union"
    #: how the keyframes of a scene become its visual score
    frame_pooling: Pooling = "max"
    frame_top_k: int = 2
    #: how far scenes that are near to everything are held back; 0 not at all
    hub_correction: float = 0.0
    fusion: Literal["min_max", "rrf"] = "min_max"
    rrf_k: float = 60.0
    #: candidates of each channel
    candidates: int = 200
    deadline_s: float = 2.5
    channel_timeout_s: float = 1.5
    #: why there is no embedder, for the answer; empty when there is one
    visual_missing: str = ""
    text_missing: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one search does. ``skipped`` holds the channels that do not run, each with its reason."""

    mode: Mode
    #: as the query moves them, where it may
    weights: dict[Channel, float]
    #: as they were given
    given: Weights
    skipped: dict[Channel, str]
    clip_weight: float
    #: ``union`` or ``text`` when CLIP reranks
    rerank_pool: Literal["union", "text"] | None
    #: whether weights follow the query and the evidence: the router decided and nobody chose weights
    adapts: bool = False
    #: what the router thinks the query seeks
    prior: Prior = UNIFORM

    @property
    def visual_retrieves(self) -> bool:
        """Whether the visual channel brings candidates, rather than only rescoring those of others."""
        return self.mode is Mode.RECALL or self.rerank_pool == "union"

    @property
    def calls_clip(self) -> bool:
        return self.mode is not Mode.SKIP


def requested_mode(request: SearchRequest, config: SearchConfig) -> Mode:
    """Return the mode asked for: the request before VISUAL_MODE; ``auto`` leaves it to the router."""
    return request.mode if request.mode is not Mode.AUTO else config.visual_mode


def make_plan(
    request: SearchRequest,
    intent: Intent,
    config: SearchConfig,
    missing: Mapping[Channel, str],
    saved: Mapping[Channel, float] = MappingProxyType({}),
) -> Plan:
    """Decide mode, channels and weights.

    Args:
        missing: channels that cannot answer at all (no model, nothing indexed), with the reason.
        saved: weights that a person saved.
    """
    asked = requested_mode(request, config)
    routed = asked is Mode.AUTO
    mode = intent.mode if routed else asked
    skipped = {channel: reason for channel, reason in missing.items() if reason}
    given = weigh(config.weights, saved, request.weights, skipped)
    weights = given.values
    skipped |= {c: "weight 0" for c in Channel if weights[c] <= 0.0 and c not in skipped}
    if routed and mode is Mode.SKIP and given.chosen and set(Channel) - set(skipped) == {Channel.VISUAL}:
        mode = Mode.RECALL  # a person left nothing but the picture: the router cannot take that away too
    if Channel.VISUAL in skipped:
        mode = Mode.SKIP
    elif mode is Mode.SKIP:
        skipped[Channel.VISUAL] = f"mode skip: {intent.reason}" if routed else "mode skip"
    if mode is Mode.RECALL and not config.multi_dense_enabled:
        mode = Mode.RERANK
    pool: Literal["union", "text"] | None = None
    if mode is Mode.RERANK:
        pool = config.rerank_pool if routed and config.multi_dense_enabled else "text"
    clip_weight = config.rerank_clip_weight
    adapts = routed and not given.chosen and mode is not Mode.SKIP and pool != "text"
    if adapts:
        weights = follow_prior(weights, intent.prior)
        if pool == "union":
            clip_weight = clip_share(clip_weight, intent.prior)
    return Plan(mode, weights, given, skipped, clip_weight, pool, adapts, intent.prior)


def clip_share(weight: float, prior: Prior) -> float:
    """Return CLIP's weight in the blend, moved towards how likely the answer is seen; at most 1."""
    return min(1.0, weight * _factor(_VISUAL_SHARE, prior))


def follow_prior(weights: Mapping[Channel, float], prior: Prior) -> dict[Channel, float]:
    """Return weights moved towards where the answer likely is; a uniform prior moves nothing.

    w_c · share_c(prior) / share_c(uniform). They need not sum to 1: fusion scales them. The words
    and the meaning of what is said move together, so that their order does not depend on CLIP.
    """
    spoken = _factor(_SPOKEN_SHARE, prior)
    factors = {
        Channel.VISUAL: _factor(_VISUAL_SHARE, prior),
        Channel.TRANSCRIPT: spoken,
        Channel.LEXICAL: spoken,
        Channel.SUMMARY: _factor(_TOLD_SHARE, prior),
    }
    return {channel: weight * factors[channel] for channel, weight in weights.items()}


def _factor(share: Prior, prior: Prior) -> float:
    expected = prior.visual * share.visual + prior.transcript * share.transcript + prior.both * share.both
    return expected / ((share.visual + share.transcript + share.both) / 3)


def settled_weights(plan: Plan, *, clip_answered: bool) -> dict[Channel, float]:
    """Return the weights for fusion. Without CLIP they are those of mode skip, so that the order is too."""
    return plan.weights if clip_answered else {**plan.given.values, Channel.VISUAL: 0.0}
