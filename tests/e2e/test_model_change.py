"""Another model for a library that is indexed: filled, killed, compared, used, rolled back, removed."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from heimdex.testing.clips import Shot, picture, play, write_clip
from heimdex.testing.command_line import CommandLine
from heimdex.testing.tiny_models import write_tiny_clip, write_tiny_text_model

SCENES = 24
SRT = "1\n00:00:00,100 --> 00:00:01,500\na red car\n"


def add_video(folder: Path, name: str, scenes: int) -> Path:
    shots = [Shot(picture(1000 * len(name) + number, width=160, height=90), 1.2, grain=2) for number in range(scenes)]
    file = folder / f"{name}.mp4"
    write_clip(file, play(shots))
    return file


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A library of one video under pocket, and two small models beside it."""
    folder = tmp_path_factory.mktemp("change")
    line = CommandLine(folder / "data")
    (folder / "videos").mkdir()
    video = add_video(folder / "videos", "one", SCENES)
    video.with_suffix(".srt").write_text(SRT)
    line.run("models", "add", write_tiny_text_model(folder / "words-1", model_id="words-1"))
    line.with_settings(HEIMDEX_EMBEDDING__TEXT_MODEL="words-1").run("index", folder / "videos")
    line.run("models", "add", write_tiny_clip(folder / "second"))
    line.run("models", "add", write_tiny_text_model(folder / "words-2", model_id="words-2", dim=9))
    yield line
    line.run("db", "stop", code=None)


def space(line: CommandLine, model: str) -> dict[str, Any]:
    return next(each for each in line.json("status")["models"] if each["name"] == model)


def in_use(line: CommandLine) -> set[str]:
    return {each["name"] for each in line.json("reembed", "--status")["spaces"] if each["state"] == "in use"}


def test_what_is_not_covered_is_not_used(line: CommandLine) -> None:
    refused = line.run("models", "use", "second", code=1)

    assert "heimdex reembed --model second" in refused.stderr
    assert in_use(line) == {"pocket", "words-1"}


def test_a_setting_that_names_a_model_is_not_overruled_in_silence(line: CommandLine) -> None:
    fixed = line.with_settings(HEIMDEX_EMBEDDING__MODEL="pocket")

    refused = fixed.run("models", "use", "second", code=2)

    assert "HEIMDEX_EMBEDDING__MODEL=pocket decides" in refused.stderr


def test_a_killed_fill_goes_on_where_it_stopped(line: CommandLine) -> None:
    slow = line.with_settings(HEIMDEX_EMBEDDING__BATCH_SIZE="1")
    kills = 0
    for wait_s in (0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1):
        process = slow.start("reembed", "--model", "second")
        time.sleep(wait_s)
        kills += process.poll() is None
        process.kill()
        process.communicate()

    done = line.json("reembed", "--model", "second")

    assert kills > 0
    assert done["filled"][0]["left"] == 0
    filled, first = space(line, "second"), space(line, "pocket")
    assert (filled["state"], filled["fraction"], filled["scenes"]) == ("being filled", 1.0, first["scenes"])
    assert line.json("reembed", "--model", "second")["filled"][0]["vectors"] == 0


def test_what_is_indexed_meanwhile_goes_into_both(line: CommandLine) -> None:
    add_video(line.data_dir.parent / "videos", "two", 3)
    line.run("index", line.data_dir.parent / "videos")

    assert {space(line, name)["pending_videos"] for name in ("pocket", "second")} == {0}


def test_two_models_are_compared_on_queries_from_a_file(line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "queries.txt").write_text("# mine\nred car\n\n빨간 자동차\n")

    same = line.json("models", "compare", "pocket", "pocket", "--queries", tmp_path / "queries.txt")
    other = line.json("models", "compare", "pocket", "second", "--queries", tmp_path / "queries.txt")

    assert [each["query"] for each in same["queries"]] == ["red car", "빨간 자동차"]
    assert (same["mean_overlap"], same["same_first"]) == (1.0, 2)
    assert all(hit["rank_in_other"] == place for place, hit in enumerate(same["queries"][0]["one"], start=1))
    assert 0 <= other["mean_overlap"] < 1
    assert "models of two kinds" in line.run("models", "compare", "pocket", "words-1", code=2).stderr


