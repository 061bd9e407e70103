"""BM25: how much the words of a query tell about a document.

score(d) = Σ_p idf(p) · tf_p · (k1 + 1) / (tf_p + k1 · (1 - b + b · |d| / avg|d|))
idf(p)   = ln(1 + (N - df_p + 0.5) / (df_p + 0.5)), positive for every df

Source: Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; the
``1 +`` in the logarithm, which keeps common words from counting against a document, is Lucene's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

K1 = 1.2
B = 0.75


def idf(documents: int, with_phrase: int) -> float:
    """Return the weight of a phrase that ``with_phrase`` of ``documents`` documents hold; > 0."""
    with_phrase = min(max(with_phrase, 0), documents)
    return math.log1p((documents - with_phrase + 0.5) / (with_phrase + 0.5))


def bm25(
    frequencies: Sequence[int],
    weights: Sequence[float],
    length: int,
    average_length: float,
    *,
    k1: float = K1,
    b: float = B,
) -> float:
    """Return the score of one document, 0 when no phrase occurs.

    Args:
        frequencies: how often each phrase of the query occurs in the document.
        weights: `idf` of each phrase, in the same order.
        length: terms in the document.
        average_length: terms in a document on average; 0 or less counts as ``length``.
        k1: how soon repetition stops to add, >= 0.
        b: how much a long document is discounted, 0 to 1.
    """
    relative = length / average_length if average_length > 0 else 1.0
    damping = k1 * (1.0 - b + b * relative)
    return math.fsum(
        weight * count * (k1 + 1.0) / (count + damping)
        for count, weight in zip(frequencies, weights, strict=True)
        if count > 0
    )


def phrase_frequency(phrase: Sequence[str], positions: Mapping[str, Sequence[int]]) -> int:
    """Return how often the terms of ``phrase`` stand one after the other.

    Args:
        positions: term -> its positions in the document, rising.
    """
    if not phrase:
        return 0
    starts = set(positions.get(phrase[0], ()))
    for offset, term in enumerate(phrase[1:], start=1):
        starts &= {place - offset for place in positions.get(term, ())}
    return len(starts)
