"""What a file name or a subtitle says never drives the terminal."""

from __future__ import annotations

import json

import pytest

from heimdex.cli.output import plain, say_json

HOSTILE = "\x1b]0;owned\x07 \x9b31m \x7f \u202egpj \u2028 \udcff"


def test_plain_text_keeps_letters_and_escapes_the_rest() -> None:
    assert plain(HOSTILE) == r"\x1b]0;owned\x07 \x9b31m \x7f \u202egpj \u2028 \udcff"
    assert plain("빨간 자동차\t🏳️\u200d🌈\n") == "빨간 자동차\t🏳️\u200d🌈\n"


@pytest.mark.parametrize("indent", [2, None])
def test_json_says_the_same_in_characters_that_print(capsys: pytest.CaptureFixture[str], indent: int | None) -> None:
    value = {"title": HOSTILE, "빨간": ["자동차", "👩\u200d🍳"]}
    say_json(value, indent=indent)
    out = capsys.readouterr().out

    assert json.loads(out) == value
    assert "빨간" in out
    assert plain(out) == out
