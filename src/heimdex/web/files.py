"""Files over HTTP: HEAD, ETag, and one range (RFC 9110 section 14)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from heimdex.domain.errors import NotFound
from heimdex.web.problems import problem

CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """The range lies outside of the file, or there are several."""


def one_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return the half-open byte range that a Range header asks for, None for the whole file.

    A header that is not a range of bytes is ignored, as RFC 9110 section 14.2 says; several ranges
    are refused, because answering them costs far more than asking.

    Raises:
        Unsatisfiable: the answer is 416.
    """
    if header is None or not header.lower().startswith("bytes="):
        return None
    if "," in header:
        raise Unsatisfiable(header)
    found = _RANGE.fullmatch(header)
    if found is None or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if first == "":
        start, end = max(size_bytes - int(last), 0), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes or end <= start:
        raise Unsatisfiable(header)
    return start, end


async def file_response(
    request: Request, path: Path, media_type: str, *, max_age_s: int = 0, name: str = ""
) -> Response:
    """Return ``path``, the part of it that was asked for, or 304, 416.

    Raises:
        NotFound: there is no regular file now.
    """
    facts = await _facts(path)
    size = facts.st_size
    etag = f'"{facts.st_mtime_ns:x}-{size:x}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Cache-Control": f"private, max-age={max_age_s}" if max_age_s else "private, no-cache",
    }
    if name:
        headers["Content-Disposition"] = f"inline; filename*=utf-8''{quote(name, errors='replace')}"
    if _is_known(etag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        wanted = None
    try:
        part = one_range(wanted, size)
    except Unsatisfiable:
        headers["Content-Range"] = f"bytes */{size}"
        return problem(416, "range_not_satisfiable", "One range inside the file, please.", headers=headers)
    start, end = part or (0, size)
    headers["Content-Length"] = str(end - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 206 if part else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    return StreamingResponse(_read(path, start, end - start), status, headers, media_type)


def _is_known(etag: str, header: str) -> bool:
    """Compare weakly, as RFC 9110 section 13.1.2 says: a proxy that compresses marks our tag as weak."""
    return header.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in header.split(",")]


async def _facts(path: Path) -> os.stat_result:
    try:
        facts = await anyio.Path(path).stat()
    except (OSError, ValueError):
        facts = None
    if facts is None or not stat.S_ISREG(facts.st_mode):
        raise NotFound("The file is not there now.", remedy="Connect its drive, or index it at its new place.")
    return facts


async def _read(path: Path, start: int, length: int) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        await file.seek(start)
        while length > 0 and (chunk := await file.read(min(CHUNK_BYTES, length))):
            yield chunk
            length -= len(chunk)
