"""Two ways to ask an embedding service: our own, and that of an older deployment.

``v1`` signs whole requests and answers (`heimdex.embedding.signing`). ``legacy`` carries the signature
inside the JSON body: HMAC-SHA256 over ``METHOD|PATH|ID|TS``, ID being the SHA-256 of the text in hex; one
text a request, answers unsigned, pictures by address only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from heimdex.embedding.signing import Key, Request, new_nonce, response_is_signed, sign
from heimdex.embedding.wire import HEALTH_PATH, TEXT_PATH, text_batches

SchemeName = Literal["v1", "legacy"]
_JSON = "application/json"
#: the older service takes no more
_MOST_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class Ask:
    """One request before it is signed, and how many vectors are due."""

    method: str
    path: str
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    count: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed request, good for one attempt. ``nonce`` belongs to its answer."""

    headers: Mapping[str, str]
    body: bytes
    nonce: str


class Scheme(Protocol):
    """How questions are written and signed, and whether an answer is believed."""

    #: whether the service takes pictures as bytes
    takes_pictures: bool

    def discovery(self) -> Ask:
        """Return what to ask for the model."""
        ...

    def texts(self, texts: Sequence[str], model_id: str) -> Iterator[Ask]: ...

    def seal(self, ask: Ask, target: bytes, *, now: int) -> Sealed:
        """Sign a request to ``target``, its raw path and query."""
        ...

    def believes(self, ask: Ask, sealed: Sealed, signature: str | None, status: int, body: bytes) -> bool: ...


class V1:
    """``VS-HMAC-SHA256-V1``; without a key nothing is signed, for a service on this machine."""

    takes_pictures = True

    def __init__(self, key: Key | None) -> None:
        self._key = key

    def discovery(self) -> Ask:
        return Ask("GET", HEALTH_PATH)

    def texts(self, texts: Sequence[str], model_id: str) -> Iterator[Ask]:
        for batch in text_batches(texts):
            yield Ask(
                "POST", TEXT_PATH, _JSON, _json({"texts": batch, "model": model_id, "normalize": True}), len(batch)
            )

    def seal(self, ask: Ask, target: bytes, *, now: int) -> Sealed:
        nonce = new_nonce()
        headers = {"Content-Type": ask.content_type} if ask.content_type else {}
        if self._key is not None:
            path, _, query = target.partition(b"?")
            signed = Request(ask.method, path, query, ask.content_type, ask.body)
            headers |= sign(self._key, signed, timestamp=now, nonce=nonce)
        return Sealed(headers, ask.body, nonce)

    def believes(self, ask: Ask, sealed: Sealed, signature: str | None, status: int, body: bytes) -> bool:
        if self._key is None or ask.method == "GET":
            return True
        return response_is_signed(self._key, signature, nonce=sealed.nonce, status=status, body=body)


class Legacy:
    """The signature in the JSON body."""

    takes_pictures = False

    def __init__(self, key: Key | None) -> None:
        self._key = key

    def discovery(self) -> Ask:
        # its /health does not tell the dimension
        return next(self.texts(["which model"], ""))

    def texts(self, texts: Sequence[str], model_id: str) -> Iterator[Ask]:
        for text in texts:
            shortened = text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode()
            content = {"text": shortened, "request_id": new_nonce(), "normalize": True}
            yield Ask("POST", TEXT_PATH, _JSON, _json(content), 1)

    def seal(self, ask: Ask, target: bytes, *, now: int) -> Sealed:
        headers = {"Content-Type": ask.content_type} if ask.content_type else {}
        if self._key is None:
            return Sealed(headers, ask.body, "")
        content = json.loads(ask.body)
        named = hashlib.sha256(content["text"].encode()).hexdigest()
        message = f"{ask.method}|{ask.path}|{named}|{now}".encode()
        content["auth"] = {"ts": now, "sig": hmac.digest(self._key.secret, message, "sha256").hex()}
        return Sealed(headers, _json(content), "")

    def believes(self, ask: Ask, sealed: Sealed, signature: str | None, status: int, body: bytes) -> bool:
        return True  # nothing to check: only TLS vouches for an older service


def make_scheme(name: SchemeName, key: Key | None) -> Scheme:
    """Return the scheme called ``name``, which signs with ``key``."""
    return V1(key) if name == "v1" else Legacy(key)


def _json(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
