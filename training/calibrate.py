"""Cosine cut-offs for "weak", "medium" and "strong", measured on galleries of a hundred held-out scenes."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.concepts import LANGUAGES, Vocabulary
from training.evaluate import ANY, Phrasing, Query, truth
from training.folder_model import FolderModel
from training.gallery import Gallery

SCENES = 100
NONSENSE = {
    "en": [
        "quantum physics",
        "Webb space telescope",
        "red submarine",
        "tax law",
        "blue photosynthesis",
        "asdfgh",
        "interest rates",
    ],
    "ko": ["양자 물리학", "우주 망원경", "빨간 잠수함", "세금 제도", "파란 광합성", "이자율", "회의록"],
}


def top_hits(model: FolderModel, gallery: Gallery, words: Vocabulary) -> dict[str, list[tuple[float, bool]]]:
    """For each kind of query, (cosine of the first hit, is it right) over all galleries and both languages."""
    rng = np.random.default_rng(5)
    phrasing = Phrasing(words, rng)
    seen = model.pixels(gallery.image)
    found: dict[str, list[tuple[float, bool]]] = {k: [] for k in ("present", "absent object", "absent pair", "unknown")}
    for start in range(0, len(seen) - SCENES + 1, SCENES):
        part = slice(start, start + SCENES)
        small = Gallery(gallery.image[part], gallery.concept[part], gallery.colour[part], gallery.background[part])
        for language in LANGUAGES:
            queries = [Query(((c, ANY),)) for c in range(len(words.concepts))]
            queries += [
                Query(((int(c), int(k)),))
                for c, k in zip(small.concept.ravel(), small.colour.ravel(), strict=True)
                if k >= 0
            ]
            queries += [Query(((int(rng.integers(len(words.concepts))), int(rng.integers(11))),)) for _ in range(60)]
            scores = model.texts([phrasing.text(q, language) for q in queries]) @ seen[part].T
            for query, row in zip(queries, scores, strict=True):
                true, undecided = truth(query, small)
                first = int(row.argmax())
                if undecided.any() and not true.any():
                    continue
                kind = "present" if true.any() else "absent object" if query.terms[0][1] < 0 else "absent pair"
                found[kind].append((float(row[first]), bool(true[first])))
            for row in model.texts(NONSENSE[language]) @ seen[part].T:
                found["unknown"].append((float(row.max()), False))
    return found


def cut_for_precision(hits: list[tuple[float, bool]], precision: float, least: float) -> float:
    """Smallest cosine above which at least this share of first hits is right."""
    ordered = sorted(hits, reverse=True)
    right = np.cumsum([ok for _, ok in ordered]) / np.arange(1, len(ordered) + 1)
    good = np.flatnonzero(right >= precision)
    return max(least, ordered[int(good[-1])][0]) if len(good) else least


def calibrate(model: FolderModel, gallery: Gallery, words: Vocabulary) -> dict[str, Any]:
    """Cut-offs and the rates that they give."""
    found = top_hits(model, gallery, words)
    weak = float(np.quantile([s for s, _ in found["present"]], 0.05))
    everything = [hit for hits in found.values() for hit in hits]
    medium = cut_for_precision(everything, 0.80, weak + 0.02)
    strong = cut_for_precision(everything, 0.95, medium + 0.02)
    below = {kind: round(float(np.mean([s < weak for s, _ in hits])), 3) for kind, hits in found.items()}
    return {
        "weak": round(weak, 4),
        "medium": round(medium, 4),
        "strong": round(strong, 4),
        "method": (
            f"{len(gallery.image) // SCENES} galleries of {SCENES} held-out drawn scenes, English and Korean: "
            "weak = 5 % quantile of the first hit's cosine over queries whose object (and colour) is present; "
            "medium and strong = smallest cosine above which 80 % and 95 % of first hits are right, "
            "absent queries included"
        ),
        "below_weak": below,
        "queries": {kind: len(hits) for kind, hits in found.items()},
    }
