"""Runs of words that the lexicons know, found in a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from heimdex.ranking.reading import Token
from heimdex.ranking.vocabulary import Kind, korean_kinds, vocabulary


@dataclass(frozen=True, slots=True)
class Run:
    """``length`` tokens from ``first`` on; the strongest kind stands first."""

    first: int
    length: int
    kinds: tuple[Kind, ...]

    @property
    def places(self) -> range:
        return range(self.first, self.first + self.length)

    @property
    def last(self) -> int:
        return self.first + self.length - 1

    @property
    def kind(self) -> Kind:
        return self.kinds[0]


def _english_at(tokens: Sequence[Token], first: int) -> list[Run]:
    table = vocabulary("en")
    containers = table.sets["container"]
    found = []
    for length in range(1, min(table.longest, len(tokens) - first) + 1):
        if tokens[first + length - 1].is_name:
            break
        words = tuple(token.text for token in tokens[first : first + length])
        bare = (*words[:-1], words[-1].removesuffix("'s"))
        if length == 1 and words[0] in containers:
            continue
        if kinds := table.runs.get(words) or table.runs.get(bare):
            found.append(Run(first, length, kinds))
    return found


@cache
def _korean_phrases() -> tuple[tuple[tuple[str, ...], tuple[Kind, ...]], ...]:
    return tuple((run, kinds) for run, kinds in vocabulary("ko").runs.items() if len(run) > 1)


def _korean_at(tokens: Sequence[Token], first: int) -> list[Run]:
    found = []
    if kinds := korean_kinds(tokens[first].text):
        found.append(Run(first, 1, kinds))
    for run, kinds in _korean_phrases():
        part = tokens[first : first + len(run)]
        if len(part) == len(run) and all(word in token.readings for word, token in zip(run, part, strict=True)):
            found.append(Run(first, len(run), kinds))
    return found


def find_runs(tokens: Sequence[Token]) -> list[Run]:
    """Return the word runs of the lexicons that do not overlap, longest first, then leftmost."""
    found = [
        run
        for first, token in enumerate(tokens)
        for run in (_korean_at(tokens, first) if token.korean else _english_at(tokens, first))
    ]
    taken: set[int] = set()
    chosen = []
    for run in sorted(found, key=lambda run: (-run.length, run.first)):
        places = set(run.places)
        if not places & taken:
            taken |= places
            chosen.append(run)
    return sorted(chosen, key=lambda run: run.first)


def is_attr_with_object(run: Run, following: Run | None) -> bool:
    """Return whether an attribute stands right before its object: red car, 빨간 자동차."""
    adjacent = following is not None and following.first == run.first + run.length
    return Kind.ATTR in run.kinds and following is not None and adjacent and Kind.OBJECT in following.kinds
