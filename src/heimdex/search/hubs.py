"""How near the scenes are to everything, learned from the shipped captions and remembered for each model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heimdex.domain.ids import SceneId
from heimdex.domain.results import Candidate
from heimdex.ports import Embedder, Matrix, SceneIndex
from heimdex.ranking.hubs import background_captions, nearness, surplus
from heimdex.ranking.normalize import finite
from heimdex.search import log_lines
from heimdex.search.deadline import within

#: the captions are embedded once in the life of the process, beside searches
_EMBED_TIMEOUT_S = 60.0
_TEXTS_AT_ONCE = 32
#: one number for each scene; after this many all are forgotten and learned again
_MOST_SCENES = 1_000_000

Space = tuple[str, str]


class Hubs:
    """Nearness of one library's scenes to the background. Keyframes never change, so neither does this."""

    def __init__(self) -> None:
        self._captions: dict[Space, asyncio.Task[Matrix]] = {}
        self._near: dict[tuple[Space, SceneId], float] = {}

    async def hold_back(
        self, index: SceneIndex, embedder: Embedder, candidates: Sequence[Candidate], alpha: float, *, timeout_s: float
    ) -> list[Candidate]:
        """Return the candidates with what makes them near to everything taken off, best first.

        While the captions are not embedded yet, or when they cannot be, the candidates stay as they are.
        """
        if alpha <= 0.0 or not candidates:
            return list(candidates)
        scenes = [candidate.scene_id for candidate in candidates]
        try:
            near = await within(timeout_s, self._nearness(index, embedder, scenes, timeout_s))
        except Exception as error:  # an order without this correction is better than none
            log_lines.hubs_failed(error)
            return list(candidates)
        taken = surplus(near, alpha)
        return finite([replace(c, raw=c.raw - taken.get(c.scene_id, 0.0)) for c in candidates])

    async def _nearness(
        self, index: SceneIndex, embedder: Embedder, scenes: Sequence[SceneId], timeout_s: float
    ) -> dict[SceneId, float]:
        space = (embedder.model.model_id, embedder.model.revision)
        unknown = [scene for scene in scenes if (space, scene) not in self._near]
        if unknown:
            captions = await self._embedded(space, embedder)
            frames = await index.frames(embedder.model, unknown, timeout_s=timeout_s)
            near = nearness(captions, frames.vectors, frames.owner).tolist()
            if len(self._near) + len(near) > _MOST_SCENES:
                self._near.clear()
            self._near |= {(space, scene): value for scene, value in zip(frames.scene_ids, near, strict=True)}
        return {scene: self._near[space, scene] for scene in scenes if (space, scene) in self._near}

    async def _embedded(self, space: Space, embedder: Embedder) -> Matrix:
        task = self._captions.get(space)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._captions[space] = asyncio.ensure_future(_embed(embedder))
            # a failure that nobody waits for any more stays quiet; the next search tries again
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)


async def _embed(embedder: Embedder) -> Matrix:
    texts = background_captions()
    blocks = [
        await embedder.embed_texts(texts[start : start + _TEXTS_AT_ONCE], timeout_s=_EMBED_TIMEOUT_S)
        for start in range(0, len(texts), _TEXTS_AT_ONCE)
    ]
    return np.concatenate(blocks)
