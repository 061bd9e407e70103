"""The port Inventory on PostgreSQL. Contract: tests/contract/test_inventory.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heimdex.domain.ids import VideoId
from heimdex.domain.media import Reason
from heimdex.domain.query import Channel
from heimdex.ports import KnownFile
from heimdex.ports.jobs import HeldContent, HeldVideo
from heimdex.store.database import Connection, Database
from heimdex.store.files import known_file
from heimdex.store.queries import load_queries
from heimdex.store.rows import path_bytes, path_key, to_path

_SQL = load_queries("inventory")


class PostgresInventory:
    """What the tenant's library knows about files, to be compared with the disks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenant = database.tenant

    async def files_below(self, folder: Path) -> list[KnownFile]:
        name = path_bytes(folder)
        below = name.rstrip(b"/")
        values = {"folder": name, "first": below + b"/", "beyond": below + b"0"}
        return [known_file(row) for row in await self._rows("files_below", values)]

    async def mark_presence(
        self, *, present: Sequence[Path] = (), deleted: Sequence[Path] = (), offline: Sequence[Path] = ()
    ) -> None:
        async def work(connection: Connection) -> None:
            for query, paths, more in (
                ("mark_present", present, {}),
                ("mark_gone", deleted, {"offline": False}),
                ("mark_gone", offline, {"offline": True}),
            ):
                if paths:
                    await connection.execute(_SQL[query], {**self._keys(paths), **more})

        await self._database.run(work)

    async def forget_files(self, paths: Sequence[Path]) -> int:
        return await self._without("forget_files", self._keys(paths))

    async def take_out(self, paths: Sequence[Path]) -> int:
        return await self._without("take_out", {**self._keys(paths), "reason": Reason.REMOVED.value})

    async def paths_of_video(self, video_id: VideoId) -> list[Path]:
        return [to_path(path) for (path,) in await self._rows("paths_of_video", {"video_id": video_id})]

    async def contents(self) -> list[HeldContent]:
        return [HeldContent(video_id, sha256, Path(image)) for video_id, sha256, image in await self._rows("contents")]

    async def videos(self) -> list[HeldVideo]:
        async def work(connection: Connection) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
            values = {"tenant": self._tenant}
            rows = await (await connection.execute(_SQL["videos"], values)).fetchall()
            return rows, await (await connection.execute(_SQL["covered"], values)).fetchall()

        rows, spaces = await self._database.run(work)
        covered = {(video_id, channel): scenes for video_id, channel, scenes in spaces}
        return [
            HeldVideo(
                video_id, title, scenes,
                {
                    Channel.VISUAL: covered.get((video_id, Channel.VISUAL.value), 0),
                    Channel.TRANSCRIPT: covered.get((video_id, Channel.TRANSCRIPT.value), 0),
                    Channel.SUMMARY: told,
                    Channel.LEXICAL: with_words,
                },
                tuple(map(to_path, paths)), tuple(map(to_path, offline)),
            )
            for video_id, title, scenes, with_words, told, paths, offline in rows
        ]  # fmt: skip

    async def born(self) -> str:
        ((text,),) = await self._rows("born")
        return str(text)

    async def _without(self, query: str, values: Mapping[str, Any]) -> int:
        """Let go of paths, then drop the videos that no path holds any more."""

        async def work(connection: Connection) -> int:
            cursor = await connection.execute(_SQL[query], values)
            held = {row[0] for row in await cursor.fetchall()} - {None}
            cursor = await connection.execute(_SQL["drop_unheld"], {**values, "video_ids": list(held)})
            return len(await cursor.fetchall())

        return await self._database.run(work)

    async def _rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            cursor = await connection.execute(_SQL[query], {"tenant": self._tenant, **(values or {})})
            return await cursor.fetchall()

        return await self._database.run(work)

    def _keys(self, paths: Sequence[Path]) -> dict[str, Any]:
        return {"tenant": self._tenant, "path_keys": [path_key(path) for path in paths]}
