"""Filters admit what brute force admits, and never take results away from the rest, however small the part."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from heimdex.domain.ids import VideoId, uuid7
from heimdex.domain.query import Channel, SearchFilter
from heimdex.ports import IndexedVideo, WordQuery
from heimdex.ranking.tokens import query_phrases
from heimdex.store import Store
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.library import VISUAL_MODEL, made_up_video, unit_rows
from heimdex.testing.scene_index import InMemorySceneIndex, admits
from heimdex.testing.tags import InMemoryTags

DAY = datetime(2024, 1, 1, tzinfo=UTC)
FOLDERS = ["/videos", "/videos/a", "/videos/ab", "/videos/a/b", "/other/a", "/videos/가", "/videos/%_"]
TAGS = ["sea", "kids", "제주", "none of them"]
LANGUAGES = ["en", "en-US", "ko", "KO_kr", None]


def video(number: int, rng: random.Random, scenes: int = 4) -> IndexedVideo:
    words = [rng.choice(["", "goodbye my friend", "the red car", "what a goodbye"]) for _ in range(scenes)]
    made = made_up_video(words, path=Path(f"{rng.choice(FOLDERS)}/{number}.mp4"), frames=2, seed=number)
    facts = replace(
        made.facts,
        recorded_at=rng.choice([None, DAY + timedelta(days=rng.randrange(20))]),
        duration_s=float(rng.choice([5, 20, 60])),
    )
    segments = tuple(replace(segment, language=rng.choice(LANGUAGES)) for segment in made.segments)
    return replace(made, facts=facts, segments=segments)


def random_filter(rng: random.Random, videos: list[IndexedVideo], depth: int = 1) -> SearchFilter:
    def sometimes(value: object, otherwise: object) -> object:
        return value if rng.random() < 0.35 else otherwise

    def nested() -> tuple[SearchFilter, ...]:
        return tuple(random_filter(rng, videos, depth - 1) for _ in range(rng.randrange(3))) if depth else ()

    return SearchFilter(
        video_ids=sometimes(frozenset(v.video_id for v in rng.sample(videos, 12)), frozenset()),  # type: ignore[arg-type]
        folders=sometimes(tuple(Path(f) for f in rng.sample([*FOLDERS, "/"], 2)), ()),  # type: ignore[arg-type]
        recorded_from=sometimes(DAY + timedelta(days=rng.randrange(12)), None),  # type: ignore[arg-type]
        recorded_before=sometimes(DAY + timedelta(days=8 + rng.randrange(12)), None),  # type: ignore[arg-type]
        min_duration_s=sometimes(rng.choice([5.0, 20.0]), None),  # type: ignore[arg-type]
        max_duration_s=sometimes(rng.choice([20.0, 60.0]), None),  # type: ignore[arg-type]
        languages=sometimes(frozenset(rng.sample(["en", "en-us", "ko", "fr"], 2)), frozenset()),  # type: ignore[arg-type]
        tags=sometimes(frozenset(rng.sample(TAGS, 2)), frozenset()),  # type: ignore[arg-type]
        has_speech=sometimes(rng.random() < 0.5, None),  # type: ignore[arg-type]
        all_of=nested(),
        any_of=nested(),
        none_of=nested(),
    )


async def published(store: Store, videos: list[IndexedVideo]) -> InMemorySceneIndex:
    memory = InMemoryCatalogue()
    for each in videos:
        await store.catalogue.publish(each)
        await memory.publish(each)
    tags = InMemoryTags(memory.videos)
    for number, each in enumerate(videos):
        for tag in TAGS[:3]:
            if number % (2 + TAGS.index(tag)) == 0:
                await store.tags.add(tag, [each.video_id])
                await tags.add(tag, [each.video_id])
    return InMemorySceneIndex(memory.videos, tags.kept)


async def test_filters_admit_what_brute_force_admits(store: Store) -> None:
    rng = random.Random(7)
    videos = [video(number, rng) for number in range(40)]
    memory = await published(store, videos)
    words = WordQuery(query_phrases("goodbye car"))
    sizes = set()
    for number in range(120):
        within = random_filter(rng, videos)
        query = unit_rows(1, VISUAL_MODEL.dim, seed=number)[0]
        answers = []
        for index in (store.scenes, memory):
            near = await index.nearest(
                Channel.VISUAL, VISUAL_MODEL, query, limit=500, within=within, timeout_s=10
            )  # fmt: skip
            said = await index.match_words(words, limit=500, within=within, timeout_s=10)
            assert near.exhaustive
            answers.append(({c.scene_id for c in near.candidates}, {c.scene_id for c in said.candidates}))
        assert answers[0] == answers[1], within
        sizes.add(len(answers[0][0]))
    assert len(sizes) > 15  # from nothing to everything, and much between


async def test_a_filter_that_admits_one_scene_in_a_thousand_finds_it(store: Store) -> None:
    rare = VideoId(uuid7())
    query = unit_rows(1, VISUAL_MODEL.dim)[0]
    videos = [made_up_video(["the red car"] * 100, path=Path(f"/videos/{n}.mp4"), frames=1, seed=n) for n in range(10)]
    # the worst match of all: behind a thousand others without the filter
    lone = replace(
        made_up_video(["goodbye"], path=Path("/rare/one.mp4"), frames=1, visual=[-query[np.newaxis, :]]), video_id=rare
    )
    await published(store, [*videos, lone])
    wanted = [scene.scene_id for scene in lone.scenes]
    for within in (
        SearchFilter(video_ids=frozenset({rare})),
        SearchFilter(folders=(Path("/rare"),)),
        SearchFilter(none_of=(SearchFilter(folders=(Path("/videos"),)),)),
    ):
        near = await store.scenes.nearest(
            Channel.VISUAL, VISUAL_MODEL, query, limit=5, within=within, timeout_s=10
        )  # fmt: skip
        assert [c.scene_id for c in near.candidates] == wanted
        assert near.exhaustive
        assert admits(within, lone, lone.scenes[0])
    everything = await store.scenes.nearest(
        Channel.VISUAL, VISUAL_MODEL, query, limit=5, within=SearchFilter(), timeout_s=10
    )  # fmt: skip
    assert wanted[0] not in [c.scene_id for c in everything.candidates]


@pytest.mark.parametrize("folder", ["/videos/a'); DROP TABLE scene; --", "/videos/%", "/videos/_", "/videos/\\x61"])
async def test_a_folder_is_bytes_and_never_a_pattern_or_code(store: Store, folder: str) -> None:
    await published(store, [video(1, random.Random(1))])
    near = await store.scenes.nearest(
        Channel.VISUAL, VISUAL_MODEL, unit_rows(1, VISUAL_MODEL.dim)[0], limit=5, timeout_s=10,
        within=SearchFilter(folders=(Path(folder),)),
    )  # fmt: skip
    assert near.candidates == []
