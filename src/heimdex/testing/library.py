"""Videos that never existed, ready to be published: for tests of stores and of search."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from heimdex.domain.ids import SceneId, VideoId, uuid7
from heimdex.domain.media import FileStamp, Keyframe, MediaFacts, Scene, Segment, Span
from heimdex.ports import EmbeddingModel, IndexedScene, IndexedVideo, Matrix, Vector

#: stands for a CLIP model; small, and not the 512 that code might take for granted
VISUAL_MODEL = EmbeddingModel("made-up-clip", "1", 8)
MEANING_MODEL = EmbeddingModel("made-up-sentences", "1", 6)


def unit_rows(count: int, dim: int, *, seed: int = 0) -> Matrix:
    """Return (count, dim) float32 rows of unit norm, the same for the same seed."""
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def axis(dim: int, number: int) -> Vector:
    """Return the unit vector along one axis: orthogonal to every other one."""
    row: Vector = np.eye(dim, dtype=np.float32)[number]
    return row


def made_up_video(
    transcripts: Sequence[str] = ("",),
    *,
    path: Path = Path("/videos/one.mp4"),
    content: str | None = None,
    fingerprint: str = "settings-1",
    visual: Sequence[Matrix | None] | None = None,
    visual_model: EmbeddingModel | None = VISUAL_MODEL,
    meaning: Sequence[Vector | None] | None = None,
    meaning_model: EmbeddingModel | None = MEANING_MODEL,
    frames: int = 2,
    scene_s: float = 5.0,
    seed: int = 0,
) -> IndexedVideo:
    """Return a video with one scene for each transcript, each said in the middle of its scene.

    Args:
        content: what its bytes are; two videos of the same content have the same sha256. None takes the path.
        visual: (frames, dim) rows for each scene, None where it has none; drawn from ``seed`` when not given.
        meaning: a row for each scene, None where it has none; drawn when not given.
        visual_model, meaning_model: None leaves the vectors out.
    """
    scenes, segments = [], []
    for number, transcript in enumerate(transcripts):
        span = Span(number * scene_s, (number + 1) * scene_s)
        seen = _rows(visual, number, frames, visual_model, seed)
        keyframes = tuple(
            Keyframe(span.start_s + scene_s * (k + 1) / (frames + 1), 0.5 + k / 100, Path(f"{seed}/{number}-{k}.jpg"))
            for k in range(frames if seen is None else len(seen))
        )
        said = _rows(None if meaning is None else [None if m is None else m[np.newaxis] for m in meaning],
                     number, 1, meaning_model, seed + 1)  # fmt: skip
        scenes.append(
            IndexedScene(SceneId(uuid7()), Scene(span, keyframes), transcript, seen, None if said is None else said[0])
        )
        if transcript:
            segments.append(Segment(Span(span.start_s + 1, span.end_s - 1), transcript, "sidecar", "en"))
    sha256 = hashlib.sha256((content or str(path)).encode("utf-8", "surrogateescape")).hexdigest()
    return IndexedVideo(
        video_id=VideoId(uuid7()),
        file=FileStamp(path, 1000, 1_700_000_000_000_000_000, sha256),
        title=path.stem,
        facts=MediaFacts(len(transcripts) * scene_s, 640, 360, 25.0, "mov,mp4", "h264"),
        scenes=tuple(scenes),
        segments=tuple(segments),
        fingerprint=fingerprint,
        visual_model=visual_model,
        meaning_model=meaning_model,
    )


def described(
    video: IndexedVideo, texts: Sequence[str], *, told: Sequence[Vector | None] | None = None, source: str = "sidecar"
) -> IndexedVideo:
    """Return the video with a description for each scene that has a text here, and its vector.

    Args:
        told: a row for each scene; drawn when not given.
    """
    model = video.meaning_model
    drawn = unit_rows(len(texts), model.dim, seed=77) if model else [None] * len(texts)
    rows = list(drawn) if told is None else list(told)
    scenes = tuple(
        replace(scene, description=text, told=row if text else None)
        for scene, text, row in zip(video.scenes, texts, rows, strict=True)
    )
    lines = tuple(Segment(scene.scene.span, scene.description, source, "en") for scene in scenes if scene.description)
    return replace(video, scenes=scenes, descriptions=lines)


def _rows(
    given: Sequence[Matrix | None] | None, number: int, count: int, model: EmbeddingModel | None, seed: int
) -> Matrix | None:
    if model is None:
        return None
    return given[number] if given is not None else unit_rows(count, model.dim, seed=seed * 1000 + number)
