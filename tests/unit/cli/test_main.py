"""Every command helps; every error is one line with a remedy."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from heimdex import __version__
from heimdex.cli import search
from heimdex.cli.exits import ExitCode
from heimdex.domain.errors import StoreUnavailable

COMMANDS = [
    ["demo"], ["index"], ["search"], ["route"], ["serve"], ["status"], ["doctor"], ["keygen"], ["config", "show"],
    ["db", "status"], ["db", "stop"], ["models", "list"], ["models", "pull"], ["models", "add"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example_and_json(run: Any, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    ran = run(*command, "--help")

    assert ran.code == 0
    assert f"heimdex {' '.join(command)}" in ran.out.split("Usage:")[1].split("\n", 1)[1]
    assert "--json" in ran.out


def test_version(run: Any) -> None:
    assert run("--version") == (0, f"heimdex {__version__}\n", "")


@pytest.mark.parametrize("command", [[], ["config"], ["models"]], ids=repr)
def test_no_command_helps(run: Any, command: list[str]) -> None:
    ran = run(*command)

    assert ran.code == ExitCode.USAGE
    assert "Usage:" in ran.out + ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", ""],
        ["search", "  "],
        ["search", "a" * 100_000],
        ["search", "a\x1bb"],
        ["search", "a", "-n", "0"],
        ["search", "a", "-n", "10000"],
        ["search", "a", "--mode", "magic"],
        ["search", "\udcff"],
        ["nothing"],
        ["--nothing"],
        ["search"],
        ["search", "a", "-n", "ten"],
        ["search", "a", "-n", "1e400"],
        ["search", "-n"],
        ["serve", "--port", "70000"],
        ["index"],
        ["models", "add", "/nope"],
        ["route"],
        ["route", ""],
        ["route", "a", "--stdin"],
        ["serve", "--host", "0.0.0.0"],  # noqa: S104
        ["serve", "--host", "example.org"],
    ],
    ids=lambda arguments: " ".join(arguments)[:30].encode("unicode_escape").decode(),
)
def test_what_cannot_mean_anything_is_one_line_and_2(run: Any, arguments: list[str]) -> None:
    ran = run(*arguments)

    assert ran.code == ExitCode.USAGE
    assert ran.out == ""
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("heimdex: ")


def test_a_wrong_setting_is_named(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHT_VISUAL", "7")
    ran = run("search", "red car")

    assert ran.code == ExitCode.USAGE
    assert "WEIGHT_VISUAL" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_data_directory_that_cannot_be_written_is_one_line(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEIMDEX_DATA_DIR", str(tmp_path / "file" / "data"))
    ran = run("status")

    assert ran.code == ExitCode.FAILED
    assert "HEIMDEX_DATA_DIR" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreUnavailable("away", remedy="wait"), 1), (RuntimeError("a\nb"), 1), (KeyboardInterrupt(), 130)],
    ids=lambda value: type(value).__name__,
)
def test_no_error_is_a_traceback(run: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(search, "find", fail)
    ran = run("search", "red car")

    assert ran.code == code
    assert "Traceback" not in ran.err
    assert len(ran.err.splitlines()) <= 1


def test_starting_imports_nothing_heavy() -> None:
    heavy = ["numpy", "pydantic", "fastapi", "psycopg", "av", "onnxruntime", "httpx", "uvicorn", "rich", "PIL"]
    code = f"import sys, heimdex.cli.main; print([m for m in {heavy} if m in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
