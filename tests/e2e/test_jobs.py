"""The queue, watching and removing through the command line, on the real database and the real decoder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import DEMO

from heimdex.testing.command_line import CommandLine

FAST = {"HEIMDEX_WATCH__POLL_S": "0.2", "HEIMDEX_WATCH__SETTLE_S": "0.5", "HEIMDEX_WORKER__POLL_S": "0.2"}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(DEMO / "Farm day.mp4", folder / "a.mp4")
    shutil.copy(DEMO / "By the sea.mp4", folder / "b.mp4")
    (folder / "broken.mp4").write_text("no video")
    return folder


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_files_are_queued_held_back_and_worked_through(empty: CommandLine, videos: Path) -> None:
    queued = lines(empty.run("index", videos, "--enqueue", "--priority", "3", "--json").stdout)
    assert queued[-1]["summary"]["queued"] == 3
    empty.run("jobs", "pause", videos / "a.mp4")
    listed = empty.json("jobs", "list")
    assert {Path(job["path"]).name: job["state"] for job in listed["jobs"]} == {
        "a.mp4": "paused", "b.mp4": "pending", "broken.mp4": "pending",
    }  # fmt: skip
    assert {job["priority"] for job in listed["jobs"]} == {3}
    ended = {Path(line["path"]).name: line["status"] for line in lines(empty.run("worker", "--drain", "--json").stdout)}
    assert ended == {"b.mp4": "indexed", "broken.mp4": "unreadable"}

    assert "queue: 1 paused, 2 done." in empty.run("jobs", "list").stdout
    assert empty.json("jobs", "resume") == {"action": "resume", "jobs": 1, "queue": True}
    empty.run("jobs", "cancel", videos / "a.mp4")
    assert empty.json("jobs", "retry", videos / "broken.mp4") == {"action": "retry", "jobs": 1, "queue": False}
    assert [line["status"] for line in lines(empty.run("worker", "--drain", "--json").stdout)] == ["unreadable"]
    empty.run("jobs", "cancel", videos / "nothing.mp4", code=1)
    empty.run("jobs", "cancel", code=2)
    status = empty.json("status")
    assert status["queue"]["counts"]["cancelled"] == 1


def test_a_watched_folder_is_followed_and_a_video_removed(empty: CommandLine, videos: Path) -> None:
    watching = empty.with_settings(**FAST).start("watch", videos, "--json")
    try:
        assert watching.stdout is not None
        ended = {
            Path(line["path"]).name: line["status"] for line in (json.loads(watching.stdout.readline()) for _ in "123")
        }
        assert ended == {"a.mp4": "indexed", "b.mp4": "indexed", "broken.mp4": "unreadable"}
        (videos / "a.mp4").rename(videos / "c.mp4")
        assert json.loads(watching.stdout.readline())["status"] == "linked"
        removed = empty.json("remove", videos / "b.mp4")
        assert (removed["videos"], len(removed["files"])) == (1, 1)
        time.sleep(1.5)  # time to bring it back, if it were a new file
    finally:
        os.kill(watching.pid, signal.SIGTERM)
        out, errors = watching.communicate(timeout=60)
    assert (watching.returncode, out) == (0, ""), errors
    status = empty.json("status")
    assert status["videos"] == 1
    assert {Path(file["path"]).name: file["reason"] for file in status["unreadable"]} == {
        "b.mp4": "removed", "broken.mp4": "not_media",
    }  # fmt: skip
    assert status["queue"]["counts"]["pending"] == status["queue"]["counts"]["running"] == 0
    assert (videos / "b.mp4").is_file()
    pictures = [finding for finding in empty.json("doctor") if finding["check"] == "pictures"]
    assert pictures[0]["state"] == "ok"


def test_a_worker_that_is_stopped_gives_its_job_back(empty: CommandLine, videos: Path) -> None:
    empty.run("index", videos, "--enqueue")
    working = empty.with_settings(**FAST).start("worker")
    try:
        while not any(job["state"] == "running" for job in empty.json("jobs", "list")["jobs"]):
            time.sleep(0.05)
    finally:
        os.kill(working.pid, signal.SIGTERM)
        _, errors = working.communicate(timeout=60)
    assert working.returncode == 0, errors
    listed = empty.json("jobs", "list", "--state", "pending", "--state", "running", "--state", "quarantined")
    assert {job["state"] for job in listed["jobs"]} <= {"pending"}
    assert {job["attempts"] for job in listed["jobs"]} <= {0}
