"""How sure heimdex is that a hit is one, judged by raw evidence.

Fusion puts the best candidate of every channel at 1.0, also when nothing in the library is a match;
so labels look at what was measured: the cosine against the model's own cut-offs, and which words of
the query were really said.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heimdex.domain.results import Label
from heimdex.ranking.tokens import Phrase, index_terms

_ORDER = (Label.NONE, Label.WEAK, Label.MEDIUM, Label.STRONG)
#: of the telling words of a query: below the first a lexical hit means nothing
_SOME_WORDS, _MOST_WORDS = 0.6, 0.75
#: robust deviations above the middle of the channel's own scores, where a model has no cut-offs
_OUTLIER_WEAK, _OUTLIER_MEDIUM = 3.5, 6.0
#: fewer scores have no middle worth the name
OUTLIER_MIN_SCORES = 20


@dataclass(frozen=True, slots=True)
class CutOffs:
    """Cosines of one model below which a best match means little (`heimdex.ports.Calibration`)."""

    weak: float
    medium: float
    strong: float


def strongest(labels: Iterable[Label]) -> Label:
    """Return the best of several labels: evidence of one kind is enough. ``none`` without any."""
    return max(labels, key=_ORDER.index, default=Label.NONE)


def weakest(labels: Iterable[Label]) -> Label:
    """Return the worst of several labels, where every one of them must hold. ``none`` without any."""
    return min(labels, key=_ORDER.index, default=Label.NONE)


def label_cosine(cosine: float, cut_offs: CutOffs) -> Label:
    """Return the label of a cosine; below ``weak`` it is ``none``, and so is what is no number."""
    if cosine >= cut_offs.strong:
        return Label.STRONG
    if cosine >= cut_offs.medium:
        return Label.MEDIUM
    return Label.WEAK if cosine >= cut_offs.weak else Label.NONE


def label_outlier(score: float, scores: Sequence[float]) -> Label:
    """Judge a score of a model without cut-offs by how far it stands out among ``scores``.

    (score - median) / (1.4826 · MAD), the robust z-score (Iglewicz & Hoaglin 1993). With few scores
    no judgement is possible and the answer is ``weak``; an outlier alone is never ``strong``.
    """
    if len(scores) < OUTLIER_MIN_SCORES:
        return Label.WEAK
    middle = statistics.median(scores)
    spread = 1.4826 * statistics.median(abs(s - middle) for s in scores)
    if spread <= 0.0:
        return Label.WEAK if score > middle else Label.NONE
    deviation = (score - middle) / spread
    if deviation >= _OUTLIER_MEDIUM:
        return Label.MEDIUM
    return Label.WEAK if deviation >= _OUTLIER_WEAK else Label.NONE


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a query wants to hear: its telling words, each in the forms it may be found as, and whole phrases."""

    words: tuple[tuple[Phrase, ...], ...]
    #: the query as one run of terms
    whole: Phrase
    #: quoted phrases; every one must occur
    required: tuple[Phrase, ...] = ()


def find_phrase(phrase: Sequence[str], terms: Sequence[str]) -> int | None:
    """Return where the terms of ``phrase`` first stand next to each other, in order, in ``terms``; None: nowhere."""
    n = len(phrase)
    if n == 0:
        return None
    for i in range(len(terms) - n + 1):
        if terms[i] == phrase[0] and tuple(terms[i : i + n]) == tuple(phrase):
            return i
    return None


def occurs(phrase: Phrase, terms: Sequence[str]) -> bool:
    """Return whether ``phrase`` stands in ``terms``."""
    return find_phrase(phrase, terms) is not None


def coverage(spoken: Spoken, terms: Sequence[str]) -> float:
    """Return the share of the telling words that occur in ``terms``, 0 to 1."""
    if not spoken.words:
        return 0.0
    return sum(any(occurs(phrase, terms) for phrase in word) for word in spoken.words) / len(spoken.words)


def label_words(spoken: Spoken, transcript: str) -> Label:
    """Return how much of a query was said.

    Strong: the whole query in a row, or every quoted phrase. Medium: every telling word. Weak: most of them.
    """
    terms = index_terms(transcript)
    if spoken.required:
        return Label.STRONG if all(occurs(phrase, terms) for phrase in spoken.required) else Label.NONE
    share = coverage(spoken, terms)
    if occurs(spoken.whole, terms) or (share == 1.0 and len(spoken.words) != 2):
        return Label.STRONG
    if share == 1.0:
        return Label.MEDIUM
    if share >= _MOST_WORDS and len(spoken.words) >= 4:
        return Label.MEDIUM
    return Label.WEAK if share >= _SOME_WORDS else Label.NONE
