"""What a channel cannot find, and why."""

from __future__ import annotations

from pathlib import Path

from heimdex.domain.ids import VideoId, uuid7
from heimdex.domain.query import Channel
from heimdex.ingest.gaps import find_gaps
from heimdex.ports.jobs import HeldVideo


def held(title: str, *, visual: int = 4, transcript: int = 0, lexical: int = 0, summary: int = 0) -> HeldVideo:
    covered = {
        Channel.VISUAL: visual, Channel.TRANSCRIPT: transcript, Channel.LEXICAL: lexical, Channel.SUMMARY: summary,
    }  # fmt: skip
    return HeldVideo(VideoId(uuid7()), title, 4, covered, (Path("/v") / title,))


def gaps(*videos: HeldVideo, text_reason: str = "") -> dict[str, list[tuple[str, list[str]]]]:
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for gap in find_gaps(videos, text_reason=text_reason):
        assert gap.remedy
        found.setdefault(gap.channel.value, []).append((gap.reason, [video.title for video in gap.videos]))
    return found


def test_a_video_that_every_channel_finds_has_no_gap() -> None:
    # silent scenes in a video that speaks are no gap: there is nothing to find
    assert gaps(held("whole", transcript=2, lexical=2, summary=1)) == {}


def test_each_reason_names_its_videos() -> None:
    found = gaps(
        held("silent"), held("other model", visual=0, transcript=1, lexical=1, summary=1),
        held("foreign", transcript=1, lexical=3, summary=1),
    )  # fmt: skip
    assert [titles for _, titles in found["visual"]] == [["other model"]]
    assert {reason[:5]: titles for reason, titles in found["transcript"]} == {"no wo": ["silent"], "some ": ["foreign"]}
    assert [titles for _, titles in found["lexical"]] == [["silent"]]
    assert [titles for _, titles in found["summary"]] == [["silent"]]


def test_without_a_text_model_that_is_the_reason() -> None:
    found = gaps(held("spoken", lexical=3, summary=1), text_reason="none is installed: heimdex models pull")

    assert found["transcript"] == [("there is no model for the meaning of what is said", ["spoken"])]
