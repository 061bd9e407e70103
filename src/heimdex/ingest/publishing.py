"""The second half of a file's journey: vectors for what is seen and said, then publication at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heimdex.domain.ids import SceneId, uuid7
from heimdex.domain.media import Scene, title_of
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.decoding import DecodedFile
from heimdex.ingest.images import read_image
from heimdex.ingest.outcomes import FileOutcome, Status
from heimdex.ingest.transcript import text_of_scenes
from heimdex.ports import Catalogue, Embedder, Image, IndexedScene, IndexedVideo, Matrix, TextEmbedder, Vector
from heimdex.ranking.languages import can_read

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

    async def publish(self, found: DecodedFile, on_progress: Callable[[float], None]) -> FileOutcome:
        """Make the video searchable. Raises what the embedders and the catalogue raise; then nothing was stored."""
        scenes = found.decoded.scenes
        transcripts = text_of_scenes(scenes, found.segments)
        visual = await self._see(scenes, lambda part: on_progress(_DECODED + (_SEEN - _DECODED) * part))
        meaning = await self._understand(transcripts)
        on_progress(_SAID)
        await self.catalogue.publish(self._assemble(found, transcripts, visual, meaning))
        await asyncio.to_thread(self.artefacts.drop_others, found.file.sha256, self.decoding)
        return FileOutcome(
            found.file.path, Status.INDEXED, scenes=len(scenes), segments=len(found.segments),
            notes=found.decoded.facts.notes,
        )  # fmt: skip

    def _assemble(
        self, found: DecodedFile, transcripts: Sequence[str], visual: Sequence[Matrix], meaning: Sequence[Vector | None]
    ) -> IndexedVideo:
        indexed = (
            IndexedScene(SceneId(uuid7()), scene, text, seen, said)
            for scene, text, seen, said in zip(found.decoded.scenes, transcripts, visual, meaning, strict=True)
        )
        return IndexedVideo(
            video_id=found.video_id,
            file=found.file,
            title=title_of(found.file.path),
            facts=found.decoded.facts,
            scenes=tuple(indexed),
            segments=found.segments,
            fingerprint=found.fingerprint,
            visual_model=self.embedder.model,
            meaning_model=self.text_embedder.model if self.text_embedder else None,
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

    async def _understand(self, transcripts: Sequence[str]) -> list[Vector | None]:
        """Return one vector for each scene that has words."""
        meaning: list[Vector | None] = [None] * len(transcripts)
        if self.text_embedder is None:
            return meaning
        languages = self.text_embedder.model.languages
        spoken = [index for index, text in enumerate(transcripts) if text and can_read(languages, text)]
        for first in range(0, len(spoken), self.batch_size):
            batch = spoken[first : first + self.batch_size]
            rows = await self.text_embedder.embed_passages([transcripts[i] for i in batch], timeout_s=self.timeout_s)
            for index, row in zip(batch, rows, strict=True):
                meaning[index] = row
        return meaning


def _read_all(paths: Sequence[Path]) -> list[Image]:
    return [read_image(path) for path in paths]
