"""VS-HMAC-SHA256-V1: requests and answers of the embedding service are signed with a shared secret.

A request carries ``VS-Key-Id``, ``VS-Timestamp`` (seconds), ``VS-Nonce`` (32 hex digits) and
``VS-Signature: v1=<64 hex digits>``. Signed are ten fields joined by line feeds: the scheme, key
id, timestamp, nonce, method, audience, raw path, raw query, content type and the SHA-256 of the
raw body. An answer is signed over the request's nonce, the status and the SHA-256 of its body, so
that a wrong server cannot poison a cache of vectors. The signature proves who asks, not secrecy: that is TLS.

Pure functions; the clock and the store of nonces come from the caller.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SCHEME = "VS-HMAC-SHA256-V1"
RESPONSE_SCHEME = "VS-HMAC-SHA256-V1-RESPONSE"
AUDIENCE = "clip-embed"
SKEW_S = 60
LEAST_SECRET_BYTES = 32

_KEY_ID = re.compile(r"[a-z0-9-]{1,32}")
_TIMESTAMP = re.compile(r"[0-9]{10}")
_NONCE = re.compile(r"[0-9a-f]{32}")
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Key:
    """A shared secret and its name."""

    id: str
    secret: bytes

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.id):
            raise ValueError(f"the key id {self.id!r} is not 1 to 32 of a-z, 0-9 and -")
        if len(self.secret) < LEAST_SECRET_BYTES:
            raise ValueError(f"the secret of key {self.id!r} has {len(self.secret)} bytes, fewer than 32")

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed of an HTTP request, byte for byte as it travels."""

    method: str
    path: bytes
    query: bytes = b""
    content_type: str = ""
    body: bytes = b""


class SignatureRefused(Exception):
    """Why a request is not believed. ``code`` is stable and travels in the answer."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def new_nonce() -> str:
    """Return 16 random bytes in hex."""
    return secrets.token_hex(16)


def sign(key: Key, request: Request, *, timestamp: int, nonce: str) -> dict[str, str]:
    """Return the four headers of a signed request. A retry needs a new nonce and is signed again."""
    mac = _request_mac(key, request, str(timestamp), nonce)
    return {
        "VS-Key-Id": key.id,
        "VS-Timestamp": str(timestamp),
        "VS-Nonce": nonce,
        "VS-Signature": f"v1={mac}",
    }


def verify(keys: Sequence[Key], request: Request, headers: Mapping[str, str], *, now: float) -> tuple[Key, str]:
    """Return the key that signed and the nonce, which the caller must not have seen before.

    The signature is checked before the time, so that only a holder of the secret learns our clock.

    Args:
        headers: with names in lower case.
        now: seconds since 1970.

    Raises:
        SignatureRefused: ``malformed_signature``, ``bad_signature`` or ``clock_skew``.
    """
    key_id, timestamp, nonce, given = _read_headers(headers)
    known = next((key for key in keys if key.id == key_id), None)
    # an unknown key costs the same time as a wrong signature
    mac = _request_mac(known or _NOBODY, request, timestamp, nonce, key_id)
    if not hmac.compare_digest(mac.encode(), given.encode()) or known is None:
        raise SignatureRefused("bad_signature", "the signature does not belong to this request and key")
    off_s = int(timestamp) - now
    if abs(off_s) > SKEW_S:
        raise SignatureRefused(
            "clock_skew",
            f"request time {timestamp}, server time {int(now)}, differs by {abs(off_s):.0f} s, "
            f"allowed {SKEW_S} s; check NTP",
        )
    return known, nonce


def sign_response(key: Key, *, nonce: str, status: int, body: bytes) -> str:
    """Return the value of ``VS-Signature`` for an answer to the request with ``nonce``."""
    return f"v1={_response_mac(key, nonce, status, body)}"


def response_is_signed(key: Key, signature: str | None, *, nonce: str, status: int, body: bytes) -> bool:
    """Say whether an answer comes from a holder of the secret and belongs to the request with ``nonce``."""
    expected = f"v1={_response_mac(key, nonce, status, body)}"
    return signature is not None and hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


def _read_headers(headers: Mapping[str, str]) -> tuple[str, str, str, str]:
    key_id, timestamp, nonce = (headers.get(name, "") for name in ("vs-key-id", "vs-timestamp", "vs-nonce"))
    signature = _SIGNATURE.fullmatch(headers.get("vs-signature", ""))
    if not (_KEY_ID.fullmatch(key_id) and _TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce) and signature):
        raise SignatureRefused(
            "malformed_signature", "VS-Key-Id, VS-Timestamp, VS-Nonce and VS-Signature: v1=… are needed, well-formed"
        )
    return key_id, timestamp, nonce, signature[1]


def _request_mac(key: Key, request: Request, timestamp: str, nonce: str, key_id: str | None = None) -> str:
    fields = (
        SCHEME.encode(), (key_id or key.id).encode(), timestamp.encode(), nonce.encode(), request.method.encode(),
        AUDIENCE.encode(), request.path, request.query, request.content_type.encode("utf-8", "surrogateescape"),
        hashlib.sha256(request.body).hexdigest().encode(),
    )  # fmt: skip
    if any(b"\n" in part or b"\r" in part for part in fields):
        raise SignatureRefused("malformed_signature", "a signed field holds a line break")
    return hmac.digest(key.secret, b"\n".join(fields), "sha256").hex()


def _response_mac(key: Key, nonce: str, status: int, body: bytes) -> str:
    digest = hashlib.sha256(body).hexdigest()
    return hmac.digest(key.secret, f"{RESPONSE_SCHEME}\n{nonce}\n{status}\n{digest}".encode(), "sha256").hex()


_NOBODY = Key("nobody", secrets.token_bytes(32))
