"""What is shown about scenes, read in three round trips whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from heimdex.domain.ids import SceneId
from heimdex.domain.media import Segment, Span
from heimdex.domain.results import SceneDetails
from heimdex.store.database import Connection
from heimdex.store.queries import load_queries
from heimdex.store.rows import to_path

_SQL = load_queries("scene_index")


async def read_details(
    connection: Connection, tenant: UUID, scene_ids: Sequence[SceneId]
) -> Mapping[SceneId, SceneDetails]:
    """Return the details of the scenes that exist; unknown ids are absent."""
    values = {"tenant": tenant, "scene_ids": list(scene_ids)}
    segments: dict[UUID, list[Segment]] = defaultdict(list)
    for scene_id, start_s, end_s, text, source, language in await (
        await connection.execute(_SQL["segments_of_scenes"], values)
    ).fetchall():
        segments[scene_id].append(Segment(Span(start_s, end_s), text, source, language))
    keyframes: dict[UUID, list[tuple[float, str]]] = defaultdict(list)
    for scene_id, time_s, image in await (await connection.execute(_SQL["keyframes_of_scenes"], values)).fetchall():
        keyframes[scene_id].append((time_s, image))
    scenes = await (await connection.execute(_SQL["scenes"], values)).fetchall()
    return {
        scene_id: SceneDetails(
            scene_id=scene_id, video_id=video_id, title=title, path=to_path(path), span=Span(start_s, end_s),
            video_duration_s=duration_s, fps=fps, segments=tuple(segments[scene_id]),
            keyframes=tuple(keyframes[scene_id]), recorded_at=recorded_at, description=description,
        )
        for scene_id, video_id, title, path, start_s, end_s, duration_s, fps, recorded_at, description in scenes
    }  # fmt: skip
