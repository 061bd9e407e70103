"""The learned router: silent where it knows nothing, never against what is plainly seen, and the table as it was."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ranking.test_intent import KOREAN, TABLE

from heimdex.domain.query import Mode
from heimdex.ranking.intent import by_rules, route
from heimdex.ranking.learned import LEAST_KNOWN_WORDS, Model, sharpen, shipped
from heimdex.ranking.phrasing import features, words_read
from heimdex.ranking.signals import find_signals

#: written by hand, as people type them; each asks for something to be seen
SEEN = Path(__file__).with_name("seen_queries.txt").read_text(encoding="utf-8").splitlines()
#: long enough for the model, and about nothing but what is said
SAID = [
    "grandma explains why the family had to leave the village before the war",
    "the doctor tells her that the results are better than they thought",
    "he admits that he never wanted to move away with them",
]


@pytest.mark.parametrize(("query", "mode", "confidence"), TABLE + KOREAN)
def test_the_published_table_and_its_mirror_stand(query: str, mode: str, confidence: float) -> None:
    learned, ruled = route(query, "learned"), route(query, "rules")

    assert (learned.mode.value, learned.confidence, learned.reason) == (mode, confidence, ruled.reason)


@pytest.mark.parametrize("query", SEEN)
def test_what_is_to_be_seen_is_never_skipped(query: str) -> None:
    for written in (query, query.capitalize(), query.upper()):
        assert route(written, "learned").mode is not Mode.SKIP, route(written, "learned").reason


@pytest.mark.parametrize("query", [query for query in SEEN if len(query.split()) < LEAST_KNOWN_WORDS])
def test_a_short_query_is_left_to_the_rules(query: str) -> None:
    assert route(query, "learned") == route(query, "rules")


@pytest.mark.parametrize("query", [query for query in SEEN if not query.isascii()])
def test_a_korean_query_is_left_to_the_rules(query: str) -> None:
    assert route(query, "learned") == route(query, "rules")


@pytest.mark.parametrize("query", SAID)
def test_long_texts_about_what_is_said_are_skipped(query: str) -> None:
    intent = route(query, "learned")

    assert intent.mode is Mode.SKIP
    assert intent.prior.visual < 0.1


def test_names_mean_nothing() -> None:
    known = shipped().words

    # two shows of three have these people, or none: their names are no words of the model
    assert not known & {"sheldon", "penny", "monica", "chandler", "foreman", "cuddy", "wilson", "leonard"}
    asked = "{} tells {} that the children have to go to school"
    assert route(asked.format("Sheldon", "Penny"), "learned") == route(asked.format("Minjun", "Seoyeon"), "learned")


def _model(transcript: float, skip_above: float = 0.5) -> Model:
    words = dict.fromkeys(["a", "man", "tells", "him", "about", "the", "red", "car", "on", "street"], (0.0, 0.0, 0.0))
    return Model(frozenset(words), {**words, "#always": (0.0, transcript, 0.0)}, skip_above)


def _sharpened(query: str, model: Model) -> tuple[Mode, float, str]:
    signals = find_signals(query)
    intent = sharpen(query, signals, by_rules(signals), model)
    return intent.mode, intent.confidence, intent.reason


def test_an_unsure_decision_becomes_skip_and_the_reason_says_so() -> None:
    mode, confidence, reason = _sharpened("on the street a man tells him about him", _model(3.0))

    assert mode is Mode.SKIP
    assert confidence == pytest.approx(0.91)
    assert reason.startswith("Phrased like speech (0.91); ")


def test_an_unsure_skip_becomes_rerank_where_it_reads_like_something_seen() -> None:
    assert route("he tells about a man on the street").mode is Mode.SKIP
    mode, confidence, reason = _sharpened("he tells about a man on the street", _model(-3.0))

    assert mode is Mode.RERANK
    assert confidence == pytest.approx(0.98)
    assert reason.startswith("Phrased like something seen (0.98); ")


@pytest.mark.parametrize("query", ["the red car on the street", "a man on the street"])
def test_what_only_shows_is_never_turned_into_skip(query: str) -> None:
    assert _sharpened(query, _model(9.0))[0] is not Mode.SKIP


def test_a_sure_decision_stands() -> None:
    query = "the line where he says a man on the street"

    assert _sharpened(query, _model(-9.0))[:2] == (Mode.SKIP, 0.9)


def test_unknown_words_run_together() -> None:
    found = features("Ann Lee tells Bob", find_signals("Ann Lee tells Bob"), {"tells"})

    assert {name for name in found if not name.startswith("#")} == {"tells", "< ?", "? tells", "tells ?", "? >"}


def test_the_shipped_model_is_small_and_holds_no_sentence() -> None:
    text = (files("heimdex.ranking.lexicon") / "learned.json").read_text(encoding="utf-8")

    assert len(text) < 500_000
    assert max(len(name.split()) for name in shipped().weights if not name.startswith("#")) == 2


@given(st.text(max_size=120))
def test_any_text_is_routed_with_a_prior_that_sums_to_one(text: str) -> None:
    prior = route(text, "learned").prior

    assert prior.visual + prior.transcript + prior.both == pytest.approx(1.0)


@given(st.lists(st.sampled_from(sorted(shipped().words)[::9]), min_size=LEAST_KNOWN_WORDS, max_size=20))
def test_any_known_words_are_routed_the_same_twice(words: list[str]) -> None:
    query = " ".join(words)
    route.cache_clear()
    first = route(query, "learned")
    route.cache_clear()

    assert route(query, "learned") == first
    assert set(words_read(query)) <= shipped().words
