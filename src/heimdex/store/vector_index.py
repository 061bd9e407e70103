"""Approximate indexes of vectors, for spaces too large to look at whole: HNSW, one for each tenant and space.

They are built after the bulk of the vectors is there, because writing into a live one is a hundred times
slower; searches and writers go on meanwhile. Nothing depends on one: without it every search is exact.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import psutil
from psycopg import errors, sql

from heimdex.store.database import Connection, Database
from heimdex.store.queries import load_queries

_SQL = load_queries("vector_index")
_POLL_S = 0.5
#: of one element of the graph besides its vector, at m = 16; measured: 130 MB for 100,000 of 512 dimensions
_LINKS_BYTES = 400
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where PostgreSQL's parallel workers share the graph, on Linux

OnProgress = Callable[["VectorIndex", float], None]


class IndexState(StrEnum):
    """What there is of an index."""

    MISSING = "missing"
    BUILDING = "building"
    #: a build was interrupted; searches do not use it
    INVALID = "invalid"
    VALID = "valid"


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """One tenant's index of one embedding space, there or not."""

    relation: str
    name: str
    channel: str
    model_id: str
    dim: int
    #: vectors that it holds, or would
    frames: int
    state: IndexState
    #: whether the space is so large that searches want it
    wanted: bool

    @property
    def graph_bytes(self) -> int:
        """Return the memory that its build takes at best."""
        return round(1.1 * self.frames * (2 * self.dim + _LINKS_BYTES)) + (16 << 20)


def index_of(relation: str, tenant: UUID) -> str:
    """Return the name of a tenant's index on a table of vectors; at most 63 bytes."""
    return f"{relation}_near_{hashlib.sha256(tenant.bytes).hexdigest()[:10]}"


class VectorIndexes:
    """The indexes of one tenant's spaces."""

    def __init__(self, database: Database, *, exact_below: int, is_ours: bool) -> None:
        """
        Args:
            exact_below: spaces of at most this many vectors are searched whole and need no index.
            is_ours: the server runs on this machine for us, so its memory is ours to plan.
        """
        self._database = database
        self._exact_below = exact_below
        self._is_ours = is_ours

    async def status(self) -> list[VectorIndex]:
        """Return one for each space that has vectors."""
        tenant = self._database.tenant

        async def work(connection: Connection) -> list[VectorIndex]:
            spaces = await (await connection.execute(_SQL["spaces_of_tenant"], {"tenant": tenant})).fetchall()
            return [
                VectorIndex(
                    relation, index_of(relation, tenant), channel, model_id, dim, int(frames),
                    await _state(connection, relation, index_of(relation, tenant)), frames > self._exact_below,
                )
                for relation, channel, model_id, dim, frames in spaces
            ]  # fmt: skip

        return await self._database.run(work)

    async def build_wanted(self, on_progress: OnProgress) -> list[VectorIndex]:
        """Build each index that is wanted and not there; return those that were built.

        Args:
            on_progress: called with the index and the fraction of its vectors, 0 to 1.

        Raises StoreUnavailable.
        """
        missing = [index for index in await self.status() if index.wanted and index.state is not IndexState.VALID]
        return [index for index in missing if await self._build(index, on_progress)]

    async def _build(self, index: VectorIndex, on_progress: OnProgress) -> bool:
        """Return whether it was built here: False when another process builds it, or has."""

        async def work(connection: Connection) -> bool:
            # held while another connection builds: two builds at once would deadlock. This transaction must
            # rest meanwhile: the build waits for the end of every one that it meets at work.
            await connection.execute(_SQL["rest"])
            cursor = await connection.execute(_about("claim", index.relation, index.name))
            if await cursor.fetchone() != (True,):
                return False
            if await _state(connection, index.relation, index.name) is IndexState.VALID:
                return False
            memory_bytes, workers = self._allowed(index)
            try:
                await self._create(index, on_progress, memory_bytes, workers)
            except errors.DiskFull:  # or its shared memory, which containers keep at 64 MiB
                if workers == 0:
                    raise
                await self._create(index, on_progress, memory_bytes, 0)
            return True

        return await self._database.run_as_owner(work)

    async def _create(
        self, index: VectorIndex, on_progress: OnProgress, memory_bytes: int | None, workers: int
    ) -> None:
        """Create it on a connection of its own, which alone has the settings."""
        options = f"-c max_parallel_maintenance_workers={workers}"
        if memory_bytes is not None:
            options += f" -c maintenance_work_mem={memory_bytes >> 10}kB"
        names = {
            "index": sql.Identifier(index.name),
            "relation": sql.Identifier(index.relation),
            "tenant": sql.Literal(self._database.tenant),
        }
        async with await self._database.connect_alone(options) as connection:
            # what an interrupted build left behind: PostgreSQL keeps it up to date and never reads it
            await connection.execute(sql.SQL(_SQL["drop"]).format(**names))
            building = asyncio.ensure_future(connection.execute(sql.SQL(_SQL["create"]).format(**names)))
            try:
                while not (await asyncio.wait({building}, timeout=_POLL_S))[0]:
                    on_progress(index, await self._fraction(index))
                await building
            finally:
                building.cancel()
        on_progress(index, 1.0)

    async def _fraction(self, index: VectorIndex) -> float:
        async def work(connection: Connection) -> int:
            cursor = await connection.execute(_about("progress", index.relation, index.name))
            row = await cursor.fetchone()
            return 0 if row is None else int(row[0])

        return min(0.99, await self._database.run_as_owner(work) / index.frames)

    def _allowed(self, index: VectorIndex) -> tuple[int | None, int]:
        """Return the memory that a build may take, None where the server decides, and its workers beside itself."""
        workers = max(1, (os.cpu_count() or 2) - 1)
        if not self._is_ours:
            return None, workers
        memory_bytes = max(64 << 20, min(index.graph_bytes, psutil.virtual_memory().available // 2))
        if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free < memory_bytes:
            workers = 0
        return memory_bytes, workers


def _about(query: str, relation: str, index: str) -> sql.Composed:
    return sql.SQL(_SQL[query]).format(relation_name=sql.Literal(relation), index_name=sql.Literal(index))


async def _state(connection: Connection, relation: str, index: str) -> IndexState:
    row = await (await connection.execute(_about("state", relation, index))).fetchone()
    if row is None:
        return IndexState.MISSING
    valid, building = row
    return IndexState.VALID if valid else IndexState.BUILDING if building else IndexState.INVALID
