"""Artefacts and library are held against each other, over files on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.integration.ingest.test_library import World, statuses

from heimdex.domain.errors import NotFound
from heimdex.domain.jobs import Status
from heimdex.domain.media import Reason
from heimdex.ingest.removing import Remover


@pytest.fixture
async def world(tmp_path: Path) -> World:
    (tmp_path / "videos").mkdir()
    world = World(tmp_path / "videos", tmp_path / "data")
    for name in ("a.mp4", "b.mp4"):
        world.video(name)
    await world.index()
    return world


def folders(world: World) -> list[str]:
    return sorted(p.parent.name for p in (world.data / "artefacts").glob("??/*/*"))


def remover(world: World) -> Remover:
    return Remover(world.inventory, world.catalogue.queue, world.tidying)


async def test_a_whole_library_has_nothing_to_mend(world: World) -> None:
    found = await world.tidying.look(thorough=True)
    assert (found.orphans, found.bare, found.is_foreign) == ((), (), False)


async def test_what_no_video_needs_is_removed_when_work_begins(world: World) -> None:
    kept = folders(world)
    orphan = world.data / "artefacts" / "ab" / ("ab" * 32) / "settings"
    orphan.mkdir(parents=True)
    (orphan / "x.jpg").touch()
    (world.data / "artefacts" / "cd" / ("cd" * 32)).mkdir(parents=True)
    await world.index()

    assert folders(world) == kept
    assert not (world.data / "artefacts" / "ab").exists()
    assert not (world.data / "artefacts" / "cd").exists()


async def test_what_an_overwritten_file_left_is_removed(world: World) -> None:
    (world.folder / "a.mp4").write_bytes(b"other content")
    await world.index()
    await world.index()

    assert len(folders(world)) == 2


async def test_what_a_failed_job_will_need_is_kept(world: World) -> None:
    world.video("c.mp4")
    world.embedder.fails = True
    await world.index()
    assert (await world.tidying.look()).orphans == ()
    assert len(folders(world)) == 3


async def test_a_video_that_lost_its_pictures_is_indexed_anew(world: World) -> None:
    shutil.rmtree(world.data / "artefacts")
    world.decoder.decoded.clear()
    assert statuses(await world.index()) == {"a.mp4": Status.INDEXED, "b.mp4": Status.INDEXED}
    assert sorted(world.decoder.decoded) == ["a.mp4", "b.mp4"]
    assert (await world.tidying.look(thorough=True)).bare == ()


async def test_a_single_lost_picture_is_found_by_a_thorough_look_and_mended(world: World) -> None:
    next((world.data / "artefacts").glob("??/*/*/*.jpg")).unlink()
    assert (await world.tidying.look()).bare == ()
    found = await world.tidying.look(thorough=True)
    assert len(found.bare) == 1
    assert await world.tidying.mend(found) == 1
    lines = await world.work()

    assert [outcome.status for outcome in lines] == [Status.INDEXED]
    assert (await world.tidying.look(thorough=True)).bare == ()


async def test_the_artefacts_of_another_library_are_left_alone(world: World) -> None:
    kept = folders(world)
    world.catalogue.videos.clear()
    world.catalogue.files.clear()
    (world.data / "artefacts" / ".library").write_text("of somebody else")
    found = await world.tidying.look()
    await world.tidying.mend(found)

    assert found.is_foreign
    assert folders(world) == kept


async def test_removing_takes_videos_and_pictures_and_leaves_files(world: World) -> None:
    shutil.copy(world.folder / "a.mp4", world.folder / "copy.mp4")
    await world.index()
    assert (await remover(world).remove([world.folder / "a.mp4"])).videos == 0
    assert len(world.catalogue.videos) == 2
    removed = await remover(world).remove([world.folder])

    assert removed.videos == 2
    assert len(removed.files) == 3
    assert (world.catalogue.videos, folders(world)) == ({}, [])
    assert sorted(p.name for p in world.folder.iterdir()) == ["a.mp4", "b.mp4", "copy.mp4"]


async def test_what_was_removed_comes_back_only_by_its_name(world: World) -> None:
    path = world.folder / "a.mp4"
    await remover(world).remove([path])
    report = await world.index()
    assert (statuses(report)["a.mp4"], report.outcomes[0].reason) == (Status.UNREADABLE, Reason.REMOVED)
    path.write_bytes(b"changed meanwhile")
    assert statuses(await world.index())["a.mp4"] is Status.UNREADABLE

    assert statuses(await world.index(path)) == {"a.mp4": Status.INDEXED}
    assert statuses(await world.index())["a.mp4"] is Status.UNCHANGED


async def test_a_video_is_removed_by_its_id_with_all_its_copies(world: World) -> None:
    shutil.copy(world.folder / "a.mp4", world.folder / "copy.mp4")
    await world.index()
    known = world.catalogue.files[world.folder / "a.mp4"]
    assert known.video_id is not None
    removed = await remover(world).remove(videos=[known.video_id])

    assert [path.name for path in removed.files] == ["a.mp4", "copy.mp4"]
    assert len(world.catalogue.videos) == 1


async def test_removing_what_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(NotFound, match=r"nothing\.mp4"):
        await remover(world).remove([world.folder / "a.mp4", world.folder / "nothing.mp4"])
    assert len(world.catalogue.videos) == 2
