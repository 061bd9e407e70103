"""Which words of a query speak of what is seen, and which of what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from heimdex.ranking.reading import Token, read
from heimdex.ranking.reported import sought_runs
from heimdex.ranking.runs import Run, find_runs, is_attr_with_object
from heimdex.ranking.vocabulary import SPEECH_KINDS, VISUAL_KINDS, Kind, vocabulary

_LONG_QUESTION_WORDS = 6
#: a long text is about an idea when this many of its words are
_LONG_QUESTION_MINDS = 2


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


def _question(tokens: Sequence[Token], *, sees: bool, minds: bool) -> list[Signal]:
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


def _korean_speech(tokens: Sequence[Token], runs: Sequence[Run]) -> list[Signal]:
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
    reading = read(query)
    tokens = reading.tokens
    runs = find_runs(tokens)
    korean = _korean_speech(tokens, runs)
    marked = {signal.position for signal in korean}
    runs = [run for run in sought_runs(tokens, runs) if tokens[run.first].position not in marked]

    found: dict[tuple[str, str], Signal] = {}
    visual = speech = mind = 0
    for run, following in zip_longest(runs, runs[1:]):
        kind = Kind.ATTR if is_attr_with_object(run, following) else run.kind
        words = " ".join(token.text for token in tokens[run.first : run.last + 1])
        if (kind, words) in found:
            continue
        found[kind, words] = Signal(kind, words, tokens[run.first].position)
        visual += kind in VISUAL_KINDS
        visual += kind is Kind.ATTR and is_attr_with_object(run, following)
        speech += 2 * (kind is Kind.SPEECH_PHRASE) + (kind is Kind.SPEECH)
        mind += kind is Kind.MIND
    extra = [Signal("quote", text, position) for text, position in reading.quotes] + korean
    if not speech and not extra:
        extra = _question(tokens, sees=visual > 0, minds=mind >= _LONG_QUESTION_MINDS)
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
    reading = read(query)
    if quoted := " ".join(text for text, _ in reading.quotes):
        return quoted
    framing = {Kind.SPEECH_PHRASE, Kind.VISUAL_PHRASE} | ({Kind.SPEECH} if without_verbs else set())
    dropped = {place for run in find_runs(reading.tokens) if run.kind in framing for place in run.places}
    sets = [vocabulary(language).sets for language in ("en", "ko")]
    left = [
        token.text
        for place, token in enumerate(reading.tokens)
        if place not in dropped
        and not any(token.readings & table["container"] for table in sets)
        and token.text not in sets[1]["speaker"]
    ]
    return " ".join(left) or reading.text.strip() or query
