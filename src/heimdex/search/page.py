"""From all hits of a search to the page that was asked for: order, place, ranks, the next cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from heimdex.domain.query import Place, SearchRequest, Sort
from heimdex.domain.results import Hit
from heimdex.ranking.diversify import Placed, diversify
from heimdex.search.cursor import encode

_NO_DATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """The hits that are given, and how to ask for those behind them."""

    hits: tuple[Hit, ...]
    next_cursor: str | None


def hits_needed(request: SearchRequest) -> int | None:
    """Return how many of the first hits settle the page; None when all of them do.

    One more than the page has, to know whether another follows.
    """
    if request.sort is Sort.TIME:
        return None
    return request.limit + 1 + (request.after.shown if request.after else 0)


def less_of_the_same(hits: Sequence[Hit], request: SearchRequest) -> list[Hit]:
    """Return the hits, best first, without merged neighbours and without more of a video than was asked for."""
    kept = diversify([_placed(hit) for hit in hits], per_video=request.per_video)
    return [
        replace(hit, merged=kept[hit.scene.scene_id]) if kept[hit.scene.scene_id] else hit
        for hit in hits
        if hit.scene.scene_id in kept
    ]


def cut_page(hits: Sequence[Hit], request: SearchRequest) -> Page:
    """Return the page of ``request`` out of its hits, best first.

    A page begins behind the last scene of the page before, wherever that stands now; if it is gone, behind as
    many hits as were shown. So nothing is shown twice while the library stays as it is, and no page begins anew.
    """
    ordered = sorted(hits, key=_when) if request.sort is Sort.TIME else list(hits)
    start = _start(ordered, request.after)
    page = ordered[start : start + request.limit]
    ranked = tuple(replace(hit, rank=start + number) for number, hit in enumerate(page, start=1))
    if not ranked or start + len(page) >= len(ordered):
        return Page(ranked, None)
    return Page(ranked, encode(Place(ranked[-1].scene.scene_id, ranked[-1].rank), request))


def _start(hits: Sequence[Hit], after: Place | None) -> int:
    if after is None:
        return 0
    places = (number for number, hit in enumerate(hits, start=1) if hit.scene.scene_id == after.scene_id)
    return next(places, after.shown)


def _when(hit: Hit) -> tuple[datetime, str, float, str]:
    scene = hit.scene
    recorded = scene.recorded_at
    if recorded is None:
        return _NO_DATE, str(scene.path), scene.span.start_s, str(scene.scene_id)
    recorded = recorded if recorded.tzinfo else recorded.replace(tzinfo=UTC)
    try:
        moment = recorded + timedelta(seconds=scene.span.start_s)
    except OverflowError:
        moment = recorded
    return moment, str(scene.path), scene.span.start_s, str(scene.scene_id)


def _placed(hit: Hit) -> Placed:
    # the scenes of a sequence are told apart by what follows them too
    evidence = {} if hit.then else {match.channel: match.raw for match in hit.matched}
    return Placed(hit.scene.scene_id, hit.scene.video_id, hit.scene.span, evidence)
