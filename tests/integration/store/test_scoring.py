"""The guide's SQL: the coverage query, the function and the check that it exists."""

from __future__ import annotations

from typing import Any, LiteralString

import numpy as np
import pytest

from heimdex.domain.errors import StoreUnavailable
from heimdex.domain.ids import SceneId, uuid7
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, IndexedVideo, Vector
from heimdex.store import Store
from heimdex.store.database import Connection
from heimdex.store.rows import vector_text
from heimdex.testing.library import VISUAL_MODEL, made_up_video, unit_rows

COVERAGE: LiteralString = """
SELECT COUNT(*) as total_scenes,
       COUNT(embedding_visual_clip) as with_clip,
       ROUND(100.0 * COUNT(embedding_visual_clip) / COUNT(*), 2) as coverage_pct
FROM video_scenes;
"""


async def ask(store: Store, statement: LiteralString, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
    async def work(connection: Connection) -> list[tuple[Any, ...]]:
        return await (await connection.execute(statement, values)).fetchall()

    return await store.database.run(work)


async def score(store: Store, query: Vector, scene_ids: list[SceneId]) -> dict[SceneId, float]:
    return dict(
        await ask(
            store, "SELECT * FROM batch_score_scenes_clip(%s::vector, %s, %s)",
            [vector_text(query), scene_ids, store.database.tenant],
        )
    )  # fmt: skip


async def test_the_coverage_query_counts_scenes_with_a_vector(store: Store) -> None:
    rows = unit_rows(2, 8)
    await store.catalogue.publish(made_up_video(["", "", "", ""], visual=[rows, None, rows, rows]))

    ((total, with_clip, percent),) = await ask(store, COVERAGE)
    assert (total, with_clip, float(percent)) == (4, 3, 75.0)


async def test_the_view_shows_the_best_keyframe_of_the_active_space(store: Store) -> None:
    newer = EmbeddingModel("newer", "1", 12)
    video = made_up_video([""], visual=[unit_rows(2, 8)])
    await store.catalogue.publish(video)
    other = made_up_video([""], content="b", visual=[unit_rows(3, 12)], visual_model=newer, seed=4)
    await store.catalogue.publish(other)
    assert await ask(store, "SELECT embedding_visual_clip FROM video_scenes") == [(None,)]
    await store.spaces.use(Channel.VISUAL, newer)

    found = dict(await ask(store, "SELECT scene_id, embedding_visual_clip::text FROM video_scenes"))
    # the file of the first video was overwritten, so only the newer space has a scene
    assert set(found) == {other.scenes[0].scene_id}
    stored = np.array(found[other.scenes[0].scene_id].strip("[]").split(","), dtype=np.float32)
    np.testing.assert_allclose(stored, unit_rows(3, 12)[2], atol=1e-3)


async def test_the_guides_check_finds_the_function(store: Store) -> None:
    found = await ask(
        store,
        "SELECT routine_name, routine_type FROM information_schema.routines"
        " WHERE routine_name = 'batch_score_scenes_clip'",
    )
    assert found == [("batch_score_scenes_clip", "FUNCTION")]


@pytest.mark.parametrize("dim", [8, 512, 768])
async def test_a_pool_is_scored_as_numpy_does(store: Store, dim: int) -> None:
    model = EmbeddingModel("m", "1", dim)
    rows = [unit_rows(1 + number % 4, dim, seed=number) for number in range(40)]
    video = made_up_video([""] * 41, visual=[*rows, None], visual_model=model)
    await store.catalogue.publish(video)
    query = unit_rows(1, dim, seed=99)[0]

    scored = await score(store, query, [*(scene.scene_id for scene in video.scenes), SceneId(uuid7())])

    assert len(scored) == 40
    for scene, vectors in zip(video.scenes, rows, strict=False):
        assert scored[scene.scene_id] == pytest.approx(float(np.max(vectors @ query)), abs=2e-3)


async def test_scoring_refuses_a_query_of_another_dimension(store: Store) -> None:
    video = made_up_video([""])
    await store.catalogue.publish(video)

    with pytest.raises(StoreUnavailable, match="has 9 dimensions, the vectors of made-up-clip have 8"):
        await score(store, unit_rows(1, VISUAL_MODEL.dim + 1)[0], [video.scenes[0].scene_id])


async def test_scoring_an_empty_library_gives_nothing(store: Store) -> None:
    assert await score(store, unit_rows(1, 8)[0], [SceneId(uuid7())]) == {}


async def test_the_database_itself_refuses_a_vector_without_length(store: Store) -> None:
    video: IndexedVideo = made_up_video([""])
    await store.catalogue.publish(video)

    async def work(connection: Connection) -> None:
        cursor = await connection.execute("SELECT relation FROM embedding_space WHERE channel = 'visual'")
        row = await cursor.fetchone()
        assert row is not None
        statement = f"UPDATE {row[0]} SET v = '[0,0,0,0,0,0,0,0]'"  # noqa: S608
        await connection.execute(statement)

    with pytest.raises(StoreUnavailable, match="violates check constraint"):
        await store.database.run(work)
