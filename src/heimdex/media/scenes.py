"""From boundaries to scenes while the video streams by: short ones join a neighbour, long ones are split."""

from __future__ import annotations

import math

from heimdex.domain.media import Span


class SceneSpans:
    """Gives out the spans of scenes in order, without gap, as soon as they cannot change any more.

    A piece shorter than ``min_s`` joins the one before it (the first joins the one after it), so
    that a picture that fades to black keeps its black. A piece longer than ``max_s`` is split
    evenly; one that has no end in sight is cut off in pieces of ``max_s``.
    """

    def __init__(self, start_s: float, *, min_s: float, max_s: float) -> None:
        self._min_s, self._max_s = min_s, max_s
        self._start_s = start_s
        #: end of the open scene, which may still move
        self._edge_s: float | None = None
        self._given = False

    def push(self, boundaries: list[float], *, certain_s: float) -> list[Span]:
        """Take the boundaries up to ``certain_s``, before which no other will come."""
        found = []
        for boundary in sorted(boundaries):
            found += self._settle(boundary)
            # a scene that began at the edge and is too short joins the one before it
            if self._edge_s is not None or boundary - self._start_s >= self._min_s:
                self._edge_s = boundary
        found += self._settle(certain_s)
        while self._edge_s is None and certain_s - self._start_s >= 2 * self._max_s:
            found.append(self._give(self._start_s + self._max_s))
        return found

    def finish(self, end_s: float) -> list[Span]:
        """Return the spans that are left, at least one in all."""
        found = self._settle(end_s)
        self._edge_s = None
        end_s = max(end_s, self._start_s)
        if end_s > self._start_s or not self._given:
            found += self._split(end_s)
        return found

    def _settle(self, now_s: float) -> list[Span]:
        """Close the open scene if the one after it is long enough by now."""
        if self._edge_s is None or now_s - self._edge_s < self._min_s:
            return []
        edge_s, self._edge_s = self._edge_s, None
        return self._split(edge_s)

    def _split(self, end_s: float) -> list[Span]:
        start_s = self._start_s
        count = max(1, math.ceil((end_s - start_s) / self._max_s - 1e-9))
        edges = [start_s + (end_s - start_s) * n / count for n in range(1, count)] + [end_s]
        return [self._give(edge) for edge in edges]

    def _give(self, end_s: float) -> Span:
        span = Span(self._start_s, end_s)
        self._start_s, self._given = end_s, True
        return span
