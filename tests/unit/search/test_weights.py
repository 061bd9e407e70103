"""Whose weights count: the request's, then saved ones, then the settings'."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.search.library import FakeModel, Planted, library, text_model

from heimdex.domain.errors import BadRequest, StoreUnavailable
from heimdex.domain.query import Channel, Mode
from heimdex.domain.results import ChannelStatus, SearchAnswer, WeightSource
from heimdex.search.engine import SearchEngine
from heimdex.search.plan import SearchConfig
from heimdex.search.request import check
from heimdex.search.weights import GUIDE_WEIGHTS, PRESETS, check_weights, weigh
from heimdex.testing.preferences import InMemoryPreferences

SETTINGS, SAVED, REQUEST = WeightSource.SETTINGS, WeightSource.SAVED, WeightSource.REQUEST
LIBRARY = [
    Planted("the red car is here", seen=0.2, meant=0.3),
    Planted("", seen=0.9),
    Planted("red car goodbye", seen=0.1, meant=0.9),
]


async def ask(query: str, saved: dict[Channel, float], **options: Any) -> SearchAnswer:
    search = SearchEngine(library(*LIBRARY), FakeModel(), text_model(), SearchConfig(), InMemoryPreferences(saved))
    return await search.search(check(query, include_weak=True, **options))


def in_force(answer: SearchAnswer) -> dict[str, tuple[float, WeightSource]]:
    return {channel.value: (weighed.value, weighed.source) for channel, weighed in answer.weights.items()}


async def test_the_request_comes_before_what_was_saved_and_that_before_the_settings() -> None:
    answer = await ask("red car", {Channel.VISUAL: 0.6, Channel.LEXICAL: 0.7}, weights={"lexical": 0.9})

    assert in_force(answer) == {
        "visual": (0.6, SAVED), "transcript": (0.45, SETTINGS), "summary": (0.10, SETTINGS), "lexical": (0.9, REQUEST),
    }  # fmt: skip
    shares = {channel.value: report.weight for channel, report in answer.channels.items()}
    assert shares == pytest.approx(
        {"visual": 0.6 / 1.95, "transcript": 0.45 / 1.95, "summary": 0, "lexical": 0.9 / 1.95}
    )
    assert not answer.weights_follow_query


async def test_saved_weights_can_be_left_out() -> None:
    left_out = await ask("red car", {Channel.VISUAL: 0.0}, use_saved_preferences=False)
    plain = await ask("red car", {})

    assert in_force(left_out) == in_force(plain) == {c.value: (w, SETTINGS) for c, w in GUIDE_WEIGHTS.items()}
    assert [hit.score for hit in left_out.hits] == [hit.score for hit in plain.hits]
    assert plain.weights_follow_query


@pytest.mark.parametrize(
    ("weights", "first"),
    [({"visual": 1, "transcript": 0, "lexical": 0}, 2), ({"visual": 0, "transcript": 1, "lexical": 0}, 3),
     ({"visual": 0, "transcript": 0, "lexical": 1}, 3)],
)  # fmt: skip
@pytest.mark.parametrize("saved", [True, False])
async def test_extreme_weights_leave_one_channel(weights: dict[str, float], first: int, saved: bool) -> None:
    weights = {**weights, "summary": 0}
    kept = {Channel(name): weight for name, weight in weights.items()} if saved else {}
    answer = await ask("red car", kept, **({} if saved else {"weights": weights}))

    assert answer.hits[0].scene.scene_id.int == first
    (channel,) = [c for c, report in answer.channels.items() if report.status is not ChannelStatus.SKIPPED]
    assert answer.channels[channel].weight == 1.0
    assert {match.channel for hit in answer.hits for match in hit.matched} == {channel}


async def test_pictures_alone_are_searched_whatever_the_router_thinks() -> None:
    answer = await ask("he says goodbye", dict(PRESETS["seen"]))

    assert answer.mode_used is Mode.RECALL
    assert answer.hits[0].scene.scene_id.int == 2


async def test_saved_weights_give_way_where_they_would_silence_the_query() -> None:
    answer = await ask("see:red car", dict(PRESETS["exact"]))

    assert answer.hits[0].scene.scene_id.int == 2
    assert in_force(answer)["visual"] == (0.25, SETTINGS)


async def test_preferences_that_cannot_be_read_are_a_loss_and_no_failure() -> None:
    kept = InMemoryPreferences({Channel.VISUAL: 0.0}, StoreUnavailable("gone"))
    search = SearchEngine(library(*LIBRARY), FakeModel(), text_model(), SearchConfig(), kept)
    answer = await search.search(check("red car"))

    assert answer.hits
    assert answer.degraded_reasons == ("preferences_unread",)


@given(*[st.dictionaries(st.sampled_from(Channel), st.floats(0, 1)) for _ in range(3)])
def test_each_channel_has_the_weight_of_its_strongest_giver(
    settings: dict[Channel, float], saved: dict[Channel, float], request: dict[Channel, float]
) -> None:
    found = weigh(settings, saved, request)
    for channel, weighed in found.given.items():
        layers = [(REQUEST, request), (SAVED, saved), (SETTINGS, {**GUIDE_WEIGHTS, **settings})]
        givers = [(source, layer[channel]) for source, layer in layers if channel in layer]
        silent = not any(found.values.values())
        assert (weighed.source, weighed.value) in givers
        assert (weighed.source, weighed.value) == givers[0] or givers[0][0] is SAVED or silent


@pytest.mark.parametrize(
    "weights", [{"smell": 1}, {"visual": 1.5}, {"visual": float("nan")}, dict.fromkeys(Channel, 0)]
)
def test_weights_that_cannot_be_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(BadRequest):
        check_weights(weights)


def test_presets_are_weights() -> None:
    for preset in PRESETS.values():
        assert check_weights({channel.value: weight for channel, weight in preset.items()}) == preset
