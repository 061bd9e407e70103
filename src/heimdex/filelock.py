"""Locks that the kernel holds for a process and lets go of when it dies, however it dies."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_POLL_S = 0.05
#: whether this platform has such locks
SUPPORTED = fcntl is not None


class FileLock:
    """An advisory lock on a file (flock): exclusive, or shared by several holders.

    The lock belongs to the open file, not to a process id. A child process that inherits
    ``fileno`` keeps it held after this process is gone: that is how a running server marks its
    data directory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def fileno(self) -> int:
        if self._fd is None:
            raise ValueError(f"{self._path} is not locked")
        return self._fd

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self, *, shared: bool = False, timeout_s: float = 0.0) -> bool:
        """Take the lock, or change the kind of a held one; return whether that worked within ``timeout_s``.

        Raises OSError where the file cannot be opened, and where the platform has no such locks.
        """
        if fcntl is None:
            raise OSError(errno.ENOTSUP, "this platform has no file locks")
        opened_here = self._fd is None
        fd = self._fd if self._fd is not None else os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in {errno.EWOULDBLOCK, errno.EACCES, errno.EINTR}:
                    os.close(fd)
                    self._fd = None
                    raise
                if time.monotonic() >= deadline:
                    if opened_here:
                        os.close(fd)
                    return False
                time.sleep(_POLL_S)
            else:
                self._fd = fd
                return True

    def close(self) -> None:
        """Let go. An heir of the open file keeps the lock: it is closed here, never unlocked."""
        if self._fd is not None:
            with suppress(OSError):
                os.close(self._fd)
            self._fd = None
