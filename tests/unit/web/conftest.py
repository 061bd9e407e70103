"""A library in memory behind the real application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from heimdex.domain.errors import NotFound
from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import LibraryStatus, MediaFacts, Reason, Span, UnreadableFile
from heimdex.domain.query import Channel, Intent, Mode, Prior, SearchRequest
from heimdex.domain.results import (
    ChannelReport,
    ChannelStatus,
    Hit,
    Label,
    Match,
    SceneDetails,
    SearchAnswer,
)
from heimdex.ports import Image
from heimdex.ports.shelf import StreamableVideo
from heimdex.search.plan import SearchConfig
from heimdex.testing.jobs import InMemoryJobs
from heimdex.testing.preferences import InMemoryPreferences
from heimdex.testing.tags import InMemoryTags
from heimdex.web.app import create_app

VIDEO = VideoId(UUID(int=1))
SCENE = SceneId(UUID(int=2))


class FakeSearcher:
    """Answers every request with one hit, and remembers it."""

    config = SearchConfig()

    def __init__(self) -> None:
        self.asked: list[SearchRequest] = []
        self.pictures: list[Image] = []
        self.error: Exception | None = None
        self.degraded: tuple[str, ...] = ()

    async def similar(self, scene_id: SceneId, request: SearchRequest) -> SearchAnswer:
        if scene_id != SCENE:
            raise NotFound("There is no such scene.")
        return await self.search(request)

    async def search_picture(self, picture: Image, request: SearchRequest) -> SearchAnswer:
        self.pictures.append(picture)
        return await self.search(request)

    async def search(self, request: SearchRequest) -> SearchAnswer:
        self.asked.append(request)
        if self.error:
            raise self.error
        scene = SceneDetails(SCENE, VIDEO, "Traffic", Path("/v/a.mp4"), Span(12.5, 18.0), 60.0, 25.0, (), ())
        match = Match(Channel.VISUAL, 1, 0.31, 1.0, 0.5, Label.STRONG, frame_s=13.0)
        hit = Hit(1, scene, 0.5, Label.STRONG, 12.5, (match,), "the red car")
        return SearchAnswer(
            query=request.query,
            hits=(hit,),
            took_ms=4.0,
            mode_requested=request.mode,
            intent=Intent(Mode.RECALL, 0.9, "Strong visual intent: object:car", Prior(0.8, 0.1, 0.1)),
            mode_used=Mode.RECALL,
            channels={Channel.VISUAL: ChannelReport(ChannelStatus.OK, 1, 0.5, 2.0)},
            exhaustive=True,
            degraded_reasons=self.degraded,
            notices=("knows drawings",),
        )


class FakeShelf:
    """One video with one scene."""

    def __init__(self, video: Path) -> None:
        facts = MediaFacts(60.0, 640, 360, 25.0, "mov,mp4,m4a,3gp,3g2,mj2", "h264")
        self.kept = StreamableVideo(VIDEO, "Traffic", video, facts, 1)
        self.picture = "a.jpg"

    async def video(self, video_id: VideoId) -> StreamableVideo:
        if video_id != VIDEO:
            raise NotFound("There is no such video.")
        return self.kept

    async def videos(self) -> list[StreamableVideo]:
        return [self.kept]

    async def thumbnail(self, scene_id: SceneId) -> str:
        if scene_id != SCENE:
            raise NotFound("There is no such scene.")
        return self.picture

    def show(self, path: Path) -> None:
        self.kept = replace(self.kept, path=path)


class FakeCatalogue:
    """Knows how much there is."""

    error: Exception | None = None

    async def status(self) -> LibraryStatus:
        if self.error:
            raise self.error
        broken = UnreadableFile(Path("/secret/place/\udcff.mp4"), Reason.EMPTY, "")
        return LibraryStatus(1, 1, 3600.0, 4, {"visual": 1}, (broken,), (Path("/secret/gone.mp4"),))


class FakeTags(InMemoryTags):
    """Tags on the one video."""

    def _contents(self, videos: Sequence[VideoId]) -> set[str]:
        if set(videos) - {VIDEO}:
            raise NotFound("There is no such video.")
        return {"sha"}

    async def every(self) -> list[tuple[str, int]]:
        return [(tag, 1) for tag in self.kept.get("sha", {}).values()]


@dataclass
class FakeLibrary:
    artefacts: Path
    shelf: FakeShelf
    search: FakeSearcher = field(default_factory=FakeSearcher)
    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)
    preferences: InMemoryPreferences = field(default_factory=InMemoryPreferences)
    tags: FakeTags = field(default_factory=FakeTags)
    queue: InMemoryJobs = field(default_factory=InMemoryJobs)


@pytest.fixture
def library(tmp_path: Path) -> FakeLibrary:
    artefacts = tmp_path / "artefacts"
    artefacts.mkdir()
    (artefacts / "a.jpg").write_bytes(b"\xff\xd8jpeg")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    video = tmp_path / "비디오 1.mp4"
    video.write_bytes(bytes(range(256)) * 4)
    return FakeLibrary(artefacts, FakeShelf(video))


@pytest.fixture
async def client(library: FakeLibrary) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(library, instance="abc")  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as client:
        yield client
