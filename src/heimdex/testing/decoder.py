"""A fake of the port MediaDecoder: scenes without decoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as Pictures

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import DecodedVideo, Keyframe, MediaFacts, Reason, Scene, Segment, Span


@dataclass(slots=True)
class ScriptedDecoder:
    """Every file is a video of red, green and blue scenes, unless ``rejects`` names it."""

    scenes: int = 3
    segments: tuple[Segment, ...] = ()
    #: file name -> why it is refused
    rejects: dict[str, Reason] = field(default_factory=dict)
    #: called with the path in the middle of decoding
    midway: Callable[[Path], object] = lambda _: None
    #: goes on until the listener raises
    hangs: bool = False
    decoded: list[str] = field(default_factory=list)

    fingerprint: str = "scripted"
    limits_fingerprint = "limits"

    def extract_audio(self, path: Path, folder: Path, *, on_progress: Callable[[float], None]) -> Path | None:
        return None

    def decode(
        self, path: Path, folder: Path, *, on_progress: Callable[[float], None], with_audio: bool = False
    ) -> DecodedVideo:
        self.decoded.append(path.name)
        if path.name in self.rejects:
            raise MediaRejected(self.rejects[path.name])
        on_progress(0.5)
        self.midway(path)
        while self.hangs:
            on_progress(0.5)
        scenes = []
        for number in range(self.scenes):
            image = folder / f"{number:06d}-1.jpg"
            Pictures.new("RGB", (32, 18), ["#dc1e1e", "#1ea032", "#283cdc"][number % 3]).save(image, "JPEG")
            span = Span(2.0 * number, 2.0 * number + 2)
            scenes.append(Scene(span, (Keyframe(span.start_s + 1, 0.9, image),)))
        on_progress(1.0)
        facts = MediaFacts(2.0 * self.scenes, 32, 18, 25.0, "fake", "fake")
        return DecodedVideo(facts, tuple(scenes), self.segments)
