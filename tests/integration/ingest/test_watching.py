"""Watched folders, over files on disk with a clock of the test's own."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.ingest.test_library import SRT, World

from heimdex.domain.jobs import FileOutcome, JobAction, Status
from heimdex.ingest.removing import Remover
from heimdex.ingest.watching import Watcher, WatchRules

RULES = WatchRules(poll_s=0.01, settle_s=10, forget_after_s=600)


@dataclass
class Watched:
    world: World
    told: list[str] = field(default_factory=list)
    time_s: float = 0.0
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.watcher = Watcher(
            [self.world.folder], self.world.library(), self.world.inventory, self.world.catalogue.queue, RULES,
            self.told.append, now=lambda: self.time_s,
        )  # fmt: skip

    async def after(self, seconds: float) -> list[tuple[str, Status]]:
        """Look, let time pass, look again, and do what there is to do; return how files ended."""
        await self.watcher.tick()
        self.time_s += seconds
        await self.watcher.tick()
        ended: list[FileOutcome] = await self.world.work()
        return sorted((outcome.path.name, outcome.status) for outcome in ended)

    def titles(self) -> list[str]:
        return sorted(video.title for video in self.world.catalogue.videos.values())

    async def marks(self) -> dict[str, str]:
        known = await self.world.inventory.files_below(self.world.folder)
        return {f.file.path.name: "offline" if f.is_offline else "gone" if f.is_gone else "there" for f in known}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    (tmp_path / "videos").mkdir()
    return Watched(World(tmp_path / "videos", tmp_path / "data"))


async def test_a_new_file_is_indexed_once_it_stands_still(watched: Watched) -> None:
    path = watched.world.video("a.mp4")
    assert await watched.after(9) == []
    path.write_bytes(b"it grew")
    assert await watched.after(9) == []
    assert await watched.after(1) == [("a.mp4", Status.INDEXED)]

    assert await watched.after(100) == []
    assert watched.world.decoder.decoded == ["a.mp4"]


async def test_a_changed_file_is_indexed_again(watched: Watched) -> None:
    path = watched.world.video("a.mp4")
    await watched.after(10)
    path.write_bytes(b"other content")

    assert await watched.after(10) == [("a.mp4", Status.INDEXED)]
    assert len(watched.world.catalogue.videos) == 1


async def test_a_subtitle_file_that_appears_is_taken_up(watched: Watched) -> None:
    watched.world.video("a.mp4")
    await watched.after(10)
    (watched.world.folder / "a.en.srt").write_text(SRT)

    assert await watched.after(10) == [("a.mp4", Status.INDEXED)]
    assert len(watched.world.published().segments) == 2


async def test_a_restart_does_nothing_again(watched: Watched) -> None:
    watched.world.video("a.mp4")
    await watched.after(10)
    watched.restart()

    assert await watched.after(10) == []


async def test_a_deleted_file_leaves_the_library_after_a_while(watched: Watched) -> None:
    for name in ("a.mp4", "b.mp4"):
        watched.world.video(name)
    await watched.after(10)
    (watched.world.folder / "a.mp4").unlink()
    await watched.after(599)
    assert await watched.marks() == {"a.mp4": "gone", "b.mp4": "there"}
    assert watched.titles() == ["a", "b"]
    await watched.after(10)

    assert watched.titles() == ["b"]
    assert await watched.marks() == {"b.mp4": "there"}


async def test_the_last_file_of_a_folder_may_be_deleted_too(watched: Watched) -> None:
    watched.world.video("a.mp4")
    await watched.after(10)
    (watched.world.folder / "a.mp4").unlink()
    await watched.after(601)
    await watched.after(1)

    assert watched.titles() == []


async def test_a_moved_file_is_relinked_and_its_former_path_forgotten(watched: Watched) -> None:
    path = watched.world.video("a.mp4")
    await watched.after(10)
    video_id = watched.world.published().video_id
    (watched.world.folder / "sub").mkdir()
    path.rename(watched.world.folder / "sub" / "renamed.mp4")

    assert await watched.after(10) == [("renamed.mp4", Status.LINKED)]
    await watched.after(1)
    assert await watched.marks() == {"renamed.mp4": "there"}
    assert watched.world.published().video_id == video_id
    assert watched.world.decoder.decoded == ["a.mp4"]


async def test_a_renamed_folder_is_a_move(watched: Watched) -> None:
    watched.world.video("2019/a.mp4")
    await watched.after(10)
    (watched.world.folder / "2019").rename(watched.world.folder / "2019 summer")

    assert await watched.after(10) == [("a.mp4", Status.LINKED)]
    await watched.after(1)
    known = await watched.world.inventory.files_below(watched.world.folder)
    assert [file.file.path.parent.name for file in known] == ["2019 summer"]


@pytest.mark.parametrize("mount_point_stays", [True, False])
async def test_an_unplugged_drive_is_offline_and_comes_back(watched: Watched, mount_point_stays: bool) -> None:
    watched.world.video("here.mp4")
    drive = watched.world.folder / "drive"
    watched.world.video("drive/a.mp4")
    await watched.after(10)
    watched.restart()  # what it was on is not remembered
    away = watched.world.data / "away"
    drive.rename(away)
    if mount_point_stays:
        drive.mkdir()
    for _ in range(3):
        await watched.after(1000)
    assert await watched.marks() == {"a.mp4": "offline", "here.mp4": "there"}
    assert watched.titles() == ["a", "here"]

    if mount_point_stays:
        drive.rmdir()
    away.rename(drive)
    assert await watched.after(10) == []
    assert await watched.marks() == {"a.mp4": "there", "here.mp4": "there"}
    assert len(watched.world.decoder.decoded) == 2


async def test_another_drive_at_the_same_place_deletes_nothing(watched: Watched) -> None:
    watched.world.video("drive/a.mp4")
    await watched.after(10)
    drive = watched.world.folder / "drive"
    drive.rename(watched.world.data / "away")
    await watched.after(10)
    watched.world.video("drive/b.mp4")
    for _ in range(3):
        await watched.after(1000)

    assert watched.titles() == ["a", "b"]
    assert await watched.marks() == {"a.mp4": "offline", "b.mp4": "there"}


async def test_the_whole_watched_folder_may_go_and_come(watched: Watched) -> None:
    watched.world.video("a.mp4")
    await watched.after(10)
    away = watched.world.data / "away"
    watched.world.folder.rename(away)
    await watched.after(1000)
    assert watched.titles() == ["a"]
    away.rename(watched.world.folder)
    await watched.after(10)

    assert await watched.marks() == {"a.mp4": "there"}


async def test_what_a_person_cancelled_or_removed_does_not_come_back(watched: Watched) -> None:
    for name in ("a.mp4", "b.mp4"):
        watched.world.video(name)
    queue = watched.world.catalogue.queue
    await watched.watcher.tick()
    watched.time_s += 10
    await watched.watcher.tick()
    (job,) = await queue.find_paths([watched.world.folder / "a.mp4"])
    await queue.change(JobAction.CANCEL, [job.job_id])
    await watched.world.work()
    assert watched.titles() == ["b"]
    await Remover(watched.world.inventory, queue, watched.world.tidying).remove([watched.world.folder / "b.mp4"])
    watched.restart()

    assert await watched.after(10) == []
    assert watched.titles() == []


async def test_a_file_that_cannot_be_looked_at_does_not_stop_the_others(watched: Watched) -> None:
    watched.world.video("a.mp4")
    (watched.world.folder / "dangling.mp4").symlink_to("nowhere")
    os.mkfifo(watched.world.folder / "pipe.mp4")
    ended = await watched.after(10)

    assert ("a.mp4", Status.INDEXED) in ended
    shutil.rmtree(watched.world.folder)
