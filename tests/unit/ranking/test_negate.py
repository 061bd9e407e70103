"""``without X``: only a surplus of X costs, and never what is unknown."""

from __future__ import annotations

import math
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.ids import SceneId
from heimdex.ranking.negate import penalties

A, B, C, D = (SceneId(UUID(int=number)) for number in range(1, 5))


def test_what_shows_more_than_usual_pays_its_surplus() -> None:
    found = penalties({A: 0.1, B: 0.2, C: 0.5})

    assert found == {A: 0.0, B: 0.0, C: pytest.approx(0.3)}


def test_a_known_usual_cosine_counts_instead_of_the_median() -> None:
    assert penalties({A: 0.5}, usual=0.2) == {A: pytest.approx(0.3)}
    assert penalties({A: 0.5}) == {A: 0.0}
    assert penalties({A: 0.5}, usual=0.2, weight=0.5) == {A: pytest.approx(0.15)}


def test_what_is_no_number_costs_nothing() -> None:
    assert penalties({A: math.nan, B: 0.1, C: math.inf, D: 0.3}) == {B: 0.0, D: pytest.approx(0.1)}
    assert penalties({}) == {}


@given(st.dictionaries(st.sampled_from([A, B, C, D]), st.floats(-1, 1)), st.floats(-1, 1) | st.none())
def test_a_penalty_is_never_negative_and_rises_with_the_cosine(
    cosines: dict[SceneId, float], usual: float | None
) -> None:
    found = penalties(cosines, usual=usual)

    assert all(amount >= 0 for amount in found.values())
    ordered = sorted(cosines, key=cosines.__getitem__)
    assert [found[scene] for scene in ordered] == sorted(found.values())
