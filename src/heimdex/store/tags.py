"""The port Tags on PostgreSQL. Contract: tests/contract/test_tags.py."""

from __future__ import annotations

from collections.abc import Sequence

from heimdex.domain.errors import NotFound
from heimdex.domain.ids import VideoId
from heimdex.domain.tags import clean_tag, tag_key
from heimdex.store.database import Connection, Database
from heimdex.store.queries import load_queries

_SQL = load_queries("tags")


class PostgresTags:
    """Tags of the tenant of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenant = database.tenant

    async def add(self, tag: str, videos: Sequence[VideoId]) -> int:
        return await self._change("add", tag, videos)

    async def remove(self, tag: str, videos: Sequence[VideoId]) -> int:
        return await self._change("remove", tag, videos)

    async def every(self) -> list[tuple[str, int]]:
        async def work(connection: Connection) -> list[tuple[str, int]]:
            cursor = await connection.execute(_SQL["every"], {"tenant": self._tenant})
            return [(tag, int(videos)) for tag, videos in await cursor.fetchall()]

        return await self._database.run(work)

    async def _change(self, statement: str, tag: str, videos: Sequence[VideoId]) -> int:
        values = {"tenant": self._tenant, "tag": clean_tag(tag), "tag_key": tag_key(tag), "video_ids": list(videos)}

        async def work(connection: Connection) -> int:
            found = await (await connection.execute(_SQL["contents"], values)).fetchall()
            if {video_id for video_id, _ in found} != set(videos):
                raise NotFound("There is no such video.", remedy="`heimdex status` lists what is indexed.")
            contents = sorted({sha256 for _, sha256 in found})
            return (await connection.execute(_SQL[statement], {**values, "contents": contents})).rowcount

        return await self._database.run(work) if videos else 0
