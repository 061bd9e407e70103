"""What a scene shows: sampled before it is drawn, so that the truth about it is exact.

Lengths are in units of the frame height; a frame is `aspect` wide and 1 high.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.artwork import HELD_STYLE, STYLES, Sprites
from training.concepts import Vocabulary

ASPECTS = (16 / 9, 4 / 3, 1.0, 9 / 16)
ASPECT_SHARE = (0.70, 0.12, 0.10, 0.08)
PLAIN = -1  # a background without a name


@dataclass(frozen=True)
class Thing:
    """One drawn object; `colour` is -1 where no single colour name is true; `paint` is the repainting, -1 = none."""

    sprite: int
    concept: int
    colour: int
    paint: int
    x: float
    y: float
    size: float
    angle: float = 0.0
    stretch: float = 1.0
    mirrored: bool = False


@dataclass(frozen=True)
class Scene:
    aspect: float
    background: int
    things: tuple[Thing, ...]
    seed: int


@dataclass(frozen=True)
class Sampling:
    """How scenes of a set are drawn at random."""

    counts: tuple[float, ...]  # probability of 1, 2, 3 … objects
    sizes: tuple[tuple[float, float], ...]  # smallest and largest object for each count
    painted: float = 0.5
    held_out_pairs: bool = False  # may a held-out colour be painted
    ink: bool = True  # may ink styles be used
    styles: tuple[int, ...] = field(default=tuple(i for i, s in enumerate(STYLES) if s is not HELD_STYLE))


TRAINING = Sampling((0.25, 0.35, 0.25, 0.15), ((0.40, 1.05), (0.36, 0.82), (0.32, 0.64), (0.28, 0.50)), painted=0.55)
MEASURING = Sampling((0.45, 0.40, 0.15), ((0.50, 0.95), (0.42, 0.75), (0.36, 0.58)), held_out_pairs=True, ink=False)


class Sampler:
    """Draws scenes; sprites are chosen by concept, then by style, so that every style counts the same."""

    def __init__(self, words: Vocabulary, sprites: Sprites, how: Sampling) -> None:
        self.words, self.sprites, self.how = words, sprites, how
        allowed = [s for s in how.styles if how.ink or not STYLES[s].ink]
        self.choices: list[list[list[int]]] = []
        for concept in range(len(words.concepts)):
            per_style = [np.flatnonzero((sprites.concept == concept) & (sprites.style == s)).tolist() for s in allowed]
            self.choices.append([c for c in per_style if c])
        self.known = [c for c, per_style in enumerate(self.choices) if per_style]
        self.natural = np.zeros((len(words.concepts), len(words.colours)), bool)
        for concept, colour in zip(sprites.concept, sprites.colour, strict=True):
            if colour >= 0:
                self.natural[concept, colour] = True

    def is_held_out(self, concept: int, colour: int) -> bool:
        """Held-out pairs that no style draws in that colour by nature."""
        return self.words.held_out(concept, colour) and not bool(self.natural[concept, colour])

    def thing(self, rng: np.random.Generator, x: float, y: float, size: float) -> Thing:
        concept = self.known[int(rng.integers(len(self.known)))]
        per_style = self.choices[concept]
        options = per_style[int(rng.integers(len(per_style)))]
        sprite = options[int(rng.integers(len(options)))]
        colour, paint = int(self.sprites.colour[sprite]), -1
        if rng.random() < self.how.painted:
            wish = int(rng.integers(len(self.words.colours)))
            if self.how.held_out_pairs or not self.is_held_out(concept, wish):
                colour = paint = wish
        return Thing(
            sprite,
            concept,
            colour,
            paint,
            x,
            y,
            size,
            angle=float(rng.normal(0, 8)),
            stretch=float(rng.uniform(0.88, 1.14)),
            mirrored=bool(rng.random() < 0.5),
        )

    def scene(self, seed: int) -> Scene:
        rng = np.random.default_rng(seed)
        aspect = float(rng.choice(ASPECTS, p=ASPECT_SHARE))
        background = int(rng.integers(len(self.words.backgrounds))) if rng.random() < 0.65 else PLAIN
        count = int(rng.choice(len(self.how.counts), p=self.how.counts)) + 1
        unit = min(1.0, aspect * 0.85)
        placed: list[tuple[float, float, float]] = []
        for _ in range(count):
            size = unit * float(rng.uniform(*self.how.sizes[count - 1]))
            for attempt in range(40):
                if attempt % 10 == 9:
                    size *= 0.9
                margin = size * 0.42
                x = float(rng.uniform(min(margin, aspect / 2), max(aspect - margin, aspect / 2)))
                y = float(rng.uniform(min(margin, 0.5), max(1 - margin, 0.5)))
                if all(max(abs(x - px), abs(y - py)) > 0.46 * (size + ps) for px, py, ps in placed):
                    placed.append((x, y, size))
                    break
        return Scene(aspect, background, tuple(self.thing(rng, *p) for p in placed), seed)
