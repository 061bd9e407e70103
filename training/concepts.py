"""The words and drawings that the pocket model knows, read from `concepts.toml`."""

from __future__ import annotations

import tomllib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ko")


@dataclass(frozen=True)
class Concept:
    """One kind of drawn thing; `art` are emojibase labels of its drawings."""

    name: str
    art: tuple[str, ...]
    words: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Category:
    """A word that is true of several concepts (`members` are concept indices)."""

    name: str
    members: tuple[int, ...]
    share: float
    words: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Colour:
    name: str
    rgb: tuple[int, int, int]
    words: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Background:
    """`words` name the place alone, `at` are the phrases that put a thing there."""

    name: str
    words: dict[str, tuple[str, ...]]
    at: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Vocabulary:
    concepts: tuple[Concept, ...]
    categories: tuple[Category, ...]
    colours: tuple[Colour, ...]
    backgrounds: tuple[Background, ...]

    def concept(self, name: str) -> int:
        """Index of a concept by its name."""
        return [c.name for c in self.concepts].index(name)

    def colour(self, name: str) -> int:
        """Index of a colour by its name."""
        return [c.name for c in self.colours].index(name)

    def background(self, name: str) -> int:
        """Index of a background by its name."""
        return [b.name for b in self.backgrounds].index(name)

    def held_out(self, concept: int, colour: int) -> bool:
        """True for the tenth of the pairs that are never painted by recolouring nor named while training."""
        return zlib.crc32(f"{self.concepts[concept].name}/{colour}".encode()) % 10 == 0

    def known_words(self, language: str) -> set[str]:
        """Every single word of a language that names something known (lower case)."""
        named: tuple[Concept | Category | Colour | Background, ...] = (
            *self.concepts,
            *self.categories,
            *self.colours,
            *self.backgrounds,
        )
        phrases = [w for thing in named for w in thing.words[language]]
        phrases += [w for b in self.backgrounds for w in b.at[language]]
        return {part for phrase in phrases for part in phrase.lower().split()}


@cache
def vocabulary() -> Vocabulary:
    """Read `concepts.toml` once."""
    raw = tomllib.loads(Path(__file__).with_name("concepts.toml").read_text(encoding="utf-8"))

    def words(entry: dict[str, list[str]], suffix: str = "") -> dict[str, tuple[str, ...]]:
        return {lang: tuple(entry[lang + suffix]) for lang in LANGUAGES}

    names = list(raw["concept"])
    return Vocabulary(
        concepts=tuple(Concept(n, tuple(e["art"]), words(e)) for n, e in raw["concept"].items()),
        categories=tuple(
            Category(n, tuple(names.index(m) for m in e["of"]), float(e["share"]), words(e))
            for n, e in raw["category"].items()
        ),
        colours=tuple(Colour(n, tuple(e["rgb"]), words(e)) for n, e in raw["colour"].items()),
        backgrounds=tuple(Background(n, words(e), words(e, "_at")) for n, e in raw["background"].items()),
    )
