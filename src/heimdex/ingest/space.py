"""Room on the disk: work waits while there is too little, and goes on when there is enough."""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path

_ROOMY_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The disk that ``folder`` is on, and how much of it must stay free."""

    folder: Path
    least_bytes: int

    def shortage(self) -> str:
        """Return what is missing, as a sentence for people; empty when there is room."""
        free = self._free()
        if free >= self.least_bytes:
            return ""
        return f"{free / 1e6:.0f} MB are free in {self.folder}, {self.least_bytes / 1e6:.0f} MB are due"

    def is_roomy(self) -> bool:
        """Whether there is so much room that a file which finds none asks for more than one file may."""
        return self._free() >= max(self.least_bytes, _ROOMY_BYTES)

    def _free(self) -> int:
        place = self.folder
        while not place.exists() and place != place.parent:
            place = place.parent
        return shutil.disk_usage(place).free


def is_full(error: BaseException) -> bool:
    """Whether a disk, or somebody's share of it, has no room left: that passes, and is no fault of a file."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
