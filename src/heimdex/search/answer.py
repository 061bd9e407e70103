"""What one side of a query found, and the answer made of all sides."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heimdex.domain.errors import StoreUnavailable
from heimdex.domain.query import Channel, Intent, Mode, SearchRequest
from heimdex.domain.results import ChannelReport, ChannelStatus, Hit, SearchAnswer
from heimdex.search import log_lines
from heimdex.search.evidence import Evidence
from heimdex.search.page import Page
from heimdex.search.plan import Plan, SearchConfig
from heimdex.search.rank import Ranked
from heimdex.search.report import explain, reports
from heimdex.search.retrieve import Answered, Question


@dataclass(frozen=True, slots=True)
class Found:
    """One side of a query, searched. ``hits`` are its matches, best first, as far as they were needed."""

    intent: Intent
    plan: Plan
    question: Question
    answered: Mapping[Channel, Answered]
    ranked: Ranked
    evidence: Evidence
    hits: Sequence[Hit]

    @property
    def losses(self) -> list[str]:
        """Return what went wrong, by its stable names."""
        losses = [answer.loss for answer in self.answered.values() if answer.loss] + list(self.ranked.losses)
        return [loss.reason for loss in losses] + self.question.remarks


def make_answer(
    request: SearchRequest, config: SearchConfig, sides: Sequence[Found], page: Page, started: float
) -> SearchAnswer:
    """Return the answer; mode and intent are those of the first side.

    Args:
        started: `time.perf_counter` at the beginning of the search.
    """
    first = sides[0]
    reasons = tuple(dict.fromkeys(reason for side in sides for reason in side.losses))
    used = first.plan.mode
    if any(reason.startswith("clip_") for reason in reasons):
        log_lines.visual_skipped()
        log_lines.degraded_to_speech()
        used = Mode.SKIP
    answers = [answer for side in sides for answer in side.answered.values()]
    models = [model for side in sides for model in side.evidence.models.values()]
    return SearchAnswer(
        query=request.query,
        hits=page.hits,
        took_ms=(time.perf_counter() - started) * 1000,
        mode_requested=request.mode,
        intent=first.intent,
        mode_used=used,
        channels=_channels(sides),
        exhaustive=all(answer.exhaustive for answer in answers if answer.loss is None),
        degraded_reasons=reasons,
        next_cursor=page.next_cursor,
        rerank_pool=first.plan.rerank_pool if used is Mode.RERANK else None,
        explanation=_explanation(config, sides, page) if request.explain else {},
        weights=dict(first.plan.given.given),
        weights_follow_query=first.plan.adapts,
        notices=tuple(dict.fromkeys(model.notice for model in models if model.notice)),
    )


def refuse_silence(answered: Mapping[Channel, Answered]) -> None:
    """Raise StoreUnavailable when channels were asked and not one answered."""
    lost = [f"{channel.value}: {answer.loss.detail}" for channel, answer in answered.items() if answer.loss]
    if lost and len(lost) == len(answered):
        raise StoreUnavailable(
            f"No search channel answered ({'; '.join(lost)}).", remedy="Try again; `heimdex doctor` says what is wrong."
        )


def _channels(sides: Sequence[Found]) -> dict[Channel, ChannelReport]:
    """Return how each channel fared, in the first side that used it."""
    told = [reports(side.plan, side.answered, side.ranked) for side in sides]
    return {
        channel: next((each[channel] for each in told if each[channel].status is not ChannelStatus.SKIPPED), report)
        for channel, report in told[0].items()
    }


def _explanation(config: SearchConfig, sides: Sequence[Found], page: Page) -> dict[str, object]:
    if len(sides) == 1:
        side = sides[0]
        return explain(config, side.answered, side.ranked, side.evidence, side.question, page.hits)
    shown = {scene.scene_id for hit in page.hits for scene in (hit.scene, *(step.scene for step in hit.then))}
    told = []
    for side in sides:
        hits = tuple(hit for hit in side.hits if hit.scene.scene_id in shown)
        told.append(explain(config, side.answered, side.ranked, side.evidence, side.question, hits))
    return {"sides": told}
