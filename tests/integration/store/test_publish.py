"""Publishing is whole or nothing, whoever does it at the same time."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from heimdex.store import Store, publish, telling, vectors
from heimdex.store.database import Connection
from heimdex.testing.library import described, made_up_video


async def rows_everywhere(store: Store) -> dict[str, int]:
    async def work(connection: Connection) -> dict[str, int]:
        cursor = await connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
            "AND relname NOT IN ('schema_migration', 'tenant')"
        )
        found = {}
        for (name,) in await cursor.fetchall():
            row = await (await connection.execute(f"SELECT count(*) FROM {name}")).fetchone()  # noqa: S608
            found[name] = row[0] if row else -1
        return found

    return await store.database.run(work)


def break_off(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Let one statement of a publication fail, whichever module issues it."""
    broken: dict[str, Any] = {**publish._SQL, statement: "SELECT 1 / 0 FROM (SELECT %(tenant)s AS x) t"}
    for module in (publish, vectors, telling):
        monkeypatch.setattr(module, "_SQL", broken)


@pytest.mark.parametrize(
    "statement",
    [
        "add_scene", "add_keyframe", "add_segment", "add_vectors", "add_video_space",
        "add_description", "tell_scene", "count_told",
    ],
)  # fmt: skip
async def test_a_failure_in_the_middle_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    break_off(monkeypatch, statement)

    with pytest.raises(Exception, match="division by zero"):
        await store.catalogue.publish(described(made_up_video(["hello", "there"]), ["a street", ""]))
    assert set((await rows_everywhere(store)).values()) == {0}


async def test_a_failed_replacement_keeps_what_was_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.catalogue.publish(made_up_video(["hello"], content="same"))
    before = await rows_everywhere(store)
    break_off(monkeypatch, "add_video_space")

    with pytest.raises(Exception, match="division by zero"):
        await store.catalogue.publish(made_up_video(["other", "words"], content="same", fingerprint="settings-2"))
    assert await rows_everywhere(store) == before


async def test_the_same_content_published_at_once_is_there_once(store: Store) -> None:
    videos = [made_up_video(["hello"], content="same", path=Path(f"/videos/{number}.mp4")) for number in range(6)]
    await asyncio.gather(*(store.catalogue.publish(video) for video in videos))

    status = await store.catalogue.status()
    assert (status.videos, status.scenes, len(status.missing)) == (1, 1, 6)


async def test_many_videos_published_at_once_are_all_there(store: Store) -> None:
    videos = [made_up_video(["hello"] * 5, path=Path(f"/videos/{number}.mp4"), seed=number) for number in range(12)]
    await asyncio.gather(*(store.catalogue.publish(video) for video in videos))

    assert (await store.catalogue.status()).coverage["visual"] == 60


async def test_a_renamed_video_takes_its_new_name(store: Store, tmp_path: Path) -> None:
    former, now = tmp_path / "DSC001.mp4", tmp_path / "생일.mp4"
    video = made_up_video(["x"], path=former)
    await store.catalogue.publish(video)
    now.touch()
    await store.catalogue.link_file(dataclasses.replace(video.file, path=now), video.video_id)

    assert (await store.shelf.video(video.video_id)).title == "생일"


async def test_a_copy_does_not_take_the_name_of_a_video_that_is_still_there(store: Store, tmp_path: Path) -> None:
    first, copy = tmp_path / "holiday.mp4", tmp_path / "holiday (copy).mp4"
    first.touch()
    video = made_up_video(["x"], path=first)
    await store.catalogue.publish(video)
    await store.catalogue.link_file(dataclasses.replace(video.file, path=copy), video.video_id)

    assert (await store.shelf.video(video.video_id)).title == "holiday"
