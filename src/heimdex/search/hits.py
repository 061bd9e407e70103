"""From a ranking to hits: what is a match at all, with its label, its receipt and the words to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from heimdex.domain.errors import StoreTimeout
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, SearchRequest
from heimdex.domain.results import Hit, Label, SceneDetails
from heimdex.ports import SceneIndex
from heimdex.ranking.fuse import Ranking
from heimdex.ranking.labels import strongest
from heimdex.search.deadline import Deadline, within
from heimdex.search.evidence import Evidence, matches, moment_of
from heimdex.search.hearing import hear
from heimdex.search.page import less_of_the_same
from heimdex.search.rank import Ranked
from heimdex.search.retrieve import Answered

#: hits are labelled in steps of this many, until there are enough
_STEP = 50
#: channels that took all the time leave this much to read what they found
_LEAST_S = 1.0


async def make_hits(
    index: SceneIndex,
    request: SearchRequest,
    answered: Mapping[Channel, Answered],
    ranked: Ranked,
    evidence: Evidence,
    deadline: Deadline,
    *,
    needed: int | None,
    less: bool = True,
) -> list[Hit]:
    """Return the scenes of the ranking that are matches, best first; their ranks are not final.

    Args:
        needed: stop when there are this many; None gives all.
        less: less of the same, as the request asks; False keeps every scene.

    Raises:
        StoreTimeout: the database stopped answering after the channels had.
    """
    lost = Channel.LEXICAL not in answered or answered[Channel.LEXICAL].loss is not None
    order = _possible(request, ranked.order, evidence, words_lost=lost)
    ranks = {
        channel: {c.scene_id: rank for rank, c in enumerate(answer.candidates, start=1)}
        for channel, answer in answered.items()
    }
    # what a channel retrieved; the pool is scored anew, and less of the unwanted is a matter of the others in it
    retrieved = {channel: {c.scene_id: c for c in answer.candidates} for channel, answer in answered.items()}
    blended = ranked.reranked.blended if ranked.reranked else {}
    found: list[Hit] = []
    kept: list[Hit] = []
    while step := list(islice(order, _STEP)):
        details = await _details(index, [scene for scene, _ in step], deadline)
        for scene, score in step:
            if scene not in details:  # removed while we searched
                continue
            labels = evidence.labels(scene, details[scene])
            label = strongest(labels.values())
            if label is Label.NONE and not request.include_weak:
                continue
            heard = hear(evidence.spoken, details[scene].segments)
            told = details[scene].description
            receipt = matches(
                scene, ranked.fused, ranks, retrieved, blended.get(scene), ranked.scored, heard, told, labels
            )
            moment_s = moment_of(details[scene], receipt, heard)
            found.append(Hit(len(found) + 1, details[scene], score, label, moment_s, receipt, heard.text))
        kept = less_of_the_same(found, request) if less else found
        if needed is not None and len(kept) >= needed:
            break
    return kept


async def _details(index: SceneIndex, scenes: Sequence[SceneId], deadline: Deadline) -> Mapping[SceneId, SceneDetails]:
    seconds = max(_LEAST_S, deadline.left_s())
    try:
        return await within(seconds, index.details(scenes))
    except TimeoutError:
        raise StoreTimeout("The database stopped answering in mid-search.", remedy="Try again.") from None


def _possible(
    request: SearchRequest, order: Ranking, evidence: Evidence, *, words_lost: bool
) -> Iterator[tuple[SceneId, float]]:
    """Yield the scenes that can be hits, best first, as far as they are asked for; no transcript is read for it."""
    speaking = evidence.found.get(Channel.LEXICAL, {})
    must_speak = bool(evidence.spoken.required) and not words_lost  # a quoted phrase must have been said
    for scene, score in order:
        if (request.include_weak or evidence.may_count(scene)) and not (must_speak and scene not in speaking):
            yield scene, score
