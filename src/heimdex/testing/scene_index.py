"""The library in memory as the search side sees it: the port SceneIndex for tests, by brute force."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from heimdex.domain.errors import DimensionMismatch
from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.query import Channel, SearchFilter
from heimdex.domain.results import Candidate, SceneDetails
from heimdex.ports import EmbeddingModel, IndexedScene, IndexedVideo, Matrix, Retrieved, SceneFrames, Vector, WordQuery
from heimdex.ranking.bm25 import bm25, idf, phrase_frequency
from heimdex.ranking.tokens import index_terms


@dataclass(slots=True)
class InMemorySceneIndex:
    """Searches a dictionary of videos, such as that of `InMemoryCatalogue`; sees what is published later."""

    videos: dict[VideoId, IndexedVideo] = field(default_factory=dict)
    #: sha256 -> key -> tag, such as those of `InMemoryTags`
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

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
        _check_dimension(model, query)
        found = [
            candidate
            for video, scene in self._scenes(within)
            if (candidate := _score(channel, video, scene, model, query)) is not None
        ]
        return Retrieved(_best_first(found)[:limit])

    async def match_words(
        self,
        query: WordQuery,
        *,
        limit: int,
        within: SearchFilter,
        timeout_s: float,
        channel: Channel = Channel.LEXICAL,
    ) -> Retrieved:
        scenes = [
            (scene.scene_id, index_terms(scene.description if channel is Channel.SUMMARY else scene.transcript))
            for _, scene in self._scenes(SearchFilter())
        ]
        positions = {scene_id: _positions(terms) for scene_id, terms in scenes if terms}
        phrases = list(dict.fromkeys((*query.phrases, *query.required)))
        counts = {
            scene_id: {phrase: phrase_frequency(phrase, places) for phrase in phrases}
            for scene_id, places in positions.items()
        }
        weights = [idf(len(positions), sum(c[phrase] > 0 for c in counts.values())) for phrase in phrases]
        lengths = {scene_id: len(terms) for scene_id, terms in scenes}
        average = sum(lengths[scene_id] for scene_id in positions) / len(positions) if positions else 0.0
        admitted = {scene.scene_id for _, scene in self._scenes(within)}
        found = [
            Candidate(scene_id, bm25([count[phrase] for phrase in phrases], weights, lengths[scene_id], average))
            for scene_id, count in counts.items()
            if scene_id in admitted
            and any(count.values())
            and all(count[phrase] for phrase in query.required)
            and not any(phrase_frequency(phrase, positions[scene_id]) for phrase in query.excluded)
        ]
        return Retrieved(_best_first(found)[:limit])

    async def score_scenes(
        self, model: EmbeddingModel, query: Vector, scene_ids: Sequence[SceneId], *, timeout_s: float
    ) -> Mapping[SceneId, Candidate]:
        _check_dimension(model, query)
        wanted = set(scene_ids)
        return {
            scene.scene_id: candidate
            for video, scene in self._scenes(SearchFilter())
            if scene.scene_id in wanted
            and (candidate := _score(Channel.VISUAL, video, scene, model, query)) is not None
        }

    async def frames(self, model: EmbeddingModel, scene_ids: Sequence[SceneId], *, timeout_s: float) -> SceneFrames:
        wanted = set(scene_ids)
        stored = {
            scene.scene_id: rows
            for video, scene in self._scenes(SearchFilter())
            if scene.scene_id in wanted and (rows := _rows(Channel.VISUAL, video, scene, model)) is not None
        }
        if not stored:
            return SceneFrames((), np.zeros(0, np.int64), np.zeros((0, model.dim), np.float32))
        owner = np.repeat(np.arange(len(stored)), [len(rows) for rows in stored.values()])
        return SceneFrames(tuple(stored), owner, np.concatenate(list(stored.values())))

    async def details(self, scene_ids: Sequence[SceneId]) -> Mapping[SceneId, SceneDetails]:
        wanted = set(scene_ids)
        return {
            scene.scene_id: SceneDetails(
                scene_id=scene.scene_id,
                video_id=video.video_id,
                title=video.title,
                path=video.file.path,
                span=scene.scene.span,
                video_duration_s=video.facts.duration_s,
                fps=video.facts.fps,
                segments=tuple(s for s in video.segments if s.span.overlap_s(scene.scene.span) > 0.0),
                keyframes=tuple((frame.time_s, str(frame.image)) for frame in scene.scene.keyframes),
                recorded_at=video.facts.recorded_at,
                description=scene.description,
            )
            for video, scene in self._scenes(SearchFilter())
            if scene.scene_id in wanted
        }

    async def covered(self, channel: Channel, model: EmbeddingModel | None) -> int:
        if channel is Channel.LEXICAL:
            return sum(bool(index_terms(scene.transcript)) for _, scene in self._scenes(SearchFilter()))
        scenes = self._scenes(SearchFilter())
        if channel is Channel.SUMMARY and model is None:
            return sum(bool(index_terms(scene.description)) for _, scene in scenes)
        return sum(
            _rows(channel, video, scene, model or _stored(channel, video)) is not None for video, scene in scenes
        )

    def _scenes(self, within: SearchFilter) -> list[tuple[IndexedVideo, IndexedScene]]:
        return [
            (video, scene)
            for video in self.videos.values()
            for scene in video.scenes
            if admits(within, video, scene, self.tags.get(video.file.sha256, {}))
        ]


def admits(within: SearchFilter, video: IndexedVideo, scene: IndexedScene, tags: Collection[str] = frozenset()) -> bool:
    """Return whether a filter admits a scene, by the words of `SearchFilter`.

    Args:
        tags: keys of those of the video.
    """
    if within.video_ids and video.video_id not in within.video_ids:
        return False
    if within.folders and not any(video.file.path.is_relative_to(folder) for folder in within.folders):
        return False
    if not _in_time(within, video) or not _long_enough(within, video):
        return False
    if within.languages and not within.languages & _languages(video, scene):
        return False
    if within.has_speech is not None and bool(index_terms(scene.transcript)) != within.has_speech:
        return False
    if within.tags and not within.tags & set(tags):
        return False
    if within.any_of and not any(admits(each, video, scene, tags) for each in within.any_of):
        return False
    return all(admits(each, video, scene, tags) for each in within.all_of) and not any(
        admits(each, video, scene, tags) for each in within.none_of
    )


def _in_time(within: SearchFilter, video: IndexedVideo) -> bool:
    if within.recorded_from is None and within.recorded_before is None:
        return True
    recorded = video.facts.recorded_at
    return (
        recorded is not None
        and (within.recorded_from is None or recorded >= within.recorded_from)
        and (within.recorded_before is None or recorded < within.recorded_before)
    )


def _long_enough(within: SearchFilter, video: IndexedVideo) -> bool:
    low = within.min_duration_s if within.min_duration_s is not None else 0.0
    high = within.max_duration_s if within.max_duration_s is not None else float("inf")
    return low <= video.facts.duration_s <= high


def _languages(video: IndexedVideo, scene: IndexedScene) -> set[str]:
    tags = {
        segment.language.lower().replace("_", "-")
        for segment in video.segments
        if segment.language and segment.span.overlap_s(scene.scene.span) > 0.0
    }
    return tags | {tag.partition("-")[0] for tag in tags}


def _check_dimension(model: EmbeddingModel, query: Vector) -> None:
    if query.shape != (model.dim,):
        raise DimensionMismatch(stored=model.dim, got=query.size, model_id=model.model_id)


def _best_first(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: (-candidate.raw, candidate.scene_id))


def _positions(terms: Sequence[str]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for place, term in enumerate(terms):
        positions.setdefault(term, []).append(place)
    return positions


def _stored(channel: Channel, video: IndexedVideo) -> EmbeddingModel | None:
    return video.visual_model if channel is Channel.VISUAL else video.meaning_model


def _rows(channel: Channel, video: IndexedVideo, scene: IndexedScene, model: EmbeddingModel | None) -> Matrix | None:
    """Return the scene's vectors in the space of ``model``; vectors of another model are as good as none."""
    stored = _stored(channel, video)
    if stored is None or model is None or (stored.model_id, stored.revision) != (model.model_id, model.revision):
        return None
    if channel is Channel.VISUAL:
        return scene.visual if scene.visual is not None and len(scene.visual) else None
    vector = {Channel.TRANSCRIPT: scene.meaning, Channel.SUMMARY: scene.told}.get(channel)
    return None if vector is None else vector[np.newaxis, :]


def _score(
    channel: Channel, video: IndexedVideo, scene: IndexedScene, model: EmbeddingModel, query: Vector
) -> Candidate | None:
    rows = _rows(channel, video, scene, model)
    if rows is None:
        return None
    cosines = rows.astype(np.float64) @ query.astype(np.float64)
    best = int(np.argmax(cosines))
    frames = scene.scene.keyframes
    frame_s = frames[best].time_s if channel is Channel.VISUAL and best < len(frames) else None
    return Candidate(scene.scene_id, float(cosines[best]), frame_s)
