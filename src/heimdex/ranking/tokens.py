"""Text to index terms, the same way for what is indexed and for what is asked.

Letters and digits make words; an apostrophe parts a word in two terms (we're -> we, re), so that
``Ross`` finds ``Ross's`` and ``hell`` does not find ``he'll``. Scripts that write without spaces
or glue particles to words (Hangul, Han, Kana) become overlapping bigrams (자동차가 -> 자동 동차 차가),
so that a word is found as a run of bigrams inside a longer one, without a dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from heimdex.ranking.korean import is_hangul, query_stem, with_particles
from heimdex.ranking.lexicon import word_list

Phrase = tuple[str, ...]

_CJK = "\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_RUN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
APOSTROPHES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\uff07": "'", "\u00b4": "'", "`": "'"})
_QUOTED = re.compile(r'"([^"]+)"|\u201c([^\u201d]+)\u201d|\u300c([^\u300d]+)\u300d|\u00ab([^\u00bb]+)\u00bb')


def normalise(text: str) -> str:
    """Return ``text`` in NFC, case folded, with one kind of apostrophe."""
    folded = unicodedata.normalize("NFC", text).translate(APOSTROPHES).casefold()
    return unicodedata.normalize("NFC", folded)


def _fold_marks(text: str) -> str:
    """Return normalised ``text`` without accents on letters (café -> cafe) and without width variants."""
    decomposed = unicodedata.normalize("NFKD", normalise(text))
    return unicodedata.normalize("NFKC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f"))


def _terms_of_run(run: str) -> list[str]:
    if not re.match(f"[{_CJK}]", run) or len(run) == 1:
        return [run]
    return [run[i : i + 2] for i in range(len(run) - 1)]


def index_terms(text: str) -> list[str]:
    """Return the terms of ``text`` in order of position; consecutive terms stand at consecutive positions."""
    return [term for run in _RUN.findall(_fold_marks(text)) for term in _terms_of_run(run)]


def words_of(text: str) -> list[str]:
    """Return the folded words of ``text`` as a person sees them: letters and digits, inner apostrophes kept."""
    return _WORD.findall(_fold_marks(text))


@cache
def stop_words() -> frozenset[str]:
    """Return the words that are not searched for while a query has others."""
    return word_list("stop_words", "en") | word_list("stop_words", "ko")


@cache
def _contractions() -> dict[str, str]:
    """Return contractions that people type without the apostrophe: dont -> don't."""
    return {form.replace("'", ""): form for form in word_list("forms", "contractions")}


def _phrases_of_word(word: str) -> list[Phrase]:
    """Return the runs of terms that a query word may be found as; several for a Korean noun of one syllable."""
    word = _contractions().get(word, word)
    if not all(is_hangul(char) for char in word):
        return [tuple(index_terms(word.removesuffix("'s")))]
    stem = query_stem(word)
    if len(stem) > 1:
        return [tuple(index_terms(stem))]
    # a lone syllable is indexed only together with what follows it: ask for those pairs
    return [tuple(index_terms(form)) for form in dict.fromkeys((stem, word, *with_particles(stem)))]


def content_words(text: str) -> list[tuple[Phrase, ...]]:
    """Return for each word that carries meaning the phrases that it may be found as; repeats once.

    Stop words are left out, unless ``text`` has nothing else.
    """
    words = list(dict.fromkeys(words_of(text)))
    telling = [word for word in words if not {word, word.removesuffix("'s"), query_stem(word)} & stop_words()]
    return [tuple(_phrases_of_word(word)) for word in telling or words]


def quoted_phrases(text: str) -> tuple[Phrase, ...]:
    """Return the terms inside balanced double quotes; an apostrophe is never a quotation mark."""
    inner = ("".join(groups) for groups in _QUOTED.findall(text))
    return tuple(terms for phrase in inner if (terms := tuple(index_terms(phrase))))


def query_phrases(text: str) -> tuple[Phrase, ...]:
    """Return every word of a query as a run of index terms, in order, without repeats."""
    return tuple(dict.fromkeys(phrase for word in content_words(text) for phrase in word if phrase))
