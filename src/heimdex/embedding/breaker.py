"""When to stop asking a service that fails, and how much retrying is fair to it.

Breaker: Nygard, "Release It!", 2007. Retry budget: Google SRE book, chapter 22.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 20.0
_LEAST_CALLS = 10
_FAILED_SHARE = 0.5
_OPEN_S = 5.0
_OPEN_SPREAD = 0.2


class Breaker:
    """Closed: calls pass. Open: none for about 5 s. Then one probe decides.

    Opens when at least 10 calls ended within 20 s and half of them failed, or at once when told to.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._calls: deque[tuple[float, bool]] = deque()
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls are kept away at the moment."""
        return self._open_until is not None

    def admits(self) -> bool:
        """Say whether a call may be made now; after the pause, only the first who asks may."""
        if self._open_until is None:
            return True
        if self._probing or self._clock() < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The call was answered."""
        if self._open_until is not None:
            self._open_until, self._probing = None, False
            self._calls.clear()
        self._note(failed=False)

    def failed(self) -> None:
        """The call was not answered in time, or with an error of the service."""
        self._note(failed=True)
        failures = sum(failed for _, failed in self._calls)
        if self._probing or (len(self._calls) >= _LEAST_CALLS and failures >= _FAILED_SHARE * len(self._calls)):
            self.open()

    def open(self) -> None:
        """Let nothing pass for about 5 s: what the service said holds for every call (401)."""
        self._open_until = self._clock() + _OPEN_S * (1 + _OPEN_SPREAD * (2 * self._chance() - 1))
        self._probing = False

    def abandoned(self) -> None:
        """The call was given up by its caller: a probe may be tried again."""
        self._probing = False

    def _note(self, *, failed: bool) -> None:
        now = self._clock()
        self._calls.append((now, failed))
        while self._calls and self._calls[0][0] < now - _WINDOW_S:
            self._calls.popleft()


class RetryBudget:
    """At most about one retry for ten successes: a service in trouble gets no more load than before."""

    _FULL, _PER_SUCCESS, _LEAST = 10.0, 0.1, 5.0

    def __init__(self) -> None:
        self._tokens = self._FULL

    def allows(self) -> bool:
        """Say whether a retry is fair now."""
        return self._tokens > self._LEAST

    def succeeded(self) -> None:
        """A call was answered."""
        self._tokens = min(self._FULL, self._tokens + self._PER_SUCCESS)

    def failed(self) -> None:
        """A call failed."""
        self._tokens = max(0.0, self._tokens - 1)
