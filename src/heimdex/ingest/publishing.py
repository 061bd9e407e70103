"""The second half of a file's journey: vectors for what is seen and said, then publication at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heimdex.domain.ids import SceneId, uuid7
from heimdex.domain.jobs import FileOutcome, JobEnd, Lease, Status
from heimdex.domain.media import Scene, Segment, title_of
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.decoding import DecodedFile
from heimdex.ingest.images import read_image
from heimdex.ingest.meaning import vectors_of
from heimdex.ingest.telling import CAPTION, told_of_scenes, within
from heimdex.ingest.transcript import text_of_scenes
from heimdex.ports import Catalogue, Embedder, Image, IndexedScene, IndexedVideo, Matrix, TextEmbedder, Vector

#: parts of a file's progress
_DECODED, _SEEN, _SAID = 0.8, 0.95, 0.98


@dataclass(frozen=True, slots=True)
class Publisher:
    """Embeds and publishes a `DecodedFile`."""

    embedder: Embedder
    text_embedder: TextEmbedder | None
    catalogue: Catalogue
    artefacts: Artefacts
    #: folder that keyframes are relative to
    root: Path
    batch_size: int
    #: for one batch
    timeout_s: float
    #: name of the folder of the decoding result
    decoding: str

    async def publish(self, lease: Lease, found: DecodedFile, on_progress: Callable[[float], None]) -> FileOutcome:
        """Make the video searchable and end its job. Raises what the adapters raise; then nothing was stored."""
        scenes = found.decoded.scenes
        transcripts = text_of_scenes(scenes, found.segments)
        visual = await self._see(scenes, lambda part: on_progress(_DECODED + (_SEEN - _DECODED) * part))
        meaning = await self._understand(transcripts)
        descriptions = await self._descriptions(found)
        told = told_of_scenes(scenes, descriptions)
        telling = await self._understand(told)
        on_progress(_SAID)
        indexed = (
            IndexedScene(SceneId(uuid7()), *parts)
            for parts in zip(scenes, transcripts, visual, meaning, told, telling, strict=True)
        )
        outcome = FileOutcome(
            found.file.path, Status.INDEXED, scenes=len(scenes), segments=len(found.segments),
            notes=found.decoded.facts.notes,
        )  # fmt: skip
        video = self._assemble(found, tuple(indexed), descriptions)
        await self.catalogue.publish(video, end=JobEnd(lease, outcome))
        await asyncio.to_thread(self.artefacts.drop_others, found.file.sha256, self.decoding)
        return outcome

    async def _descriptions(self, found: DecodedFile) -> tuple[Segment, ...]:
        """Return what is told about the video, with the captions that models made from the same bytes before."""
        before = await self.catalogue.descriptions_of(found.file.sha256)
        captions = [each for each in before if each.source == CAPTION]
        return within([*found.descriptions, *captions], found.decoded.scenes[-1].span.end_s)

    async def _understand(self, texts: Sequence[str]) -> list[Vector | None]:
        return await vectors_of(texts, self.text_embedder, batch_size=self.batch_size, timeout_s=self.timeout_s)

    def _assemble(
        self, found: DecodedFile, scenes: tuple[IndexedScene, ...], descriptions: tuple[Segment, ...]
    ) -> IndexedVideo:
        return IndexedVideo(
            video_id=found.video_id,
            file=found.file,
            title=title_of(found.file.path),
            facts=found.decoded.facts,
            scenes=scenes,
            segments=found.segments,
            fingerprint=found.fingerprint,
            visual_model=self.embedder.model,
            meaning_model=self.text_embedder.model if self.text_embedder else None,
            descriptions=descriptions,
        )

    async def _see(self, scenes: Sequence[Scene], on_progress: Callable[[float], None]) -> list[Matrix]:
        """Return one matrix for each scene, a row for each keyframe."""
        images = [self.root / keyframe.image for scene in scenes for keyframe in scene.keyframes]
        rows: list[Matrix] = []
        for first in range(0, len(images), self.batch_size):
            batch = images[first : first + self.batch_size]
            pictures = await asyncio.to_thread(_read_all, batch)
            rows.append(await self.embedder.embed_images(pictures, timeout_s=self.timeout_s))
            on_progress((first + len(batch)) / len(images))
        edges = np.cumsum([len(scene.keyframes) for scene in scenes])[:-1]
        return np.split(np.concatenate(rows), edges)


def _read_all(paths: Sequence[Path]) -> list[Image]:
    return [read_image(path) for path in paths]
