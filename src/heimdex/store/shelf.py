"""The port VideoShelf on PostgreSQL: videos and thumbnails by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heimdex.domain.errors import NotFound
from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import MediaFacts
from heimdex.ports.shelf import StreamableVideo
from heimdex.store.database import Connection, Database
from heimdex.store.queries import load_queries
from heimdex.store.rows import to_path

_SQL = load_queries("shelf")


class PostgresShelf:
    """What the web may stream, for the tenant of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenant = database.tenant

    async def video(self, video_id: VideoId) -> StreamableVideo:
        found = await self._read(video_id)
        if not found:
            raise NotFound("There is no such video.", remedy="`heimdex status` lists what is indexed.")
        return found[0]

    async def videos(self) -> list[StreamableVideo]:
        return await self._read(None)

    async def thumbnail(self, scene_id: SceneId) -> str:
        async def work(connection: Connection) -> str | None:
            values = {"tenant": self._tenant, "scene_id": scene_id}
            row = await (await connection.execute(_SQL["thumbnail"], values)).fetchone()
            return None if row is None else str(row[0])

        image = await self._database.run(work)
        if image is None:
            raise NotFound("There is no such scene.", remedy="Search again: the video may have been indexed anew.")
        return image

    async def _read(self, video_id: VideoId | None) -> list[StreamableVideo]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            values = {"tenant": self._tenant, "video_id": video_id}
            return await (await connection.execute(_SQL["videos"], values)).fetchall()

        return [_streamable(row) for row in await self._database.run(work) if row[-2]]


def _streamable(row: tuple[Any, ...]) -> StreamableVideo:
    video_id, title, *facts, scenes, paths, tags = row
    duration_s, width, height, fps, container, codec, rotation, has_audio, recorded_at, notes = facts
    media = MediaFacts(
        duration_s=duration_s, width_px=width, height_px=height, fps=fps, container=container, video_codec=codec,
        rotation_deg=rotation, has_audio=has_audio, recorded_at=recorded_at, notes=tuple(notes),
    )  # fmt: skip
    # a moved file leaves its old path behind: the first one that is there is the one to play
    places = sorted(map(to_path, paths), key=lambda path: not _exists(path))
    return StreamableVideo(video_id, title, places[0], media, scenes, copies=tuple(places[1:]), tags=tuple(tags))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
