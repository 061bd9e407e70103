from __future__ import annotations

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.speech.repair import as_ass, as_srt


def cues(text: str, format_: str = "srt") -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.plaintext) for e in pysubs2.SSAFile.from_string(text, format_=format_).events]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ("00:00:01,000 --> 00:00:02,500", (1000, 2500)),
        ("00:01.000 --> 00:02.5", (1000, 2500)),
        ("1.5 --> 2", (1500, 2000)),
        ("61:00.000 --> 61:01.000 align:start", (3_660_000, 3_661_000)),
        ("99:00:00,000 --> 99:00:01,000", (356_400_000, 356_401_000)),
        ("00:00:013,5 --> 00:00:14,901", (13_500, 14_901)),
    ],
)
def test_times_are_read_as_people_write_them(times: str, expected: tuple[int, int]) -> None:
    assert cues(as_srt(f"{times}\nwords\n")) == [(*expected, "words")]


def test_a_broken_cue_takes_nothing_else_with_it() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nfirst\n2\nnonsense --> 00:00:03,000\nlost\n\n3\n00:04 --> 00:05\nlast\n"

    assert cues(as_srt(text)) == [(1000, 2000, "first"), (4000, 5000, "last")]


def test_a_header_and_notes_are_no_words() -> None:
    text = "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE nothing\n\nintro\n00:01.000 --> 00:02.000\nhello\n"

    assert cues(as_srt(text)) == [(1000, 2000, "hello")]


def test_ass_columns_may_stand_in_any_order() -> None:
    text = (
        "[Events]\nFormat: Start, End, Text\nDialogue: 0:00:01:50,0:00:02.00,{\\i1}one, two\n"
        "Comment: 0:00:02.00,0:00:03.00,not said\nDialogue: soon,later,lost\n"
    )

    assert cues(as_ass(text), "ass") == [(1500, 2000, "one, two")]


@given(st.text(alphabet="0123456789:.,-> \nWEBVTT[]{}abDialogue", max_size=400))
def test_whatever_is_written_is_read_without_an_error(text: str) -> None:
    cues(as_srt(text))
    cues(as_ass(text), "ass")
