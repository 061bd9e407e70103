"""Which weights are in force and from where: those of the request, before saved ones, before the settings."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heimdex.domain.errors import BadRequest
from heimdex.domain.query import Channel
from heimdex.domain.results import Weighed, WeightSource

#: the guide's
GUIDE_WEIGHTS: Mapping[Channel, float] = MappingProxyType(
    {Channel.VISUAL: 0.25, Channel.TRANSCRIPT: 0.45, Channel.SUMMARY: 0.10, Channel.LEXICAL: 0.20}
)
#: what a person may want without thinking in channels; ``balanced`` leaves it to the settings and the query
PRESETS: Mapping[str, Mapping[Channel, float]] = MappingProxyType(
    {
        "balanced": {},
        "seen": {Channel.VISUAL: 1.0, Channel.TRANSCRIPT: 0.0, Channel.SUMMARY: 0.2, Channel.LEXICAL: 0.0},
        "said": {Channel.VISUAL: 0.0, Channel.TRANSCRIPT: 0.65, Channel.SUMMARY: 0.0, Channel.LEXICAL: 0.35},
        "exact": {Channel.VISUAL: 0.0, Channel.TRANSCRIPT: 0.0, Channel.SUMMARY: 0.0, Channel.LEXICAL: 1.0},
    }
)


@dataclass(frozen=True, slots=True)
class Weights:
    """A weight for each channel, and who gave it."""

    given: Mapping[Channel, Weighed]

    @property
    def values(self) -> dict[Channel, float]:
        return {channel: weighed.value for channel, weighed in self.given.items()}

    @property
    def chosen(self) -> bool:
        """Whether a person gave any of them; then they are taken literally, whatever the query looks like."""
        return any(weighed.source is not WeightSource.SETTINGS for weighed in self.given.values())


def weigh(
    settings: Mapping[Channel, float],
    saved: Mapping[Channel, float],
    request: Mapping[Channel, float],
    unusable: Container[Channel] = (),
) -> Weights:
    """Return the weights in force.

    Saved ones give way where they would silence a query: someone who saved ``exact`` and asks for
    ``see:red car`` wants to see it.

    Args:
        unusable: channels that cannot answer this query, whatever they weigh.
    """
    layers = {WeightSource.SETTINGS: {**GUIDE_WEIGHTS, **settings}, WeightSource.SAVED: saved}
    layers[WeightSource.REQUEST] = request
    found = _layered(layers)
    if saved and not _any_weighs(found, unusable):
        found = _layered({**layers, WeightSource.SAVED: {}})
    return Weights(found)


def _layered(layers: dict[WeightSource, Mapping[Channel, float]]) -> dict[Channel, Weighed]:
    return {
        channel: next(
            Weighed(layers[source][channel], source) for source in reversed(layers) if channel in layers[source]
        )
        for channel in Channel
    }


def _any_weighs(weights: Mapping[Channel, Weighed], unusable: Container[Channel]) -> bool:
    return any(weighed.value > 0.0 for channel, weighed in weights.items() if channel not in unusable)


def check_weights(weights: Mapping[str, float]) -> dict[Channel, float]:
    """Return weights as they were written, each in [0, 1].

    Raises:
        BadRequest: no such channel, no such weight, or none above 0.
    """
    checked: dict[Channel, float] = {}
    for name, weight in weights.items():
        if name not in set(Channel):
            raise BadRequest(
                f"There is no channel {name[:40]!r}.", remedy=f"Choose from {', '.join(c.value for c in Channel)}."
            )
        if not math.isfinite(weight) or not 0.0 <= weight <= 1.0:
            raise BadRequest(f"The weight of {name} is {weight}.", remedy="Give each weight between 0 and 1.")
        checked[Channel(name)] = float(weight)
    if len(checked) == len(Channel) and not any(checked.values()):
        raise BadRequest("Every channel has weight 0.", remedy="Give at least one channel a weight above 0.")
    return checked
