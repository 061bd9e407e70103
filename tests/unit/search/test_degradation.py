"""The degradation matrix: what answers, what is flagged, in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs
from tests.unit.search.library import CLIP, FakeModel, Planted, engine, library, text_model

from heimdex.domain.errors import (
    EmbedderRejected,
    EmbedderTimeout,
    EmbedderUnauthorized,
    EmbedderUnavailable,
    StoreTimeout,
    StoreUnavailable,
)
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, Mode, SearchFilter
from heimdex.domain.results import Candidate, ChannelStatus, SceneDetails, SearchAnswer
from heimdex.ports import EmbeddingModel, Matrix, Retrieved, SceneFrames, Vector, WordQuery
from heimdex.search.plan import SearchConfig
from heimdex.search.request import check
from heimdex.testing.scene_index import InMemorySceneIndex

LIBRARY = [
    Planted("the red car", seen=0.9, meant=0.4),
    Planted("red", seen=0.2, meant=0.9),
    Planted("a car", seen=0.6, meant=0.6),
    Planted("", seen=0.8),
    Planted("red car red car", meant=0.5),
]
#: where something hangs; the rest must answer in this time on a busy machine
QUICK = SearchConfig(clip_timeout_s=0.3, channel_timeout_s=0.3, deadline_s=2.0)
PATIENT = SearchConfig(clip_timeout_s=30.0, channel_timeout_s=30.0, deadline_s=60.0)

CLIP_FAULTS = {
    "down": (FakeModel(error=EmbedderUnavailable("CLIP network error: Connection refused")), "clip_unavailable"),
    "slow": (FakeModel(delay_s=60.0), "clip_timeout"),
    "said timeout": (FakeModel(error=EmbedderTimeout("CLIP timeout after 1.5 s")), "clip_timeout"),
    "401": (FakeModel(error=EmbedderUnauthorized("401 Unauthorized")), "clip_auth"),
    "refused": (FakeModel(error=EmbedderRejected("400 text too long")), "clip_invalid"),
    "zero": (FakeModel(rows=lambda n: np.zeros((n, 4), np.float32)), "clip_invalid"),
    "nan": (FakeModel(rows=lambda n: np.full((n, 4), np.nan, np.float32)), "clip_invalid"),
    "dimension": (FakeModel(rows=lambda n: np.ones((n, 5), np.float32) / np.sqrt(5)), "clip_invalid"),
    "bug": (FakeModel(error=RuntimeError("oops")), "clip_unavailable"),
}


@dataclass
class FaultyIndex:
    """An index of which single calls fail or hang."""

    inner: InMemorySceneIndex
    faults: dict[str, Exception | float] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def _meet(self, call: str) -> None:
        self.calls.append(call)
        fault = self.faults.get(call)
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            await asyncio.sleep(fault)

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
        await self._meet(channel.value)
        return await self.inner.nearest(channel, model, query, limit=limit, within=within, timeout_s=timeout_s)

    async def match_words(
        self,
        query: WordQuery,
        *,
        limit: int,
        within: SearchFilter,
        timeout_s: float,
        channel: Channel = Channel.LEXICAL,
    ) -> Retrieved:
        await self._meet(channel.value)
        return await self.inner.match_words(query, limit=limit, within=within, timeout_s=timeout_s, channel=channel)

    async def score_scenes(
        self, model: EmbeddingModel, query: Vector, scene_ids: Sequence[SceneId], *, timeout_s: float
    ) -> Mapping[SceneId, Candidate]:
        await self._meet("score")
        scored = await self.inner.score_scenes(model, query, scene_ids, timeout_s=timeout_s)
        if "nan score" in self.faults:
            first = min(scored)
            return {**scored, first: Candidate(first, float("nan"))}
        return scored

    async def frames(self, model: EmbeddingModel, scene_ids: Sequence[SceneId], *, timeout_s: float) -> SceneFrames:
        await self._meet("frames")
        return await self.inner.frames(model, scene_ids, timeout_s=timeout_s)

    async def details(self, scene_ids: Sequence[SceneId]) -> Mapping[SceneId, SceneDetails]:
        await self._meet("details")
        return await self.inner.details(scene_ids)

    async def covered(self, channel: Channel, model: EmbeddingModel | None) -> int:
        await self._meet("covered")
        return await self.inner.covered(channel, model)


def order(answer: SearchAnswer) -> list[int]:
    return [hit.scene.scene_id.int for hit in answer.hits]


async def ask(
    query: str = "red car",
    *,
    clip: FakeModel | None = None,
    text: FakeModel | None = None,
    faults: dict[str, Exception | float] | None = None,
    config: SearchConfig | None = None,
    **options: Any,
) -> SearchAnswer:
    index = FaultyIndex(library(*LIBRARY), faults or {})
    hangs = (clip and clip.delay_s) or any(isinstance(fault, float) for fault in index.faults.values())
    search = engine(index, clip or FakeModel(), text or text_model(), config or (QUICK if hangs else PATIENT))
    return await search.search(check(query, include_weak=True, **options))


@pytest.mark.parametrize("fault", CLIP_FAULTS)
@pytest.mark.parametrize("mode", ["recall", "rerank", "auto"])
@pytest.mark.parametrize("query", ["red car", "tteokbokki scene", "red"])
async def test_with_clip_failing_the_order_is_that_of_skip(fault: str, mode: str, query: str) -> None:
    clip, reason = CLIP_FAULTS[fault]
    degraded = await ask(query, clip=clip, mode=mode)
    skipped = await ask(query, mode="skip")

    assert order(degraded) == order(skipped)
    assert [hit.score for hit in degraded.hits] == [hit.score for hit in skipped.hits]
    assert degraded.degraded_reasons == (reason,)
    assert degraded.mode_used is Mode.SKIP
    assert degraded.channels[Channel.VISUAL].reason == reason
    assert degraded.channels[Channel.VISUAL].status in {ChannelStatus.ERROR, ChannelStatus.TIMEOUT}
    assert not skipped.degraded


class Shy(FakeModel):
    """A service that says with its first answer which model it runs."""

    answered = False

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        rows = await super().embed_texts(texts, timeout_s=timeout_s)
        self.answered = True
        return rows

    @property
    def model(self) -> EmbeddingModel:
        if not self.answered:
            raise EmbedderUnavailable("has not said yet")
        return CLIP

    @model.setter
    def model(self, value: EmbeddingModel) -> None:
        pass


async def test_a_service_is_asked_for_its_model_first() -> None:
    shy = Shy()
    assert not (await ask(clip=shy, mode="recall")).degraded
    assert shy.asked == ["red car"]  # for its model it was asked nothing
    down = await ask(clip=Shy(error=EmbedderUnavailable("Connection refused")), mode="recall")
    assert down.degraded_reasons == ("clip_unavailable",)
    assert order(down) == order(await ask(mode="skip"))


async def test_skip_never_asks_clip() -> None:
    clip = FakeModel(error=EmbedderUnavailable("down"))
    answer = await ask(clip=clip, mode="skip")

    assert clip.asked == []
    assert not answer.degraded


@pytest.mark.parametrize("mode", ["recall", "rerank", "skip"])
async def test_without_the_text_model_the_words_and_the_pictures_answer(mode: str) -> None:
    answer = await ask(text=FakeModel(error=EmbedderUnavailable("down"), model=text_model().model), mode=mode)

    assert answer.degraded_reasons == ("text_unavailable",)
    assert answer.channels[Channel.LEXICAL].status is ChannelStatus.OK
    assert answer.mode_used.value == mode
    assert answer.hits


async def test_without_both_models_the_words_answer() -> None:
    down = EmbedderUnavailable("down")
    answer = await ask(clip=FakeModel(error=down), text=FakeModel(text_model().model, error=down), mode="recall")

    assert set(answer.degraded_reasons) == {"clip_unavailable", "text_unavailable"}
    assert {match.channel for hit in answer.hits for match in hit.matched} == {Channel.LEXICAL}


@pytest.mark.parametrize("channel", ["visual", "transcript", "lexical"])
@pytest.mark.parametrize("fault", [RuntimeError("broken"), StoreTimeout("cancelled"), 60.0])
async def test_one_lost_channel_leaves_the_others(channel: str, fault: Exception | float) -> None:
    answer = await ask(faults={channel: fault}, mode="recall")
    kind = "error" if isinstance(fault, RuntimeError) else "timeout"

    assert answer.degraded_reasons == (f"{channel}_{kind}",)
    assert answer.channels[Channel(channel)].reason == f"{channel}_{kind}"
    assert answer.channels[Channel(channel)].status.value == kind
    assert answer.hits
    assert sum(report.weight for report in answer.channels.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("fault", [RuntimeError("broken"), 60.0])
async def test_a_failed_scoring_query_leaves_the_base_order(fault: Exception | float) -> None:
    answer = await ask(faults={"score": fault}, mode="rerank")

    assert answer.degraded_reasons == ("rerank_error",)
    assert order(answer) == order(await ask(mode="skip"))


async def test_flat_scores_leave_the_base_order_and_are_no_loss() -> None:
    with capture_logs() as logs:
        answer = await ask(mode="rerank", config=replace(PATIENT, rerank_min_score_range=2.0))

    assert not answer.degraded
    assert answer.channels[Channel.VISUAL].reason == "rerank flat"
    assert order(answer) == order(await ask(mode="skip"))
    assert any(line["event"].startswith("CLIP rerank: Skipping due to flat scores (range=") for line in logs)


async def test_a_similarity_that_is_no_number_drops_its_row_only() -> None:
    answer = await ask(faults={"nan score": RuntimeError()}, mode="rerank")

    assert not answer.degraded
    assert all(np.isfinite(hit.score) for hit in answer.hits)


async def test_a_database_that_is_down_is_an_error_that_says_so() -> None:
    down = StoreUnavailable("connection refused")
    faults: dict[str, Exception | float] = dict.fromkeys(["visual", "transcript", "lexical", "score", "covered"], down)
    for mode in ("recall", "rerank", "skip", "auto"):
        with pytest.raises(StoreUnavailable, match="No search channel answered") as refused:
            await ask(faults=faults, mode=mode)
        assert refused.value.http_status == 503


async def test_a_database_that_hangs_after_the_channels_answered_is_not_waited_for() -> None:
    with pytest.raises(StoreTimeout, match="mid-search"):
        await ask(faults={"details": 6.0}, mode="skip", config=replace(QUICK, deadline_s=0.1))


async def test_an_expired_vector_keeps_the_mode_and_is_told() -> None:
    clip = FakeModel()
    search = engine(library(*LIBRARY), clip, text_model(), PATIENT)
    await search.search(check("red car", mode="recall"))
    search._visual_cache._ttl_s = 0.0
    clip.error = EmbedderUnavailable("down")
    answer = await search.search(check("red car", mode="recall"))

    assert answer.mode_used is Mode.RECALL
    assert answer.degraded_reasons == ("stale_embedding",)


async def test_the_guides_lines_are_logged() -> None:
    with capture_logs() as logs:
        await ask("red car")
        await ask("red car", mode="rerank")
        await ask("red car", clip=FakeModel(error=EmbedderUnavailable("CLIP network error: Connection refused")))
        await ask("red car", clip=FakeModel(error=EmbedderUnauthorized("401 Unauthorized")))
    events = [line["event"] for line in logs]

    for start in (
        "CLIP text embedding generated: dim=4, elapsed_ms=",
        "Visual intent router: mode=recall, confidence=0.90, reason=Strong visual intent: object:car, attr:red",
        "CLIP rerank: Scoring 4 candidates from top 500 results",
        "CLIP rerank complete: scored=3, skipped=False, clip_weight=0.3, elapsed_ms=",
        "CLIP text embedding failed: CLIP network error: Connection refused",
        "CLIP authentication failed: 401 Unauthorized",
        "Visual channel skipped: no CLIP embedding",
        "Visual intent router: mode=skip (degraded to speech-only search)",
    ):
        assert any(event.startswith(start) for event in events), (start, events)
