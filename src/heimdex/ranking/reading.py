"""A query as tokens: quotations taken out, Korean words with their readings, proper names marked."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache

from heimdex.ranking.korean import is_hangul
from heimdex.ranking.lexicon import load
from heimdex.ranking.tokens import APOSTROPHES, normalise, stop_words
from heimdex.ranking.vocabulary import Kind, korean_kinds, korean_readings, vocabulary

_TOKEN = re.compile(r"[가-힣]+|(?:(?![가-힣])[^\W_])+(?:'(?:(?![가-힣])[^\W_])+)*")
#: balanced pairs only; a single quote must stand outside a word, so that 's and we're never count
_QUOTED = re.compile(
    r'"[^"]+"|\u201c[^\u201d]+\u201d|\u300c[^\u300d]+\u300d|\u300e[^\u300f]+\u300f|\u00ab[^\u00bb]+\u00bb'
    r"|(?<![^\W_])'(?=\S)[^']*(?:(?<=[^\W_])'(?=[^\W_])[^']*)*(?<=\S)'(?![^\W_])"
)


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    position: int
    korean: bool
    readings: frozenset[str]
    #: a proper name, such as House or Castle, however common the word is
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A query, read."""

    #: (text inside, position of the mark)
    quotes: tuple[tuple[str, int], ...]
    #: normalised, quotations blanked out
    text: str
    tokens: tuple[Token, ...]


def read(query: str) -> Reading:
    """Read any text. What is quoted gives no tokens: it is said, not seen."""
    query = unicodedata.normalize("NFC", query).translate(APOSTROPHES)
    quotes, text = _quotes(normalise(query))
    return Reading(tuple(quotes), text, tuple(_with_names(_tokens(text), _quotes(query)[1])))


def _quotes(text: str) -> tuple[list[tuple[str, int]], str]:
    quotes = [(match.group()[1:-1].strip(), match.start()) for match in _QUOTED.finditer(text)]
    return quotes, _QUOTED.sub(lambda match: " " * len(match.group()), text)


def _tokens(text: str) -> list[Token]:
    tokens = []
    for match in _TOKEN.finditer(text):
        position = match.start()
        for word in compound_parts(match.group()):
            korean = is_hangul(word[0])
            readings = korean_readings(word) if korean else frozenset({word, word.removesuffix("'s")})
            tokens.append(Token(word, position, korean, readings))
            position += len(word)
    return tokens


def compound_parts(word: str) -> list[str]:
    """Return the known words that a Korean word is made of (빨간자동차 -> 빨간, 자동차), or the word itself."""
    if not is_hangul(word[0]) or korean_kinds(word):
        return [word]
    known = vocabulary("ko").runs
    for end in range(len(word) - 2, 1, -1):
        if (word[:end],) in known and (korean_kinds(word[end:]) or _is_container(word[end:])):
            return [word[:end], word[end:]]
    return [word]


def _is_container(word: str) -> bool:
    return bool(korean_readings(word) & vocabulary("ko").sets["container"])


def _with_names(tokens: list[Token], query: str) -> list[Token]:
    """Return the tokens with proper names marked, as far as the case of the letters tells them.

    A capital inside a sentence makes a name, unless every word has one. The first word of a
    sentence has a capital anyway: it is a name when what it does is to speak, or when it stands
    before a bare verb among other names.
    """
    written = _TOKEN.findall(query)
    if len(written) != len(tokens):
        return tokens
    capital = [len(word) > 1 and word[0].isupper() and not word.isupper() for word in written]
    telling = [is_capital for is_capital, token in zip(capital, tokens, strict=True) if token.text not in stop_words()]
    if all(telling) or not any(capital):
        return tokens
    starts = _sentence_starts(query, tokens)
    others = any(is_capital and not start for is_capital, start in zip(capital, starts, strict=True))
    marked = []
    for place, token in enumerate(tokens):
        stands_alone = place == 0 or not capital[place - 1]  # Eiffel Tower is a thing
        is_name = capital[place] and (
            (not starts[place] and stands_alone) or _acts_as_name(query, tokens, place, others=others)
        )
        marked.append(replace(token, is_name=is_name))
    return marked


def _sentence_starts(query: str, tokens: list[Token]) -> list[bool]:
    """Return for each token whether a sentence begins with it."""
    ends = {match.end() for match in re.finditer(r"(?:^|[.!?]\s)[^\w]*", query)}
    return [token.position in ends for token in tokens]


@cache
def _speech_nouns() -> frozenset[str]:
    """Return the things that are said: Wedding speech is no person called Wedding."""
    return frozenset(load("en")["speech"]["nouns"].split())


def _acts_as_name(query: str, tokens: list[Token], place: int, *, others: bool) -> bool:
    """Return whether the first word of a sentence is a name, by what follows it and by other names."""
    table = vocabulary("en")
    if place and tokens[place - 1].text in table.sets["title"]:
        return True
    following = tokens[place + 1].text if place + 1 < len(tokens) else ""
    kinds = table.runs.get((following,), ())
    if {Kind.SPEECH, Kind.MIND} & set(kinds) and following not in _speech_nouns():
        return True
    # among other names a thing that acts is a person
    listed = query[tokens[place].position + len(tokens[place].text) :].lstrip().startswith(",")
    acts = listed or following in table.sets["auxiliary"] or (bool(kinds) and kinds[0] is Kind.ACTION)
    return others and acts
