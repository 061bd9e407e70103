"""The port Catalogue on PostgreSQL. Contract: tests/contract/test_catalogue.py."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heimdex.domain.errors import NotFound
from heimdex.domain.ids import VideoId
from heimdex.domain.jobs import JobEnd
from heimdex.domain.media import FileStamp, LibraryStatus, Reason, Segment, UnreadableFile, title_of
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, IndexedVideo, KnownFile, StoredVideo, ToldScene
from heimdex.store.database import Connection, Database
from heimdex.store.files import known_file, note_unreadable, put_file
from heimdex.store.publish import check_video, write_video
from heimdex.store.queries import load_queries
from heimdex.store.rows import path_key, storable, to_path
from heimdex.store.settling import finish
from heimdex.store.spaces import Spaces
from heimdex.store.telling import GONE, check_told, read_stored, segment_of, write_told

_SQL = load_queries("catalogue")
_SPACES = load_queries("vector_spaces")


class PostgresCatalogue:
    """Files, videos and what is known about them, for the tenant of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._spaces = Spaces(database)
        self._tenant = database.tenant

    async def known_file(self, path: Path) -> KnownFile | None:
        async def work(connection: Connection) -> KnownFile | None:
            values = {"tenant": self._tenant, "path_key": path_key(path)}
            row = await (await connection.execute(_SQL["known_file"], values)).fetchone()
            return None if row is None else known_file(row)

        return await self._database.run(work)

    async def known_files(self, paths: Sequence[Path]) -> dict[Path, KnownFile]:
        async def work(connection: Connection) -> dict[Path, KnownFile]:
            values = {"tenant": self._tenant, "path_keys": [path_key(path) for path in paths]}
            cursor = await connection.execute(_SQL["known_files"], values)
            return {known.file.path: known for known in map(known_file, await cursor.fetchall())}

        return await self._database.run(work) if paths else {}

    async def find_content(self, sha256: str, fingerprint: str) -> VideoId | None:
        async def work(connection: Connection) -> VideoId | None:
            values = {"tenant": self._tenant, "sha256": sha256, "fingerprint": fingerprint}
            row = await (await connection.execute(_SQL["find_content"], values)).fetchone()
            return None if row is None else row[0]

        return await self._database.run(work) if sha256 else None

    async def link_file(self, file: FileStamp, video_id: VideoId, *, end: JobEnd | None = None) -> None:
        """Note that ``file`` holds the content of ``video_id``; renamed, the video takes the new name.

        Raises NotFound when there is no such video.
        """

        values = {"tenant": self._tenant, "video_id": video_id, "title": storable(title_of(file.path))}

        async def look(connection: Connection) -> list[bytes]:
            return [path for (path,) in await (await connection.execute(_SQL["paths_of_video"], values)).fetchall()]

        # disks can be slow: looked at before the transaction, not inside it
        renamed = not await asyncio.to_thread(_any_exists, await self._database.run(look))

        async def work(connection: Connection) -> None:
            row = await (await connection.execute(_SQL["fingerprint_of_video"], values)).fetchone()
            if row is None:
                raise NotFound("There is no such video in the library.", remedy="Index the file.")
            await put_file(connection, self._tenant, file, fingerprint=row[0], video_id=video_id)
            if renamed:
                await connection.execute(_SQL["rename_video"], values)
            await self._end(connection, end)

        await self._database.run(work)

    async def paths_of_content(self, sha256: str) -> list[Path]:
        async def work(connection: Connection) -> list[Path]:
            values = {"tenant": self._tenant, "sha256": sha256}
            cursor = await connection.execute(_SQL["paths_of_content"], values)
            return [to_path(path) for (path,) in await cursor.fetchall()]

        return await self._database.run(work) if sha256 else []

    async def record_unreadable(
        self, file: FileStamp, reason: Reason, detail: str, fingerprint: str, *, end: JobEnd | None = None
    ) -> None:
        """List ``file`` with its reason. Scenes of the same, unchanged bytes stay searchable."""

        async def work(connection: Connection) -> None:
            await note_unreadable(connection, self._tenant, file, reason, detail, fingerprint=fingerprint)
            await self._end(connection, end)

        await self._database.run(work)

    async def publish(self, video: IndexedVideo, *, end: JobEnd | None = None) -> None:
        check_video(video)
        # tables of vectors are made ahead, by the owner: an empty one does no harm if the rest fails
        if video.visual_model is not None:
            await self._spaces.ensure(Channel.VISUAL, video.visual_model)
        if video.meaning_model is not None:
            await self._spaces.ensure(Channel.TRANSCRIPT, video.meaning_model)
            if any(scene.told is not None for scene in video.scenes):
                await self._spaces.ensure(Channel.SUMMARY, video.meaning_model)

        async def work(connection: Connection) -> None:
            values: dict[str, Any] = {
                "tenant": self._tenant, "sha256": video.file.sha256, "video_id": video.video_id,
                "fingerprint": video.fingerprint,
            }  # fmt: skip
            await connection.execute(_SPACES["share_publishing"], values)
            await connection.execute(_SQL["lock_content"], {**values, "tenant": str(self._tenant)})
            cursor = await connection.execute(_SQL["former_videos"], values)
            former = [row[0] for row in await cursor.fetchall()]
            await write_video(connection, self._tenant, video)
            if former:
                await connection.execute(_SQL["move_files"], {**values, "former": former})
                await connection.execute(_SQL["drop_videos"], {**values, "former": former})
            await put_file(connection, self._tenant, video.file, fingerprint=video.fingerprint, video_id=video.video_id)
            await self._end(connection, end)

        await self._database.run(work)

    async def stored(self, video_id: VideoId) -> StoredVideo:
        return await self._database.run(lambda connection: read_stored(connection, self._tenant, video_id))

    async def descriptions_of(self, sha256: str) -> list[Segment]:
        async def work(connection: Connection) -> list[Segment]:
            values = {"tenant": self._tenant, "sha256": sha256}
            cursor = await connection.execute(_SQL["descriptions_of_content"], values)
            return [segment_of(row) for row in await cursor.fetchall()]

        return await self._database.run(work) if sha256 else []

    async def describe(
        self,
        video_id: VideoId,
        descriptions: Sequence[Segment],
        told: Sequence[ToldScene],
        model: EmbeddingModel | None,
    ) -> None:
        check_told(told, model)
        if model is not None:
            await self._spaces.ensure(Channel.SUMMARY, model)

        async def work(connection: Connection) -> None:
            values = {"tenant": self._tenant, "video_id": video_id}
            if await (await connection.execute(_SQL["lock_video"], values)).fetchone() is None:
                raise GONE
            await write_told(connection, self._tenant, video_id, descriptions, told, model)

        await self._database.run(work)

    async def status(self) -> LibraryStatus:
        async def work(connection: Connection) -> tuple[LibraryStatus, list[tuple[VideoId, Path]]]:
            values = {"tenant": self._tenant}
            totals = await (await connection.execute(_SQL["totals"], values)).fetchone()
            assert totals is not None  # noqa: S101 an aggregate always has a row
            videos, scenes, duration_s, segments, with_words, told = totals
            coverage = {Channel.VISUAL.value: 0, Channel.TRANSCRIPT.value: 0}
            for channel, count in await (await connection.execute(_SQL["coverage"], values)).fetchall():
                coverage[channel] = int(count)
            # what is told is found by its words where no model reads it
            coverage |= {Channel.SUMMARY.value: int(told), Channel.LEXICAL.value: int(with_words)}
            unreadable = tuple(
                UnreadableFile(to_path(path), Reason(reason), detail)
                for path, reason, detail in await (await connection.execute(_SQL["unreadable"], values)).fetchall()
            )
            paths = await (await connection.execute(_SQL["searchable_paths"], values)).fetchall()
            status = LibraryStatus(
                videos=videos, scenes=int(scenes), duration_s=float(duration_s), segments=int(segments),
                coverage=coverage, unreadable=unreadable,
            )  # fmt: skip
            return status, [(video_id, to_path(path)) for video_id, path in paths]

        status, paths = await self._database.run(work)
        missing = await asyncio.to_thread(_missing, paths)
        return LibraryStatus(
            videos=status.videos, scenes=status.scenes, duration_s=status.duration_s, segments=status.segments,
            coverage=status.coverage, unreadable=status.unreadable, missing=missing,
        )  # fmt: skip

    async def _end(self, connection: Connection, end: JobEnd | None) -> None:
        """End the job in the same transaction; last in it, because it locks the job."""
        if end is not None:
            await finish(connection, self._tenant, end)


def _missing(files: Sequence[tuple[VideoId, Path]]) -> tuple[Path, ...]:
    """Return the files that are gone with their content; one that was moved or has a copy left is not."""
    left = {video_id for video_id, path in files if os.path.lexists(path)}
    return tuple(path for video_id, path in files if video_id not in left)


def _any_exists(paths: Sequence[bytes]) -> bool:
    return any(os.path.lexists(path) for path in paths)
