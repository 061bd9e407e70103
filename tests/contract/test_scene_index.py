"""The port SceneIndex: what every implementation must do."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from heimdex.domain.errors import DimensionMismatch
from heimdex.domain.ids import SceneId, VideoId, uuid7
from heimdex.domain.query import Channel, SearchFilter
from heimdex.ports import Catalogue, IndexedVideo, SceneIndex, ToldScene, WordQuery
from heimdex.ranking.tokens import query_phrases, quoted_phrases
from heimdex.store import Store
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.library import MEANING_MODEL, VISUAL_MODEL, axis, described, made_up_video, unit_rows
from heimdex.testing.scene_index import InMemorySceneIndex

EVERYTHING = SearchFilter()
DIM = VISUAL_MODEL.dim


@dataclass(frozen=True)
class Library:
    """One implementation of both sides over the same data."""

    catalogue: Catalogue
    scenes: SceneIndex

    async def visual(self, query: np.ndarray, limit: int = 10, within: SearchFilter = EVERYTHING) -> list[SceneId]:
        found = await self.scenes.nearest(
            Channel.VISUAL, VISUAL_MODEL, query, limit=limit, within=within, timeout_s=5
        )  # fmt: skip
        return [candidate.scene_id for candidate in found.candidates]

    async def words(self, text: str, limit: int = 10, within: SearchFilter = EVERYTHING) -> list[SceneId]:
        found = await self.scenes.match_words(
            WordQuery(query_phrases(text), quoted_phrases(text)), limit=limit, within=within, timeout_s=5
        )
        return [candidate.scene_id for candidate in found.candidates]


@pytest.fixture(params=["memory", "postgres"])
def library(request: pytest.FixtureRequest) -> Library:
    if request.param == "memory":
        catalogue = InMemoryCatalogue()
        return Library(catalogue, InMemorySceneIndex(catalogue.videos))
    store: Store = request.getfixturevalue("store")
    return Library(store.catalogue, store.scenes)


def ids(video: IndexedVideo, *numbers: int) -> list[SceneId]:
    return [video.scenes[number].scene_id for number in numbers]


async def published(library: Library, transcripts: Sequence[str], name: str = "one") -> IndexedVideo:
    video = made_up_video(transcripts, path=Path(f"/videos/{name}.mp4"))
    await library.catalogue.publish(video)
    return video


async def test_nearest_gives_each_scene_once_with_its_best_keyframe(library: Library) -> None:
    video = made_up_video(
        ["", ""],
        visual=[np.stack([axis(DIM, 0), axis(DIM, 1), axis(DIM, 0)]), np.stack([axis(DIM, 2), axis(DIM, 3)])],
    )
    await library.catalogue.publish(video)
    query = (0.8 * axis(DIM, 1) + 0.6 * axis(DIM, 2)).astype(np.float32)

    found = await library.scenes.nearest(
        Channel.VISUAL, VISUAL_MODEL, query, limit=10, within=EVERYTHING, timeout_s=5
    )  # fmt: skip

    assert [candidate.scene_id for candidate in found.candidates] == ids(video, 0, 1)
    assert [candidate.raw for candidate in found.candidates] == pytest.approx([0.8, 0.6], abs=1e-3)
    assert [candidate.frame_s for candidate in found.candidates] == [
        video.scenes[0].scene.keyframes[1].time_s, video.scenes[1].scene.keyframes[0].time_s,
    ]  # fmt: skip
    assert found.exhaustive


async def test_nearest_agrees_with_arithmetic(library: Library) -> None:
    videos = [
        made_up_video([""] * 20, path=Path(f"/v{seed}.mp4"), frames=3, seed=seed) for seed in range(1, 4)
    ]  # fmt: skip
    for video in videos:
        await library.catalogue.publish(video)
    query = unit_rows(1, DIM, seed=77)[0]
    scenes = [scene for video in videos for scene in video.scenes]
    expected = sorted(scenes, key=lambda scene: -float(np.max(np.asarray(scene.visual) @ query)))

    assert await library.visual(query, limit=15) == [scene.scene_id for scene in expected[:15]]


async def test_a_filter_never_starves_the_answer(library: Library) -> None:
    near = made_up_video([""] * 30, path=Path("/near.mp4"), visual=[np.stack([axis(DIM, 0)] * 2)] * 30)
    far = made_up_video([""] * 3, path=Path("/far.mp4"), visual=[np.stack([axis(DIM, 1)] * 2)] * 3)
    await library.catalogue.publish(near)
    await library.catalogue.publish(far)

    found = await library.visual(axis(DIM, 0), limit=3, within=SearchFilter(frozenset([far.video_id])))

    assert sorted(found) == sorted(ids(far, 0, 1, 2))
    assert await library.visual(axis(DIM, 0), within=SearchFilter(frozenset([VideoId(uuid7())]))) == []


async def test_scenes_without_vectors_are_not_candidates(library: Library) -> None:
    video = made_up_video(["", ""], visual=[None, np.stack([axis(DIM, 0)])])
    await library.catalogue.publish(video)

    assert await library.visual(axis(DIM, 0)) == ids(video, 1)


async def test_two_models_never_mix(library: Library) -> None:
    other = dataclasses.replace(VISUAL_MODEL, model_id="another-clip")
    newer = dataclasses.replace(VISUAL_MODEL, revision="2")
    await library.catalogue.publish(made_up_video([""], path=Path("/a.mp4")))
    await library.catalogue.publish(made_up_video([""], path=Path("/b.mp4"), visual_model=other))

    for model, scenes in ((VISUAL_MODEL, 1), (other, 1), (newer, 0)):
        found = await library.scenes.nearest(
            Channel.VISUAL, model, axis(DIM, 0), limit=10, within=EVERYTHING, timeout_s=5
        )  # fmt: skip
        assert len(found.candidates) == scenes
        assert await library.scenes.covered(Channel.VISUAL, model) == scenes


async def test_channels_never_mix(library: Library) -> None:
    model = dataclasses.replace(MEANING_MODEL, dim=DIM)
    video = made_up_video([""], meaning_model=model, visual=[np.stack([axis(DIM, 0)])], meaning=[axis(DIM, 1)])
    await library.catalogue.publish(video)

    found = await library.scenes.nearest(
        Channel.TRANSCRIPT, model, axis(DIM, 1), limit=10, within=EVERYTHING, timeout_s=5
    )  # fmt: skip
    assert [(c.scene_id, c.frame_s) for c in found.candidates] == [(ids(video, 0)[0], None)]
    assert found.candidates[0].raw == pytest.approx(1.0, abs=1e-3)


async def test_a_query_of_another_dimension_is_refused(library: Library) -> None:
    await published(library, ["hello"])

    with pytest.raises(DimensionMismatch):
        await library.visual(axis(DIM + 1, 0))
    with pytest.raises(DimensionMismatch):
        await library.scenes.score_scenes(VISUAL_MODEL, axis(DIM + 1, 0), [SceneId(uuid7())], timeout_s=5)


async def test_score_scenes_scores_the_pool_and_leaves_out_what_has_no_vector(library: Library) -> None:
    video = made_up_video(["", "", ""], visual=[unit_rows(2, DIM, seed=1), None, unit_rows(3, DIM, seed=2)])
    await library.catalogue.publish(video)
    query = unit_rows(1, DIM, seed=9)[0]

    scored = await library.scenes.score_scenes(
        VISUAL_MODEL, query, [*ids(video, 0, 1, 2), SceneId(uuid7())], timeout_s=5
    )  # fmt: skip

    assert set(scored) == set(ids(video, 0, 2))
    for number in (0, 2):
        similarities = np.asarray(video.scenes[number].visual) @ query
        found = scored[video.scenes[number].scene_id]
        assert found.raw == pytest.approx(float(similarities.max()), abs=2e-3)
        assert found.frame_s == video.scenes[number].scene.keyframes[int(similarities.argmax())].time_s
    assert await library.scenes.score_scenes(VISUAL_MODEL, query, [], timeout_s=5) == {}


async def test_frames_gives_every_keyframe_of_a_pool_and_leaves_out_what_has_no_vector(library: Library) -> None:
    video = made_up_video(["", "", ""], visual=[unit_rows(2, DIM, seed=1), None, unit_rows(3, DIM, seed=2)])
    await library.catalogue.publish(video)

    found = await library.scenes.frames(VISUAL_MODEL, [*ids(video, 2, 1, 0), SceneId(uuid7())], timeout_s=5)

    assert set(found.scene_ids) == set(ids(video, 0, 2))
    assert found.vectors.dtype == np.float32
    assert sorted(found.owner.tolist()) == found.owner.tolist()
    for number, scene in enumerate(found.scene_ids):
        expected = next(s.visual for s in video.scenes if s.scene_id == scene)
        assert found.vectors[found.owner == number] == pytest.approx(np.asarray(expected), abs=1e-3)


async def test_frames_of_nothing_are_none(library: Library) -> None:
    video = await published(library, ["apple"])
    unknown = dataclasses.replace(VISUAL_MODEL, model_id="never-used")

    for model, scenes in ((VISUAL_MODEL, []), (VISUAL_MODEL, [SceneId(uuid7())]), (unknown, ids(video, 0))):
        found = await library.scenes.frames(model, scenes, timeout_s=5)
        assert (found.scene_ids, found.owner.shape, found.vectors.shape) == ((), (0,), (0, DIM))


async def test_words_are_found_whatever_their_case_and_particles(library: Library) -> None:
    video = await published(library, ["The RED car", "빨간 자동차가 간다", "a blue house"])

    assert await library.words("red Car") == ids(video, 0)
    assert await library.words("자동차") == ids(video, 1)
    assert await library.words("green") == []


async def test_a_rare_word_weighs_more_than_a_common_one(library: Library) -> None:
    video = await published(library, ["common word here", "common word there", "common word rare", "common again"])

    assert (await library.words("common rare"))[0] == video.scenes[2].scene_id


async def test_a_quoted_phrase_must_occur_as_it_stands(library: Library) -> None:
    video = await published(library, ["in this together now", "together in this", "this is in together"])

    assert await library.words('"in this together"') == ids(video, 0)
    assert await library.words('"in this together" missing') == ids(video, 0)


async def test_bm25_is_what_the_formula_gives(library: Library) -> None:
    await published(library, ["apple", "pear plum", "plum"])
    found = await library.scenes.match_words(WordQuery((("apple",),)), limit=5, within=EVERYTHING, timeout_s=5)

    # idf = ln(1 + 2.5 / 1.5); one occurrence in 1 term where 4/3 are usual
    assert found.candidates[0].raw == pytest.approx(0.980829 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 0.75)), abs=1e-4)


async def test_word_search_obeys_limit_and_filter(library: Library) -> None:
    one = await published(library, ["apple"] * 5, "one")
    two = await published(library, ["apple"] * 2, "two")

    assert len(await library.words("apple", limit=3)) == 3
    assert set(await library.words("apple", within=SearchFilter(frozenset([two.video_id])))) == set(ids(two, 0, 1))
    assert len(await library.words("apple")) == len(one.scenes) + len(two.scenes)


async def test_an_empty_word_query_finds_nothing(library: Library) -> None:
    await published(library, ["apple"])

    found = await library.scenes.match_words(WordQuery(()), limit=5, within=EVERYTHING, timeout_s=5)
    assert found.candidates == []


@pytest.mark.parametrize("text", ["it's & | ! ( ) :* <-> \\ \"", "'''", "a:b*", "\\", "100% %s %(x)s"])
async def test_no_text_is_read_as_query_syntax(library: Library, text: str) -> None:
    await published(library, [f"start {text} end"])
    query = WordQuery(((text,),), ((text, "x"),))

    found = await library.scenes.match_words(query, limit=5, within=EVERYTHING, timeout_s=5)
    assert found.candidates == []


async def test_details_give_all_that_is_shown(library: Library) -> None:
    video = await published(library, ["first words", "second words"])
    wanted = video.scenes[1]

    details = await library.scenes.details([wanted.scene_id, SceneId(uuid7())])

    assert set(details) == {wanted.scene_id}
    shown = details[wanted.scene_id]
    assert (shown.video_id, shown.title, shown.path) == (video.video_id, "one", video.file.path)
    assert (shown.span, shown.video_duration_s, shown.fps) == (wanted.scene.span, 10.0, 25.0)
    assert shown.segments == (video.segments[1],)
    assert shown.keyframes == tuple((frame.time_s, str(frame.image)) for frame in wanted.scene.keyframes)


async def test_covered_counts_scenes_not_vectors(library: Library) -> None:
    await published(library, ["said", "", "said"])

    assert await library.scenes.covered(Channel.VISUAL, VISUAL_MODEL) == 3
    assert await library.scenes.covered(Channel.VISUAL, None) == 3
    assert await library.scenes.covered(Channel.TRANSCRIPT, None) == 3
    assert await library.scenes.covered(Channel.LEXICAL, None) == 2
    assert await library.scenes.covered(Channel.SUMMARY, None) == 0


async def test_what_is_told_is_found_apart_from_what_is_said(library: Library) -> None:
    dim = MEANING_MODEL.dim
    video = described(
        made_up_video(["a boat", "", ""]), ["", "a boat leaves the harbour", "a beach"],
        told=[None, axis(dim, 0), axis(dim, 1)],
    )  # fmt: skip
    await library.catalogue.publish(video)

    async def told(text: str) -> list[SceneId]:
        found = await library.scenes.match_words(
            WordQuery(query_phrases(text)), limit=10, within=EVERYTHING, timeout_s=5, channel=Channel.SUMMARY
        )
        return [candidate.scene_id for candidate in found.candidates]

    assert await library.words("boat") == ids(video, 0)
    assert await told("boat beach") == ids(video, 2, 1)  # the shorter one
    assert await told("goodbye") == []
    near = await library.scenes.nearest(
        Channel.SUMMARY, MEANING_MODEL, axis(dim, 1), limit=10, within=EVERYTHING, timeout_s=5
    )
    assert [candidate.scene_id for candidate in near.candidates] == ids(video, 2, 1)
    assert await library.scenes.covered(Channel.SUMMARY, None) == 2
    assert await library.scenes.covered(Channel.SUMMARY, MEANING_MODEL) == 2
    details = await library.scenes.details([video.scenes[1].scene_id])
    assert details[video.scenes[1].scene_id].description == "a boat leaves the harbour"

    new = ToldScene(video.scenes[0].scene_id, "a dog", axis(dim, 2))
    await library.catalogue.describe(video.video_id, [], [new], MEANING_MODEL)
    assert await told("boat beach") == []
    assert await told("dog") == ids(video, 0)
    assert await library.scenes.covered(Channel.SUMMARY, MEANING_MODEL) == 1


async def test_replaced_scenes_are_not_found_any_more(library: Library) -> None:
    await library.catalogue.publish(made_up_video(["apple"], content="same"))
    second = made_up_video(["pear"], content="same", fingerprint="settings-2", seed=5)
    await library.catalogue.publish(second)

    assert await library.words("apple") == []
    assert await library.visual(axis(DIM, 0)) == ids(second, 0)
    assert await library.scenes.covered(Channel.VISUAL, VISUAL_MODEL) == 1


async def test_scenes_that_say_what_is_excluded_are_not_found(library: Library) -> None:
    video = made_up_video(["goodbye my friend", "goodbye my dear friend", "my friend's goodbye", "hello"])
    await library.catalogue.publish(video)

    async def found(query: WordQuery) -> set[SceneId]:
        answer = await library.scenes.match_words(query, limit=10, within=EVERYTHING, timeout_s=5)
        return {candidate.scene_id for candidate in answer.candidates}

    goodbye = query_phrases("goodbye")
    assert await found(WordQuery(goodbye, excluded=(("my", "friend"),))) == set(ids(video, 1))
    assert await found(WordQuery(goodbye, excluded=(("dear",), ("s",)))) == set(ids(video, 0))
    assert await found(WordQuery((), (("goodbye",),), (("dear",),))) == set(ids(video, 0, 2))
    assert await found(WordQuery(goodbye, excluded=(("a'b",), ("& !",)))) == set(ids(video, 0, 1, 2))
