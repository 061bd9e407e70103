"""What `Catalogue.publish` writes: a video's rows and vectors, inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np

from heimdex.domain.media import Keyframe
from heimdex.domain.query import Channel
from heimdex.ports import IndexedVideo, ToldScene
from heimdex.ranking.tokens import index_terms
from heimdex.store.database import Connection
from heimdex.store.queries import load_queries
from heimdex.store.rows import check_vectors, storable, tsvector_text
from heimdex.store.telling import check_told, write_told
from heimdex.store.vectors import write_vectors

_SQL = load_queries("catalogue")


def check_video(video: IndexedVideo) -> None:
    """Refuse a video that could not be stored whole. Raises ValueError or DimensionMismatch."""
    if not video.scenes:
        raise ValueError("a searchable video has at least one scene")
    for scene in video.scenes:
        if not scene.scene.keyframes:
            raise ValueError("a scene has at least one keyframe")
        if scene.visual is not None:
            if video.visual_model is None or len(scene.visual) != len(scene.scene.keyframes):
                raise ValueError("visual vectors need a model, and one row for each keyframe")
            check_vectors(scene.visual, video.visual_model)
        if scene.meaning is not None:
            if video.meaning_model is None:
                raise ValueError("a vector of meaning needs its model")
            check_vectors(scene.meaning[np.newaxis], video.meaning_model)
        check_told([ToldScene(scene.scene_id, scene.description, scene.told)], video.meaning_model)


def best_frame(keyframes: Sequence[Keyframe]) -> int:
    """Return the number of the clearest keyframe; the earliest of equals."""
    return max(range(len(keyframes)), key=lambda number: (keyframes[number].quality, -number))


async def write_video(connection: Connection, tenant: UUID, video: IndexedVideo) -> None:
    """Put the video's own row, then everything below it, in place of what was there."""
    terms = [index_terms(scene.transcript) for scene in video.scenes]
    await connection.execute(_SQL["put_video"], _video_row(tenant, video, terms))
    ids = {"tenant": tenant, "video_id": video.video_id}
    for clear in ("clear_scenes", "clear_segments", "clear_descriptions", "clear_spaces"):
        await connection.execute(_SQL[clear], ids)
    await _write_scenes(connection, tenant, video, terms)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _SQL["add_segment"],
            [
                {
                    **ids, "ordinal": ordinal, "start_s": segment.span.start_s, "end_s": segment.span.end_s,
                    "text": storable(segment.text), "source": segment.source, "language": segment.language,
                }
                for ordinal, segment in enumerate(video.segments)
            ],
        )  # fmt: skip
    if video.visual_model is not None:
        seen = [(scene.scene_id, scene.visual) for scene in video.scenes if scene.visual is not None]
        await write_vectors(connection, tenant, video.video_id, Channel.VISUAL, video.visual_model, seen)
    if video.meaning_model is not None:
        said = [(scene.scene_id, scene.meaning[np.newaxis]) for scene in video.scenes if scene.meaning is not None]
        await write_vectors(connection, tenant, video.video_id, Channel.TRANSCRIPT, video.meaning_model, said)
    told = [ToldScene(scene.scene_id, scene.description, scene.told) for scene in video.scenes if scene.description]
    if told or video.descriptions:
        model = video.meaning_model if any(scene.vector is not None for scene in told) else None
        await write_told(connection, tenant, video.video_id, video.descriptions, told, model)


def _video_row(tenant: UUID, video: IndexedVideo, terms: Sequence[Sequence[str]]) -> dict[str, Any]:
    facts = video.facts
    return {
        "tenant": tenant, "video_id": video.video_id, "sha256": video.file.sha256, "fingerprint": video.fingerprint,
        "title": storable(video.title), "duration_s": facts.duration_s, "width_px": facts.width_px,
        "height_px": facts.height_px, "fps": facts.fps, "container": storable(facts.container),
        "video_codec": storable(facts.video_codec), "rotation_deg": facts.rotation_deg, "has_audio": facts.has_audio,
        "recorded_at": facts.recorded_at, "notes": [storable(note) for note in facts.notes],
        "scenes": len(video.scenes), "segments": len(video.segments),
        "scenes_with_words": sum(bool(found) for found in terms), "terms": sum(map(len, terms)),
    }  # fmt: skip


async def _write_scenes(
    connection: Connection, tenant: UUID, video: IndexedVideo, terms: Sequence[Sequence[str]]
) -> None:
    scenes = [
        {
            "tenant": tenant, "scene_id": indexed.scene_id, "video_id": video.video_id, "ordinal": ordinal,
            "start_s": indexed.scene.span.start_s, "end_s": indexed.scene.span.end_s,
            "transcript": storable(indexed.transcript), "words": tsvector_text(words), "word_count": len(words),
            "best_frame": best_frame(indexed.scene.keyframes),
        }
        for ordinal, (indexed, words) in enumerate(zip(video.scenes, terms, strict=True))
    ]  # fmt: skip
    keyframes = [
        {
            "tenant": tenant, "scene_id": indexed.scene_id, "frame_no": number, "time_s": keyframe.time_s,
            "quality": keyframe.quality, "image": storable(keyframe.image.as_posix()),
        }
        for indexed in video.scenes
        for number, keyframe in enumerate(indexed.scene.keyframes)
    ]  # fmt: skip
    async with connection.cursor() as cursor:
        await cursor.executemany(_SQL["add_scene"], scenes)
        await cursor.executemany(_SQL["add_keyframe"], keyframes)
