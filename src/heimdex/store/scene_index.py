"""The port SceneIndex on PostgreSQL. Contract: tests/contract/test_scene_index.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heimdex.domain.errors import DimensionMismatch
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, SearchFilter
from heimdex.domain.results import Candidate, SceneDetails
from heimdex.ports import EmbeddingModel, Retrieved, SceneFrames, Vector, WordQuery
from heimdex.store.database import Connection, Database
from heimdex.store.details import read_details
from heimdex.store.nearest import Wanted, find_nearest
from heimdex.store.queries import load_queries, on_relation
from heimdex.store.rows import candidates_of, frames_of, vector_text
from heimdex.store.spaces import relation_of
from heimdex.store.words import SAID, TOLD, match_words

_SQL = load_queries("scene_index")
#: about 50 ms on a laptop
EXACT_BELOW = 50_000


class PostgresSceneIndex:
    """Scenes found by vector or by word, for the tenant of the database."""

    def __init__(self, database: Database, *, exact_below: int = EXACT_BELOW) -> None:
        """
        Args:
            exact_below: filtered sets of at most this many vectors are looked at whole, indexed or not.
        """
        self._database = database
        self._exact_below = exact_below
        self._tenant = database.tenant

    async def nearest(
        self,
        channel: Channel,
        model: EmbeddingModel,
        query: Vector,
        *,
        limit: int,
        within: SearchFilter,
        timeout_s: float,
    ) -> Retrieved:
        """See `heimdex.store.nearest`. A space that was never written to has no scenes; that is no error."""
        wanted = Wanted(
            self._tenant, channel, relation_of(channel, model), _literal(query, model), limit, within, self._exact_below
        )
        return await self._database.run(lambda connection: find_nearest(connection, wanted), timeout_s=timeout_s)

    async def match_words(
        self,
        query: WordQuery,
        *,
        limit: int,
        within: SearchFilter,
        timeout_s: float,
        channel: Channel = Channel.LEXICAL,
    ) -> Retrieved:
        field = TOLD if channel is Channel.SUMMARY else SAID
        return await self._database.run(
            lambda connection: match_words(connection, self._tenant, query, limit=limit, within=within, field=field),
            timeout_s=timeout_s,
        )

    async def score_scenes(
        self, model: EmbeddingModel, query: Vector, scene_ids: Sequence[SceneId], *, timeout_s: float
    ) -> Mapping[SceneId, Candidate]:
        values = {
            "tenant": self._tenant, "relation": relation_of(Channel.VISUAL, model),
            "query": _literal(query, model), "scene_ids": list(scene_ids),
        }  # fmt: skip

        async def work(connection: Connection) -> Mapping[SceneId, Candidate]:
            size = await (await connection.execute(_SQL["space_size"], values)).fetchone()
            if size is None or not size[0]:
                return {}
            cursor = await connection.execute(_SQL["score_scenes"], values)
            found = candidates_of(await cursor.fetchall(), Channel.VISUAL)
            return {candidate.scene_id: candidate for candidate in found}

        return await self._database.run(work, timeout_s=timeout_s) if scene_ids else {}

    async def frames(self, model: EmbeddingModel, scene_ids: Sequence[SceneId], *, timeout_s: float) -> SceneFrames:
        relation = relation_of(Channel.VISUAL, model)
        values = {"tenant": self._tenant, "relation": relation, "scene_ids": list(scene_ids)}

        async def work(connection: Connection) -> SceneFrames:
            size = await (await connection.execute(_SQL["space_size"], values)).fetchone()
            if size is None or not size[0]:
                return frames_of([], model.dim)
            cursor = await connection.execute(on_relation(_SQL["frames_of_scenes"], relation), values, binary=True)
            return frames_of(await cursor.fetchall(), model.dim)

        if not scene_ids:
            return frames_of([], model.dim)
        return await self._database.run(work, timeout_s=timeout_s)

    async def details(self, scene_ids: Sequence[SceneId]) -> Mapping[SceneId, SceneDetails]:
        if not scene_ids:
            return {}
        return await self._database.run(lambda connection: read_details(connection, self._tenant, scene_ids))

    async def covered(self, channel: Channel, model: EmbeddingModel | None) -> int:
        """Return how many scenes the channel can find; ``model`` None counts the active space."""
        values: dict[str, Any] = {"tenant": self._tenant, "channel": channel.value}
        name = "covered_by_active_space"
        if channel is Channel.LEXICAL:
            name = "covered_by_words"
        elif channel is Channel.SUMMARY and model is None:
            name = "covered_by_told"
        elif model is not None:
            name = "covered_by_space"
            values["relation"] = relation_of(channel, model)

        async def work(connection: Connection) -> int:
            row = await (await connection.execute(_SQL[name], values)).fetchone()
            return 0 if row is None else int(row[0])

        return await self._database.run(work)


def _literal(query: Vector, model: EmbeddingModel) -> str:
    if query.shape != (model.dim,):
        raise DimensionMismatch(stored=model.dim, got=query.size, model_id=model.model_id)
    return vector_text(query)
