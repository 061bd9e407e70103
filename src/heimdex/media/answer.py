"""What the decoder's process has said so far, checked: it read a hostile file and may say anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import DecodedVideo, MediaFacts, Reason, Scene, Segment
from heimdex.ingest import record
from heimdex.media import wire

#: a longer answer than this is an error of the other side: 100,000 scenes and as many segments take a tenth
MOST_BYTES = 256 << 20


class Answer:
    """Takes messages until one of them ends it."""

    def __init__(self, folder: Path, *, max_scenes: int) -> None:
        self._folder, self._max_scenes = folder, max_scenes
        self._frames = wire.Frames()
        self._bytes = 0
        self._facts: MediaFacts | None = None
        self._scenes: list[Scene] = []
        self._segments: list[Segment] = []
        self._descriptions: list[Segment] = []
        self._files: dict[str, Path | None] = {}
        self.progress = 0.0
        #: what the headers of the file promise
        self.length_s = 0.0
        #: of the sound that was extracted
        self.heard_s: float | None = None
        #: of what was tried, whether it was refused
        self.confined: dict[str, bool] | None = None
        self.is_complete = False
        self.rejected: MediaRejected | None = None
        self._takers: dict[str, Callable[[Any, wire.Message], None]] = {
            "progress": self._take_progress,
            "length_s": self._take_length,
            "facts": self._take_facts,
            "scene": self._take_scene,
            "segment": self._take_segment,
            "description": self._take_description,
            "files": self._take_files,
            "rejected": self._take_rejected,
            "done": self._take_done,
            "heard_s": self._take_heard,
            "confined": self._take_confined,
        }

    @property
    def is_over(self) -> bool:
        return self.is_complete or self.rejected is not None

    def take(self, received: bytes) -> None:
        """Raises MediaRejected when it is no answer."""
        self._bytes += len(received)
        try:
            if self._bytes > MOST_BYTES:
                raise ValueError("it does not stop")
            for message in self._frames.push(received):
                for kind, content in message.items():
                    if kind != "detail":
                        self._takers[kind](content, message)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise MediaRejected(Reason.DECODER_CRASH, f"the decoder answered nonsense: {error}"[:200]) from None

    def result(self) -> DecodedVideo:
        """Return the whole result, once it is complete. Raises MediaRejected when there is none in it."""
        if self._facts is None or not self._scenes:
            raise MediaRejected(Reason.DECODER_CRASH, "the decoder answered nonsense: no result")
        said, told = tuple(self._segments), tuple(self._descriptions)
        return DecodedVideo(self._facts, tuple(self._scenes), said, told, **self._files)

    def _take_progress(self, content: Any, _message: wire.Message) -> None:
        self.progress = min(1.0, max(self.progress, float(content)))

    def _take_length(self, content: Any, _message: wire.Message) -> None:
        self.length_s = max(0.0, float(content))

    def _take_facts(self, content: Any, _message: wire.Message) -> None:
        self._facts = record.facts_from_json(content)

    def _take_scene(self, content: Any, _message: wire.Message) -> None:
        if len(self._scenes) >= self._max_scenes:
            raise ValueError("too many scenes")
        self._scenes.append(record.scene_from_json(content, self._folder))

    def _take_segment(self, content: Any, _message: wire.Message) -> None:
        self._segments.append(record.segment_from_json(content))

    def _take_description(self, content: Any, _message: wire.Message) -> None:
        self._descriptions.append(record.segment_from_json(content))

    def _take_files(self, content: Any, _message: wire.Message) -> None:
        self._files = record.files_from_json(content, self._folder)

    def _take_rejected(self, content: Any, message: wire.Message) -> None:
        self.rejected = MediaRejected(Reason(content), str(message["detail"])[:500])

    def _take_done(self, content: Any, _message: wire.Message) -> None:
        if content != [len(self._scenes), len(self._segments)] or not self._scenes or not self._facts:
            raise ValueError("the result is not whole")
        self.is_complete = True

    def _take_heard(self, content: Any, _message: wire.Message) -> None:
        self.heard_s = float(content)
        self.is_complete = True

    def _take_confined(self, content: Any, _message: wire.Message) -> None:
        self.confined = {str(name): bool(refused) for name, refused in dict(content).items()}
        self.is_complete = True
