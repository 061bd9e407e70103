"""What of a query is heard."""

from __future__ import annotations

import pytest

from heimdex.ranking.reading import compound_parts, read
from heimdex.ranking.signals import find_signals, spoken_part


@pytest.mark.parametrize(
    ("query", "heard"),
    [
        ("the line where he says we're in this together", "we're in this together"),
        ("he says goodbye", "goodbye"),
        ("talks about cancer", "cancer"),
        ("tteokbokki scene", "tteokbokki"),
        ('the moment she shouts "we did it" loudly', "we did it"),
        ("red car", "red car"),
        ("he says", "he says"),
    ],
)
def test_the_framing_is_left_out_unless_nothing_is_left(query: str, heard: str) -> None:
    assert spoken_part(query) == heard


def test_verbs_of_speech_are_left_out_on_demand() -> None:
    assert spoken_part("Monica tells Ross") == "monica tells ross"
    assert spoken_part("Monica tells Ross", without_verbs=True) == "monica ross"
    assert spoken_part("그가 안녕이라고 말한다", without_verbs=True) == "안녕이라고"


def test_the_longest_phrase_takes_its_words() -> None:
    found = [signal.text for signal in find_signals("the line where he says no").found]

    assert found == ["the line where", "he says"]


def test_an_attribute_before_its_object_counts_more() -> None:
    assert find_signals("red car").visual == 3
    assert find_signals("car that is red").visual == 2


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("Wilson walks up to House", {"wilson", "house"}),
        ("House tells Chase", {"house", "chase"}),
        ("Castle and Beckett run", {"castle", "beckett"}),
        ("Dr. House is late", {"house"}),
        ("Park's dog", set()),
        ("Dog runs on the beach", set()),
        ("Red Car Driving", set()),
        ("Eiffel Tower at night", set()),
        ("Castle on a hill in Scotland", {"scotland"}),
        ("red car driving", set()),
    ],
)
def test_a_name_is_no_thing(query: str, names: set[str]) -> None:
    assert {token.text for token in read(query).tokens if token.is_name} == names


@pytest.mark.parametrize(
    ("query", "visual"),
    [
        ("she tells the nurse a secret", 0),
        ("the man says goodbye", 0),
        ("they have an argument about money in the kitchen", 0),
        ("the man in a red hat says goodbye", 4),
        ("she explains how the engine works", 0),
        ("she explains it while fixing the engine", 2),
        ("수술에 대해 이야기하는 의사", 0),
        ("남자가 안녕이라고 말한다", 0),
        ("빨간 모자를 쓴 남자가 말한다", 5),
    ],
)
def test_what_is_only_mentioned_is_not_seen(query: str, visual: int) -> None:
    assert find_signals(query).visual == visual, find_signals(query)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("빨간자동차", ["빨간", "자동차"]),
        ("떡볶이장면", ["떡볶이", "장면"]),
        ("자동차가", ["자동차가"]),
        ("쿼크", ["쿼크"]),
    ],
)
def test_korean_compounds_are_taken_apart(word: str, parts: list[str]) -> None:
    assert compound_parts(word) == parts
