"""Indexing survives `kill -9` of itself and of PostgreSQL: nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heimdex.store import EmbeddedPostgres
from heimdex.store.postmaster import server_pids
from heimdex.testing.clips import Shot, picture, play, write_clip
from heimdex.testing.command_line import CommandLine
from heimdex.testing.tiny_models import write_tiny_clip

VIDEOS = 4
#: when the kills come, as parts of the time that an undisturbed run takes
MOMENTS = (0.3, 0.5, 0.65, 0.8)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    for number in range(VIDEOS):
        shots = [Shot(picture(10 * number + shot), 2.0, pan_px=8) for shot in range(4)]
        write_clip(folder / f"clip {number}.mp4", play(shots))
        (folder / f"clip {number}.srt").write_text(
            f"1\n00:00:00,500 --> 00:00:01,500\nhello from {number}\n\n2\n00:00:04,500 --> 00:00:05,500\nand goodbye\n"
        )
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"HEIMDEX_EMBEDDING__MODEL": str(write_tiny_clip(tmp_path_factory.mktemp("model") / "tiny"))}


@pytest.fixture(scope="module")
def undisturbed(
    footage: Path, model: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[Any], float]]:
    """What an uninterrupted run stores, and how long it takes with the database already there, in seconds."""
    line = CommandLine(tmp_path_factory.mktemp("undisturbed"), model)
    line.run("status")
    began = time.monotonic()
    line.run("index", footage)
    took_s = time.monotonic() - began
    yield stored(line), took_s
    line.run("db", "stop")


@pytest.fixture
def line(model: dict[str, str], tmp_path: Path) -> Iterator[CommandLine]:
    made = CommandLine(tmp_path / "data", model)
    made.run("status")
    yield made
    made.run("db", "stop", code=None)


def stored(line: CommandLine) -> list[Any]:
    """Every scene with all that belongs to it, except the ids that each run makes anew."""
    query = """
        SELECT v.title, s.ordinal, s.start_s, s.end_s, s.transcript, s.words::text,
               (SELECT array_agg(row(k.frame_no, k.time_s, k.quality, k.image)::text ORDER BY k.frame_no)
                FROM keyframe k WHERE k.scene_id = s.scene_id),
               (SELECT array_agg(row(e.frame_no, e.v)::text ORDER BY e.frame_no)
                FROM visual_vectors e WHERE e.scene_id = s.scene_id),
               (SELECT count(*) FROM file f WHERE f.video_id = v.video_id)
        FROM scene s JOIN video v USING (tenant_id, video_id) ORDER BY v.title, s.ordinal"""
    server = EmbeddedPostgres(line.data_dir)
    try:
        with psycopg.connect(server.start()) as connection:
            return connection.execute(query).fetchall()
    finally:
        server.release(stop_if_last=False)


def kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):  # it had ended
        os.killpg(pid, signal.SIGKILL)


def kill_postgres(data_dir: Path) -> None:
    for pid in server_pids(data_dir / "postgres"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_killed_again_and_again_it_ends_with_the_same_scenes(
    footage: Path, undisturbed: tuple[list[Any], float], line: CommandLine
) -> None:
    expected, took_s = undisturbed
    killed = 0
    for moment in MOMENTS:
        with line.start("index", footage) as process:
            time.sleep(moment * took_s)
            killed += process.poll() is None
            kill_group(process.pid)
            process.communicate()
    line.run("index", footage)

    assert killed > 0
    assert stored(line) == expected
    assert not any((line.data_dir / "artefacts" / ".staging").glob("*"))


def test_it_goes_on_after_the_database_is_killed(
    footage: Path, undisturbed: tuple[list[Any], float], line: CommandLine
) -> None:
    expected, took_s = undisturbed
    for moment in MOMENTS[::2]:
        with line.start("index", footage) as process:
            time.sleep(moment * took_s)
            kill_postgres(line.data_dir)
            _out, error = process.communicate(timeout=120)
            assert "Traceback" not in error
    line.run("index", footage)

    assert stored(line) == expected


def test_a_second_run_does_nothing(footage: Path, line: CommandLine) -> None:
    line.run("index", footage)
    before = stored(line)
    again = line.run("index", footage, "--json")

    assert again.stdout.count('"unchanged"') >= VIDEOS
    assert stored(line) == before
