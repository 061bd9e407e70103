"""What another model would answer: the first places of two spaces, query by query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, SearchFilter
from heimdex.ports import EmbeddingModel, SceneIndex, Vector

#: places that are looked through for a scene that left the first ones
DEPTH = 200
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Side:
    """One model, and how it embeds a query: (dim,) float32 of unit norm."""

    model: EmbeddingModel
    embed: Callable[[str], Awaitable[Vector]]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one query is answered by two models."""

    query: str
    #: scenes among the first places of both, divided by those places, 0 to 1; 1 when both find nothing
    overlap: float
    same_first: bool
    #: the first places of each, best first
    one: tuple[SceneId, ...]
    other: tuple[SceneId, ...]
    #: for each scene of ``one``: its rank in the other model's answer, from 1; None beyond `DEPTH`
    ranks: tuple[int | None, ...]


async def compare_models(
    index: SceneIndex, channel: Channel, one: Side, other: Side, queries: Sequence[str], *, places: int = 10
) -> list[Difference]:
    """Ask both spaces every query; nothing else than the vectors takes part.

    Raises:
        EmbedderUnavailable, StoreUnavailable.
    """
    found = []
    for query in queries:
        first, second = [await _order(index, channel, side, query) for side in (one, other)]
        found.append(difference(query, first, second, places))
    return found


def difference(query: str, one: Sequence[SceneId], other: Sequence[SceneId], places: int) -> Difference:
    """Compare two orders of scenes, best first."""
    mine, theirs = tuple(one[:places]), tuple(other[:places])
    longest = max(len(mine), len(theirs))
    rank = {scene: place for place, scene in enumerate(other, start=1)}
    return Difference(
        query=query,
        overlap=len(set(mine) & set(theirs)) / longest if longest else 1.0,
        same_first=mine[:1] == theirs[:1],
        one=mine,
        other=theirs,
        ranks=tuple(rank.get(scene) for scene in mine),
    )


async def _order(index: SceneIndex, channel: Channel, side: Side, query: str) -> list[SceneId]:
    vector = await side.embed(query)
    found = await index.nearest(channel, side.model, vector, limit=DEPTH, within=SearchFilter(), timeout_s=_TIMEOUT_S)
    return [candidate.scene_id for candidate in found.candidates]
