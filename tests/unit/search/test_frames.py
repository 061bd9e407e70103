"""Keyframes pooled on the way from the index to the ranking, for candidates and for the rerank pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.search.library import CLIP, QUERY, FakeModel, Planted, at, engine, library, scene_id

from heimdex.domain.query import Channel, Mode
from heimdex.domain.results import Candidate, SearchAnswer
from heimdex.ports import SceneFrames
from heimdex.ranking.pool_frames import Pooling
from heimdex.search.frames import pooled
from heimdex.search.plan import SearchConfig
from heimdex.search.request import check
from heimdex.testing.scene_index import InMemorySceneIndex

#: scene 1 has one fine keyframe among bad ones, scene 2 is good throughout
STRAY, STEADY = [at(0.70, 1), at(0.0, 2), at(0.0, 3)], [at(0.65, 1), at(0.65, 2), at(0.65, 3)]


def two_scenes() -> InMemorySceneIndex:
    index = library(Planted("red car", seen=0.7), Planted("red car", seen=0.65))
    (video_id, video), *_ = index.videos.items()
    first, second = video.scenes
    scenes = (replace(first, visual=np.stack(STRAY)), replace(second, visual=np.stack(STEADY)))
    return InMemorySceneIndex({video_id: replace(video, scenes=scenes)})


async def ask(how: Pooling, query: str, mode: Mode) -> SearchAnswer:
    config = SearchConfig(frame_pooling=how)
    return await engine(two_scenes(), FakeModel(), None, config).search(
        check(query, mode=mode.value, include_weak=True)
    )


@pytest.mark.parametrize(("how", "first"), [("max", 1), ("mean", 2), ("top_k", 2), ("softmax", 2)])
@pytest.mark.parametrize("mode", [Mode.RECALL, Mode.RERANK])
async def test_the_setting_decides_which_scene_is_better(how: Pooling, first: int, mode: Mode) -> None:
    answer = await ask(how, "red car", mode)

    seen = {hit.scene.scene_id: next(m.raw for m in hit.matched if m.channel is Channel.VISUAL) for hit in answer.hits}
    assert max(seen, key=lambda scene: seen[scene]) == scene_id(first)
    assert answer.hits[0].scene.scene_id == scene_id(first)


async def test_the_best_keyframe_needs_no_further_round_trip() -> None:
    class NoFrames(InMemorySceneIndex):
        async def frames(self, *args: object, **kwargs: object) -> SceneFrames:
            raise AssertionError("asked for frames")

    candidates = [Candidate(scene_id(1), 0.5)]
    assert await pooled(NoFrames(), CLIP, QUERY, candidates, "max", timeout_s=1) == candidates


async def test_a_scene_whose_keyframes_are_gone_keeps_its_score() -> None:
    candidates = [Candidate(scene_id(1), 0.1, 5.0), Candidate(scene_id(77), 0.9, 6.0)]

    found = await pooled(two_scenes(), CLIP, QUERY, candidates, "mean", timeout_s=1)

    assert [(c.scene_id, c.frame_s) for c in found] == [(scene_id(77), 6.0), (scene_id(1), 5.0)]
    assert found[0].raw == 0.9
