"""What a query does not want to see, taken from the cosines of the visual channel before anything else counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from heimdex.domain.ids import SceneId
from heimdex.domain.results import Candidate
from heimdex.ranking.negate import penalties
from heimdex.search.deadline import within

if TYPE_CHECKING:
    from heimdex.search.retrieve import Question

#: in degraded_reasons: the answer holds what it should not
IGNORED = "without_ignored"


async def lessen(question: Question, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates with the surplus of everything unwanted taken from their cosines.

    What was taken is noted in ``question.taken``. When the unwanted cannot be scored, the candidates
    stay as they are, and the answer says so.
    """
    if not question.unwanted or not candidates:
        return list(candidates)
    scenes = [candidate.scene_id for candidate in candidates]
    try:
        each = await asyncio.gather(*(_penalties(question, text, scenes) for text in question.unwanted))
    except Exception:
        if IGNORED not in question.remarks:
            question.remarks.append(IGNORED)
        return list(candidates)
    for text, found in zip(question.unwanted, each, strict=True):
        for scene, amount in found.items():
            question.taken.setdefault(scene, {})[text] = amount
    return [replace(c, raw=c.raw - sum(found.get(c.scene_id, 0.0) for found in each)) for c in candidates]


async def _penalties(question: Question, text: str, scenes: Sequence[SceneId]) -> Mapping[SceneId, float]:
    embedder = question.embedder
    assert embedder is not None  # noqa: S101  only called for the visual channel
    embedded = await question.embed_clip(text)
    seconds = question.deadline.left_s(question.config.channel_timeout_s)
    scored = await within(
        seconds, _waiting(question.index.score_scenes(embedder.model, embedded.vector, scenes, timeout_s=seconds))
    )
    return penalties({scene: candidate.raw for scene, candidate in scored.items()})


async def _waiting(scored: Awaitable[Mapping[SceneId, Candidate]]) -> Mapping[SceneId, Candidate]:
    return await scored
