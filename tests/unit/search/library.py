"""A small library with chosen vectors, and models that answer as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import numpy as np

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import FileStamp, Keyframe, MediaFacts, Scene, Segment, Span
from heimdex.ports import (
    Calibration,
    EmbeddingModel,
    Image,
    IndexedScene,
    IndexedVideo,
    Matrix,
    SceneIndex,
)
from heimdex.search.engine import SearchEngine
from heimdex.search.plan import SearchConfig
from heimdex.testing.scene_index import InMemorySceneIndex

DIM = 4
CLIP = EmbeddingModel("clip-test", "1", DIM, "draws only", Calibration(weak=0.3, medium=0.5, strong=0.7))
TEXT = EmbeddingModel("text-test", "1", DIM, "", Calibration(weak=0.3, medium=0.5, strong=0.7))
QUERY = np.array([1, 0, 0, 0], np.float32)


def at(cosine: float, axis: int = 1) -> np.ndarray:
    """Return a unit vector with this cosine to the query."""
    vector = np.zeros(DIM, np.float32)
    vector[0], vector[axis] = cosine, np.sqrt(max(0.0, 1 - cosine**2))
    return vector


@dataclass
class FakeModel:
    """Both kinds of embedder: the same vector for every text, or a failure, or a delay."""

    model: EmbeddingModel = CLIP
    rows: Callable[[int], np.ndarray] = lambda n: np.tile(QUERY, (n, 1))
    error: Exception | None = None
    delay_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        self.asked += texts
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.error:
            raise self.error
        return self.rows(len(texts))

    async def embed_queries(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        return await self.embed_texts(texts, timeout_s=timeout_s)

    async def embed_passages(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        return await self.embed_texts(texts, timeout_s=timeout_s)

    async def embed_images(self, images: Sequence[Image], *, timeout_s: float) -> Matrix:
        return self.rows(len(images))


@dataclass(frozen=True)
class Planted:
    """A scene to plant: its words, and the cosines that it has to every query; None: no vector."""

    words: str = ""
    seen: float | None = None
    meant: float | None = None
    told: str = ""
    #: cosine of what is told
    telling: float | None = None


def scene_id(number: int) -> SceneId:
    return SceneId(UUID(int=number))


def library(*planted: Planted) -> InMemorySceneIndex:
    """Return an index of one video; scene ``n`` (from 1) spans the seconds from 10·(n-1) to 10·n."""
    scenes, segments = [], []
    for number, plant in enumerate(planted, start=1):
        span = Span(10.0 * (number - 1), 10.0 * number)
        frame = Keyframe(span.start_s + 5, 1.0, Path(f"{number}.jpg"))
        if plant.words:
            segments.append(Segment(Span(span.start_s + 2, span.start_s + 4), plant.words, "sidecar"))
        visual = None if plant.seen is None else at(plant.seen)[np.newaxis, :]
        meaning = None if plant.meant is None else at(plant.meant, 2)
        told = None if plant.telling is None else at(plant.telling, 2)
        scene = Scene(span, (frame,))
        scenes.append(IndexedScene(scene_id(number), scene, plant.words, visual, meaning, plant.told, told))
    video = IndexedVideo(
        video_id=VideoId(UUID(int=999)),
        file=FileStamp(Path("/videos/a.mp4"), 1, 1, "sha"),
        title="a",
        facts=MediaFacts(10.0 * len(planted), 640, 360, 25.0, "mp4", "h264"),
        scenes=tuple(scenes),
        segments=tuple(segments),
        fingerprint="f",
        visual_model=CLIP,
        meaning_model=TEXT,
    )
    return InMemorySceneIndex({video.video_id: video})


def text_model() -> FakeModel:
    return FakeModel(TEXT)


def engine(
    index: SceneIndex,
    clip: FakeModel | None = None,
    text: FakeModel | None = None,
    config: SearchConfig | None = None,
) -> SearchEngine:
    return SearchEngine(index, clip, text, config or SearchConfig())
