"""Tokens for the next page: they fit their own search, and nothing else is taken for one."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.errors import BadRequest
from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.query import Channel, Mode, Place, SearchFilter, SearchRequest, Sort
from heimdex.search.cursor import decode, encode
from heimdex.search.request import check

PLACE = Place(SceneId(UUID(int=77)), 20)
REQUEST = SearchRequest("red car", weights={Channel.VISUAL: 0.5, Channel.LEXICAL: 0.25})


def test_a_token_comes_back_as_the_place() -> None:
    assert decode(encode(PLACE, REQUEST), REQUEST) == PLACE


def test_a_page_may_have_another_size_and_explain_itself() -> None:
    assert decode(encode(PLACE, REQUEST), replace(REQUEST, limit=3, explain=True, after=PLACE)) == PLACE


def test_the_order_of_weights_and_of_videos_does_not_matter() -> None:
    videos = [VideoId(UUID(int=number)) for number in range(40)]
    one = replace(REQUEST, filter=SearchFilter(frozenset(videos)))
    two = replace(
        REQUEST, filter=SearchFilter(frozenset(reversed(videos))), weights=dict(reversed(REQUEST.weights.items()))
    )

    assert decode(encode(PLACE, one), two) == PLACE


@pytest.mark.parametrize(
    "changes",
    [
        {"query": "blue car"},
        {"mode": Mode.SKIP},
        {"weights": {}},
        {"filter": SearchFilter(frozenset({VideoId(UUID(int=1))}))},
        {"include_weak": True},
        {"sort": Sort.TIME},
        {"per_video": 1},
    ],
)
def test_a_token_of_another_search_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match="another search"):
        decode(encode(PLACE, REQUEST), replace(REQUEST, **changes))  # type: ignore[arg-type]


@given(st.uuids(), st.integers(1, 2**32 - 1), st.text(max_size=40), st.sampled_from(Sort))
def test_every_place_comes_back_from_its_token(scene: UUID, shown: int, query: str, sort: Sort) -> None:
    request = replace(REQUEST, query=query, sort=sort)

    assert decode(encode(Place(SceneId(scene), shown), request), request) == Place(SceneId(scene), shown)


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="damaged"):
        decode(text, REQUEST)


@given(st.data())
def test_a_token_with_any_other_character_is_refused(data: st.DataObject) -> None:
    token = encode(PLACE, REQUEST)
    place = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.sampled_from("abcXYZ019-_=+/ \u00e9").filter(lambda c: c != token[place]))

    with pytest.raises(BadRequest):
        decode(token[:place] + letter + token[place + 1 :], REQUEST)


def test_the_request_is_checked_with_its_cursor() -> None:
    first = check("red car", per_video=2)

    assert check("red car", per_video=2, limit=5, cursor=encode(PLACE, first)).after == PLACE
    with pytest.raises(BadRequest):
        check("red car", cursor=encode(PLACE, first))
    with pytest.raises(BadRequest):
        check("red car", cursor="")
