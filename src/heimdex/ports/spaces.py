"""Several models over one library: what each covers, what it lacks, which one is searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, Matrix


@dataclass(frozen=True, slots=True)
class Space:
    """The vectors of one model for one channel, and how much of the library they cover."""

    channel: Channel
    model: EmbeddingModel
    #: what the model is opened by: a name or a folder; empty when another machine has it
    name: str
    #: searched, and shown by the guide's relation; one for each channel
    active: bool
    #: kept up with new videos, although it is not in use yet
    filling: bool
    #: when it last became the one in use
    activated_at: datetime | None
    #: scenes that have vectors, videos that are done, videos that are not
    scenes: int
    videos: int
    pending: int

    @property
    def fraction(self) -> float:
        """Return the part of the videos that is done, 0 to 1; 1 for an empty library."""
        return self.videos / (self.videos + self.pending) if self.videos + self.pending else 1.0


@dataclass(frozen=True, slots=True)
class NamedModel:
    """The model of a space that is in use, and what it is opened by (empty when another machine has it)."""

    model: EmbeddingModel
    name: str = ""


@dataclass(frozen=True, slots=True)
class PendingVideo:
    """A video that a space does not cover, as it was published then."""

    video_id: VideoId
    published_at: datetime
    scenes: int


@dataclass(frozen=True, slots=True)
class PendingFrame:
    """A keyframe without a vector; ``image`` is relative to the artefact folder."""

    scene_id: SceneId
    frame_no: int
    image: str


@dataclass(frozen=True, slots=True)
class PendingPassage:
    """What is said or told in a scene, without a vector."""

    scene_id: SceneId
    text: str


class VectorSpaces(Protocol):
    """A second model beside the first. Tests: tests/integration/store/test_vector_spaces.py."""

    async def all(self) -> list[Space]:
        """Return the spaces of every channel: the one in use first, then those used before, latest first."""
        ...

    async def in_use(self) -> Mapping[Channel, NamedModel]:
        """Return the model of each channel whose vectors are searched; quick, nothing is counted."""
        ...

    async def begin(self, channel: Channel, model: EmbeddingModel, name: str) -> None:
        """Make room for a space and keep it up with new videos from now on; the first of a channel is in use."""
        ...

    async def pending_videos(self, channel: Channel, model: EmbeddingModel) -> list[PendingVideo]: ...

    async def pending_frames(self, model: EmbeddingModel, video_id: VideoId) -> list[PendingFrame]: ...

    async def pending_passages(
        self, channel: Channel, model: EmbeddingModel, video_id: VideoId
    ) -> list[PendingPassage]: ...

    async def add(
        self, channel: Channel, model: EmbeddingModel, scene_ids: Sequence[SceneId], frames: Sequence[int], rows: Matrix
    ) -> None:
        """Store row i for (scene_ids[i], frames[i]); those of scenes that are gone by now are dropped."""
        ...

    async def finish(self, channel: Channel, model: EmbeddingModel, video: PendingVideo) -> bool:
        """Note that the space covers the video; False, and nothing done, when it was indexed anew meanwhile."""
        ...

    async def use(
        self,
        channel: Channel,
        model: EmbeddingModel,
        *,
        name: str = "",
        anyway: bool = False,
        instead_of: EmbeddingModel | None = None,
    ) -> bool:
        """Make the space the one in use, in one transaction; with that of what is said goes that of what is told.

        Args:
            name: what the model is opened by; empty keeps what was noted.
            anyway: although videos are missing in it.
            instead_of: only if this is the one in use; otherwise nothing is done and False returned.

        Raises:
            NotFound: there is no such space. CoverageIncomplete: videos are missing in it.
        """
        ...

    async def remove(self, channel: Channel, model: EmbeddingModel) -> None:
        """Delete the vectors of a space. Raises NotFound, ModelInUse."""
        ...
