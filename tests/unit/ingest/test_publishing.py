from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from heimdex.domain.media import title_of


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (b"holiday.mp4", "holiday"),
        (unicodedata.normalize("NFD", "한국 여행.mp4").encode(), "한국 여행"),
        (b"two\nlines\x1b[31m.mp4", "two lines [31m"),
        (b"\xff\xfe.mp4", "\ufffd\ufffd"),
        (b"\n.mp4", "?"),
    ],
)
def test_a_title_is_one_printable_line(name: bytes, title: str) -> None:
    assert title_of(Path("/videos") / os.fsdecode(name)) == title
