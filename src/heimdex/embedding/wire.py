"""What travels between client and embedding service: JSON with rows, pictures as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from heimdex.domain.errors import EmbedderRejected
from heimdex.embedding.pictures import as_picture, write_png
from heimdex.embedding.signing import new_nonce
from heimdex.ports import EmbeddingModel, Image, Matrix

TEXT_PATH = "/v1/embed/text"
IMAGE_PATH = "/v1/embed/image"
HEALTH_PATH = "/health"
MODELS_PATH = "/v1/models"

MOST_TEXT_BODY_BYTES = 64 << 10
MOST_IMAGE_BODY_BYTES = 16 << 20
MOST_IMAGES = 64
MOST_TEXTS = 64
#: longer texts are cut: no CLIP model reads more than some hundred tokens
_MOST_CHARACTERS = 2_000
_NORM_TOLERANCE = 1e-3
_REMEDY = "The service and this client disagree about the model: check its address and `/health`."


def answer(model: EmbeddingModel, rows: Matrix, timings: Mapping[str, float], *, single: bool) -> dict[str, Any]:
    """Return the body of a 200."""
    listed = [[float(value) for value in row] for row in rows]
    content: dict[str, Any] = {
        "model": model.model_id,
        "revision": model.revision,
        "dim": model.dim,
        "normalized": True,
        "embeddings": listed,
        "timings": dict(timings),
    }
    return content | ({"embedding": listed[0]} if single else {})


def read_answer(body: bytes, *, count: int, model: EmbeddingModel | None) -> tuple[Matrix, EmbeddingModel]:
    """Return (count, dim) float32 rows and the model that made them.

    Args:
        model: what the rows must come from; None takes what the answer says.

    Raises:
        EmbedderRejected: not JSON, another model or dimension, wrong count, not finite, not of unit norm.
    """
    content = read_object(body)
    said = read_model(content)
    if model is not None and (said.model_id, said.dim) != (model.model_id, model.dim):
        raise _invalid(f"vectors of {said.model_id} ({said.dim}-d) where {model.model_id} ({model.dim}-d) were due")
    if model is not None and said.revision and model.revision and said.revision != model.revision:
        raise _invalid(f"revision {said.revision} of {said.model_id} where {model.revision} was due")
    listed = content.get("embeddings")
    if listed is None and count == 1:
        listed = [content.get("embedding")]
    try:
        rows = np.asarray(listed, dtype=np.float64)
    except (TypeError, ValueError):
        raise _invalid("embeddings that are no table of numbers") from None
    if rows.shape != (count, said.dim):
        raise _invalid(f"embeddings of shape {rows.shape} where ({count}, {said.dim}) was due")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (np.abs(norms - 1) > _NORM_TOLERANCE).any():
        raise _invalid("embeddings that are not finite or not of length 1")
    return np.asarray(rows / norms, dtype=np.float32), said


def read_object(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in ``body``. Raises EmbedderRejected."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid("what is no JSON") from None
    if not isinstance(content, dict):
        raise _invalid("JSON that is no object")
    return content


def read_model(content: Mapping[str, Any]) -> EmbeddingModel:
    """Return the model that an answer or `/health` names. Raises EmbedderRejected."""
    name = content.get("model") or content.get("model_name")
    dim = content.get("dim")
    if not isinstance(name, str) or not isinstance(dim, int) or not 1 <= dim <= 16_000:
        raise _invalid(f"no model and dimension (model {name!r}, dim {dim!r})")
    languages = content.get("languages")
    return EmbeddingModel(
        name, str(content.get("revision", "")), dim, notice=str(content.get("notice", "")),
        languages=tuple(map(str, languages)) if isinstance(languages, list) else (),
    )  # fmt: skip


def text_batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut texts into requests that keep the service's limits, in order."""
    batch: list[str] = []
    size = 0
    for text in texts:
        shortened = text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode()
        bytes_ = len(json.dumps(shortened, ensure_ascii=False).encode()) + 2
        if batch and (len(batch) == MOST_TEXTS or size + bytes_ > MOST_TEXT_BODY_BYTES - 1024):
            yield batch
            batch, size = [], 0
        batch.append(shortened)
        size += bytes_
    if batch:
        yield batch


def image_batches(images: Sequence[Image]) -> Iterator[list[bytes]]:
    """Encode pictures and cut them into requests that keep the service's limits, in order."""
    batch: list[bytes] = []
    for image in images:
        encoded = encode_picture(image)
        if batch and (
            len(batch) == MOST_IMAGES or sum(map(len, batch)) + len(encoded) > MOST_IMAGE_BODY_BYTES - (64 << 10)
        ):
            yield batch
            batch = []
        batch.append(encoded)
    if batch:
        yield batch


def encode_picture(image: Image) -> bytes:
    """Return a picture as PNG, without loss; one that is too large for a request is first made smaller.

    Raises:
        EmbedderRejected: it is no picture.
    """
    picture = as_picture(image).convert("RGB")
    while len(encoded := write_png(picture)) > MOST_IMAGE_BODY_BYTES - (64 << 10):
        # models look at some hundred pixels: halving changes nothing that they see
        picture = picture.reduce(2)
    return encoded


def multipart(pictures: Sequence[bytes]) -> tuple[str, bytes]:
    """Return content type and body of a form with one part ``image`` a picture (RFC 7578)."""
    boundary = new_nonce()
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{index}.png"\r\n'
        f"Content-Type: image/png\r\n\r\n".encode()
        + picture
        + b"\r\n"
        for index, picture in enumerate(pictures)
    ]
    return f"multipart/form-data; boundary={boundary}", b"".join(parts) + f"--{boundary}--\r\n".encode()


def _invalid(what: str) -> EmbedderRejected:
    return EmbedderRejected(f"The embedding service answered with {what}.", remedy=_REMEDY)
