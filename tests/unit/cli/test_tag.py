"""Which videos are meant by what was typed."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from heimdex.cli.search import filtered, weighed
from heimdex.cli.tag import named
from heimdex.domain.errors import BadRequest, NotFound
from heimdex.domain.ids import VideoId
from heimdex.domain.media import MediaFacts
from heimdex.ports.shelf import StreamableVideo


def video(number: int, path: str, *copies: str) -> StreamableVideo:
    facts = MediaFacts(1.0, 2, 2, 25.0, "mp4", "h264")
    return StreamableVideo(VideoId(UUID(int=number)), "t", Path(path), facts, 1, tuple(map(Path, copies)))


LIBRARY = [video(1, "/v/a/one.mp4"), video(2, "/v/b/two.mp4", "/v/a/copy.mp4"), video(3, "/v/ab/three.mp4")]


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (["/v/a/one.mp4"], [1]),
        (["/v/a"], [1, 2]),
        (["/v/b/../b"], [2]),
        (["/v"], [1, 2, 3]),
        ([str(UUID(int=3)), "/v/ab", "/v/a/one.mp4"], [1, 3]),
    ],
)
def test_videos_are_named_by_file_folder_or_id(names: list[str], meant: list[int]) -> None:
    assert [found.video_id.int for found in named(LIBRARY, names)] == meant


def test_what_is_not_in_the_library_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        named(LIBRARY, ["/nowhere.mp4"])

    assert [found.video_id.int for found in named(LIBRARY, ["/v/b", "/v/b/two.srt"])] == [2]
    assert "/v/b/two.srt" in capsys.readouterr().err


def test_tags_and_weights_go_over_the_wire() -> None:
    nothing = {"folders": None, "videos": None, "after": None, "before": None, "language": None, "speech": None}
    assert filtered(**nothing, tags=["a"], every_tag=["b", "c"], no_tag=["d"]) == {
        "tags": ["a"], "all": [{"tags": ["b"]}, {"tags": ["c"]}], "none": [{"tags": ["d"]}],
    }  # fmt: skip
    assert filtered(**nothing) is None
    assert weighed(["visual=1", "lexical = 0.5"]) == {"visual": 1.0, "lexical": 0.5}
    assert weighed(None) is None
    with pytest.raises(BadRequest):
        weighed(["visual"])
