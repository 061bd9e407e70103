"""The use case over files on disk, with fakes of the decoder, the models and the database."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from heimdex.domain.errors import BadRequest, StoreUnavailable
from heimdex.domain.jobs import FileOutcome, JobEnd, Lease, Status
from heimdex.domain.media import Reason, Segment
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.fingerprint import FAST
from heimdex.ingest.library import IndexLibrary, is_drained
from heimdex.ingest.outcomes import IndexEvent, IndexReport, Progress
from heimdex.ingest.telling import CAPTION, Describer
from heimdex.ingest.tidying import Tidying
from heimdex.ingest.worker import WorkRules
from heimdex.ports import IndexedVideo, TextEmbedder
from heimdex.speech.sidecar import SidecarReader
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.decoder import ScriptedDecoder
from heimdex.testing.embedder import ColourEmbedder, WordEmbedder
from heimdex.testing.inventory import InMemoryInventory
from heimdex.testing.jobs import InMemoryJobs

SRT = "1\n00:00:00,500 --> 00:00:01,500\nhello\n\n2\n00:00:04,500 --> 00:00:05,500\ngoodbye\n"


@dataclass
class World:
    folder: Path
    data: Path
    catalogue: InMemoryCatalogue = field(default_factory=InMemoryCatalogue)
    decoder: ScriptedDecoder = field(default_factory=ScriptedDecoder)
    embedder: ColourEmbedder = field(default_factory=ColourEmbedder)
    text_embedder: TextEmbedder | None = field(default_factory=WordEmbedder)
    events: list[IndexEvent] = field(default_factory=list)
    limits: str = "limits"
    least_free_bytes: int = 0
    gone: dict[Path, bool] = field(default_factory=dict)

    @property
    def inventory(self) -> InMemoryInventory:
        return InMemoryInventory(self.catalogue, self.gone)

    @property
    def tidying(self) -> Tidying:
        return Tidying(Artefacts(self.data / "artefacts"), self.inventory, self.catalogue.queue)

    def library(self) -> IndexLibrary:
        return IndexLibrary(
            decoder=self.decoder, transcripts=SidecarReader(), embedder=self.embedder,
            text_embedder=self.text_embedder, catalogue=self.catalogue, queue=self.catalogue.queue,
            artefacts=self.data / "artefacts", workers=self.data / "workers",
            decoding_fingerprint=self.decoder.fingerprint, limits_fingerprint=self.limits, batch_size=2,
            rules=WorkRules(poll_s=0.05, patience_s=0), least_free_bytes=self.least_free_bytes,
            tidying=self.tidying,
        )  # fmt: skip

    async def index(self, *paths: Path) -> IndexReport:
        return await self.library().run(list(paths) or [self.folder], self.events.append)

    async def work(self) -> list[FileOutcome]:
        """Work through the queue; return how files ended."""
        ended: list[FileOutcome] = []

        def tell(event: IndexEvent) -> None:
            if event.outcome is not None:
                ended.append(event.outcome)

        worker = await self.library().worker(Progress({}, tell))
        await worker.run(is_done=is_drained(self.catalogue.queue))
        return ended

    def video(self, name: str, content: bytes | None = None) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content or name.encode())
        return path

    def published(self) -> IndexedVideo:
        (video,) = self.catalogue.videos.values()
        return video


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "videos").mkdir()
    return World(tmp_path / "videos", tmp_path / "data")


def statuses(report: IndexReport) -> dict[str, Status]:
    return {outcome.path.name: outcome.status for outcome in report.outcomes}


async def test_a_video_becomes_scenes_with_text_and_vectors(world: World) -> None:
    world.video("My clip.mp4")
    (world.folder / "My clip.en.srt").write_text(SRT)
    report = await world.index()

    video = world.published()
    assert statuses(report) == {"My clip.mp4": Status.INDEXED}
    assert report.ignored == (world.folder / "My clip.en.srt",)
    assert (video.title, len(video.segments)) == ("My clip", 2)
    assert [scene.transcript for scene in video.scenes] == ["hello", "", "goodbye"]
    red = await world.embedder.embed_texts(["red"], timeout_s=1)
    visual = [scene.visual for scene in video.scenes]
    assert [rows.shape for rows in visual if rows is not None] == [(1, 8)] * 3
    assert visual[0] is not None
    assert float((visual[0] @ red.T).item()) > 0.9
    assert [scene.meaning is None for scene in video.scenes] == [False, True, False]
    assert world.embedder.calls == [2, 1]
    for scene in video.scenes:
        assert (world.data / "artefacts" / scene.scene.keyframes[0].image).is_file()


async def test_the_second_run_does_nothing(world: World) -> None:
    world.video("a.mp4")
    world.decoder.rejects["bad.mp4"] = Reason.NO_FRAMES
    world.video("bad.mp4")
    await world.index()
    world.decoder.decoded.clear()
    report = await world.index()

    assert statuses(report) == {"a.mp4": Status.UNCHANGED, "bad.mp4": Status.UNREADABLE}
    assert report.outcomes[1].reason is Reason.NO_FRAMES
    assert world.decoder.decoded == []
    assert len(world.embedder.calls) == 2


async def test_moved_renamed_and_copied_files_are_recognised(world: World) -> None:
    first = world.video("a.mp4")
    await world.index()
    shutil.copy(first, world.folder / "copy.mp4")
    first.rename(world.folder / "moved.mp4")
    os.utime(world.folder / "moved.mp4")

    assert statuses(await world.index()) == {"copy.mp4": Status.LINKED, "moved.mp4": Status.LINKED}
    assert world.decoder.decoded == ["a.mp4"]
    assert len(world.catalogue.videos) == 1


async def test_copies_within_one_run_are_decoded_once(world: World) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        world.video(name, b"the same")

    found = statuses(await world.index())
    assert sorted(found.values()) == [Status.INDEXED, Status.LINKED, Status.LINKED]
    assert len(world.embedder.calls) == 2


async def test_touching_a_file_changes_nothing_and_changing_it_does(world: World) -> None:
    path = world.video("a.mp4")
    await world.index()
    os.utime(path, ns=(1, 1))
    assert statuses(await world.index()) == {"a.mp4": Status.UNCHANGED}

    path.write_bytes(b"other content")
    assert statuses(await world.index()) == {"a.mp4": Status.INDEXED}
    assert len(world.catalogue.videos) == 1


async def test_a_new_subtitle_file_is_noticed_without_decoding_again(world: World) -> None:
    world.video("a.mp4")
    await world.index()
    former = world.published().video_id
    (world.folder / "a.srt").write_text(SRT)

    assert statuses(await world.index()) == {"a.mp4": Status.INDEXED}
    assert [segment.text for segment in world.published().segments] == ["hello", "goodbye"]
    assert world.published().video_id == former
    assert world.decoder.decoded == ["a.mp4"]
    assert statuses(await world.index()) == {"a.mp4": Status.UNCHANGED}


async def test_a_copy_without_subtitles_takes_no_words_away(world: World) -> None:
    path = world.video("z.mp4")
    (world.folder / "z.srt").write_text(SRT)
    await world.index()
    shutil.copy(path, world.folder / "a copy.mp4")

    assert statuses(await world.index()) == {"a copy.mp4": Status.LINKED, "z.mp4": Status.UNCHANGED}
    assert statuses(await world.index()) == {"a copy.mp4": Status.UNCHANGED, "z.mp4": Status.UNCHANGED}
    assert len(world.published().segments) == 2


async def test_what_files_beside_a_video_tell_is_searched_as_told(world: World) -> None:
    world.video("a.mp4")
    (world.folder / "a.description").write_text("our holiday")
    await world.index()
    assert [scene.description for scene in world.published().scenes] == ["our holiday", "", ""]
    assert world.published().scenes[0].told is not None
    assert world.published().segments == ()

    video = world.published()
    await Describer(world.catalogue, world.text_embedder).describe(
        video.video_id, CAPTION, [Segment(video.scenes[1].scene.span, "a green wall", CAPTION)]
    )
    (world.folder / "a.description").write_text("our winter holiday")
    assert statuses(await world.index()) == {"a.mp4": Status.INDEXED}
    assert [scene.description for scene in world.published().scenes] == ["our winter holiday", "a green wall", ""]
    assert world.decoder.decoded == ["a.mp4"]


async def test_words_go_with_the_subtitle_file_that_brought_them(world: World) -> None:
    world.video("a.mp4")
    (world.folder / "a.srt").write_text(SRT)
    await world.index()
    (world.folder / "a.srt").unlink()

    assert statuses(await world.index()) == {"a.mp4": Status.INDEXED}
    assert world.published().segments == ()
    assert world.decoder.decoded == ["a.mp4"]
    assert statuses(await world.index()) == {"a.mp4": Status.UNCHANGED}


async def test_of_copies_with_other_subtitles_the_first_by_path_decides(world: World) -> None:
    world.video("b.mp4", b"the same")
    (world.folder / "b.srt").write_text(SRT.replace("hello", "from b"))
    await world.index()
    world.video("a.mp4", b"the same")
    (world.folder / "a.srt").write_text(SRT.replace("hello", "from a"))

    assert statuses(await world.index()) == {"a.mp4": Status.INDEXED, "b.mp4": Status.UNCHANGED}
    assert world.published().segments[0].text == "from a"
    for paths in ([], [world.folder / "b.mp4"], [world.folder / "a.mp4"]):
        assert set(statuses(await world.index(*paths)).values()) == {Status.UNCHANGED}

    (world.folder / "a.srt").unlink()
    await world.index(world.folder / "b.mp4")
    assert world.published().segments[0].text == "from b"
    (world.folder / "a.srt").write_text(SRT)
    (world.folder / "a.mp4").unlink()
    assert statuses(await world.index()) == {"b.mp4": Status.UNCHANGED}
    assert len(world.catalogue.videos) == 1


async def test_an_unreadable_file_is_listed_and_tried_again_when_a_limit_rises(world: World) -> None:
    world.video("a.mp4")
    world.video("long.mp4")
    world.decoder.rejects["long.mp4"] = Reason.TOO_LONG
    report = await world.index()
    assert report.succeeded
    status = await world.catalogue.status()
    assert [(file.path.name, file.reason) for file in status.unreadable] == [("long.mp4", Reason.TOO_LONG)]

    world.decoder.rejects.clear()
    assert statuses(await world.index())["long.mp4"] is Status.UNREADABLE
    world.limits = "raised"
    assert statuses(await world.index())["long.mp4"] is Status.INDEXED


async def test_a_model_that_fails_fails_the_file_and_keeps_the_decoding(world: World) -> None:
    world.video("a.mp4")
    world.video("b.mp4")
    world.embedder.fails = True
    report = await world.index()
    assert set(statuses(report).values()) == {Status.FAILED}
    assert not report.succeeded
    assert report.outcomes[0].remedy
    assert world.catalogue.videos == {}

    world.embedder.fails = False
    assert set(statuses(await world.index()).values()) == {Status.INDEXED}
    assert world.decoder.decoded == ["a.mp4", "b.mp4"]


async def test_a_file_that_changes_while_it_is_decoded_is_not_published(world: World) -> None:
    path = world.video("a.mp4")
    world.decoder.midway = lambda _: path.write_bytes(b"grown a little")
    report = await world.index()
    assert report.outcomes[0].reason is Reason.CHANGED_DURING_READ

    world.decoder.midway = lambda _: None
    assert statuses(await world.index()) == {"a.mp4": Status.INDEXED}


async def test_a_full_disk_halts_the_run_until_there_is_space(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.video("a.mp4")
    world.video("b.mp4")
    world.decoder.rejects["a.mp4"] = Reason.DISK_FULL
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    loop = asyncio.get_running_loop()
    run = asyncio.create_task(world.index())
    loop.call_later(0.4, world.decoder.rejects.clear)

    assert set(statuses(await run).values()) == {Status.INDEXED}
    assert any("no space left" in event.notice for event in world.events)


async def test_a_file_that_alone_finds_no_space_fails_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.video("a.mp4")
    world.video("b.mp4")
    world.decoder.rejects["a.mp4"] = Reason.DISK_FULL
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 40))

    assert statuses(await world.index()) == {"a.mp4": Status.FAILED, "b.mp4": Status.INDEXED}


async def test_nothing_begins_while_the_disk_is_nearly_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.video("a.mp4")
    free = 10
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    world.least_free_bytes = 20
    run = asyncio.create_task(world.index())
    while not any("waiting for space" in event.notice for event in world.events):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert world.decoder.decoded == []
    free = 20

    assert statuses(await run) == {"a.mp4": Status.INDEXED}


async def test_a_database_that_goes_away_ends_the_run_with_its_own_error(world: World) -> None:
    world.video("a.mp4")

    class Gone(InMemoryCatalogue):
        async def publish(self, video: IndexedVideo, *, end: JobEnd | None = None) -> None:
            raise StoreUnavailable("gone")

    class GoneToo(InMemoryJobs):
        async def give_back(self, lease: Lease, problem: str = "", *, delay_s: float = 0.0) -> None:
            raise StoreUnavailable("gone")

    world.catalogue = Gone(queue=GoneToo())
    with pytest.raises(StoreUnavailable):
        await world.index()


async def test_a_database_that_refuses_one_result_fails_that_file_alone(world: World) -> None:
    world.video("a.mp4")
    world.video("b.mp4")

    class Choosy(InMemoryCatalogue):
        async def publish(self, video: IndexedVideo, *, end: JobEnd | None = None) -> None:
            if video.file.path.name == "a.mp4":
                raise StoreUnavailable("The database refused a statement.")
            await InMemoryCatalogue.publish(self, video, end=end)

    world.catalogue = Choosy()

    assert statuses(await world.index()) == {"a.mp4": Status.FAILED, "b.mp4": Status.INDEXED}


async def test_a_run_that_is_cancelled_stops_decoding(world: World) -> None:
    world.video("a.mp4")
    world.decoder.hangs = True
    started = asyncio.Event()
    loop = asyncio.get_running_loop()
    world.decoder.midway = lambda _: loop.call_soon_threadsafe(started.set)
    run = asyncio.create_task(world.index())
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.wait_for(asyncio.to_thread(_wait_until_empty, world.data / "artefacts" / ".staging"), 10)


def _wait_until_empty(folder: Path) -> None:
    while any(folder.iterdir()):
        time.sleep(0.01)


async def test_progress_rises_to_one(world: World) -> None:
    for number in range(4):
        world.video(f"{number}.mp4")
    await world.index()

    fractions = [event.fraction for event in world.events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len([event for event in world.events if event.outcome]) == 4


async def test_without_a_text_model_there_is_no_vector_of_meaning(world: World) -> None:
    world.text_embedder = None
    world.video("a.mp4")
    (world.folder / "a.srt").write_text(SRT)
    await world.index()

    assert world.published().meaning_model is None
    assert all(scene.meaning is None for scene in world.published().scenes)
    assert [bool(scene.transcript) for scene in world.published().scenes] == [True, False, True]


async def test_the_videos_of_a_person_are_never_written_to(world: World) -> None:
    path = world.video("a.mp4")
    (world.folder / "a.srt").write_text(SRT)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in world.folder.iterdir()}
    await world.index()

    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in world.folder.iterdir()} == before
    assert path.exists()


async def test_nothing_to_index_is_one_clear_error(world: World) -> None:
    with pytest.raises(BadRequest):
        await world.index()
    assert not world.data.exists()


async def test_the_fake_colours_are_told_apart(world: World) -> None:
    world.video("a.mp4")
    await world.index()
    rows = np.concatenate([scene.visual for scene in world.published().scenes if scene.visual is not None])

    assert float((rows @ rows.T)[0, 1]) < 0.2


async def test_the_fast_mode_never_replaces_a_full_pass(world: World) -> None:
    world.video("a.mp4")
    full = world.decoder
    fast = ScriptedDecoder()
    fast.fingerprint = full.fingerprint + FAST

    async def index(decoder: ScriptedDecoder) -> tuple[Status, int]:
        world.decoder = decoder
        (outcome,) = (await world.index()).outcomes
        return outcome.status, len(full.decoded) + len(fast.decoded)

    assert await index(fast) == (Status.INDEXED, 1)
    assert await index(fast) == (Status.UNCHANGED, 1)
    assert await index(full) == (Status.INDEXED, 2)
    assert await index(fast) == (Status.UNCHANGED, 2)
    shutil.copy(world.folder / "a.mp4", world.folder / "copy.mp4")
    world.decoder = fast
    assert statuses(await world.index()) == {"a.mp4": Status.UNCHANGED, "copy.mp4": Status.LINKED}
    assert len(full.decoded) + len(fast.decoded) == 2
