"""What a believed request to the embedding service asks for."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from heimdex.domain.errors import BadRequest
from heimdex.embedding.wire import MOST_IMAGES, MOST_TEXTS

#: whoever does not say how long he waits is taken to wait this long
WORST_TIMEOUT_S = 30.0


def asked_texts(body: bytes) -> tuple[list[str], bool, object]:
    """Return the texts, whether a single ``text`` came, and the model that is asked for. Raises BadRequest."""
    content = _json_object(body)
    single = "text" in content
    texts = [content["text"]] if single else content.get("texts")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRequest("`texts` is no list of texts.", remedy='Send {"texts": ["…"]} or {"text": "…"}.')
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise BadRequest(f"{len(texts)} texts came; 1 to {MOST_TEXTS} are taken.", remedy="Split the request.")
    return texts, single, content.get("model")


async def asked_pictures(request: Request, body: bytes) -> tuple[list[bytes], str | None]:
    """Read the form from the body that was already received and believed. Raises BadRequest."""

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


def deadline_s(request: Request) -> float:
    """Return how long the caller still waits, as it says itself."""
    said = request.headers.get("vs-deadline-ms", "")
    return min(int(said) / 1000, WORST_TIMEOUT_S) if said.isdecimal() and len(said) < 10 else WORST_TIMEOUT_S


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
