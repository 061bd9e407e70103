"""Particles and endings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.ranking.korean import noun_forms, query_stem, verb_stems, with_particles


@pytest.mark.parametrize(
    ("word", "noun"),
    [
        ("자동차가", "자동차"),
        ("차가", "차"),
        ("사람들이", "사람"),
        ("집에서는", "집"),
        ("고양이를", "고양이"),
        ("길로", "길"),
    ],
)
def test_particles_come_off(word: str, noun: str) -> None:
    assert noun in noun_forms(word)


@pytest.mark.parametrize(("word", "wrong"), [("사과", "사"), ("고양이", "고양"), ("바나나", "바나")])
def test_a_full_text_stem_keeps_a_noun_that_only_looks_inflected(word: str, wrong: str) -> None:
    assert query_stem(word) == word != wrong


@pytest.mark.parametrize(
    ("word", "stem"),
    [("자동차에서는", "자동차"), ("사람들이", "사람"), ("차가", "차"), ("커피를", "커피"), ("안녕이라고", "안녕")],
)
def test_a_full_text_stem_loses_its_particles(word: str, stem: str) -> None:
    assert query_stem(word) == stem


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("달리는", "달리"),
        ("달린다", "달리"),
        ("달려", "달리"),
        ("말했다", "말하"),
        ("말하는", "말하"),
        ("먹고", "먹"),
        ("춤추는", "춤추"),
        ("걸어가는", "걸어가"),
        ("웃으며", "웃"),
        ("춤춰", "춤추"),
        ("봐", "보"),
    ],
)
def test_endings_come_off(word: str, stem: str) -> None:
    assert stem in verb_stems(word)


def test_a_particle_must_fit_the_sound_before_it() -> None:
    assert "차이" not in with_particles("차")
    assert "집가" not in with_particles("집")
    assert "도" not in noun_forms("도가")[:1]


@given(st.text(alphabet=st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=8))
def test_any_syllables_keep_their_own_reading_and_never_become_empty(word: str) -> None:
    assert word in noun_forms(word)
    assert word in verb_stems(word)
    assert all(noun_forms(word))
    assert word.startswith(query_stem(word))
    assert query_stem(word)
