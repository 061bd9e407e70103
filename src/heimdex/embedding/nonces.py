"""Every signed request is believed once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from enum import Enum

from heimdex.embedding.signing import SKEW_S

#: a nonce can come back while its timestamp is still believed, on either side of our clock
TTL_S = 2 * SKEW_S + 10


class Seen(Enum):
    """What the memory says about a nonce."""

    NEW = "new"
    REPLAYED = "replayed"
    FULL = "full"


class NonceMemory:
    """Nonces of the last `TTL_S` seconds, in one process. Only nonces of valid signatures may be put in."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._until)

    def remember(self, key_id: str, nonce: str, *, now: float) -> Seen:
        """Note a nonce. When full, nothing is forgotten early: the request must be refused."""
        with self._lock:
            while self._until and next(iter(self._until.values())) <= now:
                self._until.popitem(last=False)
            if (key_id, nonce) in self._until:
                return Seen.REPLAYED
            if len(self._until) >= self._capacity:
                return Seen.FULL
            self._until[key_id, nonce] = now + TTL_S
            return Seen.NEW
