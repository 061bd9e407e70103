"""A second model beside the first: filled, switched to in one transaction, rolled back, removed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from heimdex.domain.errors import CoverageIncomplete, ModelInUse, NotFound
from heimdex.domain.query import Channel, SearchFilter
from heimdex.ports import EmbeddingModel
from heimdex.ports.spaces import Space
from heimdex.store import Store
from heimdex.store.database import Connection
from heimdex.testing.library import VISUAL_MODEL, made_up_video, unit_rows

SECOND = EmbeddingModel("second", "1", 12)
V = Channel.VISUAL


async def space_of(store: Store, model: EmbeddingModel, channel: Channel = V) -> Space:
    return next(s for s in await store.spaces.all() if s.model.space == model.space and s.channel is channel)


async def fill(store: Store, model: EmbeddingModel = SECOND) -> int:
    """Embed what is missing with made-up rows; return how many rows."""
    added = 0
    for video in await store.spaces.pending_videos(V, model):
        frames = await store.spaces.pending_frames(model, video.video_id)
        rows = unit_rows(len(frames), model.dim, seed=7)
        if frames:
            await store.spaces.add(V, model, [f.scene_id for f in frames], [f.frame_no for f in frames], rows)
        assert await store.spaces.finish(V, model, video)
        added += len(frames)
    return added


async def guide_coverage(store: Store) -> tuple[int, int]:
    async def work(connection: Connection) -> tuple[int, int]:
        cursor = await connection.execute("SELECT COUNT(*), COUNT(embedding_visual_clip) FROM video_scenes")
        row = await cursor.fetchone()
        assert row is not None
        return row[0], row[1]

    return await store.database.run(work)


async def test_a_second_space_is_filled_beside_the_first_and_used_in_one_step(store: Store) -> None:
    await store.catalogue.publish(made_up_video(["", "", ""], path=Path("/a.mp4")))
    await store.catalogue.publish(made_up_video(["", ""], path=Path("/b.mp4")))
    await store.spaces.begin(V, SECOND, "second-folder")

    before = await space_of(store, SECOND)
    assert (before.active, before.filling, before.pending, before.fraction) == (False, True, 2, 0.0)
    assert await guide_coverage(store) == (5, 5)
    with pytest.raises(CoverageIncomplete, match="2 videos with 5 scenes"):
        await store.spaces.use(V, SECOND)

    assert await fill(store) == 10
    assert (await space_of(store, VISUAL_MODEL)).active
    assert await store.spaces.use(V, SECOND)

    after = await space_of(store, SECOND)
    assert (after.active, after.filling, after.pending, after.scenes, after.name) == (
        True,
        False,
        0,
        5,
        "second-folder",
    )
    assert not (await space_of(store, VISUAL_MODEL)).active
    assert (await store.spaces.in_use())[V].model == SECOND
    assert await guide_coverage(store) == (5, 5)
    found = await store.scenes.nearest(
        V, SECOND, unit_rows(1, 12, seed=7)[0], limit=3, within=SearchFilter(), timeout_s=9
    )
    assert found.candidates[0].raw == pytest.approx(1, abs=2e-3)


async def test_what_was_added_before_a_kill_is_not_asked_for_again(store: Store) -> None:
    video = made_up_video(["", "", ""], frames=2)
    await store.catalogue.publish(video)
    await store.spaces.begin(V, SECOND, "second")
    frames = await store.spaces.pending_frames(SECOND, video.video_id)
    assert [(f.scene_id, f.frame_no) for f in frames] == [(s.scene_id, n) for s in video.scenes for n in (0, 1)]

    first = frames[:4]
    rows = unit_rows(4, 12)
    await store.spaces.add(V, SECOND, [f.scene_id for f in first], [f.frame_no for f in first], rows)

    left = await store.spaces.pending_frames(SECOND, video.video_id)
    assert left == frames[4:]
    assert (await space_of(store, SECOND)).pending == 1


async def test_a_video_published_meanwhile_keeps_the_switch_back(store: Store) -> None:
    await store.catalogue.publish(made_up_video([""], path=Path("/a.mp4")))
    await store.spaces.begin(V, SECOND, "second")
    await fill(store)
    await store.catalogue.publish(made_up_video([""], path=Path("/b.mp4")))

    with pytest.raises(CoverageIncomplete):
        await store.spaces.use(V, SECOND)
    assert await store.spaces.use(V, SECOND, anyway=True)
    assert (await space_of(store, SECOND)).pending == 1


async def test_a_publication_with_the_former_model_does_not_undo_a_switch(store: Store) -> None:
    await store.catalogue.publish(made_up_video([""], path=Path("/a.mp4")))
    await store.spaces.begin(V, SECOND, "second")
    await fill(store)
    await store.spaces.use(V, SECOND)

    await store.catalogue.publish(made_up_video([""], path=Path("/b.mp4")))  # a process that started before

    assert (await store.spaces.in_use())[V].model == SECOND
    assert [video.scenes for video in await store.spaces.pending_videos(V, SECOND)] == [1]


async def test_a_video_indexed_anew_while_it_was_embedded_is_not_called_done(store: Store) -> None:
    old = made_up_video(["", ""], content="same")
    await store.catalogue.publish(old)
    await store.spaces.begin(V, SECOND, "second")
    (pending,) = await store.spaces.pending_videos(V, SECOND)
    frames = await store.spaces.pending_frames(SECOND, pending.video_id)
    await store.catalogue.publish(made_up_video([""], content="same", fingerprint="settings-2"))

    rows = unit_rows(len(frames), 12)
    await store.spaces.add(V, SECOND, [f.scene_id for f in frames], [f.frame_no for f in frames], rows)

    assert not await store.spaces.finish(V, SECOND, pending)
    assert (await space_of(store, SECOND)).pending == 1
    assert await fill(store) == 2


async def test_scenes_without_words_need_no_vector_of_meaning(store: Store) -> None:
    said = EmbeddingModel("sentences-2", "1", 5)
    video = made_up_video(["hello there", "", "goodbye"])
    await store.catalogue.publish(video)
    await store.spaces.begin(Channel.TRANSCRIPT, said, "sentences-2")
    (pending,) = await store.spaces.pending_videos(Channel.TRANSCRIPT, said)

    passages = await store.spaces.pending_passages(Channel.TRANSCRIPT, said, pending.video_id)
    assert [(p.scene_id, p.text) for p in passages] == [
        (video.scenes[0].scene_id, "hello there"), (video.scenes[2].scene_id, "goodbye"),
    ]  # fmt: skip
    rows = unit_rows(2, 5)
    await store.spaces.add(Channel.TRANSCRIPT, said, [p.scene_id for p in passages], [0, 0], rows)
    assert await store.spaces.finish(Channel.TRANSCRIPT, said, pending)
    assert await store.spaces.use(Channel.TRANSCRIPT, said)
    assert (await store.spaces.in_use())[V].model.space == VISUAL_MODEL.space


async def test_a_video_without_words_is_covered_by_a_text_model(store: Store) -> None:
    await store.catalogue.publish(made_up_video([""]))

    assert {space.channel: space.pending for space in await store.spaces.all()} == {V: 0, Channel.TRANSCRIPT: 0}


async def test_switches_by_turns_leave_one_space_in_use(store: Store) -> None:
    await store.catalogue.publish(made_up_video([""]))
    await store.spaces.begin(V, SECOND, "second")
    await fill(store)

    await asyncio.gather(*(store.spaces.use(V, m) for m in [SECOND, VISUAL_MODEL] * 8))

    assert sum(space.active for space in await store.spaces.all() if space.channel is V) == 1


async def test_a_switch_that_expects_another_model_in_use_does_nothing(store: Store) -> None:
    await store.catalogue.publish(made_up_video([""]))
    await store.spaces.begin(V, SECOND, "second")
    await fill(store)

    assert not await store.spaces.use(V, SECOND, instead_of=EmbeddingModel("third", "1", 3))
    assert (await store.spaces.in_use())[V].model.space == VISUAL_MODEL.space
    assert await store.spaces.use(V, SECOND, instead_of=VISUAL_MODEL)


async def test_the_spaces_used_before_come_latest_first(store: Store) -> None:
    third = EmbeddingModel("third", "1", 3)
    await store.catalogue.publish(made_up_video([""]))
    for model in (SECOND, third):
        await store.spaces.begin(V, model, model.model_id)
        await fill(store, model)
        await store.spaces.use(V, model)

    former = [space for space in await store.spaces.all() if space.channel is V and not space.active]
    assert [space.model.model_id for space in former] == ["second", VISUAL_MODEL.model_id]


async def test_a_space_is_removed_unless_it_is_in_use(store: Store) -> None:
    await store.catalogue.publish(made_up_video([""]))
    await store.spaces.begin(V, SECOND, "second")
    await fill(store)

    with pytest.raises(ModelInUse):
        await store.spaces.remove(V, VISUAL_MODEL)
    await store.spaces.remove(V, SECOND)

    assert SECOND.space not in [space.model.space for space in await store.spaces.all()]
    with pytest.raises(NotFound, match="second"):
        await store.spaces.remove(V, SECOND)
    with pytest.raises(NotFound, match="reembed"):
        await store.spaces.use(V, SECOND)
    await store.spaces.begin(V, SECOND, "second")
    assert await fill(store) == 2


async def test_rows_of_another_kind_are_refused(store: Store) -> None:
    video = made_up_video([""])
    await store.catalogue.publish(video)
    await store.spaces.begin(V, SECOND, "second")
    scene = video.scenes[0].scene_id

    for rows in (unit_rows(1, 11), np.zeros((1, 12), np.float32), np.full((1, 12), np.nan, np.float32)):
        with pytest.raises(Exception, match=r"12-d|11-d|unit"):
            await store.spaces.add(V, SECOND, [scene], [0], rows)
