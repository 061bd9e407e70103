"""What `heimdex index` says at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimdex.cli.index import describe_ignored, show_report
from heimdex.domain.jobs import FileOutcome, Status
from heimdex.domain.media import Reason
from heimdex.ingest.outcomes import IndexReport


def test_every_file_is_named_with_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    broken = FileOutcome(Path("/v/b.mp4"), Status.UNREADABLE, Reason.EMPTY, "no bytes", "Copy it again.")
    show_report(IndexReport((broken,), (Path("/v/notes.txt"), Path("/v/a.srt"))))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("unreadable  /v/b.mp4: no bytes")
    assert lines[1] == "ignored     /v/notes.txt: not a video by its name; name the file itself to try it"
    assert lines[2] == "ignored     /v/a.srt: subtitles, read with the video that they belong to"
    assert lines[3] == "1 file: 1 unreadable, 2 ignored."


def test_a_video_that_was_read_only_in_part_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    cut = FileOutcome(Path("/v/c.mp4"), Status.INDEXED, scenes=1, notes=("only 21.9 s of the promised 59.0 s",))
    show_report(IndexReport((cut,), ()))

    assert "/v/c.mp4 (1 scene; only 21.9 s of the promised 59.0 s)" in capsys.readouterr().out


def test_a_folder_of_photos_does_not_hide_the_videos(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(IndexReport((), tuple(Path(f"/v/{n}.jpg") for n in range(200))))

    assert len(capsys.readouterr().out.splitlines()) == 12


def test_ignored_files_are_objects_too() -> None:
    assert describe_ignored(Path("/v/notes.txt"))["status"] == "ignored"
