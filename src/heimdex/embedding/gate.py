"""What a request must pass before the embedding service looks into it.

Order: size, signature, time, nonce. Nothing of the body is parsed before the signature is believed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest

from heimdex.domain.errors import HeimdexError
from heimdex.embedding.nonces import NonceMemory, Seen
from heimdex.embedding.signing import Key, Request, SignatureRefused, sign_response, verify
from heimdex.telemetry import record

_MOST_HEADER_BYTES = 8 << 10
#: a body that comes slower is not waited for
_BODY_TIMEOUT_S = 20.0
_ONCE = ("vs-key-id", "vs-timestamp", "vs-nonce", "vs-signature", "content-type", "content-length")


class Refused(HeimdexError):
    """The request goes no further."""

    def __init__(self, status: int, code: str, message: str, *, remedy: str = "", shed: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.http_status = status
        self.code = code
        #: why, when there was too much to do
        self.shed = shed


class Admission:
    """Who asked, and how its answer is signed."""

    def __init__(self, key: Key | None, nonce: str, body: bytes) -> None:
        self._key = key
        self._nonce = nonce
        self.body = body

    def sign(self, status: int, body: bytes) -> dict[str, str]:
        """Return the headers of the signed answer."""
        if self._key is None:
            return {}
        signature = sign_response(self._key, nonce=self._nonce, status=status, body=body)
        return {"VS-Key-Id": self._key.id, "VS-Signature": signature}


class Gate:
    """Checks signatures with ``keys``; without keys every request passes."""

    def __init__(
        self,
        keys: Sequence[Key],
        *,
        clock: Callable[[], float] = time.time,
        body_timeout_s: float = _BODY_TIMEOUT_S,
    ) -> None:
        self._keys = tuple(keys)
        self._clock = clock
        self._body_timeout_s = body_timeout_s
        self._started_at = int(clock())
        self._nonces = NonceMemory()

    def use(self, keys: Sequence[Key]) -> None:
        """Believe these keys from the next request on; what was signed before keeps its nonces."""
        self._keys = tuple(keys)

    async def admit(self, request: HttpRequest, *, most_bytes: int) -> Admission:
        """Read the body within ``most_bytes`` and believe the request, or raise Refused."""
        _check_headers(request)
        try:
            async with asyncio.timeout(self._body_timeout_s):
                body = await _read_body(request, most_bytes)
        except TimeoutError:
            raise Refused(408, "too_slow", f"the body did not come within {self._body_timeout_s:g} s") from None
        if not self._keys:
            return Admission(None, "", body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        signed = Request(
            request.method,
            request.scope.get("raw_path") or request.url.path.encode(),
            request.scope.get("query_string", b""),
            request.headers.get("content-type", ""),
            body,
        )
        try:
            key, nonce = verify(self._keys, signed, headers, now=self._clock())
        except SignatureRefused as error:
            raise Refused(401, error.code, error.detail) from None
        self._believe_once(key, nonce, int(headers["vs-timestamp"]))
        record.key_used(key.id)
        return Admission(key, nonce, body)

    def _believe_once(self, key: Key, nonce: str, timestamp: int) -> None:
        if timestamp < self._started_at:
            # the nonces of an earlier run are forgotten
            raise Refused(
                401, "replayed", "the request is older than this service", remedy="Send it again, signed anew."
            )
        seen = self._nonces.remember(key.id, nonce, now=self._clock())
        if seen is Seen.REPLAYED:
            raise Refused(401, "replayed", "this nonce was used before", remedy="Sign every attempt anew.")
        if seen is Seen.FULL:
            raise Refused(
                503, "overloaded", "too many requests of the last two minutes are remembered", shed="nonces_full"
            )

    @property
    def nonces(self) -> int:
        """How many are remembered."""
        return len(self._nonces)


def _check_headers(request: HttpRequest) -> None:
    names = [name.decode("latin-1").lower() for name, _ in request.headers.raw]
    if twice := [name for name in _ONCE if names.count(name) > 1]:
        # which of them was signed?
        raise Refused(400, "bad_request", f"the header {twice[0]} comes twice")
    if sum(len(name) + len(value) for name, value in request.headers.raw) > _MOST_HEADER_BYTES:
        raise Refused(431, "headers_too_large", "the headers are larger than 8 KiB")


async def _read_body(request: HttpRequest, most_bytes: int) -> bytes:
    """Count while reading: what a client declares is not believed."""
    declared = request.headers.get("content-length")
    if declared is None and request.method == "GET" and "transfer-encoding" not in request.headers:
        return b""
    if declared is None:
        raise Refused(411, "length_required", "the request has no Content-Length")
    too_large = Refused(413, "body_too_large", f"the body is larger than {most_bytes} bytes")
    if not declared.isdecimal() or int(declared) > most_bytes:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise too_large
    except ClientDisconnect:
        raise Refused(400, "bad_request", "the client went away") from None
    return bytes(body)
