"""Rows of the table `file`: what the library knows about a path."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heimdex.domain.ids import VideoId
from heimdex.domain.media import FileStamp, Reason
from heimdex.ports import KnownFile
from heimdex.store.database import Connection
from heimdex.store.queries import load_queries
from heimdex.store.rows import path_bytes, path_key, storable, to_path

_SQL = load_queries("catalogue")


def known_file(row: tuple[Any, ...]) -> KnownFile:
    """Return a row of the query `known_file`."""
    stored, size_bytes, mtime_ns, sha256, video_id, fingerprint, reason, gone, offline = row
    return KnownFile(
        file=FileStamp(to_path(stored), size_bytes, mtime_ns, sha256),
        video_id=None if reason is not None else video_id,
        fingerprint=fingerprint,
        reason=None if reason is None else Reason(reason),
        is_gone=gone,
        is_offline=offline,
    )


async def put_file(
    connection: Connection,
    tenant: UUID,
    file: FileStamp,
    *,
    fingerprint: str,
    video_id: VideoId | None,
    reason: Reason | None = None,
    detail: str = "",
) -> None:
    """Note what a path holds; a video that no path holds any more goes."""
    row = file_row(tenant, file)
    before = await (await connection.execute(_SQL["known_file"], row)).fetchone()
    await connection.execute(
        _SQL["put_file"],
        {
            **row, "fingerprint": fingerprint, "video_id": video_id,
            "reason": None if reason is None else reason.value, "detail": storable(detail),
        },
    )  # fmt: skip
    if before is not None and before[4] is not None and before[4] != video_id:
        await connection.execute(_SQL["drop_if_no_file"], {"tenant": tenant, "video_id": before[4]})


async def note_unreadable(
    connection: Connection, tenant: UUID, file: FileStamp, reason: Reason, detail: str, *, fingerprint: str
) -> None:
    """List ``file`` with its reason. Scenes of the same, unchanged bytes stay searchable."""
    row = await (await connection.execute(_SQL["unchanged_video"], file_row(tenant, file))).fetchone()
    await put_file(
        connection, tenant, file, fingerprint=fingerprint, video_id=None if row is None else row[0], reason=reason,
        detail=detail,
    )  # fmt: skip


def file_row(tenant: UUID, file: FileStamp) -> dict[str, Any]:
    """Return the values that name a file in queries."""
    return {
        "tenant": tenant, "path_key": path_key(file.path), "path": path_bytes(file.path),
        "size_bytes": file.size_bytes, "mtime_ns": file.mtime_ns, "sha256": file.sha256,
    }  # fmt: skip