@pytest.fixture
def server(line: CommandLine) -> Iterator[str]:
    """URL of `heimdex serve` over the library."""
    with subprocess.Popen(
        line.command("serve", "--port", "0", "--json"), env=line.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            text = ""
            while not text.endswith("}\n"):
                out = process.stdout.readline()
                assert out, "the server ended before it was ready"
                text += out
            yield json.loads(text)["url"]
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_a_server_follows_the_switch_and_the_way_back(line: CommandLine, server: str) -> None:
    assert pictures(server) == SCENES + 3
    line.run("models", "use", "second")
    assert in_use(line) == {"second", "words-1"}
    wait_for_model(line, "second")
    assert pictures(server) == SCENES + 3  # no gap
    line.run("models", "rollback")
    wait_for_model(line, "pocket")
    assert pictures(server) == SCENES + 3
    assert in_use(line) == {"pocket", "words-1"}
    line.run("models", "rollback")
    assert in_use(line) == {"second", "words-1"}


def test_the_command_line_searches_with_the_model_in_use(line: CommandLine) -> None:
    answer = line.json("search", "red car", "--mode", "recall", code=None)

    assert answer["channels"]["visual"]["status"] == "ok"
    assert not answer["notices"]  # pocket would say that it knows drawings only


def test_the_meaning_of_text_changes_its_model_the_same_way(line: CommandLine) -> None:
    assert line.json("reembed", "--model", "words-2")["filled"][0]["vectors"] == 1
    line.run("models", "use", "words-2")
    assert in_use(line) == {"second", "words-2"}
    assert space(line, "words-2")["pending_videos"] == 0
    line.run("models", "rollback", "--text")
    assert in_use(line) == {"second", "words-1"}


def test_the_model_in_use_is_not_removed_and_another_is_with_its_vectors(line: CommandLine) -> None:
    assert "is in use" in line.run("models", "remove", "second", code=1).stderr

    assert line.json("models", "remove", "words-2")["removed"] == "words-2"
    assert line.json("models", "remove", "pocket")["scenes"] == SCENES + 3

    assert {each["name"] for each in line.json("reembed", "--status")["spaces"]} == {"second", "words-1"}
    assert not (line.data_dir / "models/words-2").exists()
    assert line.run("models", "rollback", code=1).returncode == 1


def test_a_setting_that_names_a_model_is_followed_by_indexing_again(line: CommandLine) -> None:
    named = line.with_settings(HEIMDEX_EMBEDDING__MODEL="pocket")

    named.run("index", line.data_dir.parent / "videos")

    assert in_use(named) == {"pocket", "words-1"}
    assert space(named, "pocket")["fraction"] == 1.0


def test_keyframes_that_are_gone_are_named_and_hold_the_switch_back(line: CommandLine) -> None:
    lost = min((line.data_dir / "artefacts").rglob("*.jpg"))
    kept = lost.read_bytes()
    lost.unlink()
    write_tiny_clip(line.data_dir / "models/third", config={"model_id": "third"})

    done = line.run("reembed", "--model", "third", code=4)

    assert lost.name in done.stderr
    assert "1 videos with" in line.run("models", "use", "third", code=1).stderr
    lost.write_bytes(kept)
    line.run("reembed", "--model", "third")
    line.run("models", "use", "third")


def pictures(url: str) -> int:
    """Return how many candidates the pictures bring."""
    body = json.dumps({"query": "red car", "mode": "recall", "limit": 1}).encode()
    with urlopen(Request(f"{url}/search", body, {"Content-Type": "application/json"}), timeout=60) as answer:  # noqa: S310
        channel = json.load(answer)["channels"]["visual"]
    assert channel["status"] == "ok", channel
    return int(channel["candidates"])


def wait_for_model(line: CommandLine, name: str) -> None:
    log = line.data_dir / "logs/heimdex.log"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = [text for text in log.read_text().splitlines() if "Models changed" in text]
        if told and f"visual={name}" in told[-1]:
            return
        time.sleep(0.1)
    pytest.fail(f"the server did not follow to {name}")
