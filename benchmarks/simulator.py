"""A made-up library with known answers: latent concepts that are seen, said or both, and noise in between.

It tests the logic of ranking, not the strength of any model: what it calls a cosine is drawn, not
measured. Its difficulty is pinned by the gates in `benchmarks.quality`, since a library that is too
easy or too clean lets any method look good (one badly tuned version promised 32 points of R@1).

Concepts follow a Zipf law. A scene shows three concepts throughout (one of them in its whole video)
and one more in each keyframe, and says four words, a quarter of the time about what it shows. A
query seeks something seen (``v``), said (``t``) or both (``vt``); the channels that have nothing to
do with it still receive a plausible query, as a real encoder would give them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

TYPES = ("v", "t", "vt")
_TEXT_DIM, _VISUAL_DIM, _CONCEPTS = 384, 512, 500
_SCENES_OF_VIDEO, _FRAMES = 20, 3
_SEEN_AND_SAID, _BANK = 0.25, 256


@dataclass(frozen=True, slots=True)
class World:
    """What differs between libraries."""

    #: shares of queries that seek something seen, said, both
    mix: tuple[float, float, float] = (0.5, 0.25, 0.25)
    #: share of scenes in which nobody speaks
    silent: float = 0.25
    #: mean of the gamma law by which some scenes are near to every query
    hub: float = 0.013
    #: norm of what a query's vector has besides its concepts; larger makes CLIP weaker
    visual_noise: float = 1.35
    #: the same of a transcript's vector
    spoken_noise: float = 3.6
    #: share of scenes that somebody described
    told: float = 0.5
    #: how often a concept is asked for in the very word in which it was said
    same_word: float = 0.6
    scenes: int = 1000
    queries: int = 300


@dataclass(frozen=True, slots=True)
class Library:
    """One library drawn from a world, and what its channels answer to its queries.

    Arrays are (queries, scenes), float32, nan where the scene lacks the modality.
    """

    #: index into TYPES and the right scene, for each query
    kind: Ints
    right: Ints
    #: video of each scene
    video: Ints
    #: (scenes, frames, 512) and (queries, 512), unit rows
    frames: Floats
    asked: Floats
    #: (bank, 512) unit rows: queries that nobody asks, drawn apart from the others
    bank: Floats
    transcript: Floats
    summary: Floats
    #: 0 where a scene says none of the words
    lexical: Floats
    #: scenes that have a picture at all
    seen: NDArray[np.bool_]
    #: (queries, scenes, frames) cosines
    cosines: Floats = field(repr=False)


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), np.float32)


class _Draw:
    """The random choices that all parts of a library share."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        weights = 1.0 / np.arange(1, _CONCEPTS + 1) ** 0.6
        self._shares = weights / weights.sum()

    def directions(self, *shape: int) -> Floats:
        return _unit(self.random.standard_normal(shape, dtype=np.float32))

    def concepts(self, *shape: int) -> Ints:
        return self.random.choice(_CONCEPTS, shape, p=self._shares)

    def some_of(self, rows: Ints, count: int) -> Ints:
        """Return ``count`` different entries of every row."""
        places = np.argsort(self.random.random(rows.shape), axis=1)[:, :count]
        return np.take_along_axis(rows, places, axis=1)


