"""Vectors for what is indexed already: a second model beside the first, or a gap that a switch left.

Pictures come from the stored keyframes, texts from the stored transcripts: no video is read again.
What was embedded stays, batch by batch, so that a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel
from heimdex.ingest.images import read_image
from heimdex.ports import Embedder, EmbeddingModel, Image, Matrix, TextEmbedder
from heimdex.ports.spaces import PendingFrame, PendingPassage, PendingVideo, VectorSpaces
from heimdex.ranking.languages import can_read

#: for one batch; a model on a busy laptop is slow, not gone
_EMBED_TIMEOUT_S = 300.0

T = TypeVar("T")
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Filled:
    """What one run added to a space."""

    channel: Channel
    model: EmbeddingModel
    videos: int
    vectors: int
    #: videos that still lack something, and the stored keyframes that could not be read
    left: int
    unreadable: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Backfill:
    """Fills spaces from what the library keeps. Safe to repeat, safe to kill."""

    spaces: VectorSpaces
    #: folder that keyframes are relative to
    artefacts: Path
    batch_size: int = 16

    async def pictures(self, embedder: Embedder, name: str, on_progress: OnProgress = lambda _d, _t: None) -> Filled:
        """Embed every stored keyframe that has no vector of this model.

        Args:
            name: what the model is opened by.
            on_progress: called with scenes done and scenes to do.

        Raises:
            EmbedderUnavailable, EmbedderRejected, StoreUnavailable: what was embedded before stays.
        """
        model = embedder.model
        unreadable: list[Path] = []

        async def video(found: PendingVideo) -> tuple[int, bool]:
            frames = await self.spaces.pending_frames(model, found.video_id)
            added, before = 0, len(unreadable)
            for batch in _batches(frames, self.batch_size):
                seen, pictures = await asyncio.to_thread(self._read, batch, unreadable)
                if pictures:
                    rows = await embedder.embed_images(pictures, timeout_s=_EMBED_TIMEOUT_S)
                    await self._add(Channel.VISUAL, model, seen, [frame.frame_no for frame in seen], rows)
                    added += len(pictures)
            return added, len(unreadable) == before

        filled = await self._videos(Channel.VISUAL, model, name, video, on_progress)
        return Filled(Channel.VISUAL, model, *filled, tuple(unreadable))

    async def texts(
        self,
        channel: Channel,
        embedder: TextEmbedder,
        name: str,
        on_progress: OnProgress = lambda _d, _t: None,
    ) -> Filled:
        """Embed what is said (or told) wherever it has no vector of this model and is in a language that it reads.

        Args:
            channel: TRANSCRIPT or SUMMARY.
        """
        model = embedder.model

        async def video(found: PendingVideo) -> tuple[int, bool]:
            passages = await self.spaces.pending_passages(channel, model, found.video_id)
            readable = [passage for passage in passages if can_read(model.languages, passage.text)]
            for batch in _batches(readable, self.batch_size):
                rows = await embedder.embed_passages([p.text for p in batch], timeout_s=_EMBED_TIMEOUT_S)
                await self._add(channel, model, batch, [0] * len(batch), rows)
            return len(readable), True

        return Filled(channel, model, *await self._videos(channel, model, name, video, on_progress))

    async def _videos(
        self, channel: Channel, model: EmbeddingModel, name: str, fill: _FillVideo, on_progress: OnProgress
    ) -> tuple[int, int, int]:
        """Return how many videos were done, vectors added, and videos are left."""
        pending = await self.spaces.pending_videos(channel, model)
        if channel is Channel.SUMMARY and not pending:  # most libraries have no descriptions: no space for them
            return 0, 0, 0
        await self.spaces.begin(channel, model, name)
        total = sum(video.scenes for video in pending)
        videos = vectors = scenes = 0
        for video in pending:
            on_progress(scenes, total)
            added, whole = await fill(video)
            # False for a video that was indexed anew meanwhile: what is left of it is counted below
            videos += whole and await self.spaces.finish(channel, model, video)
            vectors += added
            scenes += video.scenes
        on_progress(total, total)
        return videos, vectors, len(await self.spaces.pending_videos(channel, model))

    async def _add(
        self,
        channel: Channel,
        model: EmbeddingModel,
        what: Sequence[PendingFrame] | Sequence[PendingPassage],
        frames: Sequence[int],
        rows: Matrix,
    ) -> None:
        scene_ids: list[SceneId] = [each.scene_id for each in what]
        await self.spaces.add(channel, model, scene_ids, frames, rows)

    def _read(self, frames: Sequence[PendingFrame], unreadable: list[Path]) -> tuple[list[PendingFrame], list[Image]]:
        """Return the frames whose picture can be read, with the pictures; note the others."""
        seen, pictures = [], []
        for frame in frames:
            file = self.artefacts / frame.image
            try:
                pictures.append(read_image(file))
            except (OSError, ValueError, SyntaxError):  # Pillow's words for a damaged file
                unreadable.append(file)
            else:
                seen.append(frame)
        return seen, pictures


_FillVideo = Callable[[PendingVideo], Awaitable[tuple[int, bool]]]


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
