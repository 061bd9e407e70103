"""What an answer means to a script, and which way it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heimdex.cli import search
from heimdex.cli.exits import ExitCode
from heimdex.cli.running import RunningServer, ServerGone

SERVER = RunningServer("http://127.0.0.1:1", 1, 0.0, "abc", "same")


def _answer(**changes: Any) -> dict[str, Any]:
    return {
        "query": "red car",
        "results": [],
        "took_ms": 1.0,
        "mode": {"used": "skip", "reason": "because"},
        "degraded": False,
        "degraded_reasons": [],
        "notices": [],
        "explanation": {},
    } | changes


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (_answer(results=[{}]), ExitCode.DONE),
        (_answer(), ExitCode.NOTHING_FOUND),
        (_answer(results=[{}], degraded=True), ExitCode.DEGRADED),
        (_answer(degraded=True), ExitCode.DEGRADED),
    ],
)
def test_exit_code(answer: dict[str, Any], code: ExitCode) -> None:
    assert search.exit_code(answer) is code


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        (
            {"visual": "nothing is indexed with pocket-1", "lexical": ""},
            "pictures were not searched: nothing is indexed",
        ),
        ({"visual": "weight 0", "lexical": "weight 0"}, "nothing was searched: visual: weight 0; lexical: weight 0"),
        ({"visual": "mode skip: Speech intent", "lexical": ""}, ""),
        ({"visual": "", "lexical": ""}, ""),
        ({}, ""),
    ],
)
def test_what_was_not_searched_is_told(reasons: dict[str, str], said: str) -> None:
    channels = {name: {"status": "skipped" if why else "empty", "reason": why} for name, why in reasons.items()}

    told = search.unsearched(channels)

    assert told.startswith(said)
    assert bool(told) is bool(said)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*_: object) -> tuple[dict[str, Any], dict[str, str]]:
        return _answer(notices=["knows drawings"], query="in process"), {}

    monkeypatch.setattr(search, "_in_process", answer)
    monkeypatch.setattr(search, "fingerprint", lambda _: "same")


@pytest.mark.usefixtures("in_process")
def test_json_is_clean_and_notices_go_beside_it(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "find_server", lambda _: None)
    ran = run("search", "red", "car", "--json")

    assert ran.code == ExitCode.NOTHING_FOUND
    assert json.loads(ran.out)["query"] == "in process"
    assert ran.err == "heimdex: knows drawings\n"


@pytest.mark.usefixtures("in_process")
def test_a_running_server_is_asked(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def ask(_server: object, _path: str, body: dict[str, Any], **_: object) -> dict[str, Any]:
        asked.append(body)
        return _answer(query="by the server")

    monkeypatch.setattr(search, "find_server", lambda _: SERVER)
    monkeypatch.setattr(search, "ask", ask)
    ran = run("search", "red", "car", "-n", "3", "--mode", "skip", "--all", "--explain", "--json")

    assert json.loads(ran.out)["query"] == "by the server"
    assert asked == [
        {"query": "red car", "limit": 3, "mode": "skip", "explain": True, "include_weak": True, "sort": "relevance"}
    ]


def test_options_become_a_filter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    nothing: dict[str, Any] = dict.fromkeys(("folders", "videos", "after", "before", "language", "speech"))

    assert search.filtered(**nothing) is None
    assert search.filtered(**nothing | {"folders": ["a/../b"], "speech": False, "language": []}) == {
        "folders": [str(tmp_path / "b")], "has_speech": False,
    }  # fmt: skip


@pytest.mark.usefixtures("in_process")
def test_a_senseless_filter_is_refused_before_anything_is_asked(run: Any) -> None:
    ran = run("search", "red car", "--video", "holiday")

    assert ran.code == ExitCode.USAGE
    assert "id" in ran.err


@pytest.mark.usefixtures("in_process")
def test_a_server_that_stops_in_between_is_done_without(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object, **__: object) -> dict[str, Any]:
        raise ServerGone

    monkeypatch.setattr(search, "find_server", lambda _: SERVER)
    monkeypatch.setattr(search, "ask", ask)
    ran = run("search", "red car", "--json")

    assert json.loads(ran.out)["query"] == "in process"
    assert "without it" in ran.err


@pytest.mark.usefixtures("in_process")
def test_a_server_with_other_settings_is_not_asked(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "find_server", lambda _: SERVER)
    monkeypatch.setattr(search, "fingerprint", lambda _: "other")
    ran = run("search", "red car", "--json")

    assert json.loads(ran.out)["query"] == "in process"
    assert "other settings" in ran.err
