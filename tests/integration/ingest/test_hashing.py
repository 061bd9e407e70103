from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import Reason
from heimdex.ingest.hashing import hash_file


def reason(path: Path) -> Reason:
    with pytest.raises(MediaRejected) as caught:
        hash_file(path)
    return caught.value.reason


def test_the_content_is_read_once_in_pieces(tmp_path: Path) -> None:
    content = os.urandom((4 << 20) + 7)
    (tmp_path / "x").write_bytes(content)
    pieces: list[int] = []
    stamp = hash_file(tmp_path / "x", on_bytes=pieces.append)

    assert stamp.sha256 == hashlib.sha256(content).hexdigest()
    assert (stamp.size_bytes, stamp.mtime_ns) == (len(content), (tmp_path / "x").stat().st_mtime_ns)
    assert pieces == [4 << 20, 7]


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"a" * 100)

    def grow(_: int) -> None:
        with file.open("ab") as more:
            more.write(b"b")
        pieces.append(1)
        if len(pieces) > 3:
            os.truncate(file, 100)

    pieces: list[int] = []
    with pytest.raises(MediaRejected) as caught:
        hash_file(file, on_bytes=grow)
    assert caught.value.reason is Reason.CHANGED_DURING_READ


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "fifo")

    assert reason(tmp_path / "empty") is Reason.EMPTY
    assert reason(tmp_path / "fifo") is Reason.PATH_REJECTED
    assert reason(tmp_path / "gone") is Reason.PATH_REJECTED
    assert reason(tmp_path) is Reason.PATH_REJECTED
