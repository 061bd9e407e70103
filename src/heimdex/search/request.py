"""What a person typed, checked once; everything behind it may trust a `SearchRequest`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from heimdex.domain.errors import BadRequest
from heimdex.domain.ids import VideoId
from heimdex.domain.query import Mode, SearchFilter, SearchRequest, Sort
from heimdex.search.cursor import decode
from heimdex.search.filters import check_filter
from heimdex.search.weights import check_weights

#: 2 KiB at most, since UTF-8 spends up to four bytes on a character
MAX_CHARACTERS = 512
MAX_LIMIT = 100
#: they make one letter or one emoji of several
_JOINERS = "\u200c\u200d"


def check(
    query: str,
    *,
    limit: int = 10,
    mode: str = "auto",
    weights: Mapping[str, float] | None = None,
    use_saved_preferences: bool = True,
    video_ids: Iterable[UUID] | None = None,
    filter: Mapping[str, Any] | None = None,  # noqa: A002  the name that it has on the wire
    explain: bool = False,
    include_weak: bool = False,
    per_video: int | None = None,
    sort: str = "relevance",
    cursor: str | None = None,
) -> SearchRequest:
    """Return the request, its query in NFC without surrounding space.

    Args:
        video_ids: only these videos, besides what ``filter`` says; none given means every video.
        filter: as `heimdex.search.filters.check_filter` reads it.
        cursor: ``next_cursor`` of the page before; it only fits the same query and options.

    Raises:
        BadRequest: with one line that says what is wrong and what to do.
    """
    request = SearchRequest(
        query=check_query(query),
        limit=_check_limit(limit),
        mode=_check_mode(mode),
        weights=check_weights(weights or {}),
        use_saved_preferences=use_saved_preferences,
        filter=_check_filter(filter or {}, frozenset(VideoId(video_id) for video_id in video_ids or ())),
        explain=explain,
        include_weak=include_weak,
        per_video=_check_per_video(per_video),
        sort=_check_sort(sort),
    )
    return request if cursor is None else replace(request, after=decode(cursor, request))


def check_alike(query: str = "", **options: Any) -> SearchRequest:
    """Return the request of a search by picture or by scene, where words may be missing; options as in `check`."""
    if query.strip():
        return check(query, **options)
    return replace(check("scene", **options), query="")


def check_query(query: str) -> str:
    """Return ``query`` in NFC without surrounding space.

    Raises:
        BadRequest: empty, too long, or with characters that no text has.
    """
    # the length comes first: everything after it costs time in proportion to it
    _check_length(query)
    for char in query:
        if unicodedata.category(char) == "Cs":
            raise BadRequest("The query is not valid Unicode text.", remedy="Send it as UTF-8.")
        if unicodedata.category(char) == "Cc":
            raise BadRequest(
                f"The query contains the control character U+{ord(char):04X}.", remedy="Write it as one line of text."
            )
    # marks of direction and zero width come along with copied text; nobody searches for them
    text = "".join(char for char in query if unicodedata.category(char) != "Cf" or char in _JOINERS)
    text = unicodedata.normalize("NFC", text).strip()
    _check_length(text)  # composing can also lengthen
    if all(unicodedata.category(char) in {"Cf", "Zs", "Zl", "Zp", "Mn"} for char in text):
        raise BadRequest("The query is empty.", remedy="Say what is seen or said, such as: red car driving.")
    return text


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise BadRequest(
            f"The query has {len(text):,} characters; at most {MAX_CHARACTERS} are allowed.",
            remedy="Ask for one moment in a sentence or two.",
        )


def _check_limit(limit: int) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        raise BadRequest(f"The limit is {limit:,}.", remedy=f"Ask for 1 to {MAX_LIMIT} results.")
    return int(limit)


def _check_filter(written: Mapping[str, Any], video_ids: frozenset[VideoId]) -> SearchFilter:
    found = check_filter(written)
    if not video_ids:
        return found
    only = SearchFilter(video_ids)
    return only if found.is_empty else replace(found, all_of=(*found.all_of, only))


def _check_per_video(per_video: int | None) -> int | None:
    if per_video is not None and per_video < 1:
        raise BadRequest(f"At most {per_video:,} results of each video were asked for.", remedy="Ask for 1 or more.")
    return per_video


def _check_sort(sort: str) -> Sort:
    try:
        return Sort(sort)
    except ValueError:
        raise BadRequest(
            f"There is no order {sort[:40]!r}.", remedy=f"Choose one of {', '.join(s.value for s in Sort)}."
        ) from None


def _check_mode(mode: str) -> Mode:
    try:
        return Mode(mode)
    except ValueError:
        raise BadRequest(
            f"There is no mode {mode[:40]!r}.", remedy=f"Choose one of {', '.join(m.value for m in Mode)}."
        ) from None
