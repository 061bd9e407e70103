"""Changes of shot that take time: fades through one flat colour, and dissolves."""

from __future__ import annotations

from collections import deque

import numpy as np

from heimdex.media.signature import Signature, contrast, difference

#: (earliest, latest, boundary) in seconds
Change = tuple[float, float, float]

#: luma contrast under which a frame shows nothing
FLAT = 0.025
#: mean luma of the colours that pictures fade to: black and white, of either range
DARK, BRIGHT = 0.10, 0.87
#: spans over which a dissolve is looked for, in seconds
DISSOLVE_S = (0.5, 1.0, 2.0)
#: how unlike the ends of a dissolve are at least
LEAST_CHANGE = 0.12
#: mean distance of the middle frame from the blend of both ends, as a part of the ends' distance
MOST_RESIDUAL = 0.22
#: correlation of the ends' luma above which they show the same thing (moved, lit otherwise)
MOST_CORRELATION = 0.6
_TICK_S = 0.08


class Fades:
    """Runs of flat black or white frames.

    The boundary lies in the middle of the run, or at its inner edge where the video begins or ends.
    """

    def __init__(self) -> None:
        self._run: tuple[float, float] | None = None
        self._seen_content = False

    def push(self, signature: Signature) -> list[Change]:
        time_s = signature.time_s
        if _is_blank(signature):
            start_s = self._run[0] if self._run else time_s
            self._run = (start_s, time_s)
            return []
        run, self._run = self._run, None
        seen, self._seen_content = self._seen_content, True
        if run is None:
            return []
        return [(run[0], time_s, (run[0] + time_s) / 2 if seen else time_s)]

    def finish(self) -> list[Change]:
        if self._run is None or not self._seen_content:
            return []
        return [(self._run[0], self._run[1], self._run[0])]


class Dissolves:
    """Twin comparison: ends far apart, middle a blend of both.

    After Zhang, Kankanhalli & Smoliar, "Automatic partitioning of full-motion video", Multimedia
    Systems 1993 (comparison over a span); the test of the blend is what tells it from motion.
    """

    def __init__(self) -> None:
        self._ticks: deque[Signature] = deque()
        #: best (strength, earliest, latest, boundary) of the change that is passing
        self._best: tuple[float, float, float, float] | None = None

    def push(self, signature: Signature) -> list[Change]:
        if self._ticks and signature.time_s - self._ticks[-1].time_s < _TICK_S:
            return []
        self._ticks.append(signature)
        while signature.time_s - self._ticks[0].time_s > max(DISSOLVE_S) + 2 * _TICK_S:
            self._ticks.popleft()
        found = max((self._test(span_s) for span_s in DISSOLVE_S), key=lambda f: f[0])
        if found[0] > 0 and (self._best is None or found[0] > self._best[0]):
            self._best = found
            return []
        if self._best is not None and signature.time_s - self._best[3] > max(DISSOLVE_S):
            return self.finish()
        return []

    def finish(self) -> list[Change]:
        best, self._best = self._best, None
        return [best[1:]] if best else []

    def _test(self, span_s: float) -> tuple[float, float, float, float]:
        end = self._ticks[-1]
        start, middle = self._at(end.time_s - span_s), self._at(end.time_s - span_s / 2)
        if start is None or middle is None or start is middle:
            return (0.0, 0.0, 0.0, 0.0)
        change = difference(start, end)
        if (
            change < LEAST_CHANGE
            or min(contrast(start), contrast(end)) < FLAT
            or _correlation(start, end) > MOST_CORRELATION
        ):
            return (0.0, 0.0, 0.0, 0.0)
        residual = np.abs(middle.cells - (start.cells + end.cells) / 2).mean()
        residual /= max(1e-6, float(np.abs(start.cells - end.cells).mean()))
        if residual > MOST_RESIDUAL:
            return (0.0, 0.0, 0.0, 0.0)
        return (change * float(1 - residual), start.time_s, end.time_s, middle.time_s)

    def _at(self, time_s: float) -> Signature | None:
        """Return the tick nearest to a time, None when there is none within a tick and a half."""
        nearest = min(self._ticks, key=lambda s: abs(s.time_s - time_s))
        return nearest if abs(nearest.time_s - time_s) <= 1.5 * _TICK_S else None


def _is_blank(signature: Signature) -> bool:
    mean = float(signature.luma.mean())
    return contrast(signature) < FLAT and not DARK < mean < BRIGHT


def _correlation(one: Signature, other: Signature) -> float:
    a, b = one.luma - one.luma.mean(), other.luma - other.luma.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-9))
