"""Where one shot ends and the next begins, decided while the frames stream by.

Three kinds of boundary: a hard cut (one step far above its neighbourhood that lasts), a fade
through one flat colour, and a dissolve (the frames between are blends of their ends). The
detectors are pure: they see signatures and give times, and hold a few seconds at most.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from heimdex.media.gradual import Change, Dissolves, Fades
from heimdex.media.signature import Signature, difference

#: a cut exceeds `LEAST_STEP` and `RATIO` times the mean step of its neighbourhood, added up
LEAST_STEP = 0.03
RATIO = 3.0
#: the neighbourhood on either side, in seconds
NEIGHBOURHOOD_S = 0.45
#: a picture that returns within this time was interrupted by a flash, not by a cut
FLASH_S = 0.4
#: it has returned when it is closer to what was before than this part of the step
RETURNED = 0.5
#: what lies nearer than this is one change of shot
_SAME_S = 0.3


@dataclass(frozen=True, slots=True)
class _Step:
    signature: Signature
    #: difference to the frame before
    size: float


class HardCuts:
    """Steps that exceed an adaptive threshold and last. Lags `NEIGHBOURHOOD_S` behind."""

    def __init__(self) -> None:
        self._steps: deque[_Step] = deque()
        #: index in `_steps` of the next step to decide
        self._next = 0

    def push(self, signature: Signature) -> list[float]:
        """Take the next frame; return the start times of shots that are now certain."""
        size = difference(self._steps[-1].signature, signature) if self._steps else 0.0
        self._steps.append(_Step(signature, size))
        return self._decide(until_s=signature.time_s - NEIGHBOURHOOD_S)

    def finish(self) -> list[float]:
        return self._decide(until_s=float("inf"))

    def _decide(self, until_s: float) -> list[float]:
        found = []
        while self._next < len(self._steps) and self._steps[self._next].signature.time_s <= until_s:
            if self._is_cut(self._next):
                found.append(self._steps[self._next].signature.time_s)
            self._next += 1
            self._forget()
        return found

    def _forget(self) -> None:
        horizon = self._steps[min(self._next, len(self._steps) - 1)].signature.time_s - NEIGHBOURHOOD_S
        # one frame more than the neighbourhood stays: at low frame rates it is all there is
        while self._next > 2 and self._steps[1].signature.time_s < horizon:
            self._steps.popleft()
            self._next -= 1

    def _is_cut(self, index: int) -> bool:
        step = self._steps[index]
        if index == 0 or step.size < LEAST_STEP:
            return False
        near = self._neighbours(index)
        if any(other.size > step.size for other in near):
            return False
        # the largest neighbour may be the other edge of a flash, or the same cut blended over two frames
        sizes = sorted(other.size for other in near)[:-1]
        if step.size < LEAST_STEP + RATIO * sum(sizes) / max(1, len(sizes)):
            return False
        return not self._is_flash(index)

    def _neighbours(self, index: int) -> list[_Step]:
        time_s = self._steps[index].signature.time_s
        return [
            other
            for place, other in enumerate(self._steps)
            if place not in (0, index) and abs(other.signature.time_s - time_s) <= NEIGHBOURHOOD_S
        ]

    def _is_flash(self, index: int) -> bool:
        """Whether what was before the step comes back after it, or what is after it was there before."""
        before, after = self._steps[index - 1].signature, self._steps[index].signature
        limit = RETURNED * self._steps[index].size
        later = (s.signature for n, s in enumerate(self._steps) if n > index)
        earlier = (s.signature for n, s in enumerate(self._steps) if n < index - 1)
        return any(
            other.time_s - after.time_s <= FLASH_S and difference(before, other) < limit for other in later
        ) or any(before.time_s - other.time_s <= FLASH_S and difference(other, after) < limit for other in earlier)


class CutDetector:
    """All three kinds of boundary in order of time, each about `lag_s` after it passed."""

    lag_s = 4.0

    def __init__(self) -> None:
        self._hard, self._fades, self._dissolves = HardCuts(), Fades(), Dissolves()
        self._cuts: list[float] = []
        self._faded: list[Change] = []
        self._dissolved: list[Change] = []
        self._given_s = float("-inf")

    def push(self, signature: Signature) -> list[float]:
        """Take the next frame, in order of time; return the boundaries (starts of shots) that are now certain."""
        self._cuts += self._hard.push(signature)
        self._faded += self._fades.push(signature)
        self._dissolved += self._dissolves.push(signature)
        return self._give(before_s=signature.time_s - self.lag_s)

    def finish(self) -> list[float]:
        """Return the boundaries that are left."""
        self._cuts += self._hard.finish()
        self._faded += self._fades.finish()
        self._dissolved += self._dissolves.finish()
        return self._give(before_s=float("inf"))

    def _give(self, before_s: float) -> list[float]:
        """Return what lies between the last call's limit and this one's, each change of shot once."""
        fades = [fade for fade in self._faded if not _meets(fade.latest_s, fade.latest_s, self._cuts)]
        # a cut to black that fades in again: the fade stands for it
        cuts = [cut for cut in self._cuts if not _meets(cut, cut, [fade.earliest_s for fade in fades])]
        blank = [time_s for fade in fades for time_s in (fade.earliest_s, fade.boundary_s, fade.latest_s)]
        dissolves = [d for d in self._dissolved if not _meets(d.earliest_s, d.latest_s, self._cuts + blank)]
        gradual = [change.boundary_s for change in fades + dissolves]
        given = sorted(time_s for time_s in cuts + gradual if self._given_s <= time_s < before_s)
        self._given_s = before_s
        horizon_s = before_s - self.lag_s
        self._cuts = [time_s for time_s in self._cuts if time_s >= horizon_s]
        self._faded = [change for change in self._faded if change.boundary_s >= horizon_s]
        self._dissolved = [change for change in self._dissolved if change.boundary_s >= horizon_s]
        return given


def _meets(earliest_s: float, latest_s: float, times_s: list[float]) -> bool:
    return any(earliest_s - _SAME_S <= time_s <= latest_s + _SAME_S for time_s in times_s)
