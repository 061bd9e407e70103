"""A library of any size that never was: clustered vectors, short transcripts, several tenants; loaded by COPY.

Vectors stand in 2,000 clusters of uneven size around one common direction, with a spectrum that falls as
that of CLIP vectors does (participation about 100 of 512 dimensions, mean cosine of two scenes about 0.25).
Text queries lie in another cone than pictures do: nearest neighbours across that gap are the hard ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import psycopg
from psycopg import sql

from heimdex.domain.ids import TenantId
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, Matrix
from heimdex.ranking.tokens import index_terms
from heimdex.store.rows import copy_block, tsvector_text
from heimdex.store.spaces import relation_of

VISUAL = EmbeddingModel("made-up-clip", "1", 512)
MEANING = EmbeddingModel("made-up-sentences", "1", 384)
SCENE_S = 6.0
SCENES_OF_A_VIDEO = 50
_CLUSTERS = 2000
_WORDS = 20_000
_BLOCK = 20_000
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


@dataclass(frozen=True, slots=True)
class Space:
    """A distribution of unit vectors."""

    centres: Matrix
    falling: Matrix
    mean: Matrix
    gap: Matrix
    shares: np.ndarray

    @classmethod
    def drawn(cls, dim: int, seed: int) -> Space:
        rng = np.random.default_rng(seed)
        falling = (np.arange(1, dim + 1) ** -0.37).astype(np.float32)
        falling /= np.linalg.norm(falling)
        mean, gap = (_unit(rng.normal(size=dim).astype(np.float32)) for _ in range(2))
        centres = rng.normal(size=(_CLUSTERS, dim)).astype(np.float32) * falling
        shares = np.arange(1, _CLUSTERS + 1) ** -0.7
        return cls(centres, falling, mean, gap, shares / shares.sum())

    def rows(self, count: int, rng: np.random.Generator, *, queries: bool = False) -> Matrix:
        """Return (count, dim) float32 unit rows: scenes, or queries of the other cone."""
        cluster = rng.choice(_CLUSTERS, count, p=self.shares)
        noise = rng.normal(size=(count, len(self.mean))).astype(np.float32) * self.falling
        middle = 0.6 * self.gap if queries else 0.6 * self.mean
        return _unit(middle + 0.75 * self.centres[cluster] + 0.65 * noise)


def _unit(rows: np.ndarray) -> Matrix:
    unit: Matrix = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return unit


class Talk:
    """Made-up words, some common and most rare, as in any language (Zipf)."""

    def __init__(self) -> None:
        syllables = [c + v for c in _CONSONANTS for v in _VOWELS]
        count = len(syllables)
        self.words = [
            syllables[n % count] + syllables[n // count % count] + syllables[(n * 7 + 3) % count] for n in range(_WORDS)
        ]
        shares = np.arange(10, _WORDS + 10) ** -1.0
        self._shares = shares / shares.sum()

    def lines(self, count: int, rng: np.random.Generator) -> list[str]:
        """Return transcripts of twelve words; every tenth scene is silent."""
        drawn = rng.choice(_WORDS, (count, 12), p=self._shares)
        silent = rng.random(count) < 0.1
        return ["" if quiet else " ".join(self.words[n] for n in row) for row, quiet in zip(drawn, silent, strict=True)]

    def query(self, rng: np.random.Generator) -> str:
        """Return two or three words of a transcript, common and rare as they come."""
        return " ".join(self.words[n] for n in rng.choice(_WORDS, rng.integers(2, 4), p=self._shares))


@dataclass(frozen=True, slots=True)
class Shape:
    """How much there is. Every tenant has as many scenes as every other."""

    scenes: int
    tenants: int
    #: keyframes, each with its vector, of one scene
    frames: int = 1
    #: whether there are vectors for the meaning of what is said
    meaning: bool = True

    @property
    def tenant_ids(self) -> list[TenantId]:
        return [TenantId(UUID(int=0x7E00 + number)) for number in range(self.tenants)]


def folder_of(video: int) -> Path:
    """Return the folder of a video: a tenth of them lie in the first below /videos, a hundredth in the second."""
    return Path(f"/videos/{video % 10}/{video % 100:02}/{video % 1000:03}")


def load(url: str, shape: Shape, *, seed: int = 1) -> Iterator[int]:
    """Fill the migrated, empty database at ``url``; yield the number of scenes after each block.

    The tables of vectors must be there (`heimdex.store.spaces.Spaces.ensure`). The connection is that of
    the owner, with triggers off: keys are right because they are made here.
    """
    rng = np.random.default_rng(seed)
    spaces = {Channel.VISUAL: Space.drawn(VISUAL.dim, 11), Channel.TRANSCRIPT: Space.drawn(MEANING.dim, 12)}
    talk = Talk()
    done = 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        _copy_text(connection, "tenant", ["tenant_id", "name"], [(t, "made up") for t in shape.tenant_ids])
        for tenant in shape.tenant_ids:
            _register(connection, tenant, shape)
            left = shape.scenes // shape.tenants
            while left > 0:
                count = min(_BLOCK, left)
                with connection.transaction():
                    _load_block(connection, tenant, shape, count, done, rng, spaces, talk)
                done, left = done + count, left - count
                yield done
        connection.execute("VACUUM (ANALYZE)")


def _channels(shape: Shape) -> list[tuple[Channel, EmbeddingModel, int]]:
    seen = (Channel.VISUAL, VISUAL, shape.frames)
    return [seen, (Channel.TRANSCRIPT, MEANING, 1)] if shape.meaning else [seen]


def _register(connection: psycopg.Connection, tenant: TenantId, shape: Shape) -> None:
    columns = ["tenant_id", "relation", "channel", "model_id", "revision", "dim", "active"]
    rows = [
        (tenant, relation_of(channel, model), channel.value, model.model_id, model.revision, model.dim, True)
        for channel, model, _ in _channels(shape)
    ]
    _copy_text(connection, "embedding_space", columns, rows)


def _load_block(
    connection: psycopg.Connection,
    tenant: TenantId,
    shape: Shape,
    count: int,
    done: int,
    rng: np.random.Generator,
    spaces: dict[Channel, Space],
    talk: Talk,
) -> None:
    ids = _ids(count, done, rng)
    lines = talk.lines(count, rng)
    terms = [index_terms(line) for line in lines]
    videos = _ids((count + SCENES_OF_A_VIDEO - 1) // SCENES_OF_A_VIDEO, done, rng)
    _copy_videos(connection, tenant, shape, videos, terms, first=done // SCENES_OF_A_VIDEO)
    scenes, segments, keyframes = [], [], []
    for number, (scene, line, words) in enumerate(zip(ids, lines, terms, strict=True)):
        video, ordinal = videos[number // SCENES_OF_A_VIDEO], number % SCENES_OF_A_VIDEO
        start = ordinal * SCENE_S
        scenes.append(
            (tenant, scene, video, ordinal, start, start + SCENE_S, line, tsvector_text(words), len(words), 0)
        )
        if line:
            segments.append((tenant, video, ordinal, start + 1, start + 5, line, "sidecar", "en"))
        keyframes += [(tenant, scene, frame, start + 1 + frame, 1.0, f"{scene}.jpg") for frame in range(shape.frames)]
    _copy_text(
        connection, "scene",
        ["tenant_id", "scene_id", "video_id", "ordinal", "start_s", "end_s", "transcript", "words", "word_count",
         "best_frame"], scenes,
    )  # fmt: skip
    _copy_text(
        connection, "segment",
        ["tenant_id", "video_id", "ordinal", "start_s", "end_s", "text", "source", "language"], segments,
    )  # fmt: skip
    _copy_text(connection, "keyframe", ["tenant_id", "scene_id", "frame_no", "time_s", "quality", "image"], keyframes)
    for channel, model, frames in _channels(shape):
        _copy_vectors(connection, tenant, relation_of(channel, model), ids, frames, spaces[channel], rng)


def _copy_videos(
    connection: psycopg.Connection,
    tenant: TenantId,
    shape: Shape,
    videos: list[UUID],
    terms: list[list[str]],
    first: int,
) -> None:
    rows, files, covered = [], [], []
    for number, video in enumerate(videos):
        own = terms[number * SCENES_OF_A_VIDEO : (number + 1) * SCENES_OF_A_VIDEO]
        name = f"video-{first + number:06}"
        rows.append(
            (tenant, video, name, "made-up", name, len(own) * SCENE_S, 640, 360, 25.0, "mp4", "h264", 0, True, "{}",
             len(own), len(own), sum(map(bool, own)), sum(map(len, own)))
        )  # fmt: skip
        path = bytes(folder_of(first + number) / f"{name}.mp4")
        files.append((tenant, video.bytes * 2, path, 1, 1, name, "made-up", video))
        covered += [
            (tenant, video, relation_of(channel, model), len(own), len(own) * frames, frames)
            for channel, model, frames in _channels(shape)
        ]
    _copy_text(
        connection, "video",
        ["tenant_id", "video_id", "sha256", "fingerprint", "title", "duration_s", "width_px", "height_px", "fps",
         "container", "video_codec", "rotation_deg", "has_audio", "notes", "scenes", "segments", "scenes_with_words",
         "terms"], rows,
    )  # fmt: skip
    _copy_text(
        connection, "file",
        ["tenant_id", "path_key", "path", "size_bytes", "mtime_ns", "sha256", "fingerprint", "video_id"], files,
    )  # fmt: skip
    _copy_text(
        connection, "video_space", ["tenant_id", "video_id", "relation", "scenes", "frames", "frames_max"], covered
    )


def _copy_vectors(
    connection: psycopg.Connection,
    tenant: TenantId,
    relation: str,
    ids: list[UUID],
    frames: int,
    space: Space,
    rng: np.random.Generator,
) -> None:
    """Copy ``frames`` vectors of every scene: the first is drawn, the others lie close to it."""
    rows = np.repeat(space.rows(len(ids), rng), frames, axis=0)
    if frames > 1:
        rows = _unit(rows + 0.3 * rng.normal(size=rows.shape).astype(np.float32) * space.falling)
    with connection.transaction():
        connection.execute("CREATE TEMPORARY TABLE staged (scene_id uuid, frame_no smallint, v halfvec) ON COMMIT DROP")
        block = copy_block([own for own in ids for _ in range(frames)], list(range(frames)) * len(ids), rows)
        with connection.cursor() as cursor, cursor.copy("COPY staged FROM STDIN (FORMAT binary)") as copy:
            copy.write(block)
        into = sql.SQL("INSERT INTO {} (tenant_id, scene_id, frame_no, v) SELECT %s, scene_id, frame_no, v FROM staged")
        connection.execute(into.format(sql.Identifier(relation)), [tenant])
        connection.execute("DROP TABLE staged")


def _copy_text(
    connection: psycopg.Connection, table: str, columns: list[str], rows: Sequence[tuple[object, ...]]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _ids(count: int, first: int, rng: np.random.Generator) -> list[UUID]:
    """Return ids that rise, as those of the product do (UUIDv7)."""
    raw = np.frombuffer(rng.bytes(16 * count), np.uint8).reshape(count, 16).copy()
    raw[:, :6] = (np.arange(first, first + count, dtype=">u8").view(np.uint8).reshape(count, 8))[:, 2:]
    raw[:, 6] = 0x70 | (raw[:, 6] & 0x0F)
    raw[:, 8] = 0x80 | (raw[:, 8] & 0x3F)
    return [UUID(bytes=row.tobytes()) for row in raw]
