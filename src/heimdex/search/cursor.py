"""Where the next page begins, as an opaque token that only fits the search that it came from.

A token is not a secret and gives no access: what it names is looked for in the caller's own answer.
Its checksum is there so that a damaged or made-up one is refused instead of silently giving another page.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import struct
from collections.abc import Mapping
from uuid import UUID

from heimdex.domain.errors import BadRequest
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Place, SearchRequest

#: version, digest of the search, scene, number of hits shown; a checksum follows
_LAYOUT = struct.Struct(">B8s16sI")
_VERSION = 1
_CHECKSUM_BYTES = 8
#: of a page, not of a search: they may change from page to page
_OF_THE_PAGE = frozenset({"limit", "explain", "after"})
_MAX_TOKEN = 128


def encode(place: Place, request: SearchRequest) -> str:
    """Return the token for the page behind ``place``."""
    body = _LAYOUT.pack(_VERSION, _digest(request), place.scene_id.bytes, place.shown)
    return base64.urlsafe_b64encode(body + _checksum(body)).decode().rstrip("=")


def decode(token: str, request: SearchRequest) -> Place:
    """Return the place that ``token`` names.

    Raises:
        BadRequest: it is no token of ours, or it belongs to another search.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    body, checksum = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    if len(token) > _MAX_TOKEN or len(body) != _LAYOUT.size or checksum != _checksum(body) or body[0] != _VERSION:
        raise BadRequest("The cursor is damaged.", remedy="Use next_cursor of the page before, as it is.")
    _, digest, scene, shown = _LAYOUT.unpack(body)
    if digest != _digest(request):
        raise BadRequest(
            "The cursor belongs to another search.", remedy="Repeat the query and its options on every page."
        )
    return Place(SceneId(UUID(bytes=scene)), shown)


def _digest(request: SearchRequest) -> bytes:
    fields = {f.name: getattr(request, f.name) for f in dataclasses.fields(request) if f.name not in _OF_THE_PAGE}
    return hashlib.blake2b(_canonical(fields).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _canonical(value: object) -> str:
    """Return a text that is the same for equal values, whatever the order of their sets."""
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{_canonical(k)}:{_canonical(v)}" for k, v in value.items())) + "}"
    if isinstance(value, frozenset | set):
        return "<" + ",".join(sorted(map(_canonical, value))) + ">"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _canonical({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    return repr(value)


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM_BYTES, person=b"heimdex cursor").digest()
