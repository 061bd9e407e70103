"""Who decides what CLIP may do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heimdex.domain.query import Channel, Intent, Mode, Prior, SearchRequest
from heimdex.search.plan import Plan, SearchConfig, follow_prior, make_plan
from heimdex.search.weights import GUIDE_WEIGHTS

UNIFORM = Prior(1 / 3, 1 / 3, 1 / 3)
SEEN = Prior(0.8, 0.05, 0.15)
CONFIG = SearchConfig()


def plan(
    mode: str = "auto",
    routed: str = "recall",
    config: SearchConfig = CONFIG,
    missing: dict[Channel, str] | None = None,
    weights: dict[Channel, float] | None = None,
    prior: Prior = UNIFORM,
) -> Plan:
    request = SearchRequest("q", mode=Mode(mode), weights=weights or {})
    return make_plan(request, Intent(Mode(routed), 0.9, "because", prior), config, missing or {})


@pytest.mark.parametrize(
    ("asked", "setting", "routed", "used"),
    [
        ("auto", "auto", "rerank", "rerank"),
        ("auto", "skip", "recall", "skip"),
        ("recall", "skip", "skip", "recall"),
        ("rerank", "recall", "skip", "rerank"),
        ("skip", "recall", "recall", "skip"),
    ],
)
def test_request_before_setting_before_router(asked: str, setting: str, routed: str, used: str) -> None:
    assert plan(asked, routed, replace(CONFIG, visual_mode=Mode(setting))).mode.value == used


@pytest.mark.parametrize("mode", ["auto", "recall", "rerank"])
def test_weight_zero_or_no_model_skips_clip_whatever_was_asked(mode: str) -> None:
    weightless = replace(CONFIG, weights={**GUIDE_WEIGHTS, Channel.VISUAL: 0.0})

    assert plan(mode, config=weightless).mode is Mode.SKIP
    assert plan(mode, config=weightless).skipped[Channel.VISUAL] == "weight 0"
    assert plan(mode, weights={Channel.VISUAL: 0.0}).mode is Mode.SKIP
    assert plan(mode, missing={Channel.VISUAL: "no model"}).skipped[Channel.VISUAL] == "no model"
    assert not plan(mode, missing={Channel.VISUAL: "no model"}).calls_clip


def test_without_multi_dense_clip_never_retrieves() -> None:
    off = replace(CONFIG, multi_dense_enabled=False)

    assert plan("recall", config=off).mode is Mode.RERANK
    assert plan("auto", "recall", off).mode is Mode.RERANK
    assert not plan("recall", config=off).visual_retrieves
    assert not plan("auto", "rerank", off).visual_retrieves


def test_only_a_routed_rerank_takes_the_union() -> None:
    assert plan("auto", "rerank").rerank_pool == "union"
    assert plan("rerank").rerank_pool == "text"
    assert plan("auto", "recall", replace(CONFIG, visual_mode=Mode.RERANK)).rerank_pool == "text"
    assert plan("auto", "rerank", replace(CONFIG, rerank_pool="text")).rerank_pool == "text"
    assert plan("recall").rerank_pool is None


def test_explicit_modes_keep_the_guides_weights() -> None:
    assert plan("recall", prior=SEEN).weights == GUIDE_WEIGHTS
    assert plan("rerank", prior=SEEN).clip_weight == 0.3


def test_a_uniform_prior_moves_nothing_and_another_moves_the_weights() -> None:
    assert follow_prior(GUIDE_WEIGHTS, UNIFORM) == pytest.approx(dict(GUIDE_WEIGHTS))
    seen = follow_prior(GUIDE_WEIGHTS, SEEN)
    assert seen[Channel.VISUAL] > GUIDE_WEIGHTS[Channel.VISUAL]
    assert seen[Channel.TRANSCRIPT] < GUIDE_WEIGHTS[Channel.TRANSCRIPT]
    assert seen[Channel.TRANSCRIPT] / seen[Channel.LEXICAL] == pytest.approx(0.45 / 0.20)
    assert plan("auto", "rerank", prior=SEEN).clip_weight > 0.3
    assert plan("auto", "rerank", prior=UNIFORM).clip_weight == pytest.approx(0.3)


def test_weights_of_the_request_stand_as_they_are() -> None:
    weights = {Channel.VISUAL: 1.0, Channel.LEXICAL: 0.0}
    found = plan("auto", "recall", weights=weights, prior=SEEN)

    assert found.weights[Channel.VISUAL] == 1.0
    assert found.skipped[Channel.LEXICAL] == "weight 0"
    assert found.weights[Channel.TRANSCRIPT] == 0.45
