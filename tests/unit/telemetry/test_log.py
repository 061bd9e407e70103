"""Log lines as people grep them and as machines read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from heimdex.telemetry.log import configure_logging


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_console_lines_are_greppable(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.get_logger().info("CLIP text embedding generated: dim=512, elapsed_ms=115", dim=512)

    assert capsys.readouterr().err.endswith("[INFO] CLIP text embedding generated: dim=512, elapsed_ms=115\n")


def test_json_lines_carry_fields(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "api.log"
    configure_logging(style="json", stderr=False, file=file)
    structlog.get_logger().info("Visual intent router: mode=recall", mode="recall")

    line = json.loads(file.read_text())
    assert (line["event"], line["level"], line["mode"]) == ("Visual intent router: mode=recall", "info", "recall")


def test_quieter_than_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING")
    structlog.get_logger().info("nothing to see")

    assert capsys.readouterr().err == ""


def test_a_file_name_cannot_forge_a_terminal_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.get_logger().warning("unreadable", file="a\x1b[2Jb.mp4")

    assert "\x1b" not in capsys.readouterr().err


def test_a_closed_stream_does_not_stop_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = (tmp_path / "gone").open("w")
    monkeypatch.setattr("sys.stderr", closed)
    file = tmp_path / "api.log"
    configure_logging(file=file)
    closed.close()
    structlog.get_logger().info("still here")

    assert "still here" in file.read_text()
