"""The whole journey of a query: route, plan, embed, retrieve, normalise, fuse, rerank, label, details."""

from __future__ import annotations

import time
from collections.abc import Mapping

from heimdex.domain.errors import StoreUnavailable
from heimdex.domain.query import Channel, Intent, Mode, SearchRequest
from heimdex.domain.results import SearchAnswer
from heimdex.ports import Embedder, EmbeddingModel, SceneIndex, TextEmbedder, WordQuery
from heimdex.ranking.intent import route
from heimdex.ranking.signals import spoken_part
from heimdex.ranking.tokens import query_phrases, quoted_phrases
from heimdex.search import log_lines
from heimdex.search.coverage import Coverage, unread
from heimdex.search.deadline import Deadline
from heimdex.search.embed_queries import QueryEmbeddings
from heimdex.search.evidence import Evidence, spoken_of
from heimdex.search.hits import make_hits
from heimdex.search.page import Page, cut_page, hits_needed
from heimdex.search.plan import Plan, SearchConfig, make_plan
from heimdex.search.rank import Ranked, rank
from heimdex.search.report import explain, reports
from heimdex.search.retrieve import Answered, Question, retrieve


class SearchEngine:
    """Answers searches over one library. Safe to share between concurrent searches."""

    def __init__(
        self,
        index: SceneIndex,
        embedder: Embedder | None,
        text_embedder: TextEmbedder | None,
        config: SearchConfig,
    ) -> None:
        """Take the ports and the settings.

        Args:
            embedder: None when there is no CLIP model; ``config.visual_missing`` says why.
            text_embedder: None when there is none; ``config.text_missing`` says why.
        """
        self._index = index
        self._embedder = embedder
        self._text_embedder = text_embedder
        self._config = config
        self._coverage = Coverage(index)
        self._visual_cache = QueryEmbeddings()
        self._text_cache = QueryEmbeddings()

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
        intent = route(request.query)
        log_lines.routed(intent)
        deadline = Deadline(config.deadline_s)
        missing = await self._coverage.missing(self._embedder, self._text_embedder, config, deadline)
        missing |= unread(request.query, self._text_embedder)
        plan = make_plan(request, intent, config, missing)
        question = self._question(request, config, deadline)

        if plan.calls_clip:
            question.start_clip()
        channels = [c for c in Channel if c not in plan.skipped and (c is not Channel.VISUAL or plan.visual_retrieves)]
        answered = await retrieve(question, channels)
        _refuse_silence(answered)
        ranked = await rank(question, plan, request, config, answered)
        evidence = self._evidence(request, answered, ranked)
        needed = hits_needed(request)
        hits = await make_hits(self._index, request, answered, ranked, evidence, needed=needed)
        page = cut_page(hits, request)
        return self._answer(request, config, intent, plan, question, answered, ranked, evidence, page, started)

    def _question(self, request: SearchRequest, config: SearchConfig, deadline: Deadline) -> Question:
        spoken = spoken_part(request.query)
        return Question(
            text=request.query,
            spoken=spoken,
            words=WordQuery(query_phrases(spoken), quoted_phrases(request.query)),
            within=request.filter,
            config=config,
            deadline=deadline,
            index=self._index,
            embedder=self._embedder,
            text_embedder=self._text_embedder,
            visual_cache=self._visual_cache,
            text_cache=self._text_cache,
        )

    def _evidence(self, request: SearchRequest, answered: Mapping[Channel, Answered], ranked: Ranked) -> Evidence:
        found = {channel: {c.scene_id: c for c in answer.candidates} for channel, answer in answered.items()}
        if ranked.scored:
            found[Channel.VISUAL] = {**found.get(Channel.VISUAL, {}), **ranked.scored}
        models: dict[Channel, EmbeddingModel] = {}
        if self._embedder and found.get(Channel.VISUAL):
            models[Channel.VISUAL] = self._embedder.model
        for channel in (Channel.TRANSCRIPT, Channel.SUMMARY):
            if self._text_embedder and found.get(channel):
                models[channel] = self._text_embedder.model
        return Evidence(spoken_of(request.query), found, models)

    def _answer(
        self,
        request: SearchRequest,
        config: SearchConfig,
        intent: Intent,
        plan: Plan,
        question: Question,
        answered: Mapping[Channel, Answered],
        ranked: Ranked,
        evidence: Evidence,
        page: Page,
        started: float,
    ) -> SearchAnswer:
        losses = [answer.loss for answer in answered.values() if answer.loss] + list(ranked.losses)
        reasons = list(dict.fromkeys([loss.reason for loss in losses] + question.remarks))
        took_ms = (time.perf_counter() - started) * 1000
        used = plan.mode
        if any(reason.startswith("clip_") for reason in reasons):
            log_lines.visual_skipped()
            log_lines.degraded_to_speech()
            used = Mode.SKIP
        return SearchAnswer(
            query=request.query,
            hits=page.hits,
            next_cursor=page.next_cursor,
            took_ms=took_ms,
            mode_requested=request.mode,
            intent=intent,
            mode_used=used,
            channels=reports(plan, answered, ranked),
            exhaustive=all(answer.exhaustive for answer in answered.values() if answer.loss is None),
            degraded_reasons=tuple(reasons),
            rerank_pool=plan.rerank_pool if used is Mode.RERANK else None,
            explanation=explain(config, ranked, evidence, question, page.hits) if request.explain else {},
            notices=self._notices(evidence),
        )

    def _notices(self, evidence: Evidence) -> tuple[str, ...]:
        notices = (model.notice for model in evidence.models.values() if model.notice)
        return tuple(dict.fromkeys(notices))


def _refuse_silence(answered: Mapping[Channel, Answered]) -> None:
    lost = [f"{channel.value}: {answer.loss.detail}" for channel, answer in answered.items() if answer.loss]
    if lost and len(lost) == len(answered):
        raise StoreUnavailable(
            f"No search channel answered ({'; '.join(lost)}).", remedy="Try again; `heimdex doctor` says what is wrong."
        )
