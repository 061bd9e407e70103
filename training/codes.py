"""The code that both towers speak: which direction of the 512 means what.

The first axes are one each for concepts, categories, colours, backgrounds and three specials, so these never disturb
one another. The remaining axes (the bound part) carry "this thing has this colour": `signature[thing] * sign[colour]`,
a product, so that a pair that was never seen still has its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.concepts import Vocabulary

Floats = NDArray[np.float32]
DIM = 512
UNKNOWN, EMPTY, NEUTRAL = range(3)  # a word nobody knows; a picture's share of "nothing known"; only function words


@dataclass(frozen=True)
class Weights:
    """Lengths of the parts of a code."""

    thing: float = 0.62
    bound: float = 0.74
    colour: float = 0.28
    background: float = 0.6
    empty: float = 1.0


@dataclass(frozen=True)
class Codebook:
    """`thing` (T, 512) and `signature` (T, bound axes) for concepts, then categories, then the unknown thing."""

    words: Vocabulary
    weights: Weights = Weights()

    @property
    def things(self) -> int:
        return len(self.words.concepts) + len(self.words.categories) + 1

    @property
    def unknown_thing(self) -> int:
        return self.things - 1

    @property
    def single_axes(self) -> int:
        """Axes before the bound part."""
        return self.things - 1 + len(self.words.colours) + len(self.words.backgrounds) + 3

    def axis(self, offset: int) -> Floats:
        row = np.zeros(DIM, np.float32)
        row[offset] = 1
        return row

    @cached_property
    def colour(self) -> Floats:
        return np.stack([self.axis(self.things - 1 + k) for k in range(len(self.words.colours))])

    @cached_property
    def background(self) -> Floats:
        first = self.things - 1 + len(self.words.colours)
        return np.stack([self.axis(first + k) for k in range(len(self.words.backgrounds))])

    def special(self, which: int) -> Floats:
        return self.axis(self.single_axes - 3 + which)

    @cached_property
    def thing(self) -> Floats:
        concepts, categories = len(self.words.concepts), len(self.words.categories)
        rows = [self.axis(i) for i in range(concepts + categories)]
        return np.stack([*self._families(np.stack(rows)), self.special(UNKNOWN)])

    @cached_property
    def signature(self) -> Floats:
        rng = np.random.default_rng(11)
        rows = unit(rng.normal(size=(self.things, DIM - self.single_axes)).astype(np.float32))
        return np.concatenate([self._families(rows[:-1]), rows[-1:]])

    @cached_property
    def sign(self) -> Floats:
        """(colours, bound axes) of +1 and -1."""
        rng = np.random.default_rng(12)
        shape = (len(self.words.colours), DIM - self.single_axes)
        return np.where(rng.random(shape) < 0.5, -1, 1).astype(np.float32)

    def _families(self, own: Floats) -> Floats:
        """Members share a little of their category; a category is the mean of its members."""
        concepts = len(self.words.concepts)
        rows = own[:concepts].copy()
        taken = np.zeros(concepts, np.float32)
        shared = np.zeros_like(rows)
        for index, category in enumerate(self.words.categories):
            members = list(category.members)
            taken[members] += category.share
            shared[members] += np.sqrt(category.share) * own[concepts + index]
        rows = unit(np.sqrt(1 - taken)[:, None] * rows + shared)
        means = [unit(rows[list(c.members)].mean(0)) for c in self.words.categories]
        return np.concatenate([rows, np.stack(means)])

    def bound(self, thing: int, colour: int) -> Floats:
        row = np.zeros(DIM, np.float32)
        row[self.single_axes :] = self.signature[thing] * self.sign[colour]
        return row

    def phrase(self, things: list[tuple[int, int]], background: int = -1) -> Floats:
        """Unit code of a query: (thing, colour) pairs with -1 for "no colour said" and thing -1 for a bare colour."""
        w, total = self.weights, np.zeros(DIM, np.float32)
        for thing, colour in things:
            if thing >= 0:
                total += w.thing * self.thing[thing]
            if thing >= 0 and colour >= 0:
                total += w.bound * self.bound(thing, colour)
            if colour >= 0:
                total += (w.colour if thing >= 0 else w.thing) * self.colour[colour]
        if background >= 0:
            total += w.background * self.background[background]
        if not things and background < 0:
            total += self.special(NEUTRAL)
        return unit(total)


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)
