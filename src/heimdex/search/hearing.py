"""Where in a scene the words of a query are said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heimdex.domain.media import Segment, Span
from heimdex.ranking.labels import Spoken, coverage, find_phrase
from heimdex.ranking.tokens import index_terms


@dataclass(frozen=True, slots=True)
class Heard:
    """The stretch of a transcript that answers a query best."""

    text: str = ""
    span: Span | None = None
    #: of the query's telling words, 0 to 1; 0 means that ``text`` is only the scene's first words
    share: float = 0.0
    #: where the words begin
    starts_s: float = 0.0


def hear(spoken: Spoken, segments: Sequence[Segment]) -> Heard:
    """Return the phrase if it is said, across segments too, else the segment with most of the words, earliest first."""
    segments = [segment for segment in segments if segment.text.strip()]
    if not segments:
        return Heard()
    terms = [index_terms(segment.text) for segment in segments]
    for phrase in (*spoken.required, spoken.whole):
        if heard := _hear_phrase(phrase, segments, terms):
            return heard
    shares = [coverage(spoken, each) for each in terms]
    best = max(range(len(segments)), key=lambda i: (shares[i], -i))
    segment = segments[best]
    return Heard(segment.text, segment.span, shares[best], segment.span.start_s)


def _hear_phrase(phrase: Sequence[str], segments: Sequence[Segment], terms: Sequence[Sequence[str]]) -> Heard | None:
    for segment, each in zip(segments, terms, strict=True):
        if find_phrase(phrase, each) is not None:
            return Heard(segment.text, segment.span, 1.0, segment.span.start_s)
    places = [(number, place) for number, each in enumerate(terms) for place in range(len(each))]
    start = find_phrase(phrase, [term for each in terms for term in each])
    if start is None:
        return None
    (first, place), (last, _) = places[start], places[start + len(phrase) - 1]
    span = Span(segments[first].span.start_s, max(segments[first].span.end_s, segments[last].span.end_s))
    # speech runs evenly enough to tell where in a segment a word stands
    starts_s = segments[first].span.start_s + segments[first].span.duration_s * place / len(terms[first])
    return Heard(" ".join(segment.text for segment in segments[first : last + 1]), span, 1.0, starts_s)
