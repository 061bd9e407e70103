"""Answers for people."""

from __future__ import annotations

from typing import Any

import pytest

from heimdex.cli.show import clock, show_answer, why


def _match(channel: str, normalised: float, weight: float = 0.5, label: str = "strong") -> dict[str, Any]:
    return {
        "channel": channel, "rank": 1, "raw": 0.3, "normalised": normalised, "weight": weight, "label": label,
    }  # fmt: skip


def _answer(**changes: Any) -> dict[str, Any]:
    result = {
        "rank": 1,
        "scene_id": "s1",
        "title": "Traffic",
        "start_s": 12.5,
        "end_s": 18.04,
        "label": "strong",
        "matched": [_match("lexical", 0.2), _match("visual", 1.0)],
        "snippet": "a red\ncar",
    }
    answer = {
        "query": "red car",
        "results": [result],
        "took_ms": 34.4,
        "mode": {"used": "recall", "reason": "Strong visual intent: object:car"},
        "explanation": {},
    }
    return answer | changes


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00.0"), (12.5, "0:12.5"), (59.96, "1:00.0"), (3661.25, "1:01:01.2")]
)
def test_clock(seconds: float, expected: str) -> None:
    assert clock(seconds) == expected


def test_the_channel_that_added_most_comes_first() -> None:
    matched = [_match("lexical", 0.2), _match("visual", 1.0), _match("transcript", 0.9, 0.4)]

    assert why({"matched": matched}) == "seen, said, words"


def test_evidence_that_means_nothing_is_not_named() -> None:
    matched = [_match("visual", 1.0, label="none"), _match("lexical", 0.2, label="weak")]

    assert why({"matched": matched}) == "words"


def test_a_moment_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show_answer(_answer(), places={"s1": "http://127.0.0.1:8765/?q=red"})

    assert capsys.readouterr().out.splitlines() == [
        "  1  strong Traffic  0:12.5 – 0:18.0  seen, words",
        "       “a red car”",
        "       http://127.0.0.1:8765/?q=red",
        "recall: Strong visual intent: object:car · 34 ms",
    ]


def test_words_that_do_not_count_are_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    answer = _answer()
    answer["results"][0]["matched"] = [_match("visual", 1.0), _match("lexical", 0.2, label="none")]
    show_answer(answer, places={})

    assert "a red" not in capsys.readouterr().out


def test_what_is_told_is_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    answer = _answer()
    answer["results"][0]["matched"].append({**_match("summary", 1.0), "text": "A street at night"})
    show_answer(answer, places={})

    assert "       told: A street at night" in capsys.readouterr().out


def test_weights_that_somebody_chose_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    weights = {"visual": {"value": 1.0, "source": "saved"}, "lexical": {"value": 0.2, "source": "settings"}}
    show_answer(_answer(weights=weights), places={})

    assert "weights: visual 1 (saved)" in capsys.readouterr().out


def test_a_receipt_shows_the_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    show_answer(_answer(), places={}, explain=True)

    assert "normalised 0.2000 × weight 0.5000 = 0.1000" in capsys.readouterr().out


def test_nothing_found_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_answer(_answer(results=[], query="[red]elephant"), places={})

    assert capsys.readouterr().out.startswith("No good match for “[red]elephant”.")


def test_a_title_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    answer = _answer()
    answer["results"][0]["title"] = "\x1b[2Jgone [bold]"
    show_answer(answer, places={})

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[2Jgone [bold]" in out
