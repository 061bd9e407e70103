"""What of a query is heard."""

from __future__ import annotations

import pytest

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
