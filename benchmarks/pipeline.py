"""The product's own search over a simulated library: `heimdex.search` as it ships, behind made-up ports.

Nothing of the ranking is written again here. Only the router reads no text: its answers are drawn
from those that it gives to real queries (`benchmarks.routed`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import structlog

from benchmarks.rivals import Scores, channels, pooled
from benchmarks.routed import draw_intents
from benchmarks.simulator import TYPES, Library
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, Intent, SearchFilter, SearchRequest
from heimdex.domain.results import Candidate, SceneDetails
from heimdex.evaluation.metrics import Ranks, rank_of
from heimdex.ports import Calibration, EmbeddingModel, Image, Matrix, Retrieved, SceneFrames, Vector, WordQuery
from heimdex.ranking.hubs import background_captions
from heimdex.search.deadline import Deadline
from heimdex.search.embed_queries import QueryEmbeddings
from heimdex.search.hubs import Hubs
from heimdex.search.plan import SearchConfig, make_plan
from heimdex.search.rank import rank
from heimdex.search.retrieve import Question, retrieve

_FOREVER_S = 600.0
_WORDS = WordQuery((("word",),))
_CAPTIONS = {caption: number for number, caption in enumerate(background_captions())}


def scene_id(number: int) -> SceneId:
    return SceneId(UUID(int=number + 1))


@dataclass
class SimulatedIndex:
    """The port SceneIndex over the scores of one library; ``at`` is the query that is being asked."""

    library: Library
    at: int = 0
    _scores: dict[Channel, Scores] = field(init=False)
    _orders: dict[Channel, np.ndarray] = field(init=False)
    _ids: list[SceneId] = field(init=False)

    def __post_init__(self) -> None:
        self._scores = {Channel(name): scores for name, scores in channels(self.library, "max").items()}
        self._whole = pooled(self.library, "max")
        self._orders = {
            channel: np.argsort(np.where(np.isnan(scores), np.inf, -scores), axis=1, kind="stable")[:, :200]
            for channel, scores in self._scores.items()
        }
        self._ids = [scene_id(number) for number in range(self._whole.shape[1])]

    async def nearest(
        self,
        channel: Channel,
        model: EmbeddingModel,
        query: Vector,
        *,
        limit: int,
        within: SearchFilter,
        timeout_s: float,
    ) -> Retrieved:
        return self._first(channel, limit)

    async def match_words(
        self,
        query: WordQuery,
        *,
        limit: int,
        within: SearchFilter,
        timeout_s: float,
        channel: Channel = Channel.LEXICAL,
    ) -> Retrieved:
        return self._first(channel, limit)

    async def score_scenes(
        self, model: EmbeddingModel, query: Vector, scene_ids: Sequence[SceneId], *, timeout_s: float
    ) -> Mapping[SceneId, Candidate]:
        row = self._whole[self.at]
        return {
            scene: Candidate(scene, float(row[scene.int - 1]))
            for scene in scene_ids
            if row[scene.int - 1] == row[scene.int - 1]
        }

    async def frames(self, model: EmbeddingModel, scene_ids: Sequence[SceneId], *, timeout_s: float) -> SceneFrames:
        frames = self.library.frames
        numbers = np.array([scene.int - 1 for scene in scene_ids])
        owner = np.repeat(np.arange(len(numbers)), frames.shape[1])
        return SceneFrames(tuple(scene_ids), owner, frames[numbers].reshape(-1, frames.shape[2]))

    async def details(self, scene_ids: Sequence[SceneId]) -> Mapping[SceneId, SceneDetails]:
        return {}

    async def covered(self, channel: Channel, model: EmbeddingModel | None) -> int:
        return len(self._ids)

    def _first(self, channel: Channel, limit: int) -> Retrieved:
        row, order = self._scores[channel][self.at], self._orders[channel][self.at][:limit]
        found = [Candidate(self._ids[scene], float(row[scene])) for scene in order if row[scene] == row[scene]]
        return Retrieved(found)


@dataclass
class _Model:
    """Both kinds of embedder; gives the vector of the query that is being asked."""

    index: SimulatedIndex
    model: EmbeddingModel

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        library = self.index.library
        if texts[0] in _CAPTIONS:
            return library.bank[[_CAPTIONS[text] for text in texts]]
        return library.asked[self.index.at : self.index.at + 1]

    async def embed_queries(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        return await self.embed_texts(texts, timeout_s=timeout_s)

    async def embed_passages(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        raise NotImplementedError

    async def embed_images(self, images: Sequence[Image], *, timeout_s: float) -> Matrix:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class CutOffs:
    """What is known of the two simulated models before any library is searched."""

    visual: Calibration | None
    spoken: Calibration | None


def calibrate(dev: Library) -> CutOffs:
    """Measure both models' cut-offs on a library that is not searched afterwards, as those that ship were."""
    return CutOffs(
        _calibration(pooled(dev, "max"), dev, absent=TYPES.index("t")),
        _calibration(dev.transcript.astype(np.float64), dev, absent=TYPES.index("v")),
    )


