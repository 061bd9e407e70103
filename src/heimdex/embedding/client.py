"""A CLIP model behind a signed embedding service."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import numpy as np

from heimdex.domain.errors import EmbedderRejected, EmbedderUnavailable, SettingsInvalid
from heimdex.embedding.breaker import Breaker, RetryBudget
from heimdex.embedding.signing import Key, Request, new_nonce, response_is_signed, sign
from heimdex.embedding.wire import (
    HEALTH_PATH,
    IMAGE_PATH,
    TEXT_PATH,
    image_batches,
    multipart,
    read_answer,
    read_model,
    read_object,
    text_batches,
)
from heimdex.ports import EmbeddingModel, Image, Matrix

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

#: the first attempt may use this much of the time, so that a retry still has some
_FIRST_SHARE = 0.6
#: a retry is worth its while only with this much of the time left
_LEAST_SHARE = 0.23
_JITTER_S = 0.1
_TRANSIENT = {502, 503, 504}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class _Transient(Exception):
    """This attempt failed; another may not, where ``may_pass`` says so."""

    def __init__(self, what: str, wait_s: float = 0.0, *, may_pass: bool = True) -> None:
        super().__init__(what)
        self.wait_s = wait_s
        self.may_pass = may_pass


class HttpEmbedder:
    """Satisfies `heimdex.ports.Embedder` over HTTP, as DESIGN section 5 describes the wire.

    All attempts together take at most the caller's time. Every attempt is signed anew; every answer
    is checked: its signature, model, dimension, length and finiteness.
    """

    def __init__(
        self,
        url: str,
        keys: Sequence[Key],
        *,
        max_retries: int = 1,
        model: EmbeddingModel | None = None,
        remembered: EmbeddingModel | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep the address; nothing is asked yet.

        Args:
            keys: the first one signs. None only for a service on this machine.
            model: what the library was indexed with, when known: other vectors are then refused.
            remembered: what the service ran the last time; taken for its model when it cannot be asked.

        Raises:
            SettingsInvalid: the address is none, or a service elsewhere would be asked unsigned.
        """
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
        self._base = url.rstrip("/")
        self._key = keys[0] if keys else None
        self._max_retries = max_retries
        self._model = model
        self._remembered = remembered
        self._transport = transport
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._breaker = Breaker()
        self._budget = RetryBudget()
        #: why the service is left alone, when it refused us
        self._refusal: EmbedderRejected | None = None
        self._asking: asyncio.Future[EmbeddingModel] | None = None

    @property
    def model(self) -> EmbeddingModel:
        """The space of the rows. Raises EmbedderUnavailable until the service has answered once."""
        if self._model is None:
            raise EmbedderUnavailable(
                f"The embedding service {self._base} has not said yet which model it runs.",
                remedy="Check that it runs: its /health answers.",
            )
        return self._model

    async def discover(self, *, timeout_s: float) -> EmbeddingModel:
        """Ask `/health` for the model unless it is known. Raises EmbedderUnavailable, EmbedderRejected.

        However many want to know, one asks. When the service cannot be asked, the model of the last
        time is taken for its own from then on: vectors of another one are refused.
        """
        if self._model is not None:
            return self._model
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask_health(timeout_s))
            # a failure that nobody waits for any more stays quiet
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        async with _within(timeout_s):
            return await asyncio.shield(self._asking)

    async def _ask_health(self, timeout_s: float) -> EmbeddingModel:
        try:
            found = await self._attempt(_read_health, "GET", HEALTH_PATH, "", b"", timeout_s)
        except _Transient as error:
            self._model = self._model or self._remembered
            raise EmbedderUnavailable(f"The embedding service {error}.", remedy=_ALIVE) from None
        self._model = self._model or found
        return self._model

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        """Return (len(texts), dim) float32 unit rows. Raises EmbedderUnavailable, EmbedderRejected."""
        until = time.monotonic() + timeout_s
        model = await self.discover(timeout_s=timeout_s)
        rows = [np.empty((0, model.dim), dtype=np.float32)]
        async with _within(until - time.monotonic()):
            for batch in text_batches(texts):
                content = {"texts": batch, "model": model.model_id, "normalize": True}
                body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
                rows.append(await self._rows(TEXT_PATH, "application/json", body, len(batch), until))
        return np.concatenate(rows)

    async def embed_images(self, images: Sequence[Image], *, timeout_s: float) -> Matrix:
        """Return (len(images), dim) float32 unit rows. Raises EmbedderUnavailable, EmbedderRejected."""
        until = time.monotonic() + timeout_s
        model = await self.discover(timeout_s=timeout_s)
        rows = [np.empty((0, model.dim), dtype=np.float32)]
        async with _within(until - time.monotonic()):
            for batch in await asyncio.to_thread(lambda: list(image_batches(images))):
                content_type, body = multipart(batch)
                rows.append(await self._rows(IMAGE_PATH, content_type, body, len(batch), until))
        return np.concatenate(rows)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._asking is not None:
            self._asking.cancel()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _rows(self, path: str, content_type: str, body: bytes, count: int, until: float) -> Matrix:
        """Ask, and ask once more when that may help and there is time and budget for it."""
        for attempt in range(self._max_retries + 1):
            remaining = until - time.monotonic()
            is_last = attempt == self._max_retries
            try:
                seconds = remaining * (1 if is_last else _FIRST_SHARE)
                rows, said = await self._attempt(
                    lambda answer: read_answer(answer, count=count, model=self._model),
                    "POST", path, content_type, body, seconds,
                )  # fmt: skip
                self._model = self._model or said
                return rows
            except _Transient as error:
                is_last = is_last or not error.may_pass
                wait_s = error.wait_s + random.uniform(0, _JITTER_S)  # noqa: S311 - spreads load, guards nothing
                left_s = until - time.monotonic() - wait_s
                if is_last or left_s < _LEAST_SHARE * remaining or not self._budget.allows():
                    raise EmbedderUnavailable(f"The embedding service {error}.", remedy=_ALIVE) from None
                await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")

    async def _attempt(
        self, read: Callable[[bytes], T], method: str, path: str, content_type: str, body: bytes, timeout_s: float
    ) -> T:
        """Ask once, unless the breaker is open. Raises _Transient, EmbedderUnavailable, EmbedderRejected."""
        if not self._breaker.admits():
            if self._refusal is not None:
                raise EmbedderRejected(self._refusal.message, remedy=self._refusal.remedy)
            raise EmbedderUnavailable("The embedding service failed lately and is left alone for 5 s.", remedy=_ALIVE)
        try:
            status, headers, answer = await self._send(method, path, content_type, body, timeout_s)
            self._raise_for(status, headers, answer)
            result = read(answer)
        except _Transient:
            self._breaker.failed()
            self._budget.failed()
            raise
        except BaseException:
            # refused or given up: no word about whether the service is alive
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        self._budget.succeeded()
        self._refusal = None
        return result

    async def _send(
        self, method: str, path: str, content_type: str, body: bytes, timeout_s: float
    ) -> tuple[int, httpx.Headers, bytes]:
        """Make one request; the answer's signature is checked. Raises _Transient, EmbedderRejected."""
        import httpx

        if timeout_s <= 0:
            raise EmbedderUnavailable("The deadline passed before the embedding service was asked.")
        client = self._open()
        request = client.build_request(method, self._base + path, content=body or None)
        nonce = self._sign(request, content_type, body)
        request.headers["VS-Deadline-Ms"] = str(int(timeout_s * 1000))
        try:
            async with asyncio.timeout(timeout_s):
                response = await client.send(request)
        except (TimeoutError, httpx.TimeoutException):
            raise _Transient(f"timed out after {timeout_s:.2g} s") from None
        except httpx.HTTPError as error:
            raise _Transient(f"cannot be reached: {error or type(error).__name__}") from None
        if response.status_code == 200 and method == "POST" and self._key is not None:
            self._believe(response, nonce)
        return response.status_code, response.headers, response.content

    def _sign(self, request: httpx.Request, content_type: str, body: bytes) -> str:
        if content_type:
            request.headers["Content-Type"] = content_type
        nonce = new_nonce()
        if self._key is not None:
            path, _, query = request.url.raw_path.partition(b"?")
            signed = Request(request.method, path, query, content_type, body)
            request.headers.update(sign(self._key, signed, timestamp=int(self._clock()), nonce=nonce))
        return nonce

    def _believe(self, response: httpx.Response, nonce: str) -> None:
        signature = response.headers.get("VS-Signature")
        key = self._key
        if key and not response_is_signed(
            key, signature, nonce=nonce, status=response.status_code, body=response.content
        ):
            raise EmbedderRejected(
                "The embedding service's answer is not signed with our key.",
                remedy="Check that CLIP_RUNPOD_URL leads to your own service and both sides have the same secret.",
            )

    def _raise_for(self, status: int, headers: httpx.Headers, body: bytes) -> None:
        if status == 200:
            return
        if status in _TRANSIENT or status == 429:
            raise _Transient(f"answers {status}", wait_s=_retry_after_s(headers))
        if status in (401, 403):
            # every further call would be refused alike
            self._breaker.open()
            self._refusal = EmbedderRejected(
                f"{status} {_detail(body)}",
                remedy="Set the same CLIP_RUNPOD_SECRET on both sides, and check both clocks.",
            )
            raise self._refusal
        if status >= 500:  # a fault of the service: asked again at once it would do the same
            raise _Transient(f"answers {status}: {_detail(body)}", may_pass=False)
        raise EmbedderRejected(f"The embedding service answers {status}: {_detail(body)}.", remedy=_ALIVE)

    def _open(self) -> httpx.AsyncClient:
        import httpx

        if self._client is None:
            limits = httpx.Limits(max_connections=8, max_keepalive_connections=4)
            self._client = httpx.AsyncClient(transport=self._transport, limits=limits, timeout=None)  # noqa: S113 - asyncio.timeout
        return self._client


_ALIVE = "Check that it runs (its /health answers), or unset CLIP_RUNPOD_URL to run the model here."


@asynccontextmanager
async def _within(timeout_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(max(0.0, timeout_s)):
            yield
    except TimeoutError:
        raise EmbedderUnavailable(
            f"The embedding service timed out: no answer within {max(0.0, timeout_s):.3g} s.", remedy=_ALIVE
        ) from None


def _read_health(body: bytes) -> EmbeddingModel:
    return read_model(read_object(body))


def _retry_after_s(headers: httpx.Headers) -> float:
    try:
        return max(0.0, float(headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


def _detail(body: bytes) -> str:
    """Return what an error answer says, on one line."""
    try:
        content = json.loads(body)
        said = f"{content.get('code', '')} {content.get('detail', '')}".strip()
    except (ValueError, AttributeError):
        said = body[:200].decode("utf-8", "replace")
    return " ".join(said.split())[:300] or "no reason given"
