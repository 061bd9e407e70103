"""Small conversions on the way out."""

from __future__ import annotations

import pytest

from heimdex.web.schemas import showable, timecode


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "00:00:00.000"),
        (12.5, "00:00:12.500"),
        (59.9996, "00:01:00.000"),
        (3661.001, "01:01:01.001"),
        (360000.0, "100:00:00.000"),
    ],
)
def test_timecode(seconds: float, expected: str) -> None:
    assert timecode(seconds) == expected


def test_a_name_with_odd_bytes_can_be_sent() -> None:
    assert showable("a\udcff.mp4") == "a?.mp4"
