"""Subtitle files on disk, as people name and encode them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from heimdex.speech.sidecar import SidecarReader, decode_text, find_sidecars

SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"


def read(video: Path) -> list[tuple[str, str | None]]:
    return [(segment.text, segment.language) for segment in SidecarReader().read_sidecars(video)]


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("clip.srt", None),
        ("Clip.SRT", None),
        ("clip.en.srt", "en"),
        ("clip.ko.vtt", "ko"),
        ("clip.en-US.srt", "en-us"),
        ("clip.en.sdh.srt", "en"),
    ],
)
def test_a_file_with_the_same_name_belongs_to_the_video(tmp_path: Path, name: str, language: str | None) -> None:
    (tmp_path / name).write_text(SRT.format("hello"))

    assert read(tmp_path / "clip.mp4") == [("hello", language)]


@pytest.mark.parametrize(
    "name", ["clip2.srt", "clip.part two.srt", "other.srt", "clip.txt", "clip.mp4", "clip.1080.srt"]
)
def test_other_files_do_not(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(SRT.format("hello"))

    assert find_sidecars(tmp_path / "clip.mp4") == []


def test_every_language_is_kept_in_order_of_time(tmp_path: Path) -> None:
    (tmp_path / "clip.ko.srt").write_text(SRT.format("안녕"), "utf-8")
    (tmp_path / "clip.en.vtt").write_text("WEBVTT\n\n00:00.500 --> 00:02.000\nhello\n")

    assert read(tmp_path / "clip.mp4") == [("hello", "en"), ("안녕", "ko")]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_names_are_the_same(tmp_path: Path, form: str) -> None:
    other = "NFD" if form == "NFC" else "NFC"
    (tmp_path / unicodedata.normalize(other, "한국 여행.srt")).write_text(SRT.format("hello"))  # type: ignore[arg-type]

    assert read(tmp_path / unicodedata.normalize(form, "한국 여행.mp4")) == [("hello", None)]  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949"])
def test_the_encoding_is_found_out(encoding: str) -> None:
    text = SRT.format("안녕하세요, 세계")

    assert decode_text(text.encode(encoding)) == text


def test_files_that_are_no_subtitles_give_nothing(tmp_path: Path) -> None:
    (tmp_path / "clip.srt").write_bytes(b"\0\xff\xfe\x01" * 100)
    (tmp_path / "clip.en.srt").write_bytes(b"")
    (tmp_path / "clip.ko.srt").mkdir()
    (tmp_path / "clip.fr.srt").symlink_to(tmp_path / "gone.srt")

    assert read(tmp_path / "clip.mp4") == []
    assert read(tmp_path / "no such folder" / "clip.mp4") == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("typical.srt", 3), ("typical.ssa", 3), ("typical.vtt", 2), ("typical_utf16be.ssa", 3),
        ("typical_utf16le.srt", 3), ("typical_missing_timecode.srt", 2), ("typical_with_bad_timestamps.vtt", 2),
        ("typical_with_tags.srt", 14), ("with_overlapping_timestamps.vtt", 4), ("with_tags.vtt", 4),
        ("invalid_timecodes.ssa", 1),
    ],
)  # fmt: skip
def test_files_of_others_keep_their_good_cues(tmp_path: Path, shared_data: Path, name: str, expected: int) -> None:
    file = shared_data / "subtitles" / name
    (tmp_path / f"clip{file.suffix}").write_bytes(file.read_bytes())

    found = read(tmp_path / "clip.mp4")
    assert len(found) == expected
    assert all("-->" not in text and "<" not in text.replace("<fourth>", "") for text, _ in found)


def test_descriptions_are_told_and_not_said(tmp_path: Path) -> None:
    (tmp_path / "clip.srt").write_text(SRT.format("hello"))
    (tmp_path / "clip.descriptions.vtt").write_text("WEBVTT\n\n00:00.500 --> 00:02.000\nA boat leaves.\n")
    (tmp_path / "clip.ko.descriptions.srt").write_text(SRT.format("배가 떠난다"), "utf-8")
    (tmp_path / "clip.description").write_text("Our summer\nby the sea.")
    (tmp_path / "clip.description.txt").write_text("Filmed on Jeju.")
    (tmp_path / "clip.txt").write_text("a shopping list")
    told = SidecarReader().read_descriptions(tmp_path / "clip.mp4")

    assert read(tmp_path / "clip.mp4") == [("hello", None)]
    assert [(each.text, each.language) for each in told] == [
        ("Our summer by the sea.", None), ("Filmed on Jeju.", None), ("A boat leaves.", None), ("배가 떠난다", "ko"),
    ]  # fmt: skip
    assert {each.source for each in told} == {"sidecar"}
    assert SidecarReader().read_descriptions(tmp_path / "gone" / "clip.mp4") == []
