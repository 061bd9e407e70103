"""Channels asked in parallel, each with a real deadline; what fails is a loss, never an exception."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from heimdex.domain.errors import EmbedderUnavailable, StoreTimeout
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, SearchFilter
from heimdex.domain.results import Candidate, ChannelStatus
from heimdex.ports import Embedder, EmbeddingModel, Matrix, Retrieved, SceneIndex, TextEmbedder, Vector, WordQuery
from heimdex.ranking.normalize import finite
from heimdex.search import log_lines
from heimdex.search.deadline import Deadline, within
from heimdex.search.embed_queries import Embedded, QueryEmbeddings
from heimdex.search.frames import pooled
from heimdex.search.hubs import Hubs
from heimdex.search.losses import Loss, embedding_loss
from heimdex.search.plan import SearchConfig
from heimdex.search.unwanted import lessen
from heimdex.telemetry import record

#: the time is over, whoever noticed first
_OVER = (TimeoutError, StoreTimeout)


@dataclass(frozen=True, slots=True)
class Answered:
    """How one channel fared."""

    status: ChannelStatus
    candidates: tuple[Candidate, ...] = ()
    exhaustive: bool = True
    took_ms: float = 0.0
    loss: Loss | None = None
    reason: str = ""

    @property
    def raw(self) -> dict[SceneId, float]:
        return {candidate.scene_id: candidate.raw for candidate in self.candidates}


@dataclass(slots=True)
class Question:
    """One search's view of the outside: what is asked, of whom, and until when."""

    text: str
    spoken: str
    words: WordQuery
    within: SearchFilter
    config: SearchConfig
    deadline: Deadline
    index: SceneIndex
    embedder: Embedder | None
    text_embedder: TextEmbedder | None
    visual_cache: QueryEmbeddings
    text_cache: QueryEmbeddings
    #: notes for the answer: such as that an expired vector was used
    remarks: list[str] = field(default_factory=list)
    #: what the pictures should not show, and what that took from each scene's cosine
    unwanted: tuple[str, ...] = ()
    taken: dict[SceneId, dict[str, float]] = field(default_factory=dict)
    #: how descriptions answer: by their meaning, or by their words
    telling: Literal["meaning", "words"] = "meaning"
    #: what the hub correction took from each scene's cosine
    held_back: dict[SceneId, float] = field(default_factory=dict)
    #: what is known of scenes that are near to everything; shared by the searches of an engine
    hubs: Hubs = field(default_factory=Hubs)
    _clip: asyncio.Task[Embedded] | None = None

    async def clip_vector(self) -> Embedded:
        """Return the query's CLIP vector; asked for once in a search.

        Raises:
            Loss: no valid vector in time.
        """
        return await asyncio.shield(self.start_clip())

    def start_clip(self) -> asyncio.Task[Embedded]:
        """Begin to embed the query for CLIP, so that it runs while the other channels retrieve."""
        if self._clip is None:
            self._clip = asyncio.ensure_future(self.embed_clip(self.text))
            # a failure that nobody waits for any more stays quiet; it is logged where it happens
            self._clip.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._clip

    async def embed_clip(self, text: str) -> Embedded:
        """Return the CLIP vector of any text, from the cache where it is there.

        Raises:
            Loss: no valid vector in time.
        """
        embedder = self.embedder
        assert embedder is not None  # noqa: S101  the plan skips CLIP without one
        # one budget for all that CLIP is asked
        budget = Deadline(self.deadline.left_s(self.config.clip_timeout_s))

        async def ask(text: str) -> Matrix:
            return await record.clip_call(embedder.embed_texts([text], timeout_s=budget.left_s()), _clip_reason)

        try:
            model = await self._clip_model(budget)
            found = await self._embed("clip", text, model, self.visual_cache, ask, budget.left_s())
        except Loss as loss:
            log_lines.clip_failed(loss)
            raise
        record.clip_vector(cached=found.cached, stale=found.stale)
        if not found.cached:
            log_lines.clip_embedded(model.dim, found.took_ms)
        return found

    async def _clip_model(self, budget: Deadline) -> EmbeddingModel:
        """Return the model; a service says with its first answer, be it to nothing, which one it runs."""
        assert self.embedder is not None  # noqa: S101
        try:
            return self.embedder.model
        except EmbedderUnavailable:
            pass
        try:
            seconds = budget.left_s()
            asked = self.embedder.embed_texts([], timeout_s=seconds)
            await within(seconds, record.clip_call(asked, _clip_reason))
            return self.embedder.model
        except Exception as error:
            raise embedding_loss("clip", error) from error

    async def text_vector(self) -> Embedded:
        """Return the query's vector for the meaning of text.

        Raises:
            Loss: no valid vector in time.
        """
        embedder = self.text_embedder
        assert embedder is not None  # noqa: S101  the plan skips the channel without one
        seconds = self.deadline.left_s(self.config.channel_timeout_s)

        async def ask(text: str) -> Matrix:
            return await embedder.embed_queries([text], timeout_s=seconds)

        return await self._embed("text", self.spoken, embedder.model, self.text_cache, ask, seconds)

    async def _embed(
        self,
        family: str,
        text: str,
        model: EmbeddingModel,
        cache: QueryEmbeddings,
        ask: Callable[[str], Awaitable[Matrix]],
        seconds: float,
    ) -> Embedded:
        try:
            found = await within(seconds, cache.embed(text, model, ask))
        except Exception as error:
            stale = cache.stale(text, model)
            if stale is None:
                raise embedding_loss(family, error) from error
            found = stale
        if found.stale:
            self.remarks.append("stale_embedding")
        return found


