from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.media import Keyframe, Scene, Segment, Span
from heimdex.ingest.transcript import text_of_scenes


def scenes(*edges: float) -> list[Scene]:
    return [Scene(Span(one, other), (Keyframe(one, 1.0, Path("k.jpg")),)) for one, other in pairwise(edges)]


def said(start_s: float, end_s: float, text: str) -> Segment:
    return Segment(Span(start_s, end_s), text, "sidecar")


def test_text_goes_where_it_is_said() -> None:
    found = text_of_scenes(scenes(0, 5, 10), [said(6, 7, "two"), said(1, 2, "one"), said(8, 9, "more")])

    assert found == ["one", "two more"]


def test_a_sentence_over_a_cut_belongs_to_both_sides_when_both_hold_much_of_it() -> None:
    assert text_of_scenes(scenes(0, 5, 10), [said(4, 6, "both")]) == ["both", "both"]
    assert text_of_scenes(scenes(0, 5, 10), [said(4.8, 8, "second")]) == ["", "second"]


def test_a_line_that_stands_in_two_files_counts_once() -> None:
    assert text_of_scenes(scenes(0, 5), [said(1, 2, "same"), said(1.1, 2, "same")]) == ["same"]


def test_text_after_the_end_or_without_length_is_handled() -> None:
    assert text_of_scenes(scenes(0, 5), [said(9, 10, "late"), said(2, 2, "instant")]) == ["instant"]
    assert text_of_scenes(scenes(2, 5), [said(0, 1, "early")]) == ["early"]


@given(st.lists(st.tuples(st.floats(0, 19), st.floats(0, 8)), max_size=20))
def test_nothing_that_is_said_within_the_video_is_lost(spans: list[tuple[float, float]]) -> None:
    segments = [said(start, start + length, f"line{n}") for n, (start, length) in enumerate(spans)]
    found = " ".join(text_of_scenes(scenes(0, 4, 5.5, 12, 20), segments)).split()

    assert {segment.text for segment in segments} == set(found)
