"""Bad input gets one clear line."""

from __future__ import annotations

import math
import unicodedata
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.errors import BadRequest
from heimdex.domain.query import Channel, Mode
from heimdex.search.request import check


def test_a_request_is_normalised_and_stripped() -> None:
    request = check("  " + unicodedata.normalize("NFD", "자동차") + " ", mode="skip", weights={"visual": 1})

    assert request.query == "자동차"
    assert (request.mode, request.limit) == (Mode.SKIP, 10)
    assert request.weights == {Channel.VISUAL: 1.0}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("\u200b\u200d", "empty"),
        ("a\x00b", "U+0000"),
        ("a\x1b[31m", "U+001B"),
        ("a\nb", "U+000A"),
        ("a\ud800", "Unicode"),
        ("x" * 513, "513 characters"),
        ("x" * 100_000, "100,000 characters"),
        ("😀" * 512, ""),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(query: str, says: str) -> None:
    if query == "😀" * 512:  # 2,048 bytes are just allowed
        assert check(query).query == query
        return
    with pytest.raises(BadRequest, match=says.replace("+", r"\+")) as refused:
        check(query)

    assert refused.value.remedy
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("mark", ["\ufeff", "\u200b", "\u200e", "\u202e", "\u2066", "\u00ad"], ids=ascii)
def test_invisible_marks_of_copied_text_are_left_out(mark: str) -> None:
    assert check(f"{mark}red{mark} car{mark}").query == "red car"


def test_an_emoji_of_several_stays_one() -> None:
    assert check("👩\u200d🍳").query == "👩\u200d🍳"


def test_composing_may_not_lengthen_a_query_past_the_limit() -> None:
    with pytest.raises(BadRequest, match="characters"):
        check("\ufb1d" * 512)  # NFC writes it as two characters


@pytest.mark.parametrize("limit", [0, -1, 101, 10_000])
def test_a_limit_out_of_bounds_is_refused(limit: int) -> None:
    with pytest.raises(BadRequest, match="limit"):
        check("car", limit=limit)


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "visual"}, {"weights": {"sound": 1.0}}, {"weights": {"visual": 1.5}}, {"weights": {"visual": math.nan}},
     {"weights": dict.fromkeys(["visual", "transcript", "summary", "lexical"], 0.0)}],
)  # fmt: skip
def test_unknown_modes_and_impossible_weights_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        check("car", **wrong)  # type: ignore[arg-type]


def test_a_filter_by_video() -> None:
    assert check("car", video_ids=[UUID(int=1)]).filter.video_ids == {UUID(int=1)}


@given(st.text(max_size=600))
def test_any_text_is_either_refused_or_safe(text: str) -> None:
    try:
        query = check(text).query
    except BadRequest:
        return
    assert query == unicodedata.normalize("NFC", query).strip() != ""
    assert len(query.encode()) <= 2048
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in query)
