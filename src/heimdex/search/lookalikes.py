"""Scenes that look like a picture, or like a scene: nearest keyframes, alone or beside what words find."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, Intent, Mode, Prior, SearchRequest
from heimdex.domain.results import Candidate, ChannelReport, ChannelStatus, Hit, Label, Match, SceneDetails
from heimdex.ports import EmbeddingModel, Matrix, SceneIndex
from heimdex.ranking.labels import label_outlier, strongest
from heimdex.ranking.normalize import finite, min_max
from heimdex.search.report import raw_range

#: a picture's part in a score, when words have the rest
PICTURE_WEIGHT = 0.5
#: of one shot, or of a copy: no model tells such pictures further apart
_SAME_PICTURE = 0.97


@dataclass(frozen=True, slots=True)
class Alike:
    """What looks alike, best first, each with a receipt of one line."""

    hits: list[Hit]
    report: ChannelReport
    exhaustive: bool
    #: the cosines that became 0 and 1
    scale: list[float]

    @property
    def explanation(self) -> dict[str, object]:
        """Return what the normalised scores follow from."""
        return {"picture": {"range": self.scale}}


async def find_alike(
    index: SceneIndex,
    model: EmbeddingModel,
    looks: Matrix,
    request: SearchRequest,
    *,
    limit: int,
    timeout_s: float,
    leave_out: SceneId | None = None,
) -> Alike:
    """Return the scenes whose best keyframe lies nearest to any of ``looks``, (n, dim) unit rows.

    Labels judge how far a scene stands out among the others: the cut-offs of a model are for words,
    and the cosine of two pictures is far above that of a picture and words.
    """
    started = time.perf_counter()
    nearest = (
        index.nearest(Channel.VISUAL, model, look, limit=limit + 1, within=request.filter, timeout_s=timeout_s)
        for look in np.asarray(looks, dtype=np.float32)
    )
    answers = await asyncio.gather(*nearest)
    found = [c for c in finite([c for a in answers for c in a.candidates]) if c.scene_id != leave_out][:limit]
    details = await index.details([candidate.scene_id for candidate in found])
    took_ms = (time.perf_counter() - started) * 1000
    status = ChannelStatus.OK if found else ChannelStatus.EMPTY
    report = ChannelReport(status, len(found), 1.0, took_ms)
    return Alike(_hits(found, details), report, all(answer.exhaustive for answer in answers), raw_range(found))


def _hits(found: Sequence[Candidate], details: Mapping[SceneId, SceneDetails]) -> list[Hit]:
    normalised = min_max({candidate.scene_id: candidate.raw for candidate in found})
    scores = [candidate.raw for candidate in found]
    hits = []
    for rank, candidate in enumerate(found, start=1):
        if (scene := details.get(candidate.scene_id)) is None:  # removed while we searched
            continue
        score = normalised[candidate.scene_id]
        label = Label.STRONG if candidate.raw >= _SAME_PICTURE else label_outlier(candidate.raw, scores)
        match = Match(Channel.VISUAL, rank, candidate.raw, score, 1.0, label, candidate.frame_s, by="picture")
        hits.append(Hit(rank, scene, score, label, scene.span.start_s, (match,), _first_words(scene)))
    return hits


def _first_words(scene: SceneDetails) -> str:
    return next((segment.text for segment in scene.segments if segment.text.strip()), "")


def beside_words(alike: Sequence[Hit], worded: Sequence[Hit]) -> list[Hit]:
    """Return the union of what a picture and words find, best first, each with its part of the score.

    score = w · picture + (1 - w) · words; what one of them did not find has 0 there. A picture
    and words are not one vector: text and pictures lie in different corners of a CLIP space, so
    that their sum mostly means the picture.
    """
    joined = {hit.scene.scene_id: _scaled(hit, PICTURE_WEIGHT) for hit in alike}
    for hit in worded:
        part = _scaled(hit, 1.0 - PICTURE_WEIGHT)
        if seen := joined.get(hit.scene.scene_id):
            part = replace(
                part, score=seen.score + part.score, label=strongest((seen.label, part.label)),
                matched=(*part.matched, *seen.matched),
            )  # fmt: skip
        joined[hit.scene.scene_id] = part
    return sorted(joined.values(), key=lambda hit: (-hit.score, hit.scene.scene_id))


def _scaled(hit: Hit, weight: float) -> Hit:
    matched = tuple(replace(match, weight=match.weight * weight) for match in hit.matched)
    return replace(hit, score=hit.score * weight, matched=matched, penalty=hit.penalty * weight)


def looking(what: str) -> Intent:
    """Return the intent of a search that needs no router."""
    return Intent(Mode.RECALL, 1.0, f"Asked for: {what}", Prior(1.0, 0.0, 0.0))
