"""A CLIP model behind a signed embedding service."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from heimdex.domain.errors import (
    EmbedderPaused,
    EmbedderRejected,
    EmbedderTimeout,
    EmbedderUnauthorized,
    EmbedderUnavailable,
)
from heimdex.embedding.breaker import Breaker, RetryBudget
from heimdex.embedding.bulkhead import QUERIES_AT_ONCE
from heimdex.embedding.line import ALIVE, Line, Transient, check_address, retry_after_s
from heimdex.embedding.schemes import Ask, SchemeName, make_scheme
from heimdex.embedding.signing import Key
from heimdex.embedding.wire import (
    HEALTH_PATH,
    IMAGE_PATH,
    image_batches,
    multipart,
    read_answer,
    read_model,
    read_object,
    read_problem,
)
from heimdex.ports import Embedder, EmbeddingModel, Image, Matrix
from heimdex.telemetry import record

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

#: the first attempt may use this much of the time, so that a retry still has some
_FIRST_SHARE = 0.6
#: a retry is worth its while only with this much of the time left
_LEAST_SHARE = 0.23
_JITTER_S = 0.1
#: a search may embed several texts: what it seeks, what it does not, what comes next
_MOST_INSIDE = 4 * QUERIES_AT_ONCE
_PASSING = {502, 503, 504}


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
        scheme: SchemeName = "v1",
        pictures: Embedder | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep the address; nothing is asked yet.

        Args:
            keys: the first one signs. None only for a service on this machine.
            model: what the library was indexed with, when known: other vectors are then refused.
            remembered: what the service ran the last time; taken for its model when it cannot be asked.
            scheme: how requests are signed.
            pictures: the same model in this process, for a service that takes no pictures.

        Raises:
            SettingsInvalid: the address is none, or a service elsewhere would be asked unsigned.
        """
        check_address(url, keys)
        self._scheme = make_scheme(scheme, keys[0] if keys else None)
        self._pictures = pictures
        self._max_retries = max_retries
        self._model = model
        self._remembered = remembered
        self._line = Line(url, self._scheme, transport=transport, clock=clock)
        self._breaker = Breaker()
        self._budget = RetryBudget()
        #: why the service is left alone, when it refused us
        self._refusal: EmbedderUnauthorized | None = None
        self._asking: asyncio.Future[EmbeddingModel] | None = None
        self._inside = 0

    @property
    def model(self) -> EmbeddingModel:
        """The space of the rows. Raises EmbedderUnavailable until the service has answered once."""
        if self._model is None:
            raise EmbedderUnavailable(
                f"The embedding service {self._line.base} has not said yet which model it runs.",
                remedy="Check that it runs: its /health answers.",
            )
        return self._model

    async def discover(self, *, timeout_s: float) -> EmbeddingModel:
        """Ask the service for its model unless it is known. Raises EmbedderUnavailable, EmbedderRejected.

        However many want to know, one asks. When the service cannot be asked, the model of the last
        time is taken for its own from then on: vectors of another one are refused.
        """
        if self._model is not None:
            return self._model
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask_model(timeout_s))
            # a failure that nobody waits for any more stays quiet
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        async with _within(timeout_s):
            return await asyncio.shield(self._asking)

    async def _ask_model(self, timeout_s: float) -> EmbeddingModel:
        ask = self._scheme.discovery()
        try:
            found = await self._attempt(lambda body: _named(ask, body), ask, timeout_s)
        except Transient as error:
            self._model = self._model or self._remembered
            raise error.told() from None
        return self._believe_model(found)

    def _believe_model(self, said: EmbeddingModel) -> EmbeddingModel:
        """Keep what the service runs; one without a revision is taken for the same model in this process."""
        if self._model is None:
            own = self._pictures.model if self._pictures else None
            same = own is not None and not said.revision and (own.model_id, own.dim) == (said.model_id, said.dim)
            self._model = own if same else said
        assert self._model is not None  # noqa: S101
        return self._model

    async def alive(self, *, timeout_s: float) -> bool:
        """Say whether the service's `/health` answers; asked past the breaker, and without teaching it anything."""
        try:
            status, _, _ = await self._line.send(Ask("GET", HEALTH_PATH), timeout_s)
        except (Transient, EmbedderUnavailable, EmbedderRejected):
            return False
        return status == 200

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        """Return (len(texts), dim) float32 unit rows. Raises EmbedderUnavailable, EmbedderRejected."""
        until = time.monotonic() + timeout_s
        with self._room():
            model = await self.discover(timeout_s=timeout_s)
            rows = [np.empty((0, model.dim), dtype=np.float32)]
            async with _within(until - time.monotonic()):
                rows += [await self._rows(ask, until) for ask in self._scheme.texts(texts, model.model_id)]
        return np.concatenate(rows)

    async def embed_images(self, images: Sequence[Image], *, timeout_s: float) -> Matrix:
        """Return (len(images), dim) float32 unit rows. Raises EmbedderUnavailable, EmbedderRejected."""
        until = time.monotonic() + timeout_s
        with self._room():
            model = await self.discover(timeout_s=timeout_s)
            if not self._scheme.takes_pictures:
                return await self._own_pictures(model).embed_images(images, timeout_s=until - time.monotonic())
            rows = [np.empty((0, model.dim), dtype=np.float32)]
            async with _within(until - time.monotonic()):
                for batch in await asyncio.to_thread(lambda: list(image_batches(images))):
                    content_type, body = multipart(batch)
                    rows.append(await self._rows(Ask("POST", IMAGE_PATH, content_type, body, len(batch)), until))
        return np.concatenate(rows)

    def _own_pictures(self, model: EmbeddingModel) -> Embedder:
        if self._pictures is None or self._pictures.model.model_id != model.model_id:
            raise EmbedderRejected(
                "The older embedding service takes no pictures, only addresses of pictures.",
                remedy=f"`heimdex models pull {model.model_id}` and set HEIMDEX_EMBEDDING__MODEL to it: "
                "pictures are then embedded here, queries there. Or run `heimdex embed-service`.",
            )
        return self._pictures

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Let in as many as a burst may bring; more would only wait until their time is over."""
        if self._inside >= _MOST_INSIDE:
            raise EmbedderUnavailable(
                f"{self._inside} requests wait for the embedding service already.", remedy="Try again in a moment."
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def aclose(self) -> None:
        """Close the connections."""
        if self._asking is not None:
            self._asking.cancel()
        await self._line.aclose()

    async def _rows(self, ask: Ask, until: float) -> Matrix:
        """Ask, and ask once more when that may help and there is time and budget for it."""
        for attempt in range(self._max_retries + 1):
            remaining = until - time.monotonic()
            is_last = attempt == self._max_retries
            try:
                seconds = remaining * (1 if is_last else _FIRST_SHARE)
                rows, said = await self._attempt(
                    lambda answer: read_answer(answer, count=ask.count, model=self._model), ask, seconds
                )
                self._believe_model(said)
                return rows
            except Transient as error:
                is_last = is_last or not error.may_pass
                wait_s = error.wait_s + random.uniform(0, _JITTER_S)  # noqa: S311 - spreads load, guards nothing
                left_s = until - time.monotonic() - wait_s
                if is_last or left_s < _LEAST_SHARE * remaining or not self._budget.allows():
                    raise error.told() from None
                await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")

    async def _attempt(self, read: Callable[[bytes], T], ask: Ask, timeout_s: float) -> T:
        """Ask once, unless the breaker is open. Raises Transient, EmbedderUnavailable, EmbedderRejected."""
        if not self._breaker.admits():
            if self._refusal is not None:
                raise EmbedderUnauthorized(self._refusal.message, remedy=self._refusal.remedy)
            raise EmbedderPaused("The embedding service failed lately and is left alone for 5 s.", remedy=ALIVE)
        try:
            status, headers, answer = await self._line.send(ask, timeout_s)
            self._raise_for(status, headers, answer)
            result = read(answer)
        except Transient:
            self._breaker.failed()
            self._budget.failed()
            raise
        except BaseException:
            # refused or given up: no word about whether the service is alive
            self._breaker.abandoned()
            raise
        else:
            self._breaker.succeeded()
            self._budget.succeeded()
            self._refusal = None
            return result
        finally:
            record.breaker(open_=self._breaker.is_open)

    def _raise_for(self, status: int, headers: httpx.Headers, body: bytes) -> None:
        if status == 200:
            return
        if status in _PASSING or status == 429:
            raise Transient(f"answers {status}", wait_s=retry_after_s(headers))
        if status in (401, 403):
            # every further call would be refused alike
            self._breaker.open()
            self._refusal = EmbedderUnauthorized(
                f"{status} {read_problem(body)}",
                remedy="Set the same CLIP_RUNPOD_SECRET on both sides, and check both clocks.",
            )
            raise self._refusal
        if status >= 500:  # a fault of the service: asked again at once it would do the same
            raise Transient(f"answers {status}: {read_problem(body)}", may_pass=False)
        raise EmbedderRejected(f"The embedding service answers {status}: {read_problem(body)}.", remedy=ALIVE)


@asynccontextmanager
async def _within(timeout_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(max(0.0, timeout_s)):
            yield
    except TimeoutError:
        raise EmbedderTimeout(
            f"The embedding service timed out: no answer within {max(0.0, timeout_s):.3g} s.", remedy=ALIVE
        ) from None


def _named(ask: Ask, body: bytes) -> EmbeddingModel:
    """Return the model that the answer to a discovery names."""
    return read_answer(body, count=ask.count, model=None)[1] if ask.count else read_model(read_object(body))
