"""The journey of a query over a small library."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.unit.search.library import CLIP, FakeModel, Planted, engine, library, scene_id, text_model

from heimdex.domain.query import Channel, Mode, Router
from heimdex.domain.results import ChannelStatus, Label, SearchAnswer
from heimdex.ranking.intent import route
from heimdex.search.evidence import recompute
from heimdex.search.plan import SearchConfig
from heimdex.search.request import check
from heimdex.search.weights import GUIDE_WEIGHTS
from heimdex.testing.scene_index import InMemorySceneIndex

LIBRARY = [
    Planted("we bought red wine", seen=0.2, meant=0.2),
    Planted("", seen=0.8),
    Planted("goodbye my friend", seen=0.1, meant=0.6),
    Planted("the red car is fast", seen=0.25, meant=0.4),
]


def index() -> InMemorySceneIndex:
    return library(*LIBRARY)


async def ask(query: str, *, config: SearchConfig | None = None, **options: Any) -> SearchAnswer:
    return await engine(index(), FakeModel(), text_model(), config).search(check(query, **options))


def ids(answer: SearchAnswer) -> list[int]:
    return [hit.scene.scene_id.int for hit in answer.hits]


async def test_what_is_seen_comes_first_when_the_query_is_about_what_is_seen() -> None:
    answer = await ask("red car")

    assert answer.mode_used is Mode.RECALL
    assert ids(answer)[0] == 2
    assert answer.hits[0].label is Label.STRONG
    assert answer.hits[0].matched[0].frame_s == 15.0


async def test_a_match_says_whether_its_evidence_counts() -> None:
    answer = await ask("the red car is fast", mode="recall")
    said = next(hit for hit in answer.hits if hit.scene.scene_id.int == 4)

    labels = {match.channel: match.label for match in said.matched}
    assert labels[Channel.LEXICAL] is Label.STRONG
    assert labels[Channel.VISUAL] is Label.NONE
    for hit in answer.hits:
        assert hit.label in {match.label for match in hit.matched}


async def test_what_is_said_comes_first_when_the_query_is_about_what_is_said() -> None:
    answer = await ask("he says goodbye")

    assert answer.mode_used is Mode.SKIP
    assert answer.channels[Channel.VISUAL].status is ChannelStatus.SKIPPED
    assert ids(answer)[0] == 3
    assert answer.hits[0].snippet == "goodbye my friend"
    assert answer.hits[0].moment_s == 22.0


async def test_an_english_model_is_not_asked_for_the_meaning_of_korean() -> None:
    english = text_model()
    english.model = replace(english.model, languages=("en",))
    answer = await engine(index(), FakeModel(), english).search(check("작별 인사를 말하는 장면"))

    assert answer.channels[Channel.TRANSCRIPT].status is ChannelStatus.SKIPPED
    assert answer.channels[Channel.TRANSCRIPT].reason.endswith("reads en only")
    assert not answer.degraded


@pytest.mark.parametrize("mode", ["auto", "recall", "rerank"])
async def test_an_english_clip_model_is_not_asked_for_korean_pictures(mode: str) -> None:
    english = FakeModel(model=replace(CLIP, languages=("en",)))
    search = engine(index(), english, text_model())
    with capture_logs() as logs:
        korean = await search.search(check("빨간 자동차", mode=mode))
    assert english.asked == []
    assert korean.mode_used is Mode.SKIP
    assert korean.channels[Channel.VISUAL].status is ChannelStatus.SKIPPED
    assert korean.channels[Channel.VISUAL].reason == "clip-test reads en only"
    assert not korean.degraded
    assert "Channel visual skipped: clip-test reads en only" in [line["event"] for line in logs]

    await search.search(check("red car", mode=mode))
    assert english.asked == ["red car"]


async def test_a_silent_scene_is_found_by_a_routed_rerank_and_not_by_an_explicit_one() -> None:
    assert 2 in ids(await ask("tteokbokki scene"))
    assert (await ask("tteokbokki scene")).rerank_pool == "union"
    explicit = await ask("tteokbokki scene", mode="rerank")
    assert explicit.rerank_pool == "text"
    assert 2 not in ids(explicit)
    text_only = await ask("tteokbokki scene", config=SearchConfig(rerank_pool="text"))
    assert 2 not in ids(text_only)


@pytest.mark.parametrize("mode", ["auto", "recall", "rerank", "skip"])
@pytest.mark.parametrize("query", ["red car", "tteokbokki scene", "goodbye", "the red car is fast"])
async def test_every_receipt_adds_up_to_the_score(mode: str, query: str) -> None:
    answer = await ask(query, mode=mode, include_weak=True, explain=True)

    assert answer.hits
    for hit in answer.hits:
        assert recompute(hit.matched) == pytest.approx(hit.score, abs=1e-6)
    assert [hit.rank for hit in answer.hits] == list(range(1, len(answer.hits) + 1))
    assert set(answer.explanation["hits"]) == {str(hit.scene.scene_id) for hit in answer.hits}  # type: ignore[call-overload]


async def test_the_weights_in_force_sum_to_one() -> None:
    answer = await ask("red car", mode="recall")

    assert sum(report.weight for report in answer.channels.values()) == pytest.approx(1.0)
    assert answer.channels[Channel.VISUAL].weight == pytest.approx(0.25 / 0.90)


async def test_nothing_good_is_an_answer_and_weak_ones_come_on_demand() -> None:
    weak = library(Planted("rain in the valley", seen=0.1, meant=0.1), Planted("snow", seen=0.05, meant=0.2))
    search = engine(weak, FakeModel(), text_model())

    assert (await search.search(check("purple submarine"))).hits == ()
    hits = (await search.search(check("purple submarine", include_weak=True))).hits
    assert {hit.label for hit in hits} == {Label.NONE}
    assert len(hits) == 2


async def test_one_word_of_a_long_query_is_no_match() -> None:
    weak = library(Planted("a history of wine", seen=0.1, meant=0.1))
    answer = await engine(weak, FakeModel(), text_model()).search(check("history of the railway across northern Wales"))

    assert answer.hits == ()


async def test_a_quoted_phrase_must_have_been_said() -> None:
    answer = await ask('"the red car"')

    assert ids(answer) == [4]
    assert answer.hits[0].label is Label.STRONG


async def test_the_limit_cuts_after_ranking() -> None:
    assert ids(await ask("red car", limit=1)) == ids(await ask("red car"))[:1]


async def test_a_filter_admits_only_its_videos() -> None:
    from uuid import UUID

    assert (await ask("red car", video_ids=[UUID(int=1)])).hits == ()
    assert (await ask("red car", video_ids=[UUID(int=999)])).hits != ()


async def test_a_threshold_drops_visual_candidates() -> None:
    answer = await ask("red car", mode="recall", config=SearchConfig(threshold_visual=0.5))

    assert answer.channels[Channel.VISUAL].candidates == 1


NO_WEIGHT = SearchConfig(weights={**GUIDE_WEIGHTS, Channel.VISUAL: 0.0})


@pytest.mark.parametrize("config", [SearchConfig(visual_mode=Mode.SKIP), NO_WEIGHT])
async def test_rollback_by_settings_calls_no_clip(config: SearchConfig) -> None:
    clip = FakeModel()
    answer = await engine(index(), clip, text_model(), config).search(check("red car"))

    assert clip.asked == []
    assert answer.mode_used is Mode.SKIP
    assert not answer.degraded


async def test_other_settings_count_from_the_next_search_on() -> None:
    search = engine(index(), FakeModel(), text_model())
    assert (await search.search(check("red car"))).mode_used is Mode.RECALL
    search.reconfigure(replace(search.config, visual_mode=Mode.SKIP))
    assert (await search.search(check("red car"))).mode_used is Mode.SKIP


async def test_the_same_query_is_embedded_once() -> None:
    clip = FakeModel()
    search = engine(index(), clip, text_model())
    await search.search(check("red car"))
    await search.search(check("red car", mode="rerank"))

    assert clip.asked == ["red car"]


async def test_no_vectors_of_the_model_skip_the_channel_without_asking_clip() -> None:
    clip = FakeModel(replace(CLIP, model_id="other"))
    answer = await engine(index(), clip, text_model()).search(check("red car"))

    assert answer.channels[Channel.VISUAL].reason == "nothing is indexed with other"
    assert clip.asked == []
    assert not answer.degraded


async def test_a_missing_text_model_is_skipped_with_its_reason_and_not_degraded() -> None:
    config = SearchConfig(text_missing="no text model is installed")
    answer = await engine(index(), FakeModel(), None, config).search(check("red car"))

    assert answer.channels[Channel.TRANSCRIPT].status is ChannelStatus.SKIPPED
    assert answer.channels[Channel.TRANSCRIPT].reason == "no text model is installed"
    assert not answer.degraded


async def test_extreme_weights_leave_one_channel() -> None:
    weights = {"visual": 1.0, "transcript": 0.0, "lexical": 0.0, "summary": 0.0}
    answer = await ask("red car", mode="recall", weights=weights)

    assert ids(answer) == [2]
    assert answer.channels[Channel.TRANSCRIPT].status is ChannelStatus.SKIPPED


async def test_the_model_says_what_it_does_not_know() -> None:
    assert (await ask("red car")).notices == ("draws only",)
    assert (await ask("red car", mode="skip")).notices == ()


async def test_a_query_of_signs_alone_is_no_error() -> None:
    answer = await ask("😀")

    assert answer.channels[Channel.LEXICAL].status is ChannelStatus.EMPTY


async def test_a_lone_exact_hit_is_never_dropped() -> None:
    lone = library(Planted("the word is shibboleth", seen=0.1, meant=0.1), Planted("rain", seen=0.2, meant=0.2))
    answer = await engine(lone, FakeModel(), text_model()).search(check("shibboleth"))

    assert ids(answer) == [1]
    assert scene_id(1) == answer.hits[0].scene.scene_id


async def test_fusion_by_reciprocal_rank() -> None:
    answer = await ask("red car", mode="recall", config=SearchConfig(fusion="rrf", rrf_k=2.0), include_weak=True)

    assert all(recompute(hit.matched) == pytest.approx(hit.score, abs=1e-6) for hit in answer.hits)


async def test_a_silent_scene_that_shows_it_beats_a_passing_word_when_the_router_chose_rerank() -> None:
    planted = [Planted("one person spoke", seen=0.1, meant=0.3), Planted("", seen=0.8), Planted("nothing", seen=0.2)]
    answer = await engine(library(*planted), FakeModel(), text_model()).search(check("person in crowd"))

    assert (answer.mode_used, answer.rerank_pool) == (Mode.RERANK, "union")
    assert ids(answer)[0] == 2
    assert recompute(answer.hits[0].matched) == pytest.approx(answer.hits[0].score)


@pytest.mark.parametrize("router", ["rules", "learned"])
async def test_the_router_that_is_set_decides(router: Router) -> None:
    query = "on the street a man wonders whether his friend would agree with him about the job"
    answer = await ask(query, config=SearchConfig(router=router))

    assert answer.intent == route(query, router)
    assert route(query, "rules") != route(query, "learned")
