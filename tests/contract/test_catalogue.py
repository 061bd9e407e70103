"""The port Catalogue: what every implementation must do."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from heimdex.domain.errors import DimensionMismatch, NotFound
from heimdex.domain.ids import SceneId, VideoId, uuid7
from heimdex.domain.media import FileStamp, Reason, Segment
from heimdex.ports import Catalogue, IndexedVideo, ToldScene
from heimdex.store import Store
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.library import MEANING_MODEL, VISUAL_MODEL, described, made_up_video, unit_rows


@pytest.fixture(params=["postgres", "memory"])
def catalogue(request: pytest.FixtureRequest, store: Store) -> Catalogue:
    catalogues: dict[str, Catalogue] = {"postgres": store.catalogue, "memory": InMemoryCatalogue()}
    return catalogues[request.param]


def moved(video: IndexedVideo, path: str) -> FileStamp:
    return dataclasses.replace(video.file, path=Path(path))


async def test_an_unknown_file_is_unknown(catalogue: Catalogue) -> None:
    assert await catalogue.known_file(Path("/nowhere.mp4")) is None
    assert await catalogue.find_content("ab" * 32, "settings-1") is None


async def test_a_published_video_is_known_by_path_and_by_content(catalogue: Catalogue) -> None:
    video = made_up_video(["hello there", ""])
    await catalogue.publish(video)

    known = await catalogue.known_file(video.file.path)
    assert known is not None
    assert (known.file, known.video_id, known.fingerprint, known.reason) == (
        video.file, video.video_id, "settings-1", None,
    )  # fmt: skip
    assert await catalogue.find_content(video.file.sha256, "settings-1") == video.video_id
    assert await catalogue.find_content(video.file.sha256, "settings-2") is None


async def test_status_counts_what_each_channel_can_find(catalogue: Catalogue) -> None:
    seen = unit_rows(2, VISUAL_MODEL.dim)
    await catalogue.publish(made_up_video(["said", "", ""], visual=[seen, None, seen], meaning_model=None))

    status = await catalogue.status()
    assert (status.videos, status.scenes, status.segments, status.duration_s) == (1, 3, 1, 15.0)
    assert status.coverage["visual"] == 2
    assert status.coverage["lexical"] == 1
    assert status.coverage["transcript"] == 0


async def test_descriptions_are_published_and_come_back(catalogue: Catalogue) -> None:
    video = described(made_up_video(["said", "", ""]), ["", "a boat leaves", "an empty beach"])
    await catalogue.publish(video)

    stored = await catalogue.stored(video.video_id)
    assert (stored.sha256, stored.descriptions) == (video.file.sha256, video.descriptions)
    assert [scene_id for scene_id, _ in stored.scenes] == [scene.scene_id for scene in video.scenes]
    for (_, scene), indexed in zip(stored.scenes, video.scenes, strict=True):
        assert scene.span == indexed.scene.span
        assert [frame.image for frame in scene.keyframes] == [frame.image for frame in indexed.scene.keyframes]
    assert await catalogue.descriptions_of(video.file.sha256) == list(video.descriptions)
    assert await catalogue.descriptions_of("") == []
    assert (await catalogue.status()).coverage["summary"] == 2


async def test_a_published_video_is_described_anew(catalogue: Catalogue) -> None:
    video = described(made_up_video(["", ""]), ["a boat leaves", ""])
    await catalogue.publish(video)
    told = [ToldScene(video.scenes[1].scene_id, "an empty beach", unit_rows(1, MEANING_MODEL.dim)[0])]
    lines = [Segment(video.scenes[1].scene.span, "an empty beach", "caption")]
    await catalogue.describe(video.video_id, lines, told, MEANING_MODEL)

    assert (await catalogue.stored(video.video_id)).descriptions == tuple(lines)
    assert (await catalogue.status()).coverage["summary"] == 1
    await catalogue.describe(video.video_id, [], [], None)
    assert (await catalogue.status()).coverage["summary"] == 0


async def test_a_description_of_nothing_that_is_there_is_refused_whole(catalogue: Catalogue) -> None:
    video = described(made_up_video(["", ""]), ["a boat leaves", ""])
    await catalogue.publish(video)
    stranger = ToldScene(SceneId(uuid7()), "a dog", None)

    with pytest.raises(NotFound):
        await catalogue.describe(video.video_id, [], [stranger], None)
    with pytest.raises(NotFound):
        await catalogue.describe(VideoId(uuid7()), [], [], None)
    with pytest.raises(NotFound):
        await catalogue.stored(VideoId(uuid7()))
    with pytest.raises(ValueError, match="model"):
        await catalogue.describe(
            video.video_id, [], [ToldScene(video.scenes[0].scene_id, "a", unit_rows(1, 6)[0])], None
        )
    assert (await catalogue.stored(video.video_id)).descriptions == video.descriptions


async def test_publishing_twice_changes_nothing(catalogue: Catalogue) -> None:
    video = made_up_video(["one", "two"])
    await catalogue.publish(video)
    before = await catalogue.status()
    await catalogue.publish(video)

    assert await catalogue.status() == before


async def test_the_same_content_published_again_replaces_it_for_every_file(catalogue: Catalogue) -> None:
    first = made_up_video(["old words", "more"], content="bytes")
    await catalogue.publish(first)
    await catalogue.link_file(moved(first, "/videos/copy.mp4"), first.video_id)
    second = made_up_video(["new words"], content="bytes", fingerprint="settings-2")
    await catalogue.publish(second)

    status = await catalogue.status()
    assert (status.videos, status.scenes, status.segments) == (1, 1, 1)
    for path in ("/videos/one.mp4", "/videos/copy.mp4"):
        known = await catalogue.known_file(Path(path))
        assert known is not None
        assert (known.video_id, known.fingerprint) == (second.video_id, "settings-2")
    assert await catalogue.find_content(first.file.sha256, "settings-1") is None


async def test_a_moved_file_is_linked_without_a_second_video(catalogue: Catalogue) -> None:
    video = made_up_video(["hello"])
    await catalogue.publish(video)
    await catalogue.link_file(moved(video, "/elsewhere/two.mp4"), video.video_id)

    known = await catalogue.known_file(Path("/elsewhere/two.mp4"))
    assert known is not None
    assert known.video_id == video.video_id
    assert (await catalogue.status()).videos == 1


async def test_the_paths_of_a_content_are_those_of_its_copies(catalogue: Catalogue) -> None:
    video = made_up_video(["hello"])
    await catalogue.publish(video)
    await catalogue.publish(made_up_video(["other"], path=Path("/videos/other.mp4")))
    await catalogue.link_file(moved(video, "/elsewhere/two.mp4"), video.video_id)

    assert await catalogue.paths_of_content(video.file.sha256) == [Path("/elsewhere/two.mp4"), video.file.path]
    assert await catalogue.paths_of_content("") == []


async def test_linking_to_a_video_that_is_not_there_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(NotFound):
        await catalogue.link_file(FileStamp(Path("/a.mp4"), 1, 1, "ab"), VideoId(uuid7()))

    assert await catalogue.known_file(Path("/a.mp4")) is None


async def test_an_overwritten_file_takes_its_former_content_out(catalogue: Catalogue) -> None:
    await catalogue.publish(made_up_video(["before"], content="before"))
    after = made_up_video(["after"], content="after")
    await catalogue.publish(after)

    assert (await catalogue.status()).videos == 1
    assert await catalogue.find_content(after.file.sha256, "settings-1") == after.video_id


async def test_content_that_another_file_still_holds_stays_when_one_is_overwritten(catalogue: Catalogue) -> None:
    before = made_up_video(["before"], content="before")
    await catalogue.publish(before)
    await catalogue.link_file(moved(before, "/copy.mp4"), before.video_id)
    await catalogue.publish(made_up_video(["after"], content="after"))

    assert (await catalogue.status()).videos == 2


async def test_an_unreadable_file_is_listed_with_its_reason(catalogue: Catalogue) -> None:
    file = FileStamp(Path("/videos/broken.mp4"), 3, 4)
    await catalogue.record_unreadable(file, Reason.NOT_MEDIA, "text\0 file", "settings-1")

    known = await catalogue.known_file(file.path)
    assert known is not None
    assert (known.file, known.video_id, known.reason, known.fingerprint) == (
        file, None, Reason.NOT_MEDIA, "settings-1",
    )  # fmt: skip
    (listed,) = (await catalogue.status()).unreadable
    assert (listed.path, listed.reason, listed.detail) == (file.path, Reason.NOT_MEDIA, "text file")


async def test_a_mended_file_is_no_longer_listed(catalogue: Catalogue) -> None:
    video = made_up_video(["hello"])
    await catalogue.record_unreadable(video.file, Reason.TRUNCATED, "", "settings-1")
    await catalogue.publish(video)

    assert (await catalogue.status()).unreadable == ()
    known = await catalogue.known_file(video.file.path)
    assert known is not None
    assert known.reason is None


async def test_a_failure_on_unchanged_bytes_does_not_take_their_scenes_out(catalogue: Catalogue) -> None:
    video = made_up_video(["hello"])
    await catalogue.publish(video)
    await catalogue.record_unreadable(video.file, Reason.DECODER_TIMEOUT, "", "settings-2")

    status = await catalogue.status()
    assert status.videos == 1
    assert [listed.path for listed in status.unreadable] == [video.file.path]


async def test_a_damaged_file_takes_its_former_content_out(catalogue: Catalogue) -> None:
    video = made_up_video(["hello"])
    await catalogue.publish(video)
    damaged = dataclasses.replace(video.file, size_bytes=1, sha256="")
    await catalogue.record_unreadable(damaged, Reason.TRUNCATED, "", "settings-1")

    assert (await catalogue.status()).videos == 0


async def test_files_that_are_gone_are_reported_missing(catalogue: Catalogue, tmp_path: Path) -> None:
    there, gone = tmp_path / "there.mp4", tmp_path / "gone.mp4"
    there.touch()
    for path in (there, gone):
        await catalogue.publish(made_up_video(["x"], path=path))

    assert (await catalogue.status()).missing == (gone,)


async def test_a_moved_file_is_not_missing(catalogue: Catalogue, tmp_path: Path) -> None:
    former, now = tmp_path / "former.mp4", tmp_path / "now.mp4"
    now.touch()
    video = made_up_video(["x"], path=former)
    await catalogue.publish(video)
    await catalogue.link_file(dataclasses.replace(video.file, path=now), video.video_id)
    assert (await catalogue.status()).missing == ()

    now.unlink()
    assert (await catalogue.status()).missing == (former, now)


@pytest.mark.parametrize(
    "name", [b"new\nline.mp4", b"\xff\xfe not utf-8.mp4", "빨간 자동차.mp4".encode(), b"x" * 255, b"quote'\"\\.mp4"]
)
async def test_any_file_name_survives(catalogue: Catalogue, name: bytes) -> None:
    path = Path(os.fsdecode(b"/videos/" + name))
    await catalogue.publish(made_up_video(["hello"], path=path))

    known = await catalogue.known_file(path)
    assert known is not None
    assert os.fsencode(known.file.path) == b"/videos/" + name


async def test_a_path_may_be_as_long_as_the_system_allows(catalogue: Catalogue) -> None:
    # of random letters, because a long run of one letter is stored compressed
    letters = np.random.default_rng(0).integers(97, 123, 4080, dtype=np.uint8).tobytes().decode()
    path = Path("/" + "/".join(letters[i : i + 254] for i in range(0, 4080, 255)))
    await catalogue.publish(made_up_video(["hello"], path=path))

    assert await catalogue.known_file(path) is not None


async def test_text_with_nul_and_broken_characters_is_stored_without_them(catalogue: Catalogue) -> None:
    video = made_up_video(["be\0fore \ud800 after"])
    await catalogue.publish(dataclasses.replace(video, title="ti\0tle\udcff"))

    assert (await catalogue.status()).videos == 1


async def test_vectors_of_another_dimension_are_refused_and_leave_nothing(catalogue: Catalogue) -> None:
    video = made_up_video(["hello"], visual=[unit_rows(2, VISUAL_MODEL.dim + 1)])

    with pytest.raises(DimensionMismatch):
        await catalogue.publish(video)
    assert (await catalogue.status()).videos == 0


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), 2.0])
async def test_vectors_that_are_not_unit_are_refused(catalogue: Catalogue, value: float) -> None:
    rows = np.full((2, VISUAL_MODEL.dim), value, dtype=np.float32)

    with pytest.raises(ValueError, match="unit"):
        await catalogue.publish(made_up_video(["hello"], visual=[rows]))
    assert (await catalogue.status()).videos == 0
