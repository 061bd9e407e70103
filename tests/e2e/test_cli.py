"""The demo library through the command line."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

SAID = "The exam results come out on Thursday"
ABSENT = "submarine periscope"


def test_status_counts_what_the_truth_counts(demo: Any, truth: Any) -> None:
    found = demo.json("status")

    assert found["videos"] == truth.videos
    assert abs(found["scenes"] - truth.scenes) <= 2
    assert found["coverage"]["visual"]["fraction"] == 1.0
    assert found["unreadable"] == found["missing"] == []


@pytest.mark.parametrize("query", ["red car", "빨간 자동차"])
def test_what_is_seen_is_found_in_both_languages(demo: Any, truth: Any, query: str) -> None:
    first = demo.json("search", query)["results"][0]

    assert any(shown.is_found_by(first) for shown in truth.showing("car", "red"))
    assert first["matched"][0]["channel"] == "visual"


@pytest.mark.parametrize("words", [SAID, "이 노래를 들으면 고향이 생각나요"])
def test_what_is_said_is_found_by_its_words_and_not_by_the_picture(demo: Any, truth: Any, words: str) -> None:
    answer = demo.json("search", words)
    first = answer["results"][0]

    (said,) = truth.saying(words)
    assert said.is_found_by(first)
    assert words in first["snippet"]
    assert "lexical" in [match["channel"] for match in first["matched"]]


def test_what_is_absent_is_no_good_match(demo: Any) -> None:
    ran = demo.run("search", ABSENT, code=3)

    assert "No good match" in ran.stdout
    assert demo.json("search", ABSENT, code=3)["results"] == []
    assert demo.json("search", ABSENT, "--all")["results"] != []


def test_the_modes_of_the_guide(demo: Any) -> None:
    for mode in ("recall", "rerank", "skip"):
        assert demo.json("search", "red car", "--mode", mode, "--all", code=None)["mode"]["used"] == mode
    assert demo.json("search", "red car driving fast")["mode"]["used"] == "recall"


def test_a_receipt_can_be_added_up(demo: Any) -> None:
    answer = demo.json("search", "red car", "--explain")

    assert answer["explanation"]
    for result in answer["results"]:
        for match in result["matched"]:
            assert 0 <= match["normalised"] <= 1
            assert 0 <= match["weight"] <= 1


def test_the_demo_again_does_nothing_twice(demo: Any) -> None:
    before = demo.json("search", "red car")["results"][0]["scene_id"]
    again = demo.json("demo")

    assert again["summary"]["unchanged"] == again["summary"]["files"] > 0
    assert demo.json("search", "red car")["results"][0]["scene_id"] == before


def test_the_same_answer_with_and_without_a_server(served: Any, demo: Any) -> None:
    by_server = served.line.run("search", "red car", "-n", "5", "--json")
    in_process = demo.run("search", "red car", "-n", "5", "--json")

    assert "other settings" in in_process.stderr
    assert "other settings" not in by_server.stderr
    found = [json.loads(ran.stdout)["results"] for ran in (by_server, in_process)]
    assert found[0] == found[1] != []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("empty.mp4", b"", "no bytes"), ("text.mp4", b"this is not a video, it only says so\n" * 50, "no known media")],
)
def test_a_file_that_is_no_video_is_listed_with_a_reason(
    videoless: Any, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    ran = videoless.run("index", tmp_path / name, code=1)

    assert name in ran.stdout
    assert str(tmp_path / name) in [file["path"] for file in videoless.json("status")["unreadable"]]
    assert (tmp_path / name).read_bytes() == content


def test_paths_that_lead_nowhere_are_usage(videoless: Any, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("nothing to see")
    for path in (tmp_path / "missing.mp4", tmp_path / "folder"):
        ran = videoless.run("index", path, code=2)
        assert len(ran.stderr.splitlines()) == 1
        assert path.name in ran.stderr


def test_an_empty_library_finds_nothing_and_says_so(videoless: Any) -> None:
    assert videoless.run("search", "red car", code=3).stdout.startswith("No good match")
    assert "heimdex index" in videoless.run("status").stderr


def test_an_interrupted_run_goes_on(empty: Any, truth: Any, tmp_path: Path) -> None:
    videos = sorted(truth.folder.glob("*.mp4"))[:2]
    for video in videos:
        shutil.copy(video, tmp_path)
    with subprocess.Popen(
        empty.command("index", tmp_path, "--json"), env=empty.environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline()  # one video is in
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"Traceback" not in errors

    lines = [json.loads(line) for line in empty.run("index", tmp_path, "--json").stdout.splitlines()]
    assert lines[-1]["summary"]["unchanged"] >= 1
    assert empty.json("status")["videos"] == 2


def test_doctor_finds_everything_in_order(demo: Any) -> None:
    states = {finding["check"]: finding["state"] for finding in demo.json("doctor")}

    assert {states[name] for name in ("python", "data directory", "database", "picture model", "decoder")} == {"ok"}


@pytest.mark.parametrize(
    ("setting", "check"),
    [
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing"}, "database"),
        ({"HEIMDEX_EMBEDDING__MODEL": "no-such-model"}, "picture model"),
        ({"HEIMDEX_EMBEDDING__TEXT_MODEL": "no-such-model"}, "text model"),
    ],
)
def test_doctor_says_what_is_missing_and_what_to_do(videoless: Any, setting: dict[str, str], check: str) -> None:
    findings = {finding["check"]: finding for finding in videoless.with_settings(**setting).json("doctor", code=1)}

    assert [name for name, finding in findings.items() if finding["state"] == "missing"] == [check]
    assert findings[check]["remedy"]


def test_the_database_stops_and_comes_back(demo: Any) -> None:
    demo.run("db", "stop")
    assert demo.json("db", "status")["running"] is False
    assert demo.json("search", "red car")["results"]
    assert demo.json("db", "status")["running"] is True


def test_one_route_a_line(demo: Any) -> None:
    ran = demo.run("route", "--stdin", "--json", stdin="red car driving\nhe says goodbye\n")

    assert [json.loads(line)["mode"] for line in ran.stdout.splitlines()] == ["recall", "skip"]
