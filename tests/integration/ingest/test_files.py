"""Which files a person meant: folders, links, names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heimdex.domain.errors import BadRequest
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.files import find_videos, shown


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_are_walked_and_files_are_taken_as_they_are(tmp_path: Path) -> None:
    touch(
        *(tmp_path / name for name in ("b/z.MP4", "b/a.mkv", "b/notes.txt", "b/.hidden.mp4", ".git/x.mp4", "odd.bin"))
    )

    offered = find_videos([tmp_path / "odd.bin", tmp_path / "b", tmp_path])
    assert offered.videos == (tmp_path / "odd.bin", tmp_path / "b/a.mkv", tmp_path / "b/z.MP4")
    assert offered.ignored == (tmp_path / "b/notes.txt",)


def test_the_pictures_of_a_library_are_no_photos(tmp_path: Path) -> None:
    touch(tmp_path / "clip.mp4", tmp_path / "data/artefacts/ab/0.jpg", tmp_path / "data/photo.jpg")
    assert Artefacts(tmp_path / "data/artefacts").belongs_to("mine")

    assert find_videos([tmp_path]).videos == (tmp_path / "clip.mp4", tmp_path / "data/photo.jpg")


def test_links_that_lead_in_circles_end(tmp_path: Path) -> None:
    touch(tmp_path / "a/clip.mp4")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "a/broken.mp4").symlink_to(tmp_path / "gone")

    names = [path.name for path in find_videos([tmp_path]).videos]
    assert names == ["broken.mp4", "clip.mp4"]


def test_names_that_are_no_text_are_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\n\xf0\x9f\x8e\xac.mp4")
    touch(tmp_path / name)

    found = find_videos([tmp_path]).videos
    assert [path.name for path in found] == [name]
    assert shown(Path(name)).isprintable()


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)

    assert find_videos([Path("./x/../clip.mp4")]).videos == (tmp_path / "clip.mp4",)


def test_a_path_that_leads_nowhere_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    touch(tmp_path / "text/notes.txt")

    for paths, said in (
        ([], "No path"),
        ([tmp_path / "missing"], "There is no"),
        ([tmp_path / "empty"], "No video was found"),
        ([tmp_path / "text"], "No video was found"),
    ):
        with pytest.raises(BadRequest, match=said) as caught:
            find_videos(paths)
        assert caught.value.remedy
