"""The demo library, indexed and served by the real commands; built once for all tests here."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import heimdex
from heimdex.testing.command_line import CommandLine

DEMO = Path(heimdex.__file__).parent / "demo"


@dataclass(frozen=True)
class Shown:
    """Where the truth says that something is to be seen or heard."""

    title: str
    start_s: float
    end_s: float

    def is_found_by(self, result: dict[str, Any]) -> bool:
        return bool(
            result["title"] == self.title
            and abs(result["start_s"] - self.start_s) <= 0.5
            and abs(result["end_s"] - self.end_s) <= 0.5
        )


class Truth:
    """What the demo videos show and say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._videos: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["videos"]

    @property
    def scenes(self) -> int:
        return sum(len(video["scenes"]) for video in self._videos.values())

    @property
    def videos(self) -> int:
        return len(self._videos)

    def showing(self, concept: str, colour: str | None = None) -> list[Shown]:
        return [
            Shown(video["title"], scene["start_s"], scene["end_s"])
            for video in self._videos.values()
            for scene in video["scenes"]
            if any(o["concept"] == concept and colour in (None, o["colour"]) for o in scene["objects"])
        ]

    def saying(self, words: str) -> list[Shown]:
        return [
            Shown(video["title"], scene["start_s"], scene["end_s"])
            for video in self._videos.values()
            for line, scene in zip(video["subtitles"], video["scenes"], strict=True)
            if words in line["text"]
        ]


@pytest.fixture(scope="session")
def truth() -> Truth:
    if not (DEMO / "truth.json").is_file():
        pytest.skip(f"the demo videos are not there: {DEMO}")
    return Truth(DEMO)


@pytest.fixture(scope="session")
def demo(truth: Truth, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The demo library; its settings differ from the server's in one point, so that it answers by itself."""
    line = CommandLine(tmp_path_factory.mktemp("데이터 one")).with_settings(HEIMDEX_SEARCH__DEADLINE_S="59")
    line.run("demo")
    yield line
    line.run("db", "stop", code=None)


@pytest.fixture(scope="session")
def videoless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A library to which no test adds a video."""
    line = CommandLine(tmp_path_factory.mktemp("videoless") / "data")
    yield line
    line.run("db", "stop", code=None)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[CommandLine]:
    """A library of nothing."""
    line = CommandLine(tmp_path / "data")
    yield line
    if line.data_dir.exists():
        line.run("db", "stop", code=None)


@dataclass(frozen=True)
class Served:
    """A running server, and the command line beside it."""

    url: str
    line: CommandLine


@pytest.fixture(scope="session")
def served(demo: CommandLine) -> Iterator[Served]:
    """The demo library behind `heimdex serve`."""
    line = CommandLine(demo.data_dir)
    with subprocess.Popen(
        line.command("serve", "--port", "0", "--json"), env=line.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        text = ""
        while not text.endswith("}\n"):
            out = process.stdout.readline()
            assert out, "the server ended before it was ready"
            text += out
        yield Served(json.loads(text)["url"], line)
        process.terminate()
        assert process.wait(60) == 0


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if found is None:
        pytest.skip("no Chromium: install the package `chromium`")
    return found
