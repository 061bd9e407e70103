"""BM25 by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.ranking.bm25 import bm25, idf, phrase_frequency


def test_a_document_of_usual_length_with_one_occurrence_scores_the_idf() -> None:
    # tf (k1 + 1) / (tf + k1) = 2.2 / 2.2
    assert bm25([1], [1.7], length=10, average_length=10) == pytest.approx(1.7)


def test_the_whole_formula() -> None:
    # damping = 1.2 (0.25 + 0.75 * 20 / 10) = 2.1
    expected = 2.0 * 3 * 2.2 / (3 + 2.1) + 0.5 * 1 * 2.2 / (1 + 2.1)

    assert bm25([3, 0, 1], [2.0, 9.0, 0.5], length=20, average_length=10) == pytest.approx(expected)


def test_idf_is_that_of_the_formula_and_never_negative() -> None:
    assert idf(10, 2) == pytest.approx(math.log(1 + 8.5 / 2.5))
    assert idf(10, 10) > 0
    assert idf(10, 11) == idf(10, 10)  # counts that were read at different moments


def test_nothing_that_occurs_scores_nothing() -> None:
    assert bm25([0, 0], [1.0, 2.0], length=5, average_length=5) == 0.0


def test_without_an_average_length_counts_as_usual() -> None:
    assert bm25([1], [1.0], length=0, average_length=0) == pytest.approx(1.0)


@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=5),
    length=st.integers(1, 1000),
    average=st.floats(0.1, 1000),
    place=st.integers(0, 4),
)
def test_another_occurrence_never_lowers_the_score(counts: list[int], length: int, average: float, place: int) -> None:
    weights = [1.0 + n for n in range(len(counts))]
    more = [count + (number == place % len(counts)) for number, count in enumerate(counts)]

    assert bm25(more, weights, length, average) > bm25(counts, weights, length, average)
    assert bm25(counts, weights, length + 1, average) <= bm25(counts, weights, length, average)


def test_a_phrase_occurs_where_its_terms_follow_each_other() -> None:
    positions = {"a": [1, 4, 9], "b": [2, 5, 8], "c": [3, 10]}

    assert phrase_frequency(("a",), positions) == 3
    assert phrase_frequency(("a", "b"), positions) == 2
    assert phrase_frequency(("a", "b", "c"), positions) == 1
    assert phrase_frequency(("b", "a"), positions) == 1
    assert phrase_frequency(("a", "missing"), positions) == 0
    assert phrase_frequency((), positions) == 0
