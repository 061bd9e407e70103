"""Sentences with their meaning: what a text tower should read out of each word.

A caption is a list of pieces. The last character of a piece's head carries its meaning; the text tower is taught to
answer there (see `text_net`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.concepts import LANGUAGES, Vocabulary
from training.lexicon import NEUTRAL, PARTICLES, Lexicon, has_final, plural

NONE = -1


@dataclass(frozen=True)
class Meaning:
    """`at` is the index of the character that carries it; thing may be a category or the unknown thing."""

    at: int
    thing: int = NONE
    colour: int = NONE  # the colour of that thing
    bare: int = NONE  # a colour said of nothing in particular
    place: int = NONE


@dataclass(frozen=True)
class Caption:
    text: str
    language: str
    meanings: tuple[Meaning, ...]


class Writer:
    """Collects text and remembers where each meaning sits."""

    def __init__(self) -> None:
        self.text = ""
        self.meanings: list[Meaning] = []

    def plain(self, text: str) -> None:
        self.text += (" " if self.text and text else "") + text

    def mean(self, head: str, tail: str = "", **meaning: int) -> None:
        self.plain(head)
        self.meanings.append(Meaning(len(self.text) - 1, **meaning))
        self.text += tail


class CaptionMaker:
    """Random captions over the whole vocabulary; pairs of the held-out tenth are never named."""

    def __init__(self, words: Vocabulary, lexicon: Lexicon, unknown_thing: int, held_out: np.ndarray) -> None:
        self.words, self.lexicon, self.unknown, self.held_out = words, lexicon, unknown_thing, held_out
        self.named = [c.words for c in words.concepts] + [c.words for c in words.categories]

    def pick(self, options: tuple[str, ...] | list[str], rng: np.random.Generator) -> str:
        """The usual word most often, a synonym now and then."""
        return options[0] if rng.random() < 0.45 else options[int(rng.integers(len(options)))]

    def noun(self, language: str, rng: np.random.Generator) -> tuple[str, int]:
        if rng.random() < 0.16:
            strangers = [self.lexicon.stranger(language, rng) for _ in range(1 + (rng.random() < 0.15))]
            return " ".join(strangers), self.unknown
        thing = int(rng.integers(len(self.named)))
        if rng.random() < 0.07:
            thing = len(self.words.concepts) + int(rng.integers(len(self.words.categories)))
        word = self.pick(self.named[thing][language], rng)
        return (plural(word) if language == "en" and rng.random() < 0.2 else word), thing

    def colour_for(self, thing: int, rng: np.random.Generator) -> int:
        colour = int(rng.integers(len(self.words.colours)))
        if thing < len(self.words.concepts) and self.held_out[thing, colour]:
            return NONE
        return colour

    def write(self, rng: np.random.Generator) -> Caption:
        language = LANGUAGES[int(rng.integers(2))]
        writer = Writer()
        kind = rng.random()
        self.filler(writer, language, rng, 0.30)
        if kind < 0.05:
            self.bare_colour(writer, language, rng)
        elif kind < 0.09:
            place = int(rng.integers(len(self.words.backgrounds)))
            word = self.pick(self.words.backgrounds[place].words[language], rng)
            writer.mean(word, self.particle(word, language, rng, 0.2), place=place)
        elif kind < 0.17:
            for _ in range(int(rng.integers(1, 8))):
                word = self.lexicon.stranger(language, rng)
                writer.mean(word, self.particle(word, language, rng, 0.35), thing=self.unknown)
                self.filler(writer, language, rng, 0.25)
        elif kind < 0.19:
            self.filler(writer, language, rng, 1.0)
        else:
            self.things(writer, language, rng)
        self.filler(writer, language, rng, 0.25)
        text = writer.text
        if rng.random() < 0.15:
            text = text.capitalize() if rng.random() < 0.7 else text.upper()
            if len(text) != len(writer.text):
                text = writer.text
        if rng.random() < 0.1:
            text += str(rng.choice(["?", ".", "!", "…"]))
        return Caption(text, language, tuple(writer.meanings))

    def filler(self, writer: Writer, language: str, rng: np.random.Generator, chance: float) -> None:
        if rng.random() < chance:
            some = NEUTRAL[language]
            for i in rng.integers(0, len(some), int(rng.integers(1, 4))):
                writer.plain(some[int(i)])

    def particle(self, word: str, language: str, rng: np.random.Generator, chance: float) -> str:
        if language == "en" or rng.random() > chance:
            return ""
        options = PARTICLES[has_final(word)]
        return options[int(rng.integers(len(options)))]

    def bare_colour(self, writer: Writer, language: str, rng: np.random.Generator) -> None:
        colour = int(rng.integers(len(self.words.colours)))
        word = self.pick(self.words.colours[colour].words[language], rng)
        if language == "en" and rng.random() < 0.2:
            writer.plain("something")
        writer.mean(word, bare=colour)
        if rng.random() < 0.3:
            writer.plain(
                str(
                    rng.choice(
                        ["thing", "things", "object", "color"] if language == "en" else ["것", "물건", "물체", "색"]
                    )
                )
            )

    def things(self, writer: Writer, language: str, rng: np.random.Generator) -> None:
        count = int(rng.choice([1, 2, 3], p=[0.6, 0.33, 0.07]))
        place = int(rng.integers(len(self.words.backgrounds))) if rng.random() < 0.3 else NONE
        early = language == "ko" or rng.random() < 0.12
        if place >= 0 and early:
            self.placed(writer, place, language, rng)
        for k in range(count):
            noun, thing = self.noun(language, rng)
            colour = self.colour_for(thing, rng) if rng.random() < 0.5 else NONE
            last = k == count - 1
            (self.english if language == "en" else self.korean)(writer, noun, thing, colour, last, rng)
            if not last and language == "en" and rng.random() < 0.85:
                writer.plain(str(rng.choice(["and", "and", "with", "next to", "beside", "near", "or"])))
        if place >= 0 and not early:
            self.placed(writer, place, language, rng)

    def placed(self, writer: Writer, place: int, language: str, rng: np.random.Generator) -> None:
        background = self.words.backgrounds[place]
        if language == "en" and rng.random() < 0.1:
            writer.mean(self.pick(background.words[language], rng), place=place)
        else:
            options = background.at[language]
            writer.mean(options[int(rng.integers(len(options)))], place=place)

    def english(self, writer: Writer, noun: str, thing: int, colour: int, last: bool, rng: np.random.Generator) -> None:
        shade = self.pick(self.words.colours[colour].words["en"], rng) if colour >= 0 else ""
        if rng.random() < 0.35:
            writer.plain(str(rng.choice(["a", "the", "one", "two", "some", "big", "small", "a big", "a little", "an"])))
        if colour >= 0 and rng.random() < 0.1:
            writer.mean(noun, thing=thing, colour=colour)
            writer.plain(str(rng.choice(["that is", "is", "which is", "in", "colored"])) + " " + shade)
            return
        if colour >= 0:
            writer.plain(shade)
            if rng.random() < 0.1:
                writer.plain(str(rng.choice(["colored", "big", "small", "little", "cute", "old", "and shiny"])))
        writer.mean(noun, thing=thing, colour=colour)

    def korean(self, writer: Writer, noun: str, thing: int, colour: int, last: bool, rng: np.random.Generator) -> None:
        shade = self.pick(self.words.colours[colour].words["ko"], rng) if colour >= 0 else ""
        if rng.random() < 0.15:
            writer.plain(str(rng.choice(["큰", "작은", "귀여운", "한", "예쁜", "어떤"])))
        if colour >= 0 and rng.random() < 0.1:
            writer.mean(noun, PARTICLES[has_final(noun)][0], thing=thing, colour=colour)
            writer.plain(shade + str(rng.choice(["", "인 장면", "이다", "이에요"])))
            return
        if colour >= 0:
            writer.plain(shade + ("의" if shade.endswith("색") and rng.random() < 0.15 else ""))
            if rng.random() < 0.06:
                writer.plain(str(rng.choice(["큰", "작은", "예쁜", "귀여운"])))
        tail = self.particle(noun, "ko", rng, 0.35 if last else 0.75)
        writer.mean(noun, tail, thing=thing, colour=colour)
        if last and rng.random() < 0.12:
            writer.plain(
                str(
                    rng.choice(
                        [
                            "있는 장면",
                            "나오는 장면",
                            "보여줘",
                            "찾아줘",
                            "사진",
                            "한 마리",
                            "두 마리",
                            "한 대",
                            "두 개",
                            "한 개",
                        ]
                    )
                )
            )
