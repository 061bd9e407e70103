"""Protocols of the web: videos by id."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import MediaFacts


@dataclass(frozen=True, slots=True)
class StreamableVideo:
    """A video that the server may stream."""

    video_id: VideoId
    title: str
    path: Path
    facts: MediaFacts
    scenes: int
    #: other files with the same content
    copies: tuple[Path, ...] = field(default=())
    tags: tuple[str, ...] = ()


class VideoShelf(Protocol):
    """Videos by id, for the web. A foreign or unknown id is `NotFound`, never a hint that it exists."""

    async def video(self, video_id: VideoId) -> StreamableVideo: ...

    async def videos(self) -> list[StreamableVideo]: ...

    async def thumbnail(self, scene_id: SceneId) -> str:
        """Return the thumbnail of the scene's best keyframe, relative to the artefact folder."""
        ...
