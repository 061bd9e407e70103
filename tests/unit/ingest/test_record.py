from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from heimdex.domain.media import DecodedVideo, Keyframe, MediaFacts, Scene, Segment, Span
from heimdex.ingest import record

DECODED = DecodedVideo(
    MediaFacts(10.0, 320, 180, 29.97, "mov", "h264", 90, True, datetime(2020, 1, 2, tzinfo=UTC), ("a note",)),
    (Scene(Span(0.0, 10.0), (Keyframe(1.5, 0.5, Path("000001-1.jpg")),)),),
    (Segment(Span(1.0, 2.0), "안녕", "embedded", "ko"), Segment(Span(2.0, 3.0), "x", "embedded")),
)


def test_a_result_comes_back_as_it_was() -> None:
    assert record.from_json(json.loads(json.dumps(record.to_json(DECODED)))) == DECODED


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "", ".", "..", "a/b.jpg", 7])
def test_a_keyframe_lies_in_its_folder_or_nowhere(name: object) -> None:
    scene = {"span": [0, 1], "keyframes": [[0, 1, name]]}

    with pytest.raises(ValueError, match="file name"):
        record.scene_from_json(scene, Path("/keyframes"))
