"""The note that a server leaves in the data directory, and how other commands reach the server by it."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from heimdex.domain.errors import HeimdexError

if TYPE_CHECKING:
    from heimdex.settings import Settings

NOTE = "server.json"
#: a server on this machine answers /health in milliseconds; a dead one must not delay a search
HEALTH_TIMEOUT_S = 0.5


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server over the same data directory."""

    url: str
    pid: int
    #: Unix time
    started: float
    #: random; ``/health`` repeats it, so that another server on the same port is not taken for ours
    instance: str
    #: of the settings that change answers
    fingerprint: str


class ServerGone(Exception):
    """The server stopped while it was asked."""


def fingerprint(settings: Settings) -> str:
    """Return a digest of every setting that can change an answer; secrets do not enter."""
    text = settings.model_dump_json(exclude={"web", "log", "ingest", "worker", "watch", "data_dir"})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def announced(data_dir: Path, server: RunningServer) -> Iterator[None]:
    """Keep the note in ``data_dir`` while the body runs."""
    note = data_dir / NOTE
    draft = note.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(server)) + "\n", encoding="utf-8")
    draft.replace(note)
    try:
        yield
    finally:
        if _read(note) == server:
            note.unlink(missing_ok=True)


def find_server(data_dir: Path) -> RunningServer | None:
    """Return the live server of this data directory, None when there is none."""
    server = _read(data_dir / NOTE)
    if server is None:
        return None
    try:
        status, body = _call(server, "GET", "/health", timeout_s=HEALTH_TIMEOUT_S)
    except ServerGone:
        return None
    return server if status == 200 and body.get("instance") == server.instance else None


def ask(server: RunningServer, path: str, body: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Return the server's answer to a POST.

    Raises:
        HeimdexError: the problem that the server reports.
        ServerGone: it does not answer; the caller can do without.
    """
    status, answer = _call(server, "POST", path, body, timeout_s=timeout_s)
    if status != 200:
        error = HeimdexError(str(answer.get("detail", f"The server answered {status}.")))
        error.remedy = str(answer.get("remedy", ""))
        error.exit_code = 2 if 400 <= status < 500 else 1
        raise error
    return answer


def _call(
    server: RunningServer, method: str, path: str, body: dict[str, Any] | None = None, *, timeout_s: float
) -> tuple[int, dict[str, Any]]:
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=timeout_s)
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServerGone(str(error)) from None
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise ServerGone("not an answer of ours")
    return response.status, cast(dict[str, Any], answer)


def _read(note: Path) -> RunningServer | None:
    try:
        return RunningServer(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def new_server(url: str, instance: str, settings: Settings) -> RunningServer:
    """Return the note of this process."""
    return RunningServer(
        url=url, pid=os.getpid(), started=time.time(), instance=instance, fingerprint=fingerprint(settings)
    )
