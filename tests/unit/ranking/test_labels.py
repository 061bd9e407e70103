"""Labels come from raw evidence."""

from __future__ import annotations

import math

import pytest

from heimdex.domain.results import Label
from heimdex.ranking.labels import CutOffs, label_cosine, label_outlier, label_words, strongest
from heimdex.search.evidence import spoken_of

CUT = CutOffs(weak=0.2, medium=0.25, strong=0.3)


@pytest.mark.parametrize(
    ("cosine", "label"),
    [
        (0.31, Label.STRONG),
        (0.3, Label.STRONG),
        (0.27, Label.MEDIUM),
        (0.2, Label.WEAK),
        (0.19, Label.NONE),
        (math.nan, Label.NONE),
    ],
)
def test_a_cosine_is_judged_by_its_model(cosine: float, label: Label) -> None:
    assert label_cosine(cosine, CUT) is label


@pytest.mark.parametrize(
    ("query", "transcript", "label"),
    [
        ("goodbye", "well, goodbye then", Label.STRONG),
        ("Webb space telescope", "the Webb Space Telescope sees far", Label.STRONG),
        ("Webb space telescope", "space is big. The telescope of Webb", Label.STRONG),
        ("red car", "a car that is red", Label.MEDIUM),
        ("red car", "we drank red wine", Label.NONE),
        ("purple giraffe", "nothing of the kind", Label.NONE),
        ("a long query about the history of the railway in Wales", "history is long", Label.NONE),
        ("the line where he says we're in this together", "We’re in this together, you know", Label.STRONG),
        ('"in this together"', "together in this", Label.NONE),
        ('"in this together"', "all in this together now", Label.STRONG),
        ("그가 안녕이라고 말한다", "여러분 안녕", Label.STRONG),
        ("빨간 자동차", "빨간 자동차가 지나간다", Label.STRONG),
        ("빨간 자동차", "빨간 사과가 있다", Label.NONE),
    ],
)
def test_words_are_judged_by_how_much_was_said(query: str, transcript: str, label: Label) -> None:
    assert label_words(spoken_of(query), transcript) is label


def test_the_best_evidence_counts() -> None:
    assert strongest([Label.NONE, Label.MEDIUM, Label.WEAK]) is Label.MEDIUM
    assert strongest([]) is Label.NONE


def test_without_cut_offs_only_an_outlier_counts() -> None:
    scores = [0.5 + n / 1000 for n in range(40)]

    assert label_outlier(0.54, [*scores, 0.54]) is Label.NONE
    assert label_outlier(0.7, [*scores, 0.7]) is Label.MEDIUM
    assert label_outlier(0.7, [0.7, 0.5]) is Label.WEAK
