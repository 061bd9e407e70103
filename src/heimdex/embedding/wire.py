"""What travels between client and embedding service: JSON with rows, pictures as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from heimdex.domain.errors import EmbedderRejected
from heimdex.embedding.pictures import as_picture, write_png
from heimdex.embedding.signing import new_nonce
from heimdex.ports import Calibration, EmbeddingModel, Image, Matrix

TEXT_PATH = "/v1/embed/text"
IMAGE_PATH = "/v1/embed/image"
HEALTH_PATH = "/health"
MODELS_PATH = "/v1/models"
METRICS_PATH = "/metrics"

MOST_TEXT_BODY_BYTES = 64 << 10
MOST_IMAGE_BODY_BYTES = 16 << 20
MOST_IMAGES = 64
MOST_TEXTS = 64
#: of all pictures of one request together, once decoded
MOST_PIXELS = 8192 * 8192
#: of the pictures of a request, which leaves room for the form around them
_MOST_ENCODED = MOST_IMAGE_BODY_BYTES - (64 << 10)
#: longer texts are cut: no CLIP model reads more than some hundred tokens
_MOST_CHARACTERS = 2_000
_NORM_TOLERANCE = 1e-3
_REMEDY = "The service and this client disagree about the model: check its address and `/health`."


def describe(model: EmbeddingModel) -> dict[str, Any]:
    """Return what `/health` and `/v1/models` say about a model: all that its vectors are judged by."""
    said: dict[str, Any] = {"model": model.model_id, "revision": model.revision, "dim": model.dim}
    if model.notice:
        said["notice"] = model.notice
    if model.languages:
        said["languages"] = list(model.languages)
    if model.calibration:
        said["calibration"] = asdict(model.calibration)
    return said


def answer(model: EmbeddingModel, rows: Matrix, timings: Mapping[str, float], *, single: bool) -> bytes:
    """Return the body of a 200: JSON, its numbers written by hand, since a json module takes twice as long."""
    content: dict[str, Any] = {
        "model": model.model_id,
        "revision": model.revision,
        "dim": model.dim,
        "normalized": True,
        "timings": dict(timings),
    }
    # eight places are more than float32 has, and half the bytes of its exact value
    form = "[" + ",".join(["%.8f"] * model.dim) + "]"
    written = [form % tuple(row) for row in rows.tolist()]
    head = json.dumps(content, ensure_ascii=False, separators=(",", ":"))[:-1]
    one = f',"embedding":{written[0]}' if single else ""
    return f'{head},"embeddings":[{",".join(written)}]{one}}}'.encode()


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
    """Return the model that an answer, `/health` or `/v1/models` names. Raises EmbedderRejected.

    The names of an older deployment are understood: ``model_name`` with ``pretrained`` beside it.
    """
    listed = content.get("models")
    if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], dict):
        content = listed[0]
    name = content.get("model") or content.get("model_name")
    if isinstance(name, str) and isinstance(pretrained := content.get("pretrained"), str):
        name = f"{name}__{pretrained}"
    dim = content.get("dim")
    if not isinstance(name, str) or not isinstance(dim, int) or not 1 <= dim <= 16_000:
        raise _invalid(f"no model and dimension (model {name!r}, dim {dim!r})")
    languages = content.get("languages", [])
    if not isinstance(languages, list) or not all(isinstance(tag, str) and len(tag) <= 16 for tag in languages):
        raise _invalid("languages that are no list of language tags")
    return EmbeddingModel(
        name,
        str(content.get("revision", "")),
        dim,
        notice=str(content.get("notice", "")),
        calibration=_read_calibration(content.get("calibration")),
        languages=tuple(languages),
    )


def _read_calibration(said: object) -> Calibration | None:
    if said is None:
        return None
    if not isinstance(said, dict):
        raise _invalid("a calibration that is no object")
    try:
        return Calibration(*(float(said[name]) for name in ("weak", "medium", "strong")))
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid(f"a calibration that cannot be ({type(error).__name__}: {error})") from None


def read_problem(body: bytes) -> str:
    """Return what an error answer says, on one line: ours, and the older service's ``{"error": {…}}``."""
    try:
        content = json.loads(body)
        if isinstance(content.get("detail"), dict):
            content = content["detail"]
        content = content.get("error", content)
        said = f"{content.get('code', '')} {content.get('detail') or content.get('message', '')}".strip()
    except (ValueError, AttributeError, RecursionError):
        said = body[:200].decode("utf-8", "replace")
    return " ".join(said.split())[:300] or "no reason given"


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
    pixels = 0
    for image in images:
        encoded = encode_picture(image)
        area = min(image.shape[0] * image.shape[1], MOST_PIXELS)
        full = sum(map(len, batch)) + len(encoded) > _MOST_ENCODED or pixels + area > MOST_PIXELS
        if batch and (len(batch) == MOST_IMAGES or full):
            yield batch
            batch, pixels = [], 0
        batch.append(encoded)
        pixels += area
    if batch:
        yield batch


def encode_picture(image: Image) -> bytes:
    """Return a picture as PNG, without loss; one that is too large for a request is first made smaller.

    Raises:
        EmbedderRejected: it is no picture.
    """
    picture = as_picture(image).convert("RGB")
    while picture.width * picture.height > MOST_PIXELS or len(encoded := write_png(picture)) > _MOST_ENCODED:
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
