"""Which words of a query speak of what is seen, and which of what is said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

from heimdex.ranking.korean import is_hangul
from heimdex.ranking.tokens import normalise
from heimdex.ranking.vocabulary import (
    SPEECH_KINDS,
    VISUAL_KINDS,
    Kind,
    korean_kinds,
    korean_readings,
    vocabulary,
)

_TOKEN = re.compile(r"[가-힣]+|(?:(?![가-힣])[^\W_])+(?:'(?:(?![가-힣])[^\W_])+)*")
#: balanced pairs only; a single quote must stand outside a word, so that 's and we're never count
_QUOTED = re.compile(
    r'"[^"]+"|\u201c[^\u201d]+\u201d|\u300c[^\u300d]+\u300d|\u300e[^\u300f]+\u300f|\u00ab[^\u00bb]+\u00bb'
    r"|(?<![^\W_])'(?=\S)[^']*(?:(?<=[^\W_])'(?=[^\W_])[^']*)*(?<=\S)'(?![^\W_])"
)
_LONG_QUESTION_WORDS = 6
#: a word such as `about` starts reported speech when it stands this close to the word of speech
_REPORT_WITHIN_WORDS = 6


@dataclass(frozen=True, slots=True)
class Signal:
    """One piece of evidence, ``text`` as it stands in the query."""

    kind: str
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Signals:
    """All evidence of one query. ``found`` is in order of position and leaves out what only sways the prior."""

    visual: int
    speech: int
    mind: int
    words: int
    found: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    position: int
    korean: bool
    readings: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Run:
    first: int
    length: int
    kinds: tuple[Kind, ...]

    @property
    def kind(self) -> Kind:
        return self.kinds[0]


def _tokens(text: str) -> list[_Token]:
    tokens = []
    for match in _TOKEN.finditer(text):
        word = match.group()
        korean = is_hangul(word[0])
        readings = korean_readings(word) if korean else frozenset({word, word.removesuffix("'s")})
        tokens.append(_Token(word, match.start(), korean, readings))
    return tokens


def _english_at(tokens: list[_Token], first: int) -> list[_Run]:
    table = vocabulary("en")
    containers = table.sets["container"]
    found = []
    for length in range(1, min(table.longest, len(tokens) - first) + 1):
        words = tuple(token.text for token in tokens[first : first + length])
        bare = (*words[:-1], words[-1].removesuffix("'s"))
        if length == 1 and words[0] in containers:
            continue
        if kinds := table.runs.get(words) or table.runs.get(bare):
            found.append(_Run(first, length, kinds))
    return found


def _korean_at(tokens: list[_Token], first: int) -> list[_Run]:
    found = []
    if kinds := korean_kinds(tokens[first].text):
        found.append(_Run(first, 1, kinds))
    for run, kinds in vocabulary("ko").runs.items():
        part = tokens[first : first + len(run)]
        whole = len(run) > 1 and len(part) == len(run)
        if whole and all(word in token.readings for word, token in zip(run, part, strict=True)):
            found.append(_Run(first, len(run), kinds))
    return found


def _runs(tokens: list[_Token]) -> list[_Run]:
    """Return the word runs of the lexicons that do not overlap, longest first, then leftmost."""
    found = [
        run
        for first, token in enumerate(tokens)
        for run in (_korean_at(tokens, first) if token.korean else _english_at(tokens, first))
    ]
    taken: set[int] = set()
    chosen = []
    for run in sorted(found, key=lambda run: (-run.length, run.first)):
        places = set(range(run.first, run.first + run.length))
        if not places & taken:
            taken |= places
            chosen.append(run)
    return sorted(chosen, key=lambda run: run.first)


def _is_attr_with_object(run: _Run, following: _Run | None) -> bool:
    """Return whether an attribute stands right before its object: red car, 빨간 자동차."""
    adjacent = following is not None and following.first == run.first + run.length
    return Kind.ATTR in run.kinds and following is not None and adjacent and Kind.OBJECT in following.kinds


def _quotes(text: str) -> tuple[list[Signal], str]:
    """Return one signal for each quotation, and the text without them: what is quoted is said, not seen."""
    quotes = [Signal("quote", match.group()[1:-1].strip(), match.start()) for match in _QUOTED.finditer(text)]
    return quotes, _QUOTED.sub(lambda match: " " * len(match.group()), text)


def _reported(tokens: list[_Token], runs: list[_Run]) -> set[int]:
    """Return the places of words that are reported: `tells her about [the car]`, up to the next clause."""
    sets = vocabulary("en").sets
    reported: set[int] = set()
    for run in runs:
        if run.kind not in SPEECH_KINDS:
            continue
        inside = tokens[run.first + run.length - 1].text in sets["reported"]
        for place in range(run.first + run.length, len(tokens)):
            word = tokens[place].text
            if word in sets["clause"]:
                break
            if inside:
                reported.add(place)
            inside = inside or (word in sets["reported"] and place - run.first <= _REPORT_WITHIN_WORDS)
    return reported


def _question(tokens: list[_Token], *, sees: bool, minds: bool) -> list[Signal]:
    """Return the signal of a question about an idea, or of a long text about minds and nothing visible."""
    for language in ("en", "ko"):
        sets = vocabulary(language).sets
        # English asks with its first word, Korean anywhere
        places = tokens if language == "ko" else tokens[:1]
        asking = next((token for token in places if token.readings & sets["question"]), None)
        if asking is None:
            continue
        if any(token.readings & sets["abstract"] for token in tokens if token is not asking):
            return [Signal("question", asking.text, asking.position)]
    if minds and not sees and len(tokens) > _LONG_QUESTION_WORDS:
        return [Signal("long", f"{len(tokens)} words, none visible", tokens[-1].position)]
    return []


def _korean_speech(tokens: list[_Token], runs: list[_Run]) -> list[Signal]:
    """Return what strengthens a Korean verb of speech: who says it, and the ending that marks what is said."""
    sets = vocabulary("ko").sets
    endings = tuple(sorted(sets["quotative"], key=len, reverse=True))
    signals = []
    speaks = {run.first for run in runs if run.kind in SPEECH_KINDS}
    for place, token in enumerate(tokens):
        if not token.korean:
            continue
        follows = tokens[place + 1].readings if place + 1 < len(tokens) else frozenset()
        if len(token.text) > 2 and token.text.endswith(endings) and (speaks or "하" in follows):
            signals.append(Signal("quotative", token.text, token.position))
            if not speaks:
                signals.append(Signal(Kind.SPEECH, tokens[place + 1].text, tokens[place + 1].position))
        elif token.text in sets["speaker"] and speaks:
            signals.append(Signal("speaker", token.text, token.position))
    return signals


def find_signals(query: str) -> Signals:
    """Count the signals of a query. Each distinct word counts once; containers (scene, clip) count nothing.

    A visual or speech keyword is 1, a visual phrase 1, a speech phrase 2, an attribute right before
    its object 1 more, a quotation 1, a question about an idea 1.
    """
    quotes, text = _quotes(normalise(query))
    tokens = _tokens(text)
    runs = _runs(tokens)
    korean = _korean_speech(tokens, runs)
    quoted_words = {signal.position for signal in korean}
    reported = _reported(tokens, runs)
    runs = [
        run
        for run in runs
        if tokens[run.first].position not in quoted_words and not (run.kind in VISUAL_KINDS and run.first in reported)
    ]

    found: dict[tuple[str, str], Signal] = {}
    visual = speech = mind = 0
    for run, following in zip_longest(runs, runs[1:]):
        kind = Kind.ATTR if _is_attr_with_object(run, following) else run.kind
        words = " ".join(token.text for token in tokens[run.first : run.first + run.length])
        if (kind, words) in found:
            continue
        found[kind, words] = Signal(kind, words, tokens[run.first].position)
        visual += kind in VISUAL_KINDS
        visual += kind is Kind.ATTR and _is_attr_with_object(run, following)
        speech += 2 * (kind is Kind.SPEECH_PHRASE) + (kind is Kind.SPEECH)
        mind += kind is Kind.MIND
    extra = quotes + korean
    if not speech and not extra:
        extra = _question(tokens, sees=visual > 0, minds=mind > 0)
    speech += len(extra)
    shown = [signal for signal in found.values() if signal.kind != Kind.MIND] + extra
    return Signals(
        visual=visual,
        speech=speech,
        mind=mind,
        words=len(tokens),
        found=tuple(sorted(shown, key=lambda signal: (signal.position, signal.kind))),
    )


def spoken_part(query: str, *, without_verbs: bool = False) -> str:
    """Return what should be heard: the query without the words that only frame it.

    ``the line where he says we're in this together`` -> ``we're in this together``; what stands in
    quotation marks if anything does. The whole query where nothing else would be left.

    Args:
        without_verbs: also leave out single words of speech (tells, explains), which describe what
            is said and seldom occur in it.
    """
    quotes, text = _quotes(normalise(query))
    if quoted := " ".join(signal.text for signal in quotes):
        return quoted
    tokens = _tokens(text)
    framing = {Kind.SPEECH_PHRASE, Kind.VISUAL_PHRASE} | ({Kind.SPEECH} if without_verbs else set())
    dropped = {
        place for run in _runs(tokens) if run.kind in framing for place in range(run.first, run.first + run.length)
    }
    sets = [vocabulary(language).sets for language in ("en", "ko")]
    left = [
        token.text
        for place, token in enumerate(tokens)
        if place not in dropped
        and not any(token.readings & table["container"] for table in sets)
        and token.text not in sets[1]["speaker"]
    ]
    return " ".join(left) or text.strip() or query
