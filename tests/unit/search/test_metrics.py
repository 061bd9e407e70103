"""What a search counts, case by case, and that counting has no part in the answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.search.library import FakeModel, Planted, engine, library, text_model

from heimdex.domain.errors import EmbedderPaused, EmbedderRejected, EmbedderUnavailable
from heimdex.search.request import check
from heimdex.telemetry import metrics, record

SEEN = [Planted("a red car", seen=0.9, meant=0.6), Planted("a dog", seen=0.2, meant=0.3)]


@pytest.fixture
def grown() -> Callable[[str], float]:
    """Return a function that tells by how much a series grew in the test."""
    record.count_here()
    before = _series()
    return lambda name: _series().get(name, 0.0) - before.get(name, 0.0)


def _series() -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in metrics.exposition(metrics.SERVER).decode().splitlines() if line[0] != "#"]
    return {name: float(value) for name, value in lines}


async def test_a_recall_counts_its_route_its_time_and_its_vector(grown: Callable[[str], float]) -> None:
    searching = engine(library(*SEEN), FakeModel(), text_model())
    for _ in range(2):
        await searching.search(check("red car driving"))

    assert grown('heimdex_router_decisions_total{mode="recall"}') == 2
    assert grown('heimdex_search_duration_seconds_count{degraded="false",mode="recall"}') == 2
    assert grown('heimdex_clip_requests_total{outcome="ok"}') == 1
    assert grown("heimdex_clip_request_duration_seconds_count") == 1
    assert grown('heimdex_clip_cache_total{result="miss"}') == 1
    assert grown('heimdex_clip_cache_total{result="hit"}') == 1
    assert grown('heimdex_search_channels_total{channel="visual",status="ok"}') == 2
    assert _series()["heimdex_clip_up"] == 1


async def test_a_rerank_counts_what_it_did_and_the_range_of_its_scores(grown: Callable[[str], float]) -> None:
    await engine(library(*SEEN), FakeModel(), text_model()).search(check("red car", mode="rerank"))
    flat = [Planted("a red car", seen=0.500, meant=0.6), Planted("a red dog", seen=0.501, meant=0.3)]
    await engine(library(*flat), FakeModel(), text_model()).search(check("red car", mode="rerank"))

    assert grown('heimdex_clip_rerank_total{outcome="applied"}') == 1
    assert grown('heimdex_clip_rerank_total{outcome="skipped_flat"}') == 1
    assert grown("heimdex_clip_score_range_count") == 2
    assert grown('heimdex_clip_score_range_bucket{le="0.01"}') == 1


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (EmbedderUnavailable("cannot be reached"), "error", "clip_unavailable"),
        (EmbedderPaused("left alone"), "breaker_open", "clip_unavailable"),
        (EmbedderRejected("no unit vectors"), "invalid", "clip_invalid"),
        (TimeoutError(), "timeout", "clip_timeout"),
    ],
)
async def test_each_failure_of_clip_has_its_outcome(
    grown: Callable[[str], float], error: Exception, outcome: str, reason: str
) -> None:
    answer = await engine(library(*SEEN), FakeModel(error=error), text_model()).search(check("red car", mode="recall"))

    assert answer.degraded_reasons == (reason,)
    assert grown(f'heimdex_clip_requests_total{{outcome="{outcome}"}}') == 1
    assert grown(f'heimdex_search_degraded_total{{reason="{reason}"}}') == 1
    assert grown('heimdex_search_duration_seconds_count{degraded="true",mode="skip"}') == 1
    assert grown("heimdex_clip_request_duration_seconds_count") == (0 if outcome == "breaker_open" else 1)
    assert _series()["heimdex_clip_up"] == 0


async def test_skip_asks_nothing_of_clip(grown: Callable[[str], float]) -> None:
    await engine(library(*SEEN), FakeModel(), text_model()).search(check("red car", mode="skip"))

    assert grown('heimdex_clip_requests_total{outcome="ok"}') == 0
    assert grown('heimdex_search_duration_seconds_count{degraded="false",mode="skip"}') == 1


async def test_no_answer_is_lost_to_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    searching = engine(library(*SEEN), FakeModel(), text_model())
    usual = await searching.search(check("red car driving"))
    record.count_here()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no metrics today")

    for name in ("CLIP_REQUESTS", "CLIP_CACHE", "ROUTER_DECISIONS", "SEARCH_DURATION", "CLIP_RERANK"):
        monkeypatch.setattr(getattr(metrics, name), "labels", fail)
    for mode in ("recall", "rerank", "auto"):
        answer = await searching.search(check("red car driving", mode=mode))
        assert not answer.degraded
        assert [hit.scene for hit in answer.hits] == [hit.scene for hit in usual.hits]


async def test_nothing_of_the_query_gets_into_a_metric() -> None:
    record.count_here()
    await engine(library(*SEEN), FakeModel(), text_model()).search(check("zebracanary driving a red car"))

    assert "zebracanary" not in metrics.exposition(metrics.SERVER).decode()
