"""What a decoding pass found, as plain JSON: for the message of the decoder's process and for the note on disk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from heimdex.domain.media import DecodedVideo, Keyframe, MediaFacts, Scene, Segment, Span

Json = Mapping[str, Any]


def to_json(decoded: DecodedVideo) -> Json:
    """Return the whole result; keyframes are named, not placed: the reader knows the folder."""
    return {
        "facts": facts_to_json(decoded.facts),
        "scenes": [scene_to_json(scene) for scene in decoded.scenes],
        "segments": [segment_to_json(segment) for segment in decoded.segments],
        "descriptions": [segment_to_json(each) for each in decoded.descriptions],
        "files": files_to_json(decoded),
    }


def from_json(data: Json, folder: Path = Path()) -> DecodedVideo:
    """Raises ValueError, KeyError or TypeError when ``data`` is no result of `to_json`."""
    return DecodedVideo(
        facts_from_json(data["facts"]),
        tuple(scene_from_json(scene, folder) for scene in data["scenes"]),
        tuple(segment_from_json(segment) for segment in data["segments"]),
        tuple(segment_from_json(each) for each in data.get("descriptions", ())),
        **files_from_json(data.get("files", {}), folder),
    )


def files_to_json(decoded: DecodedVideo) -> Json:
    """The names of what one pass wrote besides keyframes."""
    return {
        "audio": decoded.audio.name if decoded.audio else None,
        "sprites": decoded.sprites.name if decoded.sprites else None,
    }


def files_from_json(data: Json, folder: Path) -> dict[str, Path | None]:
    """Return the fields ``audio`` and ``sprites``. Raises ValueError when a name leads out of ``folder``."""
    names = {field: data.get(field) for field in ("audio", "sprites")}
    return {field: None if name is None else folder / _plain_name(name) for field, name in names.items()}


def scene_to_json(scene: Scene) -> Json:
    """Keyframes are named, not placed: the reader knows the folder."""
    return {
        "span": [scene.span.start_s, scene.span.end_s],
        "keyframes": [[k.time_s, k.quality, k.image.name] for k in scene.keyframes],
    }


def scene_from_json(data: Json, folder: Path) -> Scene:
    """Raises ValueError when a keyframe's name leads out of ``folder``."""
    keyframes = tuple(Keyframe(float(t), float(q), folder / _plain_name(name)) for t, q, name in data["keyframes"])
    if not keyframes:
        raise ValueError("a scene without keyframes")
    start_s, end_s = data["span"]
    return Scene(Span(float(start_s), float(end_s)), keyframes)


def segment_to_json(segment: Segment) -> Json:
    return {
        "span": [segment.span.start_s, segment.span.end_s],
        "text": segment.text,
        "source": segment.source,
        "language": segment.language,
    }


def segment_from_json(data: Json) -> Segment:
    start_s, end_s = data["span"]
    language = data["language"]
    return Segment(
        Span(float(start_s), float(end_s)), str(data["text"]), str(data["source"]),
        None if language is None else str(language),
    )  # fmt: skip


def facts_to_json(facts: MediaFacts) -> Json:
    return {
        "duration_s": facts.duration_s, "width_px": facts.width_px, "height_px": facts.height_px, "fps": facts.fps,
        "container": facts.container, "video_codec": facts.video_codec, "rotation_deg": facts.rotation_deg,
        "has_audio": facts.has_audio, "notes": list(facts.notes),
        "recorded_at": facts.recorded_at.isoformat() if facts.recorded_at else None,
    }  # fmt: skip


def facts_from_json(data: Json) -> MediaFacts:
    recorded_at = data["recorded_at"]
    return MediaFacts(
        **{key: data[key] for key in _PLAIN_FACTS},
        notes=tuple(str(note) for note in data["notes"]),
        recorded_at=datetime.fromisoformat(recorded_at) if recorded_at else None,
    )


_PLAIN_FACTS = ("duration_s", "width_px", "height_px", "fps", "container", "video_codec", "rotation_deg", "has_audio")


def _plain_name(name: object) -> str:
    if not isinstance(name, str) or not name or name != Path(name).name or name in {".", ".."}:
        raise ValueError(f"not a file name: {name!r}")
    return name
