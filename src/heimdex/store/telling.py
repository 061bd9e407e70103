"""What is told about the scenes of a video, written inside one transaction: words, vectors, sources."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from heimdex.domain.errors import NotFound
from heimdex.domain.ids import VideoId
from heimdex.domain.media import Keyframe, Scene, Segment, Span
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, StoredVideo, ToldScene
from heimdex.ranking.tokens import index_terms
from heimdex.store.database import Connection
from heimdex.store.queries import load_queries, on_relation
from heimdex.store.rows import check_vectors, storable, to_path, tsvector_text
from heimdex.store.vectors import write_vectors

_SQL = load_queries("catalogue")
GONE = NotFound("There is no such video in the library.", remedy="Index the file.")


def check_told(told: Sequence[ToldScene], model: EmbeddingModel | None) -> None:
    """Refuse what could not be stored whole. Raises ValueError or DimensionMismatch."""
    for scene in told:
        if scene.vector is not None:
            if model is None:
                raise ValueError("a vector of what is told needs its model")
            check_vectors(scene.vector[np.newaxis], model)


async def write_told(
    connection: Connection,
    tenant: UUID,
    video_id: VideoId,
    descriptions: Sequence[Segment],
    told: Sequence[ToldScene],
    model: EmbeddingModel | None,
) -> None:
    """Put these in place of what was told before. Raises NotFound for a scene that is not of the video."""
    ids = {"tenant": tenant, "video_id": video_id}
    await _clear(connection, tenant, video_id)
    terms = [index_terms(scene.text) for scene in told]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _SQL["add_description"],
            [
                {
                    **ids, "ordinal": ordinal, "start_s": each.span.start_s, "end_s": each.span.end_s,
                    "text": storable(each.text), "source": each.source, "language": each.language,
                }
                for ordinal, each in enumerate(descriptions)
            ],
        )  # fmt: skip
    for scene, words in zip(told, terms, strict=True):
        done = await connection.execute(
            _SQL["tell_scene"],
            {
                **ids, "scene_id": scene.scene_id, "description": storable(scene.text),
                "told": tsvector_text(words), "told_count": len(words),
            },
        )  # fmt: skip
        if done.rowcount != 1:
            raise NotFound("The video was indexed anew meanwhile.", remedy="Describe it again.")
    counts = {"scenes_told": sum(map(bool, terms)), "told_terms": sum(map(len, terms))}
    await connection.execute(_SQL["count_told"], {**ids, **counts})
    if model is not None:
        rows = [(scene.scene_id, scene.vector[np.newaxis]) for scene in told if scene.vector is not None]
        await write_vectors(connection, tenant, video_id, Channel.SUMMARY, model, rows)


async def read_stored(connection: Connection, tenant: UUID, video_id: VideoId) -> StoredVideo:
    """Return a published video. Raises NotFound."""
    ids = {"tenant": tenant, "video_id": video_id}
    row = await (await connection.execute(_SQL["lock_video"], ids)).fetchone()
    if row is None:
        raise GONE
    scenes = await (await connection.execute(_SQL["scenes_of_video"], ids)).fetchall()
    told = await (await connection.execute(_SQL["descriptions_of_video"], ids)).fetchall()
    return StoredVideo(
        video_id,
        row[0],
        tuple((scene_id, _scene(start_s, end_s, *frames)) for scene_id, start_s, end_s, *frames in scenes),
        tuple(segment_of(each) for each in told),
    )


def segment_of(row: Sequence[object]) -> Segment:
    """Return a row of ``description``: start_s, end_s, text, source, language."""
    start_s, end_s, text, source, language = row
    return Segment(Span(start_s, end_s), text, source, language)  # type: ignore[arg-type]


def _scene(
    start_s: float, end_s: float, times: Sequence[float], qualities: Sequence[float], images: Sequence[str]
) -> Scene:
    frames = zip(times, qualities, images, strict=True)
    return Scene(
        Span(start_s, end_s), tuple(Keyframe(time, quality, to_path(image.encode())) for time, quality, image in frames)
    )


async def _clear(connection: Connection, tenant: UUID, video_id: VideoId) -> None:
    ids = {"tenant": tenant, "video_id": video_id}
    for clear in ("clear_descriptions", "clear_told"):
        await connection.execute(_SQL[clear], ids)
    cursor = await connection.execute(_SQL["told_relations"], ids)
    relations = [relation for (relation,) in await cursor.fetchall()]
    for relation in relations:
        await connection.execute(on_relation(_SQL["clear_told_vectors"], relation), ids)
    await connection.execute(_SQL["clear_told_spaces"], {**ids, "relations": relations})
