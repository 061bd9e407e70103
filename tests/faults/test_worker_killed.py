"""Workers are killed at every boundary of a step and at any moment; the library ends as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.faults.working import BOUNDARIES, Work, contents

NewDatabase = Callable[[], str]


def uninterrupted(work: Work) -> dict[str, Any]:
    assert work.run() == 0
    assert work.database_url
    return contents(work.database_url, Path(work.data))


def test_killed_at_every_boundary_it_ends_with_the_same_library(
    many_kinds: Path, new_database: NewDatabase, tmp_path: Path
) -> None:
    whole = uninterrupted(Work(str(many_kinds), str(tmp_path / "whole"), new_database()))
    work = Work(str(many_kinds), str(tmp_path / "killed"), new_database())
    for point in BOUNDARIES:
        for when in ("before", "after"):
            assert replace(work, fatal=(point, when, 0)).run() == -signal.SIGKILL, (point, when)
    assert work.run() == 0

    assert work.database_url
    assert contents(work.database_url, Path(work.data)) == whole
    assert len(whole["videos"]) == 10
    assert len(whole["files"]) == 22
    assert whole["workers"] == {}


def kill_at_random(work: Work, chance: random.Random, kills: int) -> int:
    """Start and kill until that many died, or one came to its end; return how many died."""
    for died in range(kills):
        # another folder of workers is another machine: only the lease tells that it died
        machine = replace(work, workers=f"workers {died % 2}" if chance.random() < 0.5 else "workers")
        process = machine.start()
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 1.5))
        process.kill()
        process.communicate()
        if process.returncode == 0:
            return died
    return kills


def ends_the_same(work: Work, whole: dict[str, Any]) -> None:
    assert work.run() == 0
    data = Path(work.data)
    for folder in data.glob("workers*"):
        shutil.rmtree(folder)
    found = contents(work.database_url or "", data)
    assert found == whole | {"workers": {}}


def test_killed_at_random_moments_it_ends_with_the_same_library(
    clips: Path, new_database: NewDatabase, tmp_path: Path
) -> None:
    whole = uninterrupted(Work(str(clips), str(tmp_path / "whole"), new_database(), real_decoder=True))
    work = Work(str(clips), str(tmp_path / "killed"), new_database(), real_decoder=True, lease_s=1.0)
    kill_at_random(work, random.Random(11), 5)

    ends_the_same(work, whole)


@pytest.mark.slow
def test_a_hundred_kills(clips: Path, new_database: NewDatabase, tmp_path: Path) -> None:
    """One library after another, until a hundred workers have died."""
    whole = uninterrupted(Work(str(clips), str(tmp_path / "whole"), new_database(), real_decoder=True))
    chance = random.Random(100)
    kills = libraries = 0
    while kills < 100:
        libraries += 1
        work = Work(str(clips), str(tmp_path / f"{libraries}"), new_database(), real_decoder=True, lease_s=1.0)
        kills += kill_at_random(work, chance, min(10, 100 - kills))
        ends_the_same(work, whole)
    print(f"{kills} kills over {libraries} libraries")


@contextmanager
def running(*works: Work) -> Iterator[list[Any]]:
    processes = [work.start() for work in works]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_workers_of_two_machines_share_the_work_and_one_dies(
    many_kinds: Path, new_database: NewDatabase, tmp_path: Path
) -> None:
    whole = uninterrupted(Work(str(many_kinds), str(tmp_path / "whole"), new_database()))
    url = new_database()
    work = Work(str(many_kinds), str(tmp_path / "shared"), url, lease_s=1.0)
    doomed = replace(work, workers="workers of another machine", fatal=("publish", "before", 2))
    with running(work, doomed) as processes:
        for process in processes:
            process.wait(120)

    shutil.rmtree(tmp_path / "shared" / "workers of another machine")
    assert contents(url, tmp_path / "shared") == whole


def test_a_file_that_kills_its_worker_three_times_is_set_aside(
    many_kinds: Path, new_database: NewDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "one.mp4").write_bytes(b"one")
    work = Work(str(folder), str(tmp_path / "data"), new_database(), attempts=3)
    for _ in range(3):
        assert replace(work, fatal=("keep", "before", 0)).run() == -signal.SIGKILL
    assert work.run() == 0

    found = contents(work.database_url or "", tmp_path / "data")
    assert [row[4:6] for row in found["files"]] == [("worker_crash", "the program died 3 times on it")]
    assert [row[1] for row in found["jobs"]] == ["quarantined"]
