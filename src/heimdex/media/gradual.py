"""Changes of shot that take time: fades through one flat colour, and dissolves."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from heimdex.media.signature import Signature, contrast, difference

#: luma contrast under which a frame shows nothing
FLAT = 0.025
#: and under which it shows nothing even in between black and white: fog still has more
FEATURELESS = 0.012
#: mean luma of the colours that pictures fade to: black and white, of either range
DARK, BRIGHT = 0.10, 0.87
#: a step to or from a blank frame that is no fading
SUDDEN = 0.15


@dataclass(frozen=True, slots=True)
class _Window:
    """What makes a dissolve of what lies ``span_s`` apart."""

    span_s: float
    #: how unlike the ends are at least
    least_change: float
    #: mean distance of the middle frame from the blend of both ends, as a part of the ends' distance, at most;
    #: over a long span a slow zoom looks like a blend, over a short one a moving picture may be blended
    most_residual: float


_WINDOWS = (_Window(0.5, 0.09, 0.20), _Window(1.0, 0.095, 0.24), _Window(2.0, 0.11, 0.15))
_LONGEST_S = max(window.span_s for window in _WINDOWS)
#: correlation of the ends' luma above which they show the same thing (moved, lit otherwise)
_MOST_CORRELATION = 0.65
_TICK_S = 0.08


@dataclass(frozen=True, slots=True)
class Change:
    """A gradual change of shot: it lies between two times, and one of them stands for it."""

    earliest_s: float
    latest_s: float
    boundary_s: float
    #: how clear it is, to compare two findings of the same change
    strength: float = 0.0


class Fades:
    """Runs of flat black or white frames that the picture sinks into or rises from.

    The boundary lies in the middle of the run, or at its inner edge where the video begins or ends.
    A run with a sudden edge on both sides is a flash or a shot of its own: hard cuts tell which.
    """

    def __init__(self) -> None:
        #: first and last time of the run, and whether it began suddenly
        self._run: tuple[float, float, bool] | None = None
        self._last: Signature | None = None
        self._seen_content = False

    def push(self, signature: Signature) -> list[Change]:
        time_s = signature.time_s
        last, self._last = self._last, signature
        sudden = last is None or difference(last, signature) > SUDDEN
        if _is_blank(signature):
            start_s, _, began = self._run or (time_s, time_s, sudden)
            self._run = (start_s, time_s, began)
            return []
        run, self._run = self._run, None
        seen, self._seen_content = self._seen_content, True
        if run is None or (run[2] and sudden):
            return []
        return [Change(run[0], time_s, (run[0] + time_s) / 2 if seen else time_s)]

    def finish(self) -> list[Change]:
        if self._run is None or self._run[2] or not self._seen_content:
            return []
        return [Change(self._run[0], self._run[1], self._run[0])]


class Dissolves:
    """Twin comparison: ends far apart, middle a blend of both.

    After Zhang, Kankanhalli & Smoliar, "Automatic partitioning of full-motion video", Multimedia
    Systems 1993 (comparison over a span); the test of the blend is what tells it from motion.
    """

    def __init__(self) -> None:
        self._ticks: deque[Signature] = deque()
        #: the clearest finding of the change that is passing
        self._best: Change | None = None

    def push(self, signature: Signature) -> list[Change]:
        if self._ticks and signature.time_s - self._ticks[-1].time_s < _TICK_S:
            return []
        self._ticks.append(signature)
        while signature.time_s - self._ticks[0].time_s > _LONGEST_S + 2 * _TICK_S:
            self._ticks.popleft()
        for found in filter(None, map(self._test, _WINDOWS)):
            if self._best is None or found.strength > self._best.strength:
                self._best = found
        if self._best is not None and signature.time_s - self._best.boundary_s > _LONGEST_S:
            return self.finish()
        return []

    def finish(self) -> list[Change]:
        best, self._best = self._best, None
        return [best] if best else []

    def _test(self, window: _Window) -> Change | None:
        """Return the dissolve that the last seconds may be."""
        end = self._ticks[-1]
        start, middle = self._at(end.time_s - window.span_s), self._at(end.time_s - window.span_s / 2)
        if start is None or middle is None or start is middle:
            return None
        change = difference(start, end)
        if change < window.least_change or _shows_nothing(start) or _shows_nothing(end):
            return None
        if _correlation(start, end) > _MOST_CORRELATION:
            return None
        residual = float(np.abs(middle.cells - (start.cells + end.cells) / 2).mean())
        residual /= float(np.abs(start.cells - end.cells).mean())
        if residual > window.most_residual:
            return None
        return Change(start.time_s, end.time_s, middle.time_s, change * (1 - residual))

    def _at(self, time_s: float) -> Signature | None:
        """Return the tick nearest to a time, None when there is none within a tick and a half."""
        nearest = min(self._ticks, key=lambda s: abs(s.time_s - time_s))
        return nearest if abs(nearest.time_s - time_s) <= 1.5 * _TICK_S else None


def _shows_nothing(signature: Signature) -> bool:
    """Whether a frame cannot be the end of a dissolve: what fades into it or out of it is `Fades`' to find."""
    return _is_blank(signature) or contrast(signature) < FEATURELESS


def _is_blank(signature: Signature) -> bool:
    mean = float(signature.luma.mean())
    return contrast(signature) < FLAT and not DARK < mean < BRIGHT


def _correlation(one: Signature, other: Signature) -> float:
    a, b = one.luma - one.luma.mean(), other.luma - other.luma.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-9))
