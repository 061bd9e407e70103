"""The whole journey of a query: read, route, plan, embed, retrieve, normalise, fuse, rerank, label, details."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from heimdex.domain.errors import EmbedderRejected, EmbedderUnavailable, NotFound
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, Mode, SearchRequest
from heimdex.domain.results import ChannelReport, ChannelStatus, Hit, SearchAnswer
from heimdex.ports import Embedder, EmbeddingModel, Image, Matrix, Preferences, SceneIndex, TextEmbedder
from heimdex.search import log_lines
from heimdex.search.answer import Found, make_answer, refuse_silence
from heimdex.search.coverage import NOTHING_TOLD, Coverage, unread
from heimdex.search.deadline import Deadline
from heimdex.search.embed_queries import QueryEmbeddings, checked
from heimdex.search.evidence import Evidence, spoken_of
from heimdex.search.following import follow
from heimdex.search.grammar import Clause, parse
from heimdex.search.hits import make_hits
from heimdex.search.hubs import Hubs
from heimdex.search.lookalikes import Alike, beside_words, find_alike, looking
from heimdex.search.losses import InvalidVector
from heimdex.search.page import cut_page, hits_needed, less_of_the_same
from heimdex.search.plan import SearchConfig, make_plan
from heimdex.search.rank import Ranked, rank
from heimdex.search.retrieve import Answered, Question, retrieve
from heimdex.search.saved import saved_weights
from heimdex.telemetry import record

#: a picture is embedded once, at leisure: the image side of a model may have to be read from disk first
_PICTURE_TIMEOUT_S = 10.0


class SearchEngine:
    """Answers searches over one library. Safe to share between concurrent searches."""

    def __init__(
        self,
        index: SceneIndex,
        embedder: Embedder | None,
        text_embedder: TextEmbedder | None,
        config: SearchConfig,
        preferences: Preferences | None = None,
    ) -> None:
        """Take the ports and the settings.

        Args:
            embedder: None when there is no CLIP model; ``config.visual_missing`` says why.
            text_embedder: None when there is none; ``config.text_missing`` says why.
            preferences: None where nobody can save any.
        """
        self._index = index
        self._embedder = embedder
        self._text_embedder = text_embedder
        self._config = config
        self._coverage = Coverage(index)
        self._visual_cache = QueryEmbeddings()
        self._text_cache = QueryEmbeddings()
        self._hubs = Hubs()
        self._preferences = preferences

    @property
    def config(self) -> SearchConfig:
        return self._config

    def reconfigure(self, config: SearchConfig) -> None:
        """Use other settings from the next search on; running searches keep theirs."""
        self._config = config

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Answer a checked request.

        Raises:
            StoreUnavailable: not one channel answered.
        """
        started = time.perf_counter()
        config = self._config
        deadline = Deadline(config.deadline_s)
        sides, hits = await self._sides(request, config, deadline, needed=hits_needed(request))
        answer = make_answer(request, config, sides, cut_page(less_of_the_same(hits, request), request), started)
        record.searched(answer)
        return answer

    async def _sides(
        self, request: SearchRequest, config: SearchConfig, deadline: Deadline, *, needed: int | None
    ) -> tuple[list[Found], list[Hit]]:
        """Search for every side of the query; return them, and the hits of the whole query, best first."""
        parsed = parse(request.query)
        if len(parsed.sides) == 1:
            found = await self._find(request, parsed.sides[0], config, deadline, needed=needed)
            return [found], list(found.hits)
        sides = await asyncio.gather(
            *(self._find(request, side, config, deadline, needed=None, less=False) for side in parsed.sides)
        )
        return sides, follow([side.hits for side in sides], parsed.within_s)

    async def similar(self, scene_id: SceneId, request: SearchRequest) -> SearchAnswer:
        """Answer with the scenes whose keyframes lie nearest to those of a scene, best first.

        Raises:
            NotFound: no such scene, or it has no picture of the present model.
        """
        started = time.perf_counter()
        model = self._clip().model
        frames = await self._index.frames(model, [scene_id], timeout_s=self._config.deadline_s)
        if not len(frames.vectors):
            raise NotFound(
                "There is no such scene, or nothing is known of its picture.",
                remedy="Search again: the video may have been indexed anew.",
            )
        alike = await self._alike(frames.vectors, request, leave_out=scene_id)
        return self._looked(request, "a scene", alike, started)

    async def search_picture(self, picture: Image, request: SearchRequest) -> SearchAnswer:
        """Answer with the scenes that look like a picture; with words too, half of the score is theirs.

        Raises:
            EmbedderUnavailable, EmbedderRejected: the picture could not be embedded.
            StoreUnavailable: the database does not answer.
        """
        started = time.perf_counter()
        embedder = self._clip()
        rows = await embedder.embed_images([picture], timeout_s=_PICTURE_TIMEOUT_S)
        try:
            look = checked(rows, embedder.model.dim)
        except InvalidVector as error:
            raise EmbedderRejected(f"{error}.".capitalize(), remedy="`heimdex doctor` checks the model.") from error
        alike = await self._alike(look[np.newaxis, :], request)
        if not request.query:
            return self._looked(request, "a picture", alike, started)
        config = self._config
        whole = replace(request, per_video=None)  # a video's share is counted when both are joined
        sides, worded = await self._sides(whole, config, Deadline(config.deadline_s), needed=None)
        hits = less_of_the_same(beside_words(alike.hits, worded), request)
        page = replace(cut_page(hits, request), next_cursor=None)
        answer = make_answer(request, config, sides, page, started)
        if request.explain:
            answer.explanation.update(alike.explanation)
        return answer

    def _clip(self) -> Embedder:
        if self._embedder is None:
            raise EmbedderUnavailable(
                f"Pictures cannot be compared: {self._config.visual_missing or 'no CLIP model is installed'}.",
                remedy="`heimdex models` lists what can be installed.",
            )
        return self._embedder

    async def _alike(self, looks: Matrix, request: SearchRequest, *, leave_out: SceneId | None = None) -> Alike:
        config = self._config
        return await find_alike(
            self._index,
            self._clip().model,
            looks,
            request,
            limit=config.candidates,
            timeout_s=config.deadline_s,
            leave_out=leave_out,
        )

    def _looked(self, request: SearchRequest, what: str, alike: Alike, started: float) -> SearchAnswer:
        """Return the answer of a search in which only pictures count: one page, since no words name it again."""
        page = cut_page(less_of_the_same(alike.hits, request), request)
        reports = dict.fromkeys(Channel, ChannelReport(ChannelStatus.SKIPPED, reason="only pictures are compared"))
        notice = self._clip().model.notice
        return SearchAnswer(
            query=request.query,
            hits=page.hits,
            took_ms=(time.perf_counter() - started) * 1000,
            mode_requested=request.mode,
            intent=looking(what),
            mode_used=Mode.RECALL,
            channels=reports | {Channel.VISUAL: alike.report},
            exhaustive=alike.exhaustive,
            explanation=alike.explanation if request.explain else {},
            notices=(notice,) if notice else (),
        )

    async def _find(
        self,
        request: SearchRequest,
        clause: Clause,
        config: SearchConfig,
        deadline: Deadline,
        *,
        needed: int | None,
        less: bool = True,
    ) -> Found:
        """Search for one side of a query."""
        intent = clause.intent(config.router)
        log_lines.routed(intent)
        preferences = self._preferences if request.use_saved_preferences else None
        missing, telling, (saved, unsaved) = await asyncio.gather(
            self._coverage.missing(self._embedder, self._text_embedder, config, deadline),
            self._coverage.telling(self._text_embedder, clause.said, deadline),
            saved_weights(preferences, deadline),
        )
        if telling is None:
            missing[Channel.SUMMARY] = NOTHING_TOLD
        missing |= unread(clause.seen, self._embedder, clause.said, self._text_embedder)
        plan = make_plan(request, intent, config, missing | clause.restricted, saved)
        question = self._question(request, clause, config, deadline)
        question.telling = telling or "meaning"
        question.remarks += [unsaved] if unsaved else []

        if plan.calls_clip:
            question.start_clip()
        channels = [c for c in Channel if c not in plan.skipped and (c is not Channel.VISUAL or plan.visual_retrieves)]
        answered = await retrieve(question, channels)
        refuse_silence(answered)
        ranked = await rank(question, plan, config, answered)
        evidence = self._evidence(question, clause, answered, ranked)
        hits = await make_hits(self._index, request, answered, ranked, evidence, deadline, needed=needed, less=less)
        return Found(intent, plan, question, answered, ranked, evidence, hits)

    def _question(self, request: SearchRequest, clause: Clause, config: SearchConfig, deadline: Deadline) -> Question:
        return Question(
            text=clause.seen,
            spoken=clause.spoken,
            words=clause.words,
            within=request.filter,
            config=config,
            deadline=deadline,
            index=self._index,
            embedder=self._embedder,
            text_embedder=self._text_embedder,
            visual_cache=self._visual_cache,
            text_cache=self._text_cache,
            unwanted=clause.unwanted_seen,
            hubs=self._hubs,
        )

    def _evidence(
        self, question: Question, clause: Clause, answered: Mapping[Channel, Answered], ranked: Ranked
    ) -> Evidence:
        found = {channel: {c.scene_id: c for c in answer.candidates} for channel, answer in answered.items()}
        if ranked.scored:
            found[Channel.VISUAL] = {**found.get(Channel.VISUAL, {}), **ranked.scored}
        models: dict[Channel, EmbeddingModel] = {}
        if self._embedder and found.get(Channel.VISUAL):
            models[Channel.VISUAL] = self._embedder.model
        for channel in (Channel.TRANSCRIPT, Channel.SUMMARY):
            by_words = channel is Channel.SUMMARY and question.telling == "words"
            if self._text_embedder and found.get(channel) and not by_words:
                models[channel] = self._text_embedder.model
        return Evidence(spoken_of(clause.said), found, models)