def draw(world: World, seed: int) -> Library:
    """Draw a library of ``world``; the same seed gives the same one."""
    d = _Draw(seed)
    random, n, q = d.random, world.scenes, world.queries
    video = np.arange(n) // _SCENES_OF_VIDEO
    shown = d.concepts(n, 3)
    shown[:, 0] = d.concepts(int(video[-1]) + 1)[video]
    passing = d.concepts(n, _FRAMES)
    said = d.concepts(n, 4)
    echo = random.random(n) < _SEEN_AND_SAID
    said[echo, 0] = shown[echo, 1]
    speaks, seen = random.random(n) >= world.silent, random.random(n) >= 0.03
    told = random.random(n) < world.told

    kind = random.choice(3, q, p=world.mix)
    right = random.integers(0, n, q)
    right[kind != 0] = random.choice(np.flatnonzero(speaks), int((kind != 0).sum()))
    want_seen, want_said = d.some_of(shown[right], 2), d.some_of(said[right], 2)
    in_passing = np.where(random.random(q) < 0.5, 1.15, 0.0)[:, None].astype(np.float32)
    glimpse = passing[right, random.integers(0, _FRAMES, q)]
    #: some queries are vaguer than others
    vague = np.exp(0.3 * random.standard_normal((q, 1))).astype(np.float32)
    by_sight = np.array([1.0, 0.0, 0.8], np.float32)[kind][:, None]
    by_ear = np.array([0.0, 1.0, 0.8], np.float32)[kind][:, None]

    look = d.directions(_CONCEPTS, _VISUAL_DIM)
    pictures_mean = d.directions(_VISUAL_DIM)
    #: texts and pictures keep apart, a little tilted towards each other (the modality gap)
    texts_mean = _unit(0.45 * pictures_mean + 0.89 * d.directions(_VISUAL_DIM))
    hub = random.gamma(1.0, world.hub, n).astype(np.float32)
    content = _unit(look[shown].sum(1)[:, None] + 1.15 * look[passing])
    blur = 2.2 * d.directions(n, 1, _VISUAL_DIM) + 1.5 * d.directions(n, _FRAMES, _VISUAL_DIM)
    frames = _unit(_unit(content + blur) + 0.6 * pictures_mean + hub[:, None, None] * texts_mean)
    sought = _unit(look[want_seen].sum(1) + in_passing * look[glimpse])
    beside = _unit(look[d.concepts(q, 2)].sum(1))
    asked = _visual_query(_unit(by_sight * sought + (1 - by_sight) * beside), vague, world, texts_mean, d)
    #: generic captions do not know what this library is full of: no Zipf law
    generic = _unit(look[random.integers(0, _CONCEPTS, (_BANK, 2))].sum(1))
    bank = _visual_query(generic, np.ones((_BANK, 1), np.float32), world, texts_mean, d)

    mean = d.directions(_CONCEPTS, _TEXT_DIM)
    lines = _unit(mean[said].sum(1) + world.spoken_noise * d.directions(n, _TEXT_DIM))
    other = d.concepts(q, 2)
    meant = _unit(by_ear * _unit(mean[want_said].sum(1)) + (1 - by_ear) * _unit(mean[other].sum(1)))
    transcript = _unit(meant + 0.8 * vague * d.directions(q, _TEXT_DIM)) @ lines.T
    tell = d.directions(2 * _CONCEPTS, _TEXT_DIM)
    tales = tell[shown].sum(1) + 0.7 * tell[_CONCEPTS + said[:, :2]].sum(1)
    tales = _unit(tales + 6.0 * d.directions(n, _TEXT_DIM))
    retold = by_sight * tell[want_seen].sum(1) + by_ear * 0.7 * tell[_CONCEPTS + want_said].sum(1)
    summary = _unit(_unit(retold) + 0.8 * vague * d.directions(q, _TEXT_DIM)) @ tales.T
    words = np.where(by_ear > 0, want_said, other)
    lexical = _word_scores(words, random.random(words.shape) < world.same_word, said)

    transcript[:, ~speaks] = np.nan
    summary[:, ~told] = np.nan
    lexical[:, ~speaks] = 0.0
    cosines = np.einsum("qd,nfd->qnf", asked, frames, optimize=True)
    return Library(kind, right, video, frames, asked, bank, transcript, summary, lexical, seen, cosines)


def _visual_query(content: Floats, vague: Floats, world: World, texts_mean: Floats, d: _Draw) -> Floats:
    noisy = _unit(content + world.visual_noise * vague * d.directions(len(content), _VISUAL_DIM))
    return _unit(noisy + 0.45 * texts_mean)


def _word_scores(words: Ints, same: NDArray[np.bool_], said: Ints) -> Floats:
    """Return the sum of the rarities of the query's words that a scene says: the idea of BM25 without its lengths."""
    holds = np.zeros((len(said), _CONCEPTS), np.float32)
    holds[np.arange(len(said))[:, None], said] = 1.0
    count = holds.sum(axis=0)
    rarity = np.log1p((len(said) - count + 0.5) / (count + 0.5)).astype(np.float32)
    scores = np.zeros((len(words), len(said)), np.float32)
    for column in range(words.shape[1]):
        weight = rarity[words[:, column]] * same[:, column]
        scores += holds[:, words[:, column]].T * weight[:, None]
    return scores
