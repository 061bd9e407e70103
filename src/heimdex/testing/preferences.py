"""Preferences in memory: the port Preferences for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heimdex.domain.query import Channel


@dataclass(slots=True)
class InMemoryPreferences:
    """Keeps what was saved; ``error`` is raised instead when it is set."""

    saved: dict[Channel, float] = field(default_factory=dict)
    error: Exception | None = None

    async def weights(self) -> dict[Channel, float]:
        if self.error:
            raise self.error
        return dict(self.saved)

    async def save_weights(self, weights: Mapping[Channel, float]) -> None:
        self.saved = dict(weights)

    async def forget_weights(self) -> None:
        self.saved = {}
