"""The database is killed while files are indexed: what was reported as done is there, and the rest is done."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.faults.working import Work, contents

from heimdex.store import EmbeddedPostgres
from heimdex.store.postmaster import recorded_pid

PATIENCE_S = 120


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    EmbeddedPostgres(folder).stop()


def files(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03}.mp4").write_bytes(b"content %d" % number)
    return folder


class Reported:
    """The files that a working process reported as indexed."""

    def __init__(self, work: Work) -> None:
        self.process = work.start()
        self.names: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("indexed "):
                self.names.append(line.split(" ", 1)[1].strip())

    def end(self) -> None:
        self.process.wait(PATIENCE_S)
        self._reader.join(10)
        assert self.process.stderr is not None
        assert self.process.returncode == 0, self.process.stderr.read()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


def found(data: Path, names: list[str]) -> int:
    """Return how many of these files the database has, once it is back."""
    until = time.monotonic() + PATIENCE_S
    while True:
        with suppress(psycopg.Error), psycopg.connect(EmbeddedPostgres(data).start()) as connection:
            keys = [b"%" + os.fsencode(name) for name in names]
            query = sql.SQL("SELECT count(*) FROM file WHERE video_id IS NOT NULL AND path LIKE ANY (%s)")
            row = connection.execute(query, [keys]).fetchone()
            assert row is not None
            return int(row[0])
        assert time.monotonic() < until


def kill_while_indexing(videos: Path, data: Path, kills: int) -> int:
    """Kill the server again and again; return how many files had been reported by the last time."""
    chance = random.Random(kills)
    reported = Reported(Work(str(videos), str(data), None))
    try:
        for _ in range(kills):
            before = len(reported.names)
            while len(reported.names) == before and reported.process.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.3))
            assert reported.process.poll() is None, "it was done too soon"
            pid = recorded_pid(data / "postgres")
            assert pid is not None
            names = list(reported.names)
            os.kill(pid, signal.SIGKILL)
            assert found(data, names) == len(names)
        reported.end()
    finally:
        reported.stop()
    return len(names)


def indexed_in_peace(videos: Path, tmp_path: Path) -> dict[str, object]:
    whole = tmp_path / "whole"
    try:
        assert Work(str(videos), str(whole), None).run() == 0
        return contents(EmbeddedPostgres(whole).start(), whole)
    finally:
        EmbeddedPostgres(whole).stop()


def test_nothing_that_was_reported_is_lost(data: Path, tmp_path: Path) -> None:
    videos = files(tmp_path / "videos", 30)
    assert kill_while_indexing(videos, data, 1) > 0

    assert contents(EmbeddedPostgres(data).start(), data) == indexed_in_peace(videos, tmp_path)


@pytest.mark.slow
def test_twenty_deaths_of_the_database(data: Path, tmp_path: Path) -> None:
    videos = files(tmp_path / "videos", 600)
    reported = kill_while_indexing(videos, data, 20)
    print(f"20 kills, {reported} files reported by then, 0 lost")

    assert contents(EmbeddedPostgres(data).start(), data) == indexed_in_peace(videos, tmp_path)
