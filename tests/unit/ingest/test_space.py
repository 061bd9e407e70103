"""Room on the disk, and what counts as a full one."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from heimdex.ingest.space import DiskSpace, is_full


@pytest.mark.parametrize(
    ("free", "least", "is_short", "is_roomy"),
    [(100, 101, True, False), (100, 100, False, False), (1 << 30, 0, False, True), (1 << 31, 1 << 32, True, False)],
)
def test_room_is_told_from_what_is_free(
    monkeypatch: pytest.MonkeyPatch, free: int, least: int, is_short: bool, is_roomy: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    space = DiskSpace(Path("/nowhere"), least)

    assert (bool(space.shortage()), space.is_roomy()) == (is_short, is_roomy)


def test_a_folder_that_is_not_made_yet_lies_on_the_disk_of_its_parent(tmp_path: Path) -> None:
    assert DiskSpace(tmp_path / "a" / "b", 1).shortage() == ""
    assert "MB are due" in DiskSpace(tmp_path / "a" / "b", 1 << 60).shortage()


def test_a_full_disk_and_a_used_up_quota_pass_and_other_errors_do_not() -> None:
    assert is_full(OSError(errno.ENOSPC, "x"))
    assert is_full(OSError(errno.EDQUOT, "x"))
    assert not is_full(OSError(errno.EACCES, "x"))
    assert not is_full(ValueError())
