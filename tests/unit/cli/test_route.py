"""Decisions, one a line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import pytest

ROWS = [
    ("red car driving", "recall", 0.9),
    ("person in crowd", "rerank", 0.7),
    ("he says goodbye", "skip", 0.9),
    ("tteokbokki scene", "rerank", 0.5),
    ("what is the theme?", "skip", 0.7),
    ("red car driving fast", "recall", 0.9),
    ("the line where he says we're in this together", "skip", 0.9),
]


@pytest.mark.parametrize(("query", "mode", "confidence"), ROWS)
def test_the_table(run: Any, query: str, mode: str, confidence: float) -> None:
    ran = run("route", query, "--json")
    found = json.loads(ran.out)

    assert ran.code == 0
    assert list(found) == ["query", "mode", "confidence", "reason", "prior"]
    assert (found["query"], found["mode"], found["confidence"]) == (query, mode, confidence)
    assert set(found["prior"]) == {"visual", "transcript", "both"}
    assert sum(found["prior"].values()) == pytest.approx(1)


def test_unquoted_words_are_one_query(run: Any) -> None:
    assert run("route", "red", "car", "driving").out.startswith("recall  0.90  Strong visual intent")


def test_one_decision_for_each_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["red car driving", "", "빨간 자동차", "a\u2028b\x0cc", "\ufffd", "last"]
    sent = "red car driving\n\n빨간 자동차\r\na\u2028b\x0cc\n".encode() + b"\xff\nlast"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sent)))
    ran = run("route", "--stdin", "--json")

    assert [json.loads(line)["query"] for line in ran.out.rstrip("\n").split("\n")] == lines


def test_routing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from heimdex.cli.route import decision; decision('red car');"
        "print([m for m in ('numpy', 'pydantic', 'psycopg', 'av', 'onnxruntime', 'fastapi') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


SAID = "on the street a man wonders whether his friend would agree with him about the job"


def test_the_router_is_chosen_by_the_option_or_the_settings(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    learned, ruled = (
        run("route", SAID, "--router", "learned", "--json"),
        run("route", SAID, "--router", "rules", "--json"),
    )
    monkeypatch.setenv("HEIMDEX_SEARCH__ROUTER", "rules")

    assert run("route", SAID, "--json").out == ruled.out
    monkeypatch.setenv("HEIMDEX_SEARCH__ROUTER", "learned")
    assert run("route", SAID, "--json").out == learned.out
    assert json.loads(learned.out)["prior"] != json.loads(ruled.out)["prior"]
