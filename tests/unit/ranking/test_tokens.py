"""Index and query agree on terms, in English and Korean."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.ranking.tokens import content_words, index_terms, normalise, query_phrases, quoted_phrases

TEXT = st.text(alphabet=st.sampled_from("ab é'’자동차가를 12\"“”\n😀の漢"), max_size=40)


def contains(terms: list[str], phrase: tuple[str, ...]) -> bool:
    return any(tuple(terms[i : i + len(phrase)]) == phrase for i in range(len(terms)))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Red CAR, driving!", ["red", "car", "driving"]),
        ("we're here", ["we", "re", "here"]),
        ("we’re", ["we", "re"]),
        ("자동차가", ["자동", "동차", "차가"]),
        ("차", ["차"]),
        ("BTS가 3번", ["bts", "가", "3", "번"]),
        ("café", ["cafe"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("snake_case", ["snake", "case"]),
        ("😀 !?", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert index_terms(text) == terms


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("자동차가", "저기 자동차를 봐"),
        ("고양이는", "고양이가 잔다"),
        ("사람들이", "사람이 걷는다"),
        ("차가", "차를 탄다"),
        ("해변에서", "해변으로 가자"),
        ("Ross's", "Ross left"),
        ("Ross", "Ross's flat"),
        ("dont", "I don't know"),
        ("cafe", "the Café"),
    ],
)
def test_a_query_word_finds_other_forms(query: str, text: str) -> None:
    assert any(contains(index_terms(text), phrase) for phrase in query_phrases(query))


@pytest.mark.parametrize(("query", "text"), [("hell", "he'll come"), ("사과", "그는 사는 곳"), ("cat", "education")])
def test_a_query_word_does_not_find_another_word(query: str, text: str) -> None:
    assert not any(contains(index_terms(text), phrase) for phrase in query_phrases(query))


def test_stop_words_are_dropped_unless_nothing_is_left() -> None:
    assert query_phrases("the red car") == (("red",), ("car",))
    assert query_phrases("what is it") == (("what",), ("is",), ("it",))


def test_a_korean_noun_of_one_syllable_counts_as_one_word() -> None:
    assert len(content_words("빨간 차가")) == 2


def test_quoted_phrases_are_required_and_apostrophes_do_not_quote() -> None:
    assert quoted_phrases('the line "we are here" now') == (("we", "are", "here"),)
    assert quoted_phrases("he's sure we're in") == ()
    assert quoted_phrases('an "open quote') == ()
    assert quoted_phrases("“자동차가”") == (("자동", "동차", "차가"),)
    assert quoted_phrases('"!"') == ()


@given(TEXT)
def test_decomposed_text_has_the_same_terms(text: str) -> None:
    assert index_terms(unicodedata.normalize("NFD", text)) == index_terms(text)
    assert normalise(normalise(text)) == normalise(text)


@given(TEXT)
def test_no_phrase_is_empty_and_none_repeats(text: str) -> None:
    phrases = query_phrases(text)

    assert all(phrase and all(phrase) for phrase in phrases)
    assert len(set(phrases)) == len(phrases)


@given(TEXT, TEXT)
def test_any_text_with_the_query_in_quotes_contains_the_phrase(query: str, rest: str) -> None:
    for phrase in quoted_phrases(query):
        assert contains(index_terms(query + " " + rest), phrase)
