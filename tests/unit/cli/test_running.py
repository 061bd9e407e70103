"""The server's note, and who believes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from heimdex.cli import running
from heimdex.cli.running import NOTE, RunningServer, ServerGone, announced, ask, find_server, fingerprint
from heimdex.domain.errors import HeimdexError
from heimdex.settings import Settings


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200, {"status": "ok", "instance": "abc"})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["query"]:
            self._answer(200, {"query": asked["query"]})
        else:
            self._answer(422, {"detail": "The query is empty.", "remedy": "Say something."})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield RunningServer(f"http://127.0.0.1:{listening.server_port}", 1, 0.0, "abc", "f")
        listening.shutdown()
        thread.join()


def test_a_live_server_is_found_while_it_is_announced(server: RunningServer, tmp_path: Path) -> None:
    with announced(tmp_path, server):
        assert find_server(tmp_path) == server
    assert find_server(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_another_server_on_the_same_port_is_not_ours(server: RunningServer, tmp_path: Path) -> None:
    other = RunningServer(server.url, 1, 0.0, "xyz", "f")
    with announced(tmp_path, other):
        assert find_server(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"url": "x"}', '"\\ud800"', "null"])
def test_a_damaged_note_is_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / NOTE).write_text(text)

    assert find_server(tmp_path) is None


def test_a_server_that_is_gone_is_not_found(tmp_path: Path) -> None:
    gone = RunningServer("http://127.0.0.1:9", 1, 0.0, "abc", "f")
    with announced(tmp_path, gone):
        assert find_server(tmp_path) is None
    with pytest.raises(ServerGone):
        ask(gone, "/v1/search", {}, timeout_s=1)


def test_the_note_of_a_newer_server_is_left_alone(server: RunningServer, tmp_path: Path) -> None:
    newer = RunningServer(server.url, 2, 9.0, "new", "f")
    with announced(tmp_path, server):
        (tmp_path / NOTE).write_text(json.dumps({s: getattr(newer, s) for s in RunningServer.__slots__}))

    assert running._read(tmp_path / NOTE) == newer


def test_the_servers_problem_becomes_our_error(server: RunningServer) -> None:
    assert ask(server, "/v1/search", {"query": "red car"}, timeout_s=5) == {"query": "red car"}
    with pytest.raises(HeimdexError, match="The query is empty") as raised:
        ask(server, "/v1/search", {"query": ""}, timeout_s=5)
    assert raised.value.remedy == "Say something."
    assert raised.value.exit_code == 2


def test_settings_that_change_answers_change_the_fingerprint() -> None:
    usual = Settings()

    assert fingerprint(usual) == fingerprint(Settings(web={"port": 1}))
    assert fingerprint(usual) != fingerprint(Settings(visual_mode="skip"))
    assert fingerprint(usual) != fingerprint(Settings(search={"rerank_pool": "text"}))
