"""The router's table, its Korean mirror, and what must not fool it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.query import Mode
from heimdex.ranking.intent import decide, route

TABLE = [
    ("red car driving", "recall", 0.9),
    ("person in crowd", "rerank", 0.7),
    ("he says goodbye", "skip", 0.9),
    ("tteokbokki scene", "rerank", 0.5),
    ("what is the theme?", "skip", 0.7),
    ("red car driving fast", "recall", 0.9),
    ("the line where he says we're in this together", "skip", 0.9),
]
KOREAN = [
    ("빨간 자동차가 달린다", "recall", 0.9),
    ("달리는 빨간 자동차", "recall", 0.9),
    ("군중 속의 사람", "rerank", 0.7),
    ("그가 안녕이라고 말한다", "skip", 0.9),
    ("그가 작별 인사를 말하는 장면", "skip", 0.9),
    ("떡볶이 장면", "rerank", 0.5),
    ("주제가 뭐야?", "skip", 0.7),
    ("주제는 무엇인가요?", "skip", 0.7),
    ("빨간 자동차가 빠르게 달리는", "recall", 0.9),
    ("그가 우리는 함께라고 말하는 대사", "skip", 0.9),
]


@pytest.mark.parametrize(("query", "mode", "confidence"), TABLE + KOREAN)
def test_the_published_table_and_its_mirror(query: str, mode: str, confidence: float) -> None:
    intent = route(query)

    assert (intent.mode.value, intent.confidence) == (mode, confidence), intent.reason


def test_a_red_car_is_recalled_in_both_languages_with_the_same_prior() -> None:
    english, korean = route("red car"), route("빨간 자동차")

    assert english.mode is korean.mode is Mode.RECALL
    assert english.prior == korean.prior
    assert korean.reason == "Strong visual intent: object:자동차, attr:빨간"


def test_the_reason_names_the_object_first() -> None:
    assert route("red car driving").reason == "Strong visual intent: object:car, attr:red, action:driving"
    assert route("car, red").reason == "Moderate visual intent: object:car, attr:red"


@pytest.mark.parametrize(
    "query",
    ["what", "education", "Japan", "shared online", "scarf" * 2, "carpets'", "whatever", "outlined"],
)
def test_part_of_a_word_is_no_signal(query: str) -> None:
    assert route(query).reason in {"No clear intent", "Some visual intent: object:carpets"}


@pytest.mark.parametrize("query", ["it's John's", "we're Ross' 90's", "the '90s", 'an "open quotation', "5'10\""])
def test_an_apostrophe_is_no_quotation(query: str) -> None:
    assert "quote:" not in route(query).reason


@pytest.mark.parametrize(
    "query", ['"may the force"', "“may the force”", "'may the force'", "'don't you worry'", "「안녕」"]
)
def test_a_balanced_quotation_is_speech(query: str) -> None:
    assert "quote:" in route(query).reason
    assert route(query).mode is Mode.SKIP


def test_what_is_quoted_is_said_and_not_seen() -> None:
    assert route('"red car"').mode is Mode.SKIP


def test_what_is_reported_is_said_and_not_seen() -> None:
    assert route("she tells him about the red car").mode is Mode.SKIP
    assert route("she tells him about the car while driving a truck").mode is Mode.RERANK


def test_a_phrase_of_speech_wins_over_the_verb_that_is_seen() -> None:
    assert route("a man talking").mode is Mode.RERANK
    assert route("talks about cancer").mode is Mode.SKIP


@pytest.mark.parametrize("word", ["scene", "clip", "shot", "footage", "장면", "영상"])
def test_a_container_is_no_signal(word: str) -> None:
    assert route(word).confidence == 0.3


def test_a_repeated_word_counts_once() -> None:
    assert route("car car car car").confidence == 0.5


def test_nothing_at_all_is_skipped_without_confidence() -> None:
    intent = route("   ")

    assert (intent.mode, intent.confidence) == (Mode.SKIP, 0.0)


def test_signs_alone_are_not_nothing() -> None:
    assert (route("😀").mode, route("😀").confidence) == (Mode.RERANK, 0.3)


def test_a_long_query_in_an_unknown_language_is_not_skipped() -> None:
    assert route("ein rotes Auto fährt am Abend durch eine enge Gasse").mode is Mode.RERANK


def test_without_a_signal_the_prior_is_uniform() -> None:
    prior = route("Webb telescope").prior

    assert prior.visual == pytest.approx(1 / 3)
    assert prior.transcript == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("visual", "speech", "mode", "confidence"),
    [
        (3, 0, "recall", 0.9),
        (2, 0, "rerank", 0.7),
        (2, 1, "rerank", 0.7),
        (5, 1, "rerank", 0.7),
        (1, 0, "rerank", 0.5),
        (0, 2, "skip", 0.9),
        (0, 1, "skip", 0.7),
        (1, 1, "rerank", 0.4),
        (3, 2, "rerank", 0.4),
        (0, 0, "rerank", 0.3),
    ],
)
def test_every_branch_of_the_decision(visual: int, speech: int, mode: str, confidence: float) -> None:
    decision = decide(visual, speech)

    assert (decision.mode.value, decision.confidence) == (mode, confidence)


@given(st.text(max_size=80))
def test_any_text_is_routed_with_a_prior_that_sums_to_one(text: str) -> None:
    intent = route(text)

    assert math.isclose(intent.prior.visual + intent.prior.transcript + intent.prior.both, 1.0)
    assert min(intent.prior.visual, intent.prior.transcript, intent.prior.both) >= 0.0
    assert intent.mode is not Mode.AUTO


WORDS = ["red", "car", "he", "says", "빨간", "자동차가", "말하는", "about", "we're", "what", "theme"]


@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_the_same_words_give_the_same_answer_whatever_their_case(words: list[str]) -> None:
    query = " ".join(words)

    assert route(query) == route(query)
    assert route(query.upper()).mode is route(query).mode
