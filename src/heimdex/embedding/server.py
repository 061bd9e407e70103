"""The embedding service: a CLIP model over HTTP, signed, batched, with back-pressure. ASGI."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import numpy as np
import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from heimdex.domain.errors import BadRequest, EmbedderRejected, HeimdexError
from heimdex.embedding.batcher import Batcher, Overloaded
from heimdex.embedding.gate import Admission, Gate, Refused
from heimdex.embedding.pictures import read_pictures
from heimdex.embedding.requests import asked_pictures, asked_texts, deadline_s
from heimdex.embedding.signing import Key
from heimdex.embedding.wire import (
    HEALTH_PATH,
    IMAGE_PATH,
    METRICS_PATH,
    MODELS_PATH,
    MOST_IMAGE_BODY_BYTES,
    MOST_TEXT_BODY_BYTES,
    TEXT_PATH,
    answer,
    describe,
)
from heimdex.ports import Embedder, Image
from heimdex.telemetry import record

log = structlog.get_logger()

_PROBE_TIMEOUT_S = 5.0
_PROBE_EVERY_S = 10.0
_WAITING_TEXTS = 256
_WAITING_IMAGES = 128
_TEXTS_AT_ONCE = 32
_IMAGES_AT_ONCE = 16
#: requests inside, from the first byte of their body on: what bounds the memory
_INSIDE = {"text": 512, "image": 8}


class EmbeddingService:
    """The handlers, and what they share."""

    def __init__(self, embedder: Embedder, gate: Gate, *, device: str) -> None:
        self._embedder = embedder
        self._gate = gate
        self._device = device
        self._texts: Batcher[str] = Batcher(
            lambda items, timeout_s: embedder.embed_texts(items, timeout_s=timeout_s),
            most_items=_TEXTS_AT_ONCE,
            capacity=_WAITING_TEXTS,
            on_batch=functools.partial(record.batch, "text"),
        )
        self._images: Batcher[Image] = Batcher(
            lambda items, timeout_s: embedder.embed_images(items, timeout_s=timeout_s),
            most_items=_IMAGES_AT_ONCE,
            capacity=_WAITING_IMAGES,
            on_batch=functools.partial(record.batch, "image"),
        )
        self._inside = dict.fromkeys(_INSIDE, 0)
        self._answered_at: float | None = None

    async def health(self, _: Request) -> Response:
        """Say ok only when the model itself answers, asked at most every ten seconds."""
        now = time.monotonic()
        if self._answered_at is None or now - self._answered_at > _PROBE_EVERY_S:
            await self._texts.submit(["health"], timeout_s=_PROBE_TIMEOUT_S)
            self._answered_at = time.monotonic()
        waiting = {"texts": self._texts.waiting, "images": self._images.waiting}
        return JSONResponse(
            {"status": "ok", **describe(self._embedder.model), "device": self._device, "queue": waiting}
        )

    async def metrics(self, _: Request) -> Response:
        """Tell Prometheus; without a signature, since it holds nothing of what was asked."""
        from heimdex.telemetry import metrics

        record.embedding_queues({"text": self._texts.waiting, "image": self._images.waiting}, self._gate.nonces)
        return Response(metrics.exposition(metrics.EMBEDDING), media_type=metrics.CONTENT_TYPE)

    async def models(self, request: Request) -> Response:
        """List the one model."""
        admission = await self._gate.admit(request, most_bytes=0)
        body = json.dumps({"models": [describe(self._embedder.model)]}, ensure_ascii=False).encode()
        return _signed(admission, body)

    async def embed_text(self, request: Request) -> Response:
        """Embed ``text`` or ``texts``."""
        with self._room("text"):
            self._texts.check_room(1, timeout_s=deadline_s(request))
            admission = await self._gate.admit(request, most_bytes=MOST_TEXT_BODY_BYTES)
            texts, single, model = asked_texts(admission.body)
            self._check_model(model)
            return await self._embed(request, admission, self._texts, texts, single=single)

    async def embed_image(self, request: Request) -> Response:
        """Embed the parts named ``image``."""
        with self._room("image"):
            admission = await self._gate.admit(request, most_bytes=MOST_IMAGE_BODY_BYTES)
            files, model = await asked_pictures(request, admission.body)
            self._check_model(model)
            images = await run_in_threadpool(read_pictures, files)
            return await self._embed(request, admission, self._images, images, single=False)

    async def warm_up(self) -> None:
        """Open both graphs before the first request. Raises what makes the model unusable."""
        await self._embedder.embed_texts(["warm up"], timeout_s=600)
        await self._embedder.embed_images([np.zeros((8, 8, 3), np.uint8)], timeout_s=600)
        self._answered_at = time.monotonic()

    async def _embed(
        self, request: Request, admission: Admission, batcher: Batcher[Any], items: Sequence[Any], *, single: bool
    ) -> Response:
        started = time.monotonic()
        rows, waited_s = await batcher.submit(items, timeout_s=deadline_s(request))
        self._answered_at = time.monotonic()
        timings = {
            "queue_ms": round(waited_s * 1000, 3),
            "inference_ms": round((self._answered_at - started - waited_s) * 1000, 3),
        }
        return _signed(admission, answer(self._embedder.model, rows, timings, single=single))

    @contextmanager
    def _room(self, kind: str) -> Iterator[None]:
        """Admit a request, or refuse it before its body is read."""
        if self._inside[kind] >= _INSIDE[kind]:
            raise Refused(
                429, "too_many_requests", f"{_INSIDE[kind]} {kind} requests are inside already",
                remedy="Try again in a second.", shed="too_many_requests",
            )  # fmt: skip
        self._inside[kind] += 1
        try:
            yield
        finally:
            self._inside[kind] -= 1

    def _check_model(self, asked: object) -> None:
        if asked is not None and asked != self._embedder.model.model_id:
            raise BadRequest(
                f"This service runs {self._embedder.model.model_id}, not {asked!r}.",
                remedy="Leave `model` out, or ask the service that runs it.",
            )


def create_embedding_app(
    embedder: Embedder,
    keys: Sequence[Key],
    *,
    device: str = "cpu",
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """Return the ASGI application. Without ``keys`` it answers anybody: only for loopback, see `check_exposure`.

    ``app.state.gate`` takes other keys while it runs.
    """
    record.count_here()
    gate = Gate(keys, clock=clock)
    service = EmbeddingService(embedder, gate, device=device)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.warm_up()
        log.info("embedding_service.ready", model=embedder.model.model_id, dim=embedder.model.dim, device=device)
        yield

    routes = [
        Route(HEALTH_PATH, service.health, methods=["GET"]),
        Route(METRICS_PATH, service.metrics, methods=["GET"]),
        Route(MODELS_PATH, service.models, methods=["GET"]),
        Route(TEXT_PATH, _counted("text", service.embed_text), methods=["POST"]),
        Route(IMAGE_PATH, _counted("image", service.embed_image), methods=["POST"]),
    ]
    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {HeimdexError: _problem}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    app.state.gate = gate
    return app


def check_exposure(host: str, keys: Sequence[Key], *, allow_unsigned: bool) -> None:
    """Refuse to start unsigned, except on this machine's own address when asked to. Raises BadRequest."""
    if keys or (allow_unsigned and host in ("127.0.0.1", "::1", "localhost")):
        return
    raise BadRequest(
        "The embedding service has no secret.",
        remedy="Set CLIP_RUNPOD_SECRET (`heimdex keygen` makes one), or use --allow-unsigned on 127.0.0.1.",
    )


def _counted(kind: str, handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def counted(request: Request) -> Response:
        started = time.perf_counter()
        try:
            response = await handle(request)
        except HeimdexError as error:
            response = await _problem(request, error)
        except Exception:
            record.embedded(kind, 500, time.perf_counter() - started)
            raise
        record.embedded(kind, response.status_code, time.perf_counter() - started)
        return response

    return counted


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HeimdexError)  # noqa: S101 - what the handler is registered for
    # an input that the model refuses is the caller's here, where it is the service's elsewhere
    status = 422 if isinstance(error, EmbedderRejected) else error.http_status
    reason = error.shed if isinstance(error, Refused) else error.reason if isinstance(error, Overloaded) else ""
    if reason:
        record.shed(reason)
    elif status >= 500:
        log.warning("embedding_service.failed", code=error.code, error=error.message)
    body = {
        "type": f"urn:heimdex:problem:{error.code}",
        "code": error.code,
        "title": error.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": error.message,
        "remedy": error.remedy,
    }
    headers = {"Retry-After": "1"} if status in (429, 503) else {}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _signed(admission: Admission, body: bytes) -> Response:
    return Response(body, 200, admission.sign(200, body), media_type="application/json")
