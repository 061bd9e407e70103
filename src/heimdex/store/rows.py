"""Values on their way into and out of PostgreSQL."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from heimdex.domain.errors import DimensionMismatch
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel
from heimdex.domain.results import Candidate
from heimdex.ports import EmbeddingModel, Matrix, SceneFrames, Vector

#: positions of a tsvector end here; a later term keeps counting as this one
_LAST_POSITION = 16383
#: PostgreSQL keeps this many positions of one term
_POSITIONS_KEPT = 255
_TERM_BYTES = 2046
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)


def path_bytes(path: Path) -> bytes:
    """Return the bytes of a path as the file system has them, whether or not they are UTF-8."""
    return os.fsencode(path)


def path_key(path: Path) -> bytes:
    """Return the 32-byte key under which a path of any length is found."""
    return hashlib.sha256(os.fsencode(path)).digest()


def to_path(stored: bytes) -> Path:
    """Undo `path_bytes`."""
    return Path(os.fsdecode(stored))


def storable(text: str) -> str:
    """Return ``text`` without what PostgreSQL cannot hold: NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def tsvector_text(terms: Sequence[str]) -> str:
    """Return the literal of a tsvector that has each term at its 1-based positions."""
    positions: dict[str, list[int]] = {}
    for place, term in enumerate(terms, start=1):
        if len(term.encode()) <= _TERM_BYTES:
            positions.setdefault(storable(term), []).append(min(place, _LAST_POSITION))
    return " ".join(
        f"{_quoted(term)}:{','.join(map(str, dict.fromkeys(places[:_POSITIONS_KEPT])))}"
        for term, places in positions.items()
        if term
    )


def tsquery_text(phrase: Sequence[str]) -> str:
    """Return the literal of a tsquery that asks for the terms one after the other."""
    return " <-> ".join(_quoted(storable(term)) for term in phrase)


def _quoted(term: str) -> str:
    escaped = term.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def vector_text(vector: Vector) -> str:
    """Return the literal of a vector or halfvec."""
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def check_vectors(rows: Matrix, model: EmbeddingModel) -> None:
    """Refuse rows of another dimension, and rows that are not finite unit vectors.

    Raises DimensionMismatch or ValueError.
    """
    if rows.ndim != 2 or rows.shape[1] != model.dim:
        raise DimensionMismatch(stored=model.dim, got=int(rows.shape[-1]), model_id=model.model_id)
    norms = np.linalg.norm(rows, axis=1)
    if not np.all(np.isfinite(norms)) or np.any(np.abs(norms - 1.0) > 1e-2):
        raise ValueError(f"{model.model_id} gave rows that are not unit vectors")


def candidates_of(rows: Sequence[tuple[Any, ...]], channel: Channel) -> list[Candidate]:
    """Return the candidates of rows (scene, cosine, second of the keyframe), in their order; NaN is left out."""
    # half precision can lead a little out of [-1, 1]
    return [
        Candidate(scene_id, max(-1.0, min(1.0, similarity)), time_s if channel is Channel.VISUAL else None)
        for scene_id, similarity, time_s in rows
        if not math.isnan(similarity)
    ]


def frames_of(rows: Sequence[tuple[SceneId, bytes]], dim: int) -> SceneFrames:
    """Return the vectors of (scene, what halfvec_send gives), rows of a scene together.

    The layout is that of pgvector: dimension and a spare field as int16, then big-endian half floats.
    """
    scenes = {scene: number for number, scene in enumerate(dict.fromkeys(scene for scene, _ in rows))}
    layout = np.dtype([("dim", ">i2"), ("unused", ">i2"), ("v", ">f2", (dim,))])
    block = np.frombuffer(b"".join(sent for _, sent in rows), layout)
    owner = np.array([scenes[scene] for scene, _ in rows], np.int64)
    return SceneFrames(tuple(scenes), owner, block["v"].astype(np.float32))


def copy_block(scene_ids: Sequence[UUID], frame_nos: Sequence[int], rows: Matrix) -> bytes:
    """Return COPY BINARY data for (scene_id uuid, frame_no int2, v halfvec), laid out by numpy in one go.

    Args:
        scene_ids, frame_nos: one for each row.
        rows: (n, dim) float32.
    """
    count, dim = rows.shape
    layout = np.dtype(
        [
            ("fields", ">i2"), ("id_bytes", ">i4"), ("id", "V16"), ("frame_bytes", ">i4"), ("frame", ">i2"),
            ("v_bytes", ">i4"), ("dim", ">i2"), ("unused", ">i2"), ("v", ">f2", (dim,)),
        ]
    )  # fmt: skip
    block = np.zeros(count, layout)
    block["fields"], block["id_bytes"], block["frame_bytes"], block["v_bytes"] = 3, 16, 2, 4 + 2 * dim
    block["id"] = np.frombuffer(b"".join(identity.bytes for identity in scene_ids), "V16")
    block["frame"], block["dim"], block["v"] = frame_nos, dim, rows
    return _COPY_HEADER + block.tobytes() + b"\xff\xff"
