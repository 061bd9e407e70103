"""The embedding service: a CLIP model over HTTP, signed, batched, with back-pressure. ASGI."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from heimdex.domain.errors import BadRequest, EmbedderRejected, HeimdexError
from heimdex.embedding.batcher import Batcher
from heimdex.embedding.gate import Admission, Gate
from heimdex.embedding.pictures import read_picture
from heimdex.embedding.signing import Key
from heimdex.embedding.wire import (
    HEALTH_PATH,
    IMAGE_PATH,
    MODELS_PATH,
    MOST_IMAGE_BODY_BYTES,
    MOST_IMAGES,
    MOST_TEXT_BODY_BYTES,
    MOST_TEXTS,
    TEXT_PATH,
    answer,
)
from heimdex.ports import Embedder, Image

log = structlog.get_logger()

_WORST_TIMEOUT_S = 30.0
_PROBE_EVERY_S = 10.0
_WAITING_TEXTS = 256
_WAITING_IMAGES = 128
_TEXTS_AT_ONCE = 32
_IMAGES_AT_ONCE = 16


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
        )
        self._images: Batcher[Image] = Batcher(
            lambda items, timeout_s: embedder.embed_images(items, timeout_s=timeout_s),
            most_items=_IMAGES_AT_ONCE,
            capacity=_WAITING_IMAGES,
        )
        self._answered_at: float | None = None

    async def health(self, _: Request) -> Response:
        """Say ok only when the model itself answers, asked at most every ten seconds."""
        now = time.monotonic()
        if self._answered_at is None or now - self._answered_at > _PROBE_EVERY_S:
            await self._texts.submit(["health"], timeout_s=_WORST_TIMEOUT_S)
            self._answered_at = time.monotonic()
        waiting = {"texts": self._texts.waiting, "images": self._images.waiting}
        return JSONResponse({"status": "ok", **self._named(), "device": self._device, "queue": waiting})

    async def models(self, request: Request) -> Response:
        """List the one model."""
        admission = await self._gate.admit(request, most_bytes=0)
        return _signed(admission, {"models": [self._named()]})

    async def embed_text(self, request: Request) -> Response:
        """Embed ``text`` or ``texts``."""
        admission = await self._gate.admit(request, most_bytes=MOST_TEXT_BODY_BYTES)
        content = _json_object(admission.body)
        self._check_model(content.get("model"))
        texts, single = _asked_texts(content)
        return await self._embed(request, admission, self._texts, texts, single=single)

    async def embed_image(self, request: Request) -> Response:
        """Embed the parts named ``image``."""
        admission = await self._gate.admit(request, most_bytes=MOST_IMAGE_BODY_BYTES)
        files, model = await _parts(request, admission.body)
        self._check_model(model)
        images = [await run_in_threadpool(read_picture, content) for content in files]
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
        rows, waited_s = await batcher.submit(items, timeout_s=_deadline_s(request))
        self._answered_at = time.monotonic()
        timings = {
            "queue_ms": round(waited_s * 1000, 3),
            "inference_ms": round((self._answered_at - started - waited_s) * 1000, 3),
        }
        return _signed(admission, answer(self._embedder.model, rows, timings, single=single))

    def _named(self) -> dict[str, Any]:
        model = self._embedder.model
        named = {"model": model.model_id, "revision": model.revision, "dim": model.dim}
        named |= {"notice": model.notice} if model.notice else {}
        return named | ({"languages": list(model.languages)} if model.languages else {})

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
    """Return the ASGI application. Without ``keys`` it answers anybody: only for loopback, see `check_exposure`."""
    service = EmbeddingService(embedder, Gate(keys, clock=clock), device=device)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.warm_up()
        log.info("embedding_service.ready", model=embedder.model.model_id, dim=embedder.model.dim, device=device)
        yield

    routes = [
        Route(HEALTH_PATH, service.health, methods=["GET"]),
        Route(MODELS_PATH, service.models, methods=["GET"]),
        Route(TEXT_PATH, service.embed_text, methods=["POST"]),
        Route(IMAGE_PATH, service.embed_image, methods=["POST"]),
    ]
    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {HeimdexError: _problem}
    return Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)


def check_exposure(host: str, keys: Sequence[Key], *, allow_unsigned: bool) -> None:
    """Refuse to start unsigned, except on this machine's own address when asked to. Raises BadRequest."""
    if keys or (allow_unsigned and host in ("127.0.0.1", "::1", "localhost")):
        return
    raise BadRequest(
        "The embedding service has no secret.",
        remedy="Set CLIP_RUNPOD_SECRET (`heimdex keygen` makes one), or use --allow-unsigned on 127.0.0.1.",
    )


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HeimdexError)  # noqa: S101 - what the handler is registered for
    # an input that the model refuses is the caller's here, where it is the service's elsewhere
    status = 422 if isinstance(error, EmbedderRejected) else error.http_status
    if status >= 500:
        log.warning("embedding_service.failed", code=error.code, error=error.message)
    body = {
        "type": f"urn:heimdex:problem:{error.code}",
        "code": error.code,
        "title": error.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": error.message,
        "remedy": error.remedy,
    }
    headers = {"Retry-After": "1"} if status == 503 else {}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _signed(admission: Admission, content: dict[str, Any]) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, 200, admission.sign(200, body), media_type="application/json")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The body is no JSON.", remedy='Send {"texts": ["…"]}.') from None
    if not isinstance(content, dict):
        raise BadRequest("The body is no JSON object.", remedy='Send {"texts": ["…"]}.')
    if content.get("normalize", True) is not True:
        raise BadRequest("Only unit vectors are served.", remedy="Leave `normalize` out.")
    return content


def _asked_texts(content: dict[str, Any]) -> tuple[list[str], bool]:
    single = "text" in content
    texts = [content["text"]] if single else content.get("texts")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRequest("`texts` is no list of texts.", remedy='Send {"texts": ["…"]} or {"text": "…"}.')
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise BadRequest(f"{len(texts)} texts came; 1 to {MOST_TEXTS} are taken.", remedy="Split the request.")
    return texts, single


async def _parts(request: Request, body: bytes) -> tuple[list[bytes], str | None]:
    """Read the form from the body that was already received and believed."""

    async def replay() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, replay).form(max_files=MOST_IMAGES, max_fields=4) as form:
            files = [await part.read() for part in form.getlist("image") if isinstance(part, UploadFile)]
            model = form.get("model")
    except Exception as error:  # a form that Starlette cannot read is an HTTPException, a KeyError and more
        raise BadRequest(
            f"The form cannot be read: {getattr(error, 'detail', type(error).__name__)}.",
            remedy=f"Send multipart/form-data with 1 to {MOST_IMAGES} parts named image.",
        ) from None
    if not files:
        raise BadRequest("There is no part named image.", remedy="Send multipart/form-data with parts named image.")
    return files, model if isinstance(model, str) else None


def _deadline_s(request: Request) -> float:
    """Return how long the caller still waits, as it says itself."""
    said = request.headers.get("vs-deadline-ms", "")
    return min(int(said) / 1000, _WORST_TIMEOUT_S) if said.isdecimal() and len(said) < 10 else _WORST_TIMEOUT_S
