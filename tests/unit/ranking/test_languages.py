"""A model is asked only what it can read."""

from __future__ import annotations

import pytest

from heimdex.ranking.languages import can_read


@pytest.mark.parametrize(
    ("languages", "text", "readable"),
    [
        (("en",), "red car", True),
        (("en",), "빨간 자동차", False),
        (("en",), "BTS 콘서트", False),
        (("en",), "the red 차", True),
        (("en",), "그 BTS 콘서트 영상", False),
        (("en", "ko"), "빨간 자동차", True),
        ((), "빨간 자동차", True),
        (("en",), "12 + 7", True),
        (("en",), "", True),
    ],
)
def test_mostly_korean_text_needs_a_model_that_knows_korean(
    languages: tuple[str, ...], text: str, readable: bool
) -> None:
    assert can_read(languages, text) is readable
