"""Vectors of scenes on their way into the table of their space, inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, Matrix
from heimdex.store.database import Connection
from heimdex.store.queries import load_queries, on_relation
from heimdex.store.rows import copy_block
from heimdex.store.spaces import register

_SQL = load_queries("catalogue")


async def write_vectors(
    connection: Connection,
    tenant: UUID,
    video_id: VideoId,
    channel: Channel,
    model: EmbeddingModel,
    vectors: Sequence[tuple[SceneId, Matrix]],
) -> None:
    """Write the vectors of a video's scenes, one row for each keyframe or text of a scene; the table must be there."""
    relation = await register(connection, tenant, channel, model)
    if vectors:
        await _copy(connection, tenant, relation, vectors)
    counts = [len(rows) for _, rows in vectors]
    # also where there was nothing to embed: the space covers the video
    await connection.execute(
        _SQL["add_video_space"],
        {
            "tenant": tenant, "video_id": video_id, "relation": relation,
            "scenes": len(counts), "frames": sum(counts), "frames_max": max(counts, default=1),
        },
    )  # fmt: skip


async def _copy(connection: Connection, tenant: UUID, relation: str, vectors: Sequence[tuple[SceneId, Matrix]]) -> None:
    await connection.execute(_SQL["stage_vectors"])
    await connection.execute(_SQL["empty_stage"])
    block = copy_block(
        [scene_id for scene_id, rows in vectors for _ in rows],
        [number for _, rows in vectors for number in range(len(rows))],
        np.concatenate([rows for _, rows in vectors]).astype(np.float32),
    )
    async with connection.cursor() as cursor, cursor.copy(_SQL["copy_vectors"]) as copy:
        await copy.write(block)
    await connection.execute(on_relation(_SQL["add_vectors"], relation), {"tenant": tenant})