def _clip_reason(error: BaseException) -> str:
    return embedding_loss("clip", error).reason


async def visual(question: Question) -> Retrieved:
    """Return the scenes whose keyframes lie nearest to the words."""
    found = await question.clip_vector()
    assert question.embedder is not None  # noqa: S101
    retrieved = await _nearest(question, Channel.VISUAL, question.embedder.model, found.vector)
    candidates = await lessen(question, await _corrected(question, found.vector, retrieved.candidates))
    threshold = question.config.threshold_visual
    if threshold is not None:
        candidates = [c for c in candidates if c.raw >= threshold]
    return Retrieved(candidates, retrieved.exhaustive)


async def _corrected(question: Question, vector: Vector, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates with all their keyframes heard and hubs held back, as the settings say."""
    embedder, config = question.embedder, question.config
    assert embedder is not None  # noqa: S101
    seconds = question.deadline.left_s(config.channel_timeout_s)
    found = await pooled(
        question.index, embedder.model, vector, candidates, config.frame_pooling,
        top_k=config.frame_top_k, timeout_s=seconds,
    )  # fmt: skip
    # it may use half of what is left: its loss costs nothing, that of the channel would
    seconds = question.deadline.left_s(config.channel_timeout_s) / 2
    kept = await question.hubs.hold_back(question.index, embedder, found, config.hub_correction, timeout_s=seconds)
    before = {candidate.scene_id: candidate.raw for candidate in found}
    question.held_back |= {c.scene_id: before[c.scene_id] - c.raw for c in kept if c.raw != before[c.scene_id]}
    return kept


async def meaning(question: Question, channel: Channel) -> Retrieved:
    """Return the scenes whose words mean the nearest to the query."""
    found = await question.text_vector()
    assert question.text_embedder is not None  # noqa: S101
    return await _nearest(question, channel, question.text_embedder.model, found.vector)


async def lexical(question: Question) -> Retrieved:
    """Return the scenes in which the words are said. A query without a word finds nothing."""
    if not question.words.phrases and not question.words.required:
        return Retrieved([])
    seconds = question.deadline.left_s(question.config.channel_timeout_s)
    return await question.index.match_words(
        question.words, limit=question.config.candidates, within=question.within, timeout_s=seconds
    )


async def told(question: Question) -> Retrieved:
    """Return the scenes whose descriptions have the words; what is quoted must be said, not told."""
    if not question.words.phrases:
        return Retrieved([])
    seconds = question.deadline.left_s(question.config.channel_timeout_s)
    return await question.index.match_words(
        replace(question.words, required=()), limit=question.config.candidates, within=question.within,
        timeout_s=seconds, channel=Channel.SUMMARY,
    )  # fmt: skip


async def _nearest(question: Question, channel: Channel, model: EmbeddingModel, vector: Vector) -> Retrieved:
    seconds = question.deadline.left_s(question.config.channel_timeout_s)
    return await question.index.nearest(
        channel, model, vector, limit=question.config.candidates, within=question.within, timeout_s=seconds
    )


async def retrieve(question: Question, channels: Sequence[Channel]) -> dict[Channel, Answered]:
    """Ask every channel at once and return how each fared, within the search's deadline."""
    answers = await asyncio.gather(*(_answer(question, channel) for channel in channels))
    return dict(zip(channels, answers, strict=True))


def _ask(question: Question, channel: Channel) -> Coroutine[None, None, Retrieved]:
    if channel is Channel.VISUAL:
        return visual(question)
    if channel is Channel.SUMMARY and question.telling == "words":
        return told(question)
    return lexical(question) if channel is Channel.LEXICAL else meaning(question, channel)


async def _answer(question: Question, channel: Channel) -> Answered:
    started = time.perf_counter()
    embeds = channel is not Channel.LEXICAL
    config = question.config
    # a dense channel waits for its vector first, and then has its own time
    allowed = config.channel_timeout_s + (config.clip_timeout_s if embeds else 0.0)
    try:
        retrieved = await within(question.deadline.left_s(allowed), _ask(question, channel))
        candidates = tuple(finite(retrieved.candidates))
    except Exception as error:
        loss = _channel_loss(channel, error)
        if not loss.reason.startswith("clip_"):
            log_lines.channel_failed(channel.value, loss)
        return Answered(loss.status, took_ms=_since_ms(started), loss=loss, reason=loss.reason)
    if dropped := len(retrieved.candidates) - len(candidates):
        log_lines.scores_dropped(channel.value, dropped)
    status = ChannelStatus.OK if candidates else ChannelStatus.EMPTY
    return Answered(status, candidates, retrieved.exhaustive, _since_ms(started))


def _channel_loss(channel: Channel, error: Exception) -> Loss:
    if isinstance(error, Loss):
        return error
    kind = "timeout" if isinstance(error, _OVER) else "error"
    detail = str(error) or type(error).__name__
    return Loss(f"{channel.value}_{kind}", detail, timed_out=kind == "timeout")


async def score_pool(question: Question, scenes: Sequence[SceneId]) -> Mapping[SceneId, Candidate]:
    """Return the pool's cosines, from one round trip.

    Raises:
        Loss: no CLIP vector (``clip_…``), or the scoring query failed (``rerank_error``).
    """
    found = await question.clip_vector()
    assert question.embedder is not None  # noqa: S101
    seconds = question.deadline.left_s(question.config.channel_timeout_s)
    try:
        scored = await within(
            seconds,
            _score(question, question.embedder.model, found.vector, scenes, seconds),
        )
    except Exception as error:
        detail = str(error) or type(error).__name__
        raise Loss("rerank_error", detail, timed_out=isinstance(error, _OVER)) from error
    return {candidate.scene_id: candidate for candidate in await lessen(question, list(scored.values()))}


async def _score(
    question: Question, model: EmbeddingModel, vector: Vector, scenes: Sequence[SceneId], seconds: float
) -> Mapping[SceneId, Candidate]:
    scored = await question.index.score_scenes(model, vector, scenes, timeout_s=seconds)
    return {c.scene_id: c for c in await _corrected(question, vector, list(scored.values()))}


def _since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
