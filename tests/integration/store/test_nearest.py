"""The approximate index finds what an exact scan finds, and gives way to one wherever it might not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from heimdex.domain.ids import SceneId, TenantId, uuid7
from heimdex.domain.query import Channel, SearchFilter
from heimdex.ports import IndexedVideo, Matrix, Retrieved
from heimdex.store import Store, open_store
from heimdex.store.database import Connection
from heimdex.store.nearest import Wanted, find_nearest
from heimdex.store.rows import vector_text
from heimdex.store.spaces import relation_of
from heimdex.store.vector_index import IndexState, VectorIndex, VectorIndexes, index_of
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.library import VISUAL_MODEL, made_up_video, unit_rows
from heimdex.testing.scene_index import InMemorySceneIndex

EVERYTHING = SearchFilter()
RELATION = relation_of(Channel.VISUAL, VISUAL_MODEL)
SCENES, VIDEOS = 100, 20


@dataclass(frozen=True)
class Large:
    """A library that is searched by its index, whatever its size, beside brute force over the same videos."""

    store: Store
    memory: InMemorySceneIndex
    videos: list[IndexedVideo]

    async def found(self, seed: int, within: SearchFilter = EVERYTHING, limit: int = 10) -> Retrieved:
        query = half(1, seed)[0]
        return await self.store.scenes.nearest(
            Channel.VISUAL, VISUAL_MODEL, query, limit=limit, within=within, timeout_s=10
        )  # fmt: skip

    async def right(self, seed: int, within: SearchFilter = EVERYTHING, limit: int = 10) -> list[SceneId]:
        query = half(1, seed)[0]
        return scenes(
            await self.memory.nearest(Channel.VISUAL, VISUAL_MODEL, query, limit=limit, within=within, timeout_s=10)
        )

    async def publish(self, video: IndexedVideo) -> None:
        await self.store.catalogue.publish(video)
        self.memory.videos[video.video_id] = video


def half(count: int, seed: int) -> Matrix:
    """Return rows that the database holds without rounding, so that both sides compare the same numbers."""
    return unit_rows(count, VISUAL_MODEL.dim, seed=seed).astype(np.float16).astype(np.float32)


def scenes(found: Retrieved) -> list[SceneId]:
    return [candidate.scene_id for candidate in found.candidates]


def video(number: int, *, count: int = SCENES) -> IndexedVideo:
    rows = half(count, 5000 + number)[:, np.newaxis]
    return made_up_video(
        ["word" if n % 2 else "" for n in range(count)], path=Path(f"/videos/{number % 4}/{number:02}.mp4"),
        visual=list(rows), meaning_model=None,
    )  # fmt: skip


async def build(store: Store) -> list[VectorIndex]:
    return await store.vector_indexes.build_wanted(lambda index, fraction: None)


@pytest.fixture
async def large(database_url: str, tmp_path: Path) -> AsyncIterator[Large]:
    async with open_store(database_url, tmp_path, exact_below=0) as store:
        memory = InMemoryCatalogue()
        library = Large(store, InMemorySceneIndex(memory.videos), [video(number) for number in range(VIDEOS)])
        for each in library.videos:
            await library.publish(each)
        await build(store)
        yield library


async def recall(large: Large, within: SearchFilter, limit: int = 10, queries: int = 30) -> float:
    """Return the mean recall of approximate answers; each must be one, and full."""
    shares = []
    for seed in range(queries):
        found = await large.found(seed, within, limit)
        assert not found.exhaustive
        assert len(found.candidates) == limit
        assert [c.raw for c in found.candidates] == sorted((c.raw for c in found.candidates), reverse=True)
        shares.append(len(set(scenes(found)) & set(await large.right(seed, within, limit))) / limit)
    return float(np.mean(shares))


async def test_the_index_finds_what_is_nearest_with_and_without_a_filter(large: Large) -> None:
    most = SearchFilter(none_of=(SearchFilter(folders=(Path("/videos/3"),)),))
    speaking = SearchFilter(has_speech=True)

    assert await recall(large, EVERYTHING) >= 0.99
    assert await recall(large, most) >= 0.99
    assert await recall(large, speaking, limit=5) >= 0.99
    assert await recall(large, EVERYTHING, limit=40, queries=10) >= 0.97


async def test_nothing_that_the_filter_turns_away_comes_through_the_index(large: Large) -> None:
    for within in (SearchFilter(folders=tuple(Path(f"/videos/{n}") for n in range(3))), SearchFilter(has_speech=False)):
        admitted = set(await large.right(1, within, limit=10_000))
        for seed in range(5):
            found = await large.found(seed, within, limit=5)
            assert not found.exhaustive
            assert set(scenes(found)) <= admitted


async def test_the_search_really_reads_the_index(large: Large) -> None:
    wanted = Wanted(
        tenant=large.store.database.tenant, channel=Channel.VISUAL, relation=RELATION,
        query=vector_text(half(1, 0)[0]), limit=5, within=EVERYTHING, exact_below=0,
    )  # fmt: skip

    async def counted(connection: Connection) -> int:
        name = index_of(RELATION, large.store.database.tenant)
        row = await (await connection.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [name])).fetchone()
        assert row is not None
        return int(row[0])

    async def scans(connection: Connection, wanted: Wanted) -> int:
        before = await counted(connection)  # what this connection has not reported yet, from earlier searches too
        await find_nearest(connection, wanted)
        return await counted(connection) - before

    speaking = replace(wanted, within=SearchFilter(has_speech=True))
    exact = replace(wanted, exact_below=SCENES * VIDEOS)
    assert await large.store.database.run(lambda connection: scans(connection, wanted)) == 1
    assert await large.store.database.run(lambda connection: scans(connection, speaking)) == 1
    assert await large.store.database.run(lambda connection: scans(connection, exact)) == 0


async def test_a_small_filtered_set_is_looked_at_whole(large: Large) -> None:
    lone = large.videos[7]
    for within in (
        SearchFilter(frozenset([lone.video_id])),
        SearchFilter(folders=(lone.file.path,)),
        SearchFilter(frozenset([lone.video_id]), has_speech=True),
    ):
        for limit in (3, 500):
            found = await large.found(3, within, limit)
            assert found.exhaustive
            assert scenes(found) == await large.right(3, within, limit)


async def test_one_scene_in_a_thousand_is_found(large: Large) -> None:
    query = half(1, 3)[0]
    far = made_up_video(["x", "y"], path=Path("/rare/a.mp4"), visual=[-query[np.newaxis]] * 2, meaning_model=None)
    await large.publish(far)

    found = await large.found(3, SearchFilter(folders=(Path("/rare"),)))
    assert set(scenes(found)) == {scene.scene_id for scene in far.scenes}
    assert found.exhaustive
    assert not set(scenes(found)) & set(scenes(await large.found(3)))


async def test_a_scan_that_would_come_back_short_gives_way_to_an_exact_one(large: Large) -> None:
    """The filter admits enough, but all of it far from the query, where the index never gets to."""
    query = half(1, 3)[0]
    spread = half(40_000, 8)
    far = spread[spread @ query < -0.5][:1300]
    behind = made_up_video([""] * len(far), path=Path("/behind/a.mp4"), visual=list(far[:, np.newaxis]),
                           meaning_model=None)  # fmt: skip
    await large.publish(behind)
    within = SearchFilter(folders=(Path("/behind"),))

    found = await large.found(3, within, limit=5)
    assert found.exhaustive
    assert scenes(found) == await large.right(3, within, limit=5)
    assert not (await large.found(3)).exhaustive


async def test_without_the_index_every_search_is_exact(large: Large) -> None:
    index = index_of(RELATION, large.store.database.tenant)
    assert not (await large.found(1)).exhaustive
    with psycopg.connect(large.store.url, autocommit=True) as owner:
        # as a build that was interrupted leaves it
        owner.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [index])
        assert [each.state for each in await large.store.vector_indexes.status()] == [IndexState.INVALID]
        found = await large.found(1)
        assert (found.exhaustive, scenes(found)) == (True, await large.right(1))

        assert [each.name for each in await build(large.store)] == [index]
        assert [each.state for each in await large.store.vector_indexes.status()] == [IndexState.VALID]
        assert not (await large.found(1)).exhaustive

        owner.execute(f"DROP INDEX {index}")
    assert [each.state for each in await large.store.vector_indexes.status()] == [IndexState.MISSING]
    found = await large.found(1)
    assert (found.exhaustive, scenes(found)) == (True, await large.right(1))


async def test_many_keyframes_of_few_scenes_do_not_use_up_the_limit(database_url: str, tmp_path: Path) -> None:
    async with open_store(database_url, tmp_path, exact_below=0) as store:
        near = np.repeat(half(400, 1)[:, np.newaxis], 5, axis=1)
        many = made_up_video([""] * 400, visual=list(near), meaning_model=None)
        await store.catalogue.publish(many)
        await build(store)
        large = Large(store, InMemorySceneIndex({many.video_id: many}), [many])

        assert await recall(large, EVERYTHING, limit=10) >= 0.99
        found = await large.found(2)
        assert len(set(scenes(found))) == len(found.candidates) == 10


async def test_what_is_published_into_a_live_index_is_found_and_what_is_replaced_is_not(large: Large) -> None:
    query = half(1, 3)[0]
    close = made_up_video(["new"], path=Path("/new.mp4"), visual=[query[np.newaxis]], meaning_model=None)
    await large.publish(close)
    found = await large.found(3)
    assert not found.exhaustive
    assert scenes(found)[0] == close.scenes[0].scene_id

    away = made_up_video(["new"], path=Path("/new.mp4"), fingerprint="settings-2", visual=[-query[np.newaxis]],
                         meaning_model=None)  # fmt: skip
    await large.store.catalogue.publish(away)
    del large.memory.videos[close.video_id]
    large.memory.videos[away.video_id] = away
    found = await large.found(3)
    assert not found.exhaustive
    assert close.scenes[0].scene_id not in scenes(found)
    for number in range(VIDEOS, VIDEOS + 4):
        await large.publish(video(number))
    assert await recall(large, EVERYTHING, queries=15) >= 0.98


async def test_a_tenant_neither_sees_nor_starves_another(large: Large) -> None:
    other = TenantId(uuid7())
    query = half(1, 3)[0]
    async with open_store(large.store.url, Path(), other, exact_below=0) as store:
        far = made_up_video([""] * 30, path=Path("/far.mp4"), visual=[-query[np.newaxis]] * 30, meaning_model=None)
        await store.catalogue.publish(far)
        await store.catalogue.publish(video(90, count=50))
        theirs = Large(store, large.memory, [])
        found = await theirs.found(3, limit=80)
        assert (len(found.candidates), found.exhaustive) == (80, True)  # no index of its own: exact

        await build(store)
        assert index_of(RELATION, other) != index_of(RELATION, large.store.database.tenant)
        assert len((await theirs.found(3, limit=2)).candidates) == 2
        found = await theirs.found(3, limit=80)
        assert (len(found.candidates), found.exhaustive) == (80, True)
    ours = await large.found(3)
    assert not ours.exhaustive
    assert set(scenes(ours)) == set(await large.right(3))


async def test_settings_of_a_scan_end_with_its_transaction(database_url: str, large: Large) -> None:
    assert not (await large.found(1)).exhaustive

    async def setting(connection: Connection) -> Any:
        row = await (await connection.execute("SHOW hnsw.ef_search")).fetchone()
        return row and row[0]

    # several units of work, since the pool may hand out any of its connections
    for _ in range(8):
        assert await large.store.database.run(setting) == "40"


async def test_searches_and_writers_go_on_while_the_index_is_built(large: Large) -> None:
    with psycopg.connect(large.store.url, autocommit=True) as owner:
        owner.execute(f"DROP INDEX {index_of(RELATION, large.store.database.tenant)}")
    fractions: list[float] = []
    building = asyncio.ensure_future(
        large.store.vector_indexes.build_wanted(lambda index, fraction: fractions.append(fraction))
    )
    number = 50
    while not building.done():
        assert len((await large.found(number)).candidates) == 10
        await large.publish(video(number, count=5))
        number += 1
    assert len(await building) == 1
    assert fractions[-1] == 1.0
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert await recall(large, EVERYTHING, queries=15) >= 0.98


async def test_an_index_is_built_only_where_it_is_wanted_and_only_once(large: Large) -> None:
    assert await build(large.store) == []
    small = VectorIndexes(large.store.database, exact_below=SCENES * VIDEOS, is_ours=True)
    assert [each.wanted for each in await small.status()] == [False]
    with psycopg.connect(large.store.url, autocommit=True) as owner:
        owner.execute(f"DROP INDEX {index_of(RELATION, large.store.database.tenant)}")
    assert await small.build_wanted(lambda index, fraction: None) == []
    # two processes at once: one builds, the other leaves it alone
    both = await asyncio.gather(build(large.store), build(large.store))
    assert sorted(map(len, both)) == [0, 1]
    assert [each.state for each in await large.store.vector_indexes.status()] == [IndexState.VALID]


async def test_a_build_without_shared_memory_is_done_by_one_process(large: Large) -> None:
    class Cramped(VectorIndexes):
        tried: list[int] = []  # noqa: RUF012

        async def _create(self, index: VectorIndex, on_progress: Any, memory_bytes: int | None, workers: int) -> None:
            self.tried.append(workers)
            if workers:
                raise psycopg.errors.DiskFull("could not resize shared memory segment: No space left on device")
            await super()._create(index, on_progress, memory_bytes, workers)

    with psycopg.connect(large.store.url, autocommit=True) as owner:
        owner.execute(f"DROP INDEX {index_of(RELATION, large.store.database.tenant)}")
    cramped = Cramped(large.store.database, exact_below=0, is_ours=False)
    assert len(await cramped.build_wanted(lambda index, fraction: None)) == 1
    assert cramped.tried[-1] == 0
    assert len(cramped.tried) == 2


def test_the_name_of_an_index_fits_and_tells_spaces_and_tenants_apart() -> None:
    one, other = uuid7(), uuid7()
    long = relation_of(Channel.TRANSCRIPT, replace(VISUAL_MODEL, dim=3072))
    assert len(index_of(long, one)) <= 63
    assert len({index_of(long, one), index_of(long, other), index_of(RELATION, one)}) == 3
