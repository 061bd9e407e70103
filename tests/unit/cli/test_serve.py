"""The server's life: its address, its note, its end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from heimdex.cli.exits import ExitCode
from heimdex.cli.running import NOTE, find_server

#: `heimdex serve` over a library that only says when it was closed
PROGRAM = """
import sys, types, contextlib
from pathlib import Path
wiring = types.ModuleType("heimdex.wiring")

class Embedder:
    async def embed_texts(self, texts, *, timeout_s):
        pass

@contextlib.asynccontextmanager
async def open_library(settings, stop_if_last):
    try:
        yield types.SimpleNamespace(settings=settings, embedder=Embedder(), text_embedder=None, loads_clip=True)
    finally:
        Path(settings.data_dir, "closed").touch()

wiring.open_library = open_library
sys.modules["heimdex.wiring"] = wiring
sys.argv = ["heimdex", "serve", "--port", "0"]
from heimdex.cli.main import main
main()
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[subprocess.Popen[str], str]]:
    monkeypatch.setenv("HEIMDEX_DATA_DIR", str(tmp_path))
    for name in ("PORT", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(name, raising=False)
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("heimdex is ready: "), "the server ended before it was ready"
        yield process, line.split()[-1]
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(server: Any, tmp_path: Path, number: signal.Signals) -> None:
    process, url = server
    found = find_server(tmp_path)
    assert found
    assert found.url == url
    with urlopen(url + "/health") as answer:  # noqa: S310
        assert json.load(answer)["instance"] == found.instance

    process.send_signal(number)

    assert process.wait(30) == 0
    assert (tmp_path / "closed").exists()
    assert not (tmp_path / NOTE).exists()


def test_a_killed_server_is_not_found(server: Any, tmp_path: Path) -> None:
    process, _ = server
    process.kill()
    process.wait(30)

    assert (tmp_path / NOTE).exists()
    assert find_server(tmp_path) is None


def test_a_second_server_for_the_same_library_is_refused(
    server: Any, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = server
    monkeypatch.setenv("HEIMDEX_DATA_DIR", str(tmp_path))
    ran = run("serve", "--port", "0")

    assert ran.code == ExitCode.FAILED
    assert url in ran.err


def test_a_taken_port_is_one_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        ran = run("serve")

    assert ran.code == ExitCode.FAILED
    assert len(ran.err.splitlines()) == 1
    assert "--port 0" in ran.err


def test_a_port_that_is_no_number_is_usage(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")

    assert run("serve").code == ExitCode.USAGE
