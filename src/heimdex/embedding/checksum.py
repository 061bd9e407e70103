"""Which exact files a model is: one checksum over all that decides its vectors."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

#: below this total, hashing is quicker than trusting a note
_NOTE_FROM_BYTES = 64 << 20
_NOTE = ".heimdex-checksums.json"


def files_revision(folder: Path, files: Iterable[Path]) -> str:
    """Return 16 hex digits over the names and contents of ``files`` inside ``folder``.

    Large models are hashed once: size, time of change and digest are noted in the folder, and a
    file is hashed again when either differs. A folder that cannot be written is hashed every time.
    """
    listed = sorted(files)
    total = sum(path.stat().st_size for path in listed)
    noted = _read_note(folder) if total >= _NOTE_FROM_BYTES else {}
    digests = {path.relative_to(folder).as_posix(): _digest(path, folder, noted) for path in listed}
    if total >= _NOTE_FROM_BYTES:
        _write_note(folder, digests)
    whole = hashlib.sha256()
    for name, (_, _, digest) in sorted(digests.items()):
        whole.update(f"{name}\0{digest}\n".encode())
    return whole.hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_Entry = tuple[int, int, str]


def _digest(path: Path, folder: Path, noted: dict[str, _Entry]) -> _Entry:
    stat = path.stat()
    known = noted.get(path.relative_to(folder).as_posix())
    if known and known[:2] == (stat.st_size, stat.st_mtime_ns):
        return known
    return stat.st_size, stat.st_mtime_ns, file_sha256(path)


def _read_note(folder: Path) -> dict[str, _Entry]:
    try:
        content = json.loads((folder / _NOTE).read_text())
        return {str(name): (int(size), int(changed), str(digest)) for name, (size, changed, digest) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_note(folder: Path, digests: dict[str, _Entry]) -> None:
    with contextlib.suppress(OSError):
        (folder / _NOTE).write_text(json.dumps(digests))
