"""The port VectorSpaces on PostgreSQL: a second model beside the first, and the switch between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from heimdex.domain.errors import CoverageIncomplete, ModelInUse, NotFound
from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, Matrix
from heimdex.ports.spaces import NamedModel, PendingFrame, PendingPassage, PendingVideo, Space
from heimdex.store.database import Connection, Database
from heimdex.store.queries import load_queries, on_relation
from heimdex.store.rows import check_vectors, copy_block
from heimdex.store.spaces import Spaces, register, relation_of

_SQL = load_queries("vector_spaces")
_STAGE = load_queries("catalogue")
_SPACES = load_queries("spaces")


class PostgresVectorSpaces:
    """The spaces of the database's tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables = Spaces(database)
        self._tenant = database.tenant

    async def all(self) -> list[Space]:
        rows = await self._fetch(_SQL["spaces"], {})
        return [
            Space(
                channel=Channel(channel), model=EmbeddingModel(model_id, revision, dim), name=name, active=active,
                filling=filling, activated_at=activated_at, scenes=int(scenes), videos=covered,
                pending=videos - covered,
            )
            for channel, model_id, revision, dim, name, active, filling, activated_at, scenes, covered, videos in rows
        ]  # fmt: skip

    async def in_use(self) -> Mapping[Channel, NamedModel]:
        rows = await self._fetch(_SQL["in_use"], {})
        return {Channel(channel): NamedModel(EmbeddingModel(*model), name) for channel, name, *model in rows}

    async def begin(self, channel: Channel, model: EmbeddingModel, name: str) -> None:
        await self._tables.ensure(channel, model)

        async def work(connection: Connection) -> None:
            relation = await register(connection, self._tenant, channel, model)
            await connection.execute(_SQL["begin"], self._values(relation, name=name))

        await self._database.run(work)

    async def pending_videos(self, channel: Channel, model: EmbeddingModel) -> list[PendingVideo]:
        values = {"relation": relation_of(channel, model), "channel": channel.value}
        rows = await self._fetch(_SQL["pending_videos"], values)
        return [PendingVideo(video_id, published_at, scenes) for video_id, published_at, scenes in rows]

    async def pending_frames(self, model: EmbeddingModel, video_id: VideoId) -> list[PendingFrame]:
        query = on_relation(_SQL["pending_frames"], relation_of(Channel.VISUAL, model))
        return [PendingFrame(*row) for row in await self._fetch(query, {"video_id": video_id})]

    async def pending_passages(
        self, channel: Channel, model: EmbeddingModel, video_id: VideoId
    ) -> list[PendingPassage]:
        text = sql.Identifier("description" if channel is Channel.SUMMARY else "transcript")
        query = on_relation(_SQL["pending_passages"], relation_of(channel, model), text=text)
        return [PendingPassage(*row) for row in await self._fetch(query, {"video_id": video_id})]

    async def add(
        self, channel: Channel, model: EmbeddingModel, scene_ids: Sequence[SceneId], frames: Sequence[int], rows: Matrix
    ) -> None:
        check_vectors(rows, model)
        block = copy_block(scene_ids, frames, rows)

        async def work(connection: Connection) -> None:
            values = self._values(relation_of(channel, model), scene_ids=sorted(set(scene_ids)))
            left = [row[0] for row in await (await connection.execute(_SQL["scenes_still_there"], values)).fetchall()]
            await connection.execute(_STAGE["stage_vectors"])
            await connection.execute(_STAGE["empty_stage"])
            async with connection.cursor() as cursor, cursor.copy(_STAGE["copy_vectors"]) as copy:
                await copy.write(block)
            statement = on_relation(_SQL["add_vectors"], relation_of(channel, model))
            await connection.execute(statement, values | {"scene_ids": left})

        await self._database.run(work)

    async def finish(self, channel: Channel, model: EmbeddingModel, video: PendingVideo) -> bool:
        relation = relation_of(channel, model)
        values = self._values(relation, video_id=video.video_id, published_at=video.published_at)

        async def work(connection: Connection) -> bool:
            if await (await connection.execute(_SQL["same_video"], values)).fetchone() is None:
                return False
            await connection.execute(on_relation(_SQL["finish"], relation), values)
            return True

        return await self._database.run(work)

    async def use(
        self,
        channel: Channel,
        model: EmbeddingModel,
        *,
        name: str = "",
        anyway: bool = False,
        instead_of: EmbeddingModel | None = None,
    ) -> bool:
        expected = None if instead_of is None else relation_of(channel, instead_of)
        if channel is Channel.TRANSCRIPT:
            await self._prepare_summary(model, name)

        async def work(connection: Connection) -> bool:
            await connection.execute(_SQL["lock_publishing"], {"tenant": self._tenant})
            if not await self._use(connection, channel, model, name, anyway, expected):
                return False
            if channel is Channel.TRANSCRIPT:  # what is told is embedded by the model for what is said
                await self._use(connection, Channel.SUMMARY, model, name, anyway, None)
            return True

        return await self._database.run(work)

    async def _prepare_summary(self, model: EmbeddingModel, name: str) -> None:
        """Make the space for what is told beside the one in use, which would stay in use without a successor."""
        spaces = await self.all()
        said = [s for s in spaces if s.channel is Channel.TRANSCRIPT and s.model.space == model.space]
        if said and any(space.channel is Channel.SUMMARY for space in spaces):
            await self.begin(Channel.SUMMARY, model, name or said[0].name)

    async def _use(
        self,
        connection: Connection,
        channel: Channel,
        model: EmbeddingModel,
        name: str,
        anyway: bool,
        expected: str | None,
    ) -> bool:
        values = self._values(relation_of(channel, model), channel=channel.value, name=name)
        await connection.execute(_SPACES["lock_channel"], values)
        row = await (await connection.execute(_SQL["state"], values)).fetchone()
        if row is None:
            if channel is Channel.SUMMARY:  # nothing is told
                return True
            raise _no_space(model)
        if expected is not None and row[1] != expected:
            return False
        pending = await (await connection.execute(_SQL["pending_videos"], values)).fetchall()
        if pending and not anyway:
            raise CoverageIncomplete(model.model_id, len(pending), sum(scenes for _, _, scenes in pending))
        if not row[0]:
            await connection.execute(_SQL["leave"], values)
            await connection.execute(_SQL["use"], values)
        return True

    async def remove(self, channel: Channel, model: EmbeddingModel) -> None:
        relation = relation_of(channel, model)
        values = self._values(relation, channel=channel.value)

        async def work(connection: Connection) -> None:
            await connection.execute(_SQL["lock_publishing"], values)
            await connection.execute(_SPACES["lock_channel"], values)
            row = await (await connection.execute(_SQL["state"], values)).fetchone()
            if row is None:
                raise _no_space(model)
            if row[0]:
                raise ModelInUse(model.model_id)
            await connection.execute(_SQL["forget_coverage"], values)
            await connection.execute(on_relation(_SQL["forget_vectors"], relation), values)
            await connection.execute(_SQL["forget_space"], values)

        await self._database.run(work)

    def _values(self, relation: str, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, "relation": relation, **more}

    async def _fetch(self, query: Any, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(query, {"tenant": self._tenant, **values})).fetchall()

        return await self._database.run(work)


def _no_space(model: EmbeddingModel) -> NotFound:
    return NotFound(
        f"The library has no vectors of {model.model_id}.", remedy=f"`heimdex reembed --model {model.model_id}` first."
    )
