"""The port Inventory: what every implementation must do."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from heimdex.domain.ids import VideoId
from heimdex.domain.media import Reason
from heimdex.domain.query import Channel
from heimdex.ports import Catalogue, IndexedVideo
from heimdex.ports.jobs import Inventory
from heimdex.store import Store
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.inventory import InMemoryInventory
from heimdex.testing.library import VISUAL_MODEL, made_up_video, unit_rows

A, B, C = Path("/v/one/a.mp4"), Path("/v/one/b.mp4"), Path("/v/one0/c.mp4")


@dataclass
class Library:
    catalogue: Catalogue
    inventory: Inventory

    async def add(self, *paths: Path, content: str | None = None) -> IndexedVideo:
        first, *copies = paths
        video = made_up_video(["hello"], path=first, content=content)
        await self.catalogue.publish(video)
        for copy in copies:
            await self.catalogue.link_file(dataclasses.replace(video.file, path=copy), video.video_id)
        return video

    async def below(self, folder: str) -> list[tuple[Path, bool, bool]]:
        return [(f.file.path, f.is_gone, f.is_offline) for f in await self.inventory.files_below(Path(folder))]

    async def videos(self) -> int:
        return (await self.catalogue.status()).videos

    async def reasons(self, paths: Sequence[Path]) -> list[Reason | None]:
        known = await self.catalogue.known_files(paths)
        return [known[path].reason for path in paths if path in known]


@pytest.fixture(params=["postgres", "memory"])
def library(request: pytest.FixtureRequest, store: Store) -> Library:
    memory = InMemoryCatalogue()
    libraries = {
        "postgres": Library(store.catalogue, store.inventory),
        "memory": Library(memory, InMemoryInventory(memory)),
    }
    return libraries[request.param]


async def test_files_below_a_folder_are_those_in_it_and_the_path_itself(library: Library) -> None:
    for path in (A, B, C):
        await library.add(path)

    assert await library.below("/v/one") == [(A, False, False), (B, False, False)]
    assert await library.below("/v/one/a.mp4") == [(A, False, False)]
    assert [path for path, *_ in await library.below("/")] == [A, B, C]
    assert await library.below("/v/on") == []


async def test_files_are_marked_gone_or_offline_and_present_again(library: Library) -> None:
    await library.add(A)
    await library.add(B)
    await library.inventory.mark_presence(deleted=[A], offline=[B])
    assert await library.below("/v") == [(A, True, False), (B, True, True)]
    await library.inventory.mark_presence(present=[A, B])

    assert await library.below("/v") == [(A, False, False), (B, False, False)]
    assert await library.videos() == 2


async def test_a_forgotten_file_takes_its_video_along_unless_a_copy_is_left(library: Library) -> None:
    await library.add(A, B, content="same")
    assert await library.inventory.forget_files([A]) == 0
    assert await library.videos() == 1
    assert await library.inventory.forget_files([B]) == 1

    assert await library.videos() == 0
    assert await library.below("/v") == []


async def test_a_file_that_was_taken_out_is_remembered(library: Library) -> None:
    await library.add(A, B, content="same")
    assert await library.inventory.take_out([A, B, C]) == 1

    assert await library.videos() == 0
    assert await library.reasons([A, B, C]) == [Reason.REMOVED, Reason.REMOVED]


async def test_a_file_that_was_taken_out_comes_back_when_it_is_indexed(library: Library) -> None:
    await library.add(A)
    await library.inventory.take_out([A])
    await library.add(A)

    assert await library.reasons([A]) == [None]


async def test_contents_say_where_the_keyframes_are(library: Library) -> None:
    video = await library.add(A, B, content="same")
    (held,) = await library.inventory.contents()

    assert (held.video_id, held.sha256) == (video.video_id, video.file.sha256)
    assert held.image == video.scenes[0].scene.keyframes[0].image
    assert await library.inventory.paths_of_video(VideoId(video.video_id)) == [A, B]


async def test_videos_say_where_they_lie_and_what_is_covered(library: Library) -> None:
    rows = unit_rows(2, VISUAL_MODEL.dim)
    video = made_up_video(["hello", ""], path=A, visual=[rows, None], meaning_model=None)
    await library.catalogue.publish(video)
    await library.catalogue.link_file(dataclasses.replace(video.file, path=B), video.video_id)
    await library.inventory.mark_presence(offline=[B])
    (held,) = await library.inventory.videos()

    assert (held.video_id, held.scenes) == (video.video_id, 2)
    assert held.covered == {Channel.VISUAL: 1, Channel.TRANSCRIPT: 0, Channel.SUMMARY: 0, Channel.LEXICAL: 1}
    assert (held.paths, held.offline) == ((A, B), (B,))


async def test_a_library_knows_itself(library: Library) -> None:
    assert await library.inventory.born() == await library.inventory.born() != ""
