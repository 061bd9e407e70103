"""All keyframes of the candidates have a say, where a search asks for more than the best of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from heimdex.domain.results import Candidate
from heimdex.ports import EmbeddingModel, SceneIndex, Vector
from heimdex.ranking.normalize import finite
from heimdex.ranking.pool_frames import Pooling, pool_frames


async def pooled(
    index: SceneIndex,
    model: EmbeddingModel,
    query: Vector,
    candidates: Sequence[Candidate],
    how: Pooling,
    *,
    top_k: int = 2,
    timeout_s: float,
) -> list[Candidate]:
    """Return the candidates with the score that ``how`` gives their keyframes, best first.

    They come with the score of their best keyframe, so that ``max`` needs no further round trip.
    """
    if how == "max" or not candidates:
        return list(candidates)
    frames = await index.frames(model, [candidate.scene_id for candidate in candidates], timeout_s=timeout_s)
    scores = dict(
        zip(frames.scene_ids, pool_frames(query, frames.vectors, frames.owner, how, top_k=top_k).tolist(), strict=True)
    )
    return finite([replace(c, raw=scores.get(c.scene_id, c.raw)) for c in candidates])
