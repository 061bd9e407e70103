"""The router's words, compiled from `lexicon/{en,ko}.toml` into tables of word runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import product

from heimdex.ranking.korean import noun_forms, verb_stems
from heimdex.ranking.lexicon import load


class Kind(StrEnum):
    """What a word run tells the router; the value stands in the reason."""

    SPEECH_PHRASE = "said"
    VISUAL_PHRASE = "phrase"
    SPEECH = "speech"
    OBJECT = "object"
    ATTR = "attr"
    ACTION = "action"
    MIND = "mind"


VISUAL_KINDS = frozenset({Kind.VISUAL_PHRASE, Kind.OBJECT, Kind.ATTR, Kind.ACTION})
SPEECH_KINDS = frozenset({Kind.SPEECH_PHRASE, Kind.SPEECH})

_SECTIONS = {
    "speech_phrase": Kind.SPEECH_PHRASE,
    "visual_phrase": Kind.VISUAL_PHRASE,
    "speech": Kind.SPEECH,
    "object": Kind.OBJECT,
    "attr": Kind.ATTR,
    "action": Kind.ACTION,
    "mind": Kind.MIND,
}
_VOWELS = "aeiou"


@dataclass(frozen=True)
class Vocabulary:
    """One language's tables. A run of words may have several kinds, strongest first."""

    runs: dict[tuple[str, ...], tuple[Kind, ...]]
    longest: int
    #: Korean verb stems, matched against what is left when an ending is taken off
    stems: dict[str, tuple[Kind, ...]]
    #: words of the sections that are no signals by themselves: abstract, container, question, …
    sets: dict[str, frozenset[str]]


def plurals(noun: str) -> set[str]:
    """Return ``noun`` and its regular plural."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return {noun, noun + "es"}
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        return {noun, noun[:-1] + "ies"}
    return {noun, noun + "s"}


def verb_forms(verb: str) -> set[str]:
    """Return ``verb`` with its regular third person, past and -ing forms; needless doublings do no harm."""
    forms = plurals(verb)
    if verb.endswith("e"):
        return forms | {verb + "d", verb[:-1] + "ing"}
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return forms | {verb[:-1] + "ied", verb + "ing"}
    forms |= {verb + "ed", verb + "ing"}
    closed_syllable = len(verb) > 2 and verb[-1] not in _VOWELS + "wxy" and verb[-2] in _VOWELS
    if closed_syllable and verb[-3] not in _VOWELS:
        forms |= {verb + verb[-1] + "ed", verb + verb[-1] + "ing"}
    return forms


def _alternatives(entry: str) -> list[tuple[str, ...]]:
    """Return the runs that an entry stands for: `he|she says` are two, `close_up` is one."""
    places = [place.split("|") for place in entry.replace("_", " ").split()]
    return list(product(*places))


def _english_runs(list_name: str, text: str) -> list[tuple[str, ...]]:
    if list_name == "phrases":
        return [run for line in text.splitlines() for run in _alternatives(line) if run]
    if list_name in {"forms", "words"}:
        return [run for entry in text.split() for run in _alternatives(entry)]
    runs: list[tuple[str, ...]] = []
    for entry in text.split():
        words = tuple(entry.split("_"))
        if list_name == "verbs":
            runs += [(form, *words[1:]) for form in verb_forms(words[0])]
        else:
            runs += [(*words[:-1], form) for form in plurals(words[-1])]
    return runs


def _korean_runs(list_name: str, text: str) -> list[tuple[str, ...]]:
    entries = text.splitlines() if list_name == "phrases" else text.split()
    return [run for entry in entries for run in _alternatives(entry) if run]


def _add(table: dict[tuple[str, ...], tuple[Kind, ...]], run: tuple[str, ...], kind: Kind) -> None:
    kinds = table.get(run, ())
    if kind not in kinds:
        table[run] = (*kinds, kind)


@cache
def vocabulary(language: str) -> Vocabulary:
    """Return the tables of ``en`` or ``ko``."""
    data = load(language)
    runs: dict[tuple[str, ...], tuple[Kind, ...]] = {}
    stems: dict[tuple[str, ...], tuple[Kind, ...]] = {}
    for section, kind in _SECTIONS.items():
        for list_name, text in data[section].items():
            if language == "en":
                for run in _english_runs(list_name, text):
                    _add(runs, run, kind)
                continue
            for run in _korean_runs(list_name, text):
                _add(stems if list_name == "verbs" else runs, run, kind)
    sets = {
        section: frozenset(
            run[0]
            for list_name, text in lists.items()
            for run in (_english_runs(list_name, text) if language == "en" else _korean_runs(list_name, text))
        )
        for section, lists in data.items()
        if section not in _SECTIONS
    }
    return Vocabulary(
        runs=runs,
        longest=max(map(len, runs)),
        stems={run[0]: kinds for run, kinds in stems.items()},
        sets=sets,
    )


def korean_kinds(word: str) -> tuple[Kind, ...]:
    """Return what a Korean word tells: its longest reading counts, a noun before a verb of the same length."""
    table = vocabulary("ko")
    best: tuple[int, tuple[Kind, ...]] = (0, ())
    for form in noun_forms(word):
        if (kinds := table.runs.get((form,))) and len(form) > best[0]:
            best = (len(form), kinds)
    for stem in verb_stems(word):
        if (kinds := table.stems.get(stem)) and len(stem) > best[0]:
            best = (len(stem), kinds)
    return best[1]


def korean_readings(word: str) -> frozenset[str]:
    """Return every reading of a Korean word: as written, without particles, as a verb stem."""
    return frozenset((*noun_forms(word), *verb_stems(word)))
