"""Hubs held back on the way to the ranking: learned once, and never at the price of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from tests.unit.search.library import CLIP, FakeModel, Planted, at, engine, library, scene_id

from heimdex.domain.errors import EmbedderUnavailable, StoreUnavailable
from heimdex.domain.query import Mode
from heimdex.domain.results import Candidate
from heimdex.ports import EmbeddingModel, Matrix, SceneFrames
from heimdex.ranking.hubs import background_captions
from heimdex.search.hubs import Hubs
from heimdex.search.plan import SearchConfig
from heimdex.search.request import check
from heimdex.testing.scene_index import InMemorySceneIndex

CANDIDATES = [Candidate(scene_id(1), 0.62, 5.0), Candidate(scene_id(2), 0.6, 15.0)]


@dataclass
class Captions(FakeModel):
    """Every caption lies where scene 1 does; the query where it always does."""

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        rows = await FakeModel.embed_texts(self, texts, timeout_s=timeout_s)
        return np.tile(at(0.62), (len(texts), 1)) if texts[0] in background_captions() else rows


@dataclass
class Counting(InMemorySceneIndex):
    asked: list[int] = field(default_factory=list)
    error: Exception | None = None

    async def frames(self, model: EmbeddingModel, scene_ids: Sequence[object], *, timeout_s: float) -> SceneFrames:
        self.asked.append(len(scene_ids))
        if self.error:
            raise self.error
        return await InMemorySceneIndex.frames(self, model, scene_ids, timeout_s=timeout_s)  # type: ignore[arg-type]


def index() -> Counting:
    planted = library(Planted("", seen=0.62), Planted("", seen=0.6))
    (video_id, video), *_ = planted.videos.items()
    scenes = (video.scenes[0], replace(video.scenes[1], visual=at(0.6, 3)[np.newaxis, :]))
    return Counting({video_id: replace(video, scenes=scenes)})


async def test_a_scene_that_is_near_to_everything_falls_behind() -> None:
    found = await Hubs().hold_back(index(), Captions(), CANDIDATES, 0.75, timeout_s=5)

    # near: scene 1 lies on the captions, scene 2 has cosine 0.62 · 0.6 to them
    half = 0.75 * (1.0 - 0.62 * 0.6) / 2
    assert [c.scene_id for c in found] == [scene_id(2), scene_id(1)]
    assert [c.raw for c in found] == pytest.approx([0.6 + half, 0.62 - half], abs=1e-6)
    assert [c.frame_s for c in found] == [15.0, 5.0]


async def test_zero_asks_nobody() -> None:
    model, library = Captions(), index()
    assert await Hubs().hold_back(library, model, CANDIDATES, 0.0, timeout_s=5) == CANDIDATES
    assert (model.asked, library.asked) == ([], [])


async def test_captions_and_scenes_are_learned_once() -> None:
    hubs, model, library = Hubs(), Captions(), index()
    first = await hubs.hold_back(library, model, CANDIDATES, 0.75, timeout_s=5)
    again = await hubs.hold_back(library, model, CANDIDATES, 0.75, timeout_s=5)
    assert again == first
    assert model.asked == background_captions()
    assert library.asked == [2]


async def test_another_model_is_another_space() -> None:
    hubs, library = Hubs(), index()
    await hubs.hold_back(library, Captions(), CANDIDATES, 0.75, timeout_s=5)
    other = Captions(EmbeddingModel("other", "1", CLIP.dim))
    assert await hubs.hold_back(library, other, CANDIDATES, 0.75, timeout_s=5) == CANDIDATES  # it has no vectors
    assert len(other.asked) == 128


async def test_without_captions_or_frames_the_order_stands() -> None:
    deaf = Captions(error=EmbedderUnavailable("gone", remedy=""))
    hubs = Hubs()
    assert await hubs.hold_back(index(), deaf, CANDIDATES, 0.75, timeout_s=5) == CANDIDATES
    broken = index()
    broken.error = StoreUnavailable("gone", remedy="")
    assert await Hubs().hold_back(broken, Captions(), CANDIDATES, 0.75, timeout_s=5) == CANDIDATES
    # and it is tried again
    assert (await hubs.hold_back(index(), Captions(), CANDIDATES, 0.75, timeout_s=5))[0].scene_id == scene_id(2)


async def test_a_slow_model_holds_no_search_up_and_is_ready_for_a_later_one() -> None:
    hubs, slow = Hubs(), Captions(delay_s=0.05)
    assert await hubs.hold_back(index(), slow, CANDIDATES, 0.75, timeout_s=0.01) == CANDIDATES
    found = await hubs.hold_back(index(), slow, CANDIDATES, 0.75, timeout_s=30)  # the same task, not a new one
    assert found[0].scene_id == scene_id(2)
    assert len(slow.asked) == 128


@pytest.mark.parametrize(("alpha", "first"), [(0.0, 1), (0.75, 2)])
@pytest.mark.parametrize("mode", [Mode.RECALL, Mode.AUTO])
async def test_the_setting_reaches_the_ranking(alpha: float, first: int, mode: Mode) -> None:
    config = SearchConfig(hub_correction=alpha)
    answer = await engine(index(), Captions(), None, config).search(check("red car", mode=mode.value))
    assert answer.hits[0].scene.scene_id == scene_id(first)
