"""Where the words are said."""

from __future__ import annotations

import pytest

from heimdex.domain.media import Segment, Span
from heimdex.search.evidence import spoken_of
from heimdex.search.hearing import Heard, hear


def segments(*texts: str) -> list[Segment]:
    return [Segment(Span(4.0 * n, 4.0 * n + 4), text, "sidecar") for n, text in enumerate(texts)]


def test_a_phrase_across_two_segments_starts_in_the_first() -> None:
    heard = hear(spoken_of("Webb space telescope"), segments("this is the Webb", "space telescope in the room"))

    assert heard.text == "this is the Webb space telescope in the room"
    assert heard.starts_s == pytest.approx(3.0)
    assert heard.share == 1.0


def test_a_phrase_within_a_segment_starts_with_it() -> None:
    heard = hear(spoken_of("red car"), segments("a red balloon", "the old red car", "red car again"))

    assert (heard.text, heard.starts_s) == ("the old red car", 4.0)


def test_without_the_phrase_most_words_win_and_the_earliest_of_equals() -> None:
    heard = hear(spoken_of("red car race"), segments("red", "a race of a car", "car and race"))

    assert heard.starts_s == 4.0
    assert heard.share == pytest.approx(2 / 3)


def test_where_nothing_is_said_nothing_is_heard() -> None:
    assert hear(spoken_of("red car"), segments("", "  ")) == Heard()
    assert hear(spoken_of("red car"), segments("hello", "you")).share == 0.0