def _calibration(scores: Scores, dev: Library, absent: int) -> Calibration:
    """Return weak = 5 % quantile of the first hit where the query is about this channel;
    medium, strong = least score above which 50 % and 80 % of first hits are right.
    """
    known = np.where(np.isnan(scores), -np.inf, scores)
    best, right = known.max(axis=1), known.argmax(axis=1) == dev.right
    weak = float(np.quantile(best[dev.kind != absent], 0.05))
    falling = np.argsort(-best)
    precision = np.cumsum(right[falling]) / np.arange(1, len(best) + 1)
    medium, strong = (_least(best[falling], precision, share) for share in (0.5, 0.8))
    return Calibration(weak, max(weak, medium), max(weak, medium, strong))


def _least(best: Scores, precision: Scores, share: float) -> float:
    enough = np.flatnonzero(precision >= share)
    return float(best[enough[-1]]) if len(enough) else float(best[0])


def ranks_by_product(library: Library, cut_offs: CutOffs, config: SearchConfig, seed: int) -> Ranks:
    """Return the rank of every right scene in the order that the product gives."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return asyncio.run(_ranks(library, cut_offs, config, seed))


async def _ranks(library: Library, cut_offs: CutOffs, config: SearchConfig, seed: int) -> Ranks:
    index = SimulatedIndex(library)
    visual = _Model(index, EmbeddingModel("simulated-clip", "1", 512, "", cut_offs.visual))
    spoken = _Model(index, EmbeddingModel("simulated-text", "1", 512, "", cut_offs.spoken))
    intents = draw_intents([TYPES[kind] for kind in library.kind], seed)
    caches = QueryEmbeddings(), QueryEmbeddings()
    hubs = Hubs()
    ranks = []
    for number, intent in enumerate(intents):
        index.at = number
        text = f"query {number}"
        question = Question(
            text=text,
            spoken=text,
            words=_WORDS,
            within=SearchFilter(),
            config=config,
            deadline=Deadline(_FOREVER_S),
            index=index,
            embedder=visual,
            text_embedder=spoken,
            visual_cache=caches[0],
            text_cache=caches[1],
            hubs=hubs,
        )
        order = await _order(question, text, intent, config)
        ranks.append(rank_of(order, scene_id(int(library.right[number]))))
    return np.asarray(ranks)


async def _order(question: Question, text: str, intent: Intent, config: SearchConfig) -> dict[SceneId, float]:
    request = SearchRequest(text)
    plan = make_plan(request, intent, config, {})
    asked = [c for c in Channel if c not in plan.skipped and (c is not Channel.VISUAL or plan.visual_retrieves)]
    answered = await retrieve(question, asked)
    return dict((await rank(question, plan, config, answered)).order)
