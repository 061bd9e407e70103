"""The content of a file as a number, and whether it stood still meanwhile."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import FileStamp, Reason

_PIECE_BYTES = 4 << 20


def stamp(path: Path) -> FileStamp:
    """Return size and time of a file, without its content.

    Raises:
        MediaRejected: PATH_REJECTED when it is no regular file, or is gone.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise MediaRejected(Reason.PATH_REJECTED, error.strerror or "") from None
    if not stat.S_ISREG(status.st_mode):
        raise MediaRejected(Reason.PATH_REJECTED)
    return FileStamp(path, status.st_size, status.st_mtime_ns)


def hash_file(path: Path, *, on_bytes: Callable[[int], None] = lambda _: None) -> FileStamp:
    """Read a file once and return its stamp with the SHA-256 of its content.

    Args:
        on_bytes: called with the number of bytes of each piece that was read.

    Raises:
        MediaRejected: PATH_REJECTED, EMPTY, CHANGED_DURING_READ.
    """
    stamp(path)  # a FIFO would block on open
    try:
        with path.open("rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            digest = hashlib.sha256()
            size = 0
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                size += len(piece)
                on_bytes(len(piece))
            after = os.fstat(file.fileno())
    except OSError as error:
        raise MediaRejected(Reason.PATH_REJECTED, error.strerror or "") from None
    if _identity(before) != _identity(after) or size != after.st_size:
        raise MediaRejected(Reason.CHANGED_DURING_READ)
    if size == 0:
        raise MediaRejected(Reason.EMPTY)
    return FileStamp(path, size, after.st_mtime_ns, digest.hexdigest())


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
