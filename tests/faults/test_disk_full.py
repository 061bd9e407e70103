"""Small disks that fill up at each step: work waits, nothing is torn, and it goes on when there is space."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.test_database_killed import files, indexed_in_peace
from tests.faults.working import Work, contents

from heimdex.ingest.artefacts import Artefacts
from heimdex.store import EmbeddedPostgres

Mount = Callable[[Path, str], Path]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts small disks."""
    mounted: list[Path] = []

    def make(folder: Path, size: str) -> Path:
        folder.mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False)
        if done.returncode != 0:
            pytest.skip("may not mount a small disk (needs root)")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        if (folder / "postgres").exists():
            EmbeddedPostgres(folder).stop()
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path, leave_bytes: int) -> Path:
    """Take all space on a disk but a little."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        for size in (1 << 20, 1 << 12):
            while shutil.disk_usage(disk).free - leave_bytes >= size:
                file.write(bytes(size))
                file.flush()
                os.fsync(file.fileno())
    return filler


def wait_for(process: subprocess.Popen[str], beginning: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return line
    raise AssertionError(process.communicate()[1])


def end(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("leave_bytes", [0, 8 << 10])
def test_a_full_disk_under_the_pictures(
    clips: Path, new_database: Callable[[], str], mount: Mount, tmp_path: Path, leave_bytes: int
) -> None:
    whole = Work(str(clips), str(tmp_path / "whole"), new_database(), real_decoder=True)
    assert whole.run() == 0
    url = new_database()
    data = tmp_path / "data"
    filler = fill(mount(data / "artefacts", "4m"), leave_bytes)
    process = Work(str(clips), str(data), url, real_decoder=True).start()
    try:
        assert "space" in wait_for(process, "notice ") or "full" in wait_for(process, "notice ")
        time.sleep(1)
        artefacts = Artefacts(data / "artefacts")
        assert all(artefacts.load(*result) is not None for result in artefacts.results() if result.settings)
        filler.unlink()
        end(process)
    finally:
        process.kill()
        process.wait()

    assert contents(url, data) == contents(whole.database_url or "", Path(whole.data))


def test_a_full_disk_under_the_database(mount: Mount, tmp_path: Path) -> None:
    videos = files(tmp_path / "videos", 60)
    data = mount(tmp_path / "data", "200m")
    process = Work(str(videos), str(data), None).start()
    try:
        wait_for(process, "indexed ")
        filler = fill(data, 0)
        wait_for(process, "notice ")
        time.sleep(1)
        filler.unlink()
        end(process)
    finally:
        process.kill()
        process.wait()

    assert contents(EmbeddedPostgres(data).start(), data) == indexed_in_peace(videos, tmp_path)


def test_work_waits_before_the_disk_is_full(clips: Path, new_database: Callable[[], str], tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    work = Work(str(clips), str(tmp_path / "data"), new_database(), least_free_bytes=free * 2)
    process = work.start()
    try:
        line = wait_for(process, "notice ")
        assert "waiting for space on the disk" in line
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    assert contents(work.database_url or "", tmp_path / "data")["videos"] == []
