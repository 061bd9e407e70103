"""One signed request over HTTP to an embedding service, within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from heimdex.domain.errors import (
    EmbedderRejected,
    EmbedderTimeout,
    EmbedderUnauthorized,
    EmbedderUnavailable,
    SettingsInvalid,
)
from heimdex.embedding.schemes import Ask, Scheme
from heimdex.embedding.signing import Key

if TYPE_CHECKING:
    import httpx

ALIVE = "Check that it runs (its /health answers), or unset CLIP_RUNPOD_URL to run the model here."
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
#: 64 rows of the widest model, as generous JSON; a longer answer is not read to its end
_MOST_ANSWER_BYTES = 32 << 20


class Transient(Exception):
    """This attempt failed; another may not, where ``may_pass`` says so."""

    def __init__(self, what: str, wait_s: float = 0.0, *, may_pass: bool = True, timed_out: bool = False) -> None:
        super().__init__(what)
        self.wait_s = wait_s
        self.may_pass = may_pass
        self._kind = EmbedderTimeout if timed_out else EmbedderUnavailable

    def told(self) -> EmbedderUnavailable:
        """Return the error for the caller."""
        return self._kind(f"The embedding service {self}.", remedy=ALIVE)


class Line:
    """A few connections to one address; nothing is opened before the first request."""

    def __init__(
        self, url: str, scheme: Scheme, *, transport: httpx.AsyncBaseTransport | None, clock: Callable[[], float]
    ) -> None:
        self.base = url.rstrip("/")
        self._scheme = scheme
        self._transport = transport
        self._clock = clock
        self._client: httpx.AsyncClient | None = None

    async def send(self, ask: Ask, timeout_s: float) -> tuple[int, httpx.Headers, bytes]:
        """Make one request; the answer's signature is checked.

        Raises:
            Transient: no whole answer in time. EmbedderRejected: a 200 that is not to be believed.
        """
        import httpx

        if timeout_s <= 0:
            raise EmbedderTimeout("The deadline passed before the embedding service was asked.")
        url = httpx.URL(self.base + ask.path)
        sealed = self._scheme.seal(ask, url.raw_path, now=int(self._clock()))
        headers = {**sealed.headers, "VS-Deadline-Ms": str(int(timeout_s * 1000))}
        client = self._open()
        request = client.build_request(ask.method, url, content=sealed.body or None, headers=headers)
        try:
            async with asyncio.timeout(timeout_s):
                response = await client.send(request, stream=True)
                try:
                    body = await _whole(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise Transient(f"timed out after {timeout_s:.2g} s", timed_out=True) from None
        except httpx.HTTPError as error:
            raise Transient(f"cannot be reached: {error or type(error).__name__}") from None
        signature = response.headers.get("VS-Signature")
        if response.status_code == 200 and not self._scheme.believes(ask, sealed, signature, 200, body):
            raise EmbedderUnauthorized(
                "The embedding service's answer is not signed with our key.",
                remedy="Check that CLIP_RUNPOD_URL leads to your own service and both sides have the same secret.",
            )
        return response.status_code, response.headers, body

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> httpx.AsyncClient:
        import httpx

        if self._client is None:
            limits = httpx.Limits(max_connections=8, max_keepalive_connections=4)
            self._client = httpx.AsyncClient(transport=self._transport, limits=limits, timeout=None)  # noqa: S113 - asyncio.timeout
        return self._client


def check_address(url: str, keys: Sequence[Key]) -> None:
    """Raise SettingsInvalid when the address is none, or a service elsewhere would be asked unsigned."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsInvalid(
            f"CLIP_RUNPOD_URL is {url!r}, not an address.", remedy="Write it as https://host or http://host:port."
        )
    if not keys and parts.hostname not in _LOOPBACK:
        raise SettingsInvalid(
            "CLIP_RUNPOD_URL is set, CLIP_RUNPOD_SECRET is not.",
            remedy="Set the service's secret; `heimdex keygen` makes one for both sides.",
        )


def retry_after_s(headers: httpx.Headers) -> float:
    """Return the seconds that an answer asks to wait."""
    try:
        return max(0.0, float(headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


async def _whole(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _MOST_ANSWER_BYTES:
            raise EmbedderRejected("The embedding service's answer does not end.", remedy=ALIVE)
    return bytes(body)
