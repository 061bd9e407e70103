"""The lexicons as data."""

from __future__ import annotations

import pytest

from heimdex.ranking.korean import is_hangul
from heimdex.ranking.tokens import normalise
from heimdex.ranking.vocabulary import Kind, korean_kinds, plurals, verb_forms, vocabulary


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        ("run", "running"),
        ("drive", "driving"),
        ("carry", "carried"),
        ("stop", "stopped"),
        ("push", "pushes"),
        ("say", "says"),
    ],
)
def test_regular_verb_forms(verb: str, form: str) -> None:
    assert form in verb_forms(verb)


def test_regular_plurals() -> None:
    assert plurals("box") == {"box", "boxes"}
    assert plurals("baby") == {"baby", "babies"}
    assert plurals("toy") == {"toy", "toys"}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_entry_is_written_as_queries_are_read(language: str) -> None:
    table = vocabulary(language)
    words = [word for run in table.runs for word in run] + list(table.stems)

    assert [word for word in words if word != normalise(word) or not word] == []
    assert [word for word in words if is_hangul(word[0]) != (language == "ko")] == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_lexicons_are_rich(language: str) -> None:
    table = vocabulary(language)
    kinds = [kinds[0] for kinds in (*table.runs.values(), *table.stems.values())]

    assert kinds.count(Kind.OBJECT) >= 400
    assert kinds.count(Kind.ACTION) >= 150
    assert kinds.count(Kind.SPEECH) >= 60


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("자동차가", Kind.OBJECT),
        ("달리는", Kind.ACTION),
        ("빨간", Kind.ATTR),
        ("말하는", Kind.SPEECH),
        ("떡볶이를", Kind.OBJECT),
    ],
)
def test_korean_words_are_known_in_any_form(word: str, kind: Kind) -> None:
    assert kind in korean_kinds(word)


def test_an_unknown_korean_word_is_unknown() -> None:
    assert korean_kinds("쿼크") == ()
