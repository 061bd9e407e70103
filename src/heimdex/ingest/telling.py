"""Which description belongs to which scene, and descriptions that come after a video was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heimdex.domain.ids import VideoId
from heimdex.domain.media import Scene, Segment, Span
from heimdex.ingest.meaning import vectors_of
from heimdex.ingest.transcript import text_of_scenes
from heimdex.ports import Catalogue, TextEmbedder, ToldScene

#: the source of texts that a model made from the pictures; indexing anew keeps them
CAPTION = "caption"


def told_of_scenes(scenes: Sequence[Scene], descriptions: Sequence[Segment]) -> list[str]:
    """Return what is told about each scene.

    A description belongs to scenes as a line of a transcript does. One that spans all of several scenes is
    about the video, and stands at its first scene: at all of them it would make a video of its size outweigh the rest.
    """
    whole = [each for each in descriptions if len(scenes) > 1 and _spans(each.span, scenes)]
    texts = text_of_scenes(scenes, [each for each in descriptions if each not in whole])
    if whole:
        texts[0] = " ".join(filter(None, [*dict.fromkeys(each.text for each in whole), texts[0]]))
    return texts


def within(descriptions: Sequence[Segment], duration_s: float) -> tuple[Segment, ...]:
    """Return the descriptions that begin within a video, each cut at its end."""
    return tuple(
        replace(each, span=Span(each.span.start_s, min(each.span.end_s, duration_s)))
        for each in descriptions
        if each.span.start_s < duration_s
    )


def _spans(span: Span, scenes: Sequence[Scene]) -> bool:
    return span.start_s <= scenes[0].span.start_s and span.end_s >= scenes[-1].span.end_s


@dataclass(frozen=True, slots=True)
class Describer:
    """Adds descriptions to published videos: nothing is decoded again."""

    catalogue: Catalogue
    text_embedder: TextEmbedder | None
    batch_size: int = 16
    #: for one batch
    timeout_s: float = 300.0

    async def describe(self, video_id: VideoId, source: str, descriptions: Sequence[Segment]) -> int:
        """Put these in place of the descriptions of the same source; return how many scenes are told about now.

        Raises:
            NotFound: no such video, or it was indexed anew meanwhile.
            EmbedderUnavailable, EmbedderRejected: the model of text failed; nothing was changed.
        """
        video = await self.catalogue.stored(video_id)
        given = [replace(each, source=source) for each in descriptions if each.text.strip()]
        others = [each for each in video.descriptions if each.source != source]
        scenes = [scene for _, scene in video.scenes]
        every = within([*others, *given], scenes[-1].span.end_s)
        texts = told_of_scenes(scenes, every)
        vectors = await vectors_of(texts, self.text_embedder, batch_size=self.batch_size, timeout_s=self.timeout_s)
        told = [
            ToldScene(scene_id, text, vector)
            for (scene_id, _), text, vector in zip(video.scenes, texts, vectors, strict=True)
            if text
        ]
        model = self.text_embedder.model if self.text_embedder else None
        await self.catalogue.describe(video_id, every, told, model if any(s.vector is not None for s in told) else None)
        return len(told)
