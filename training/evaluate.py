"""Measures a model folder on held-out scenes: precision of the first hit, binding, and what is absent.

A query's truth is exact. Scenes of which the truth is undecidable (an object of mixed colour in a colour query) are
left out of that query's ranking. Baselines: `chance`, and what an ideal model would get that understands only a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.concepts import LANGUAGES, Vocabulary
from training.folder_model import Floats, FolderModel
from training.gallery import Gallery

Bools = NDArray[np.bool_]
ANY = -1


@dataclass(frozen=True)
class Query:
    """Up to two (concept, colour) terms and a background; -1 = not said."""

    terms: tuple[tuple[int, int], ...]
    background: int = ANY


class Phrasing:
    """Queries as English and Korean text, by the plain templates of everyday search."""

    def __init__(self, words: Vocabulary, rng: np.random.Generator) -> None:
        self.words, self.rng = words, rng

    def one(self, options: tuple[str, ...]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def text(self, query: Query, language: str) -> str:
        parts = []
        for concept, colour in query.terms:
            shade = self.one(self.words.colours[colour].words[language]) + " " if colour >= 0 else ""
            parts.append(shade + self.one(self.words.concepts[concept].words[language]))
        joined = (" and " if language == "en" else " ").join(parts)
        if query.background < 0:
            return joined
        at = self.one(self.words.backgrounds[query.background].at[language])
        return f"{joined} {at}" if language == "en" else f"{at} {joined}"


def truth(query: Query, gallery: Gallery) -> tuple[Bools, Bools]:
    """(true, undecidable), each (N,)."""
    true = np.ones(len(gallery.concept), bool)
    possible = true.copy()
    for concept, colour in query.terms:
        same = (gallery.concept == concept) if concept >= 0 else gallery.concept >= 0
        right = same & ((gallery.colour == colour) if colour >= 0 else True)
        maybe = same & (gallery.colour < 0) & (colour >= 0)
        true &= right.any(1)
        possible &= (right | maybe).any(1)
    if query.background >= 0:
        true &= gallery.background == query.background
        possible &= gallery.background == query.background
    return true, possible & ~true


def first_hits(
    model: FolderModel,
    seen: Floats,
    gallery: Gallery,
    queries: list[Query],
    language: str,
    phrasing: Phrasing,
    blind: dict[str, Any],
    limit: int = 600,
) -> dict[str, Any]:
    """P@1 with chance and the ideal part-blind baselines; `blind` maps a name to a function query -> weaker query."""
    unique = list(dict.fromkeys(queries))
    kept = [q for q in unique if truth(q, gallery)[0].any()][:limit]
    scores = model.texts([phrasing.text(q, language) for q in kept]) @ seen.T
    hits, chance = [], []
    weaker: dict[str, list[float]] = {name: [] for name in blind}
    for query, row in zip(kept, scores, strict=True):
        true, undecided = truth(query, gallery)
        hits.append(bool(true[np.where(undecided, -9, row).argmax()]))
        chance.append(true.sum() / (~undecided).sum())
        for name, weaken in blind.items():
            partly = truth(weaken(query), gallery)[0] & ~undecided
            weaker[name].append(true.sum() / max(1, partly.sum()))
    result = {"p1": round(float(np.mean(hits)), 3), "n": len(kept), "chance": round(float(np.mean(chance)), 4)}
    return result | {f"only {name}": round(float(np.mean(values)), 3) for name, values in weaker.items()}


def area(present: Floats, absent: Floats) -> float:
    """Area under the ROC curve."""
    above = (present[:, None] > absent[None]).mean() + 0.5 * (present[:, None] == absent[None]).mean()
    return round(float(above), 3)


def measure(model: FolderModel, gallery: Gallery, words: Vocabulary, held_out: Bools) -> dict[str, Any]:
    """All figures of one gallery, English and Korean apart."""
    seen = model.pixels(gallery.image)
    rng = np.random.default_rng(77)
    figures: dict[str, Any] = {}
    order = rng.permutation(len(seen))
    rows = [
        [(int(c), int(k)) for c, k in zip(gallery.concept[i], gallery.colour[i], strict=True) if c >= 0]
        for i in range(len(seen))
    ]
    coloured = [Query(((c, k),)) for i in order for c, k in rows[i] if k >= 0]
    pairs = [Query(((r[0][0], ANY), (r[1][0], ANY))) for i in order if len(r := rows[i]) > 1 and r[0][0] != r[1][0]]
    placed = [
        Query(((c, ANY),), int(gallery.background[i])) for i in order for c, _ in rows[i] if gallery.background[i] >= 0
    ]
    for language in LANGUAGES:
        phrasing = Phrasing(words, rng)

        def hits(queries: list[Query], **blind: Any) -> dict[str, Any]:
            return first_hits(model, seen, gallery, queries, language, phrasing, blind)  # noqa: B023

        objects = [Query(((c, ANY),)) for c in range(len(words.concepts))]
        shades = {
            "object": lambda q: Query(((q.terms[0][0], ANY),)),
            "colour": lambda q: Query(((ANY, q.terms[0][1]),)),
        }
        result = {
            "object": hits(objects),
            "colour + object": hits([q for q in coloured if not held_out[q.terms[0]]], **shades),
            "colour + object, held-out pairs": hits([q for q in coloured if held_out[q.terms[0]]], **shades),
            "two objects": hits(pairs, first=lambda q: Query(q.terms[:1])),
            "object + background": hits(
                placed, object=lambda q: Query(q.terms), background=lambda q: Query((), q.background)
            ),
        }
        result["binding, two coloured objects against swapped"] = binding(model, seen, rows, language, phrasing)
        result["absent concept"] = absent(model, seen, gallery, words, language)
        figures[language] = result
    return figures


def binding(
    model: FolderModel, seen: Floats, rows: list[list[tuple[int, int]]], language: str, phrasing: Phrasing
) -> dict[str, Any]:
    """Two-alternative choice; chance is 0.5."""
    right, wrong, which = [], [], []
    for i, things in enumerate(rows):
        if len(things) < 2:
            continue
        (a, m), (b, n) = things[:2]
        if m < 0 or n < 0 or m == n or a == b or {(a, n), (b, m)} & set(things):
            continue
        state = phrasing.rng.bit_generator.state
        right.append(phrasing.text(Query(((a, m), (b, n))), language))
        phrasing.rng.bit_generator.state = state
        wrong.append(phrasing.text(Query(((a, n), (b, m))), language))
        which.append(i)
    picture = seen[which]
    better = (model.texts(right) * picture).sum(1) > (model.texts(wrong) * picture).sum(1)
    return {"accuracy": round(float(better.mean()), 3), "n": len(which), "chance": 0.5}


def absent(model: FolderModel, seen: Floats, gallery: Gallery, words: Vocabulary, language: str) -> dict[str, Any]:
    """Scenes with a quarter of the concepts are taken out; do those score lower at the top than the others?"""
    gone = np.arange(0, len(words.concepts), 4)
    kept = ~np.isin(gallery.concept, gone).any(1)
    top = (model.texts([c.words[language][0] for c in words.concepts]) @ seen[kept].T).max(1)
    there = np.array([(gallery.concept[kept] == c).any() for c in range(len(words.concepts))])
    return {"auc": area(top[there], top[gone]), "present": int(there.sum()), "absent": len(gone), "chance": 0.5}
