"""What is known about the server processes of one data directory.

A process id alone proves nothing: after a restart of the machine or the container another program
may have it. A process counts as ours when it is called postgres and works inside the directory.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

DATABASE = "heimdex"
SUPERUSER = "heimdex"
_WAITING = ("starting up", "shutting down", "recovery mode", "not accepting connections", "not yet accepting")


class Answer(Enum):
    """What a connection attempt said about the server."""

    READY = "ready"
    #: it lives and asks for patience: recovery, start or shutdown
    WAIT = "wait"
    NOBODY = "nobody"


def url_of(socket_folder: Path, database: str = DATABASE) -> str:
    """Return the URL of a server that listens on a Unix socket in ``socket_folder``."""
    return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(socket_folder), safe='')}"


def ask(socket_folder: Path) -> Answer:
    """Connect for real and report what happened."""
    try:
        psycopg.connect(url_of(socket_folder, "postgres"), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        text = str(error)
        if "too many clients" in text or "remaining connection slots" in text:
            return Answer.READY
        return Answer.WAIT if any(phrase in text for phrase in _WAITING) else Answer.NOBODY
    return Answer.READY


def recorded_socket_folder(pgdata: Path) -> Path | None:
    """Return where the last server said that it listens; None when it said nothing."""
    try:
        lines = (pgdata / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return Path(lines[4]) if len(lines) > 4 and lines[4].startswith("/") else None


def recorded_pid(pgdata: Path) -> int | None:
    """Return the pid of the postmaster when the recorded process really is one of ``pgdata``."""
    try:
        pid = int((pgdata / "postmaster.pid").read_text(encoding="utf-8").split(maxsplit=1)[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if pid > 0 and _serves(pid, pgdata) else None


def server_pids(pgdata: Path) -> list[int]:
    """Return every process of a server on ``pgdata``, orphans of a killed postmaster included."""
    return [pid for pid in psutil.pids() if _serves(pid, pgdata)]


def _serves(pid: int, pgdata: Path) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(
            process.name().startswith("postgres")
            and process.status() != psutil.STATUS_ZOMBIE
            and Path(process.cwd()).samefile(pgdata)
        )
    except (psutil.Error, OSError):
        return False


def end_servers(pgdata: Path, *, patience_s: float = 10.0) -> bool:
    """End all server processes of ``pgdata``: politely, then at once; return whether none is left.

    Safe at any moment: PostgreSQL recovers what was committed when it starts again. Only the
    postmaster gets the polite signal, which means something else to its children.
    """
    postmaster = recorded_pid(pgdata)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        deadline = time.monotonic() + patience_s
        for pid in _present(postmaster) if number == signal.SIGINT else server_pids(pgdata):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while postmaster is not None or number != signal.SIGINT:
            if not server_pids(pgdata):
                return True
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
    return not server_pids(pgdata)


def _present(pid: int | None) -> list[int]:
    return [] if pid is None else [pid]
