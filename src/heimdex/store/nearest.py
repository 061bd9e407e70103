"""The scenes nearest to a vector: exact wherever that is quick enough, else by the approximate index.

An exact scan looks at every vector that the filter admits. The index (HNSW) is taken only when the tenant
has one, the admitted set is large, and what the filter turns away does not cost more than looking at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql

from heimdex.domain.query import Channel, SearchFilter
from heimdex.domain.results import Candidate
from heimdex.ports import Retrieved
from heimdex.store.database import Connection
from heimdex.store.filters import admits, by_video_alone
from heimdex.store.queries import load_queries, on_relation
from heimdex.store.rows import candidates_of
from heimdex.store.vector_index import index_of

_SQL = load_queries("nearest")
#: what a step of the index costs, in vectors that an exact scan compares meanwhile (docs/why/scale.md)
_STEP_COST = 30
#: candidates that the index keeps for each row that is wanted, and the most that pgvector allows
_CANDIDATES_PER_ROW = 4
_MOST_CANDIDATES = 1000
#: rows taken for each that is wanted where a filter turns some away: the scan then leaves the right order
_ROWS_WITHIN = 3
#: distances that the index computes for each step, before the scan is given up and all vectors are looked at
_PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of one space."""

    tenant: UUID
    channel: Channel
    relation: str
    #: the literal of the query's vector
    query: str
    limit: int
    within: SearchFilter
    #: at most this many admitted vectors are looked at one by one
    exact_below: int


@dataclass(frozen=True, slots=True)
class _Scan:
    """An approximate scan: rows that it gives, candidates that it keeps, distances that it may compute."""

    rows: int
    ef_search: int
    max_scan: int


async def find_nearest(connection: Connection, wanted: Wanted) -> Retrieved:
    """Return at most ``limit`` scenes, best first; ``exhaustive`` when every admitted vector was looked at."""
    values: dict[str, Any] = {
        "tenant": wanted.tenant, "relation": wanted.relation, "query": wanted.query, "limit": wanted.limit,
        "index": index_of(wanted.relation, wanted.tenant),
    }  # fmt: skip
    admitted, filtering = admits(wanted.within)
    values |= filtering
    space = await (await connection.execute(_SQL["space"], values)).fetchone()
    frames, frames_max, indexed = space if space is not None else (0, 1, False)
    if not frames or wanted.limit < 1:
        return Retrieved([])
    values["rows"] = wanted.limit * int(frames_max)

    async def find(name: LiteralString, *, rows: int) -> list[Candidate]:
        near = on_relation(
            _SQL[name if wanted.within.is_empty else f"{name}_within"], wanted.relation, admitted=admitted
        )
        cursor = await connection.execute(sql.SQL(_SQL["best_of_each"]).format(near=near), values | {"rows": rows})
        return candidates_of(await cursor.fetchall(), wanted.channel)

    scan = await _worthwhile_scan(connection, wanted, int(frames), values) if indexed else None
    if scan is not None:
        await connection.execute(
            sql.SQL(_SQL["scan_settings"]).format(
                ef_search=sql.Literal(scan.ef_search), max_scan=sql.Literal(scan.max_scan)
            )
        )
        found = await find("approximate", rows=scan.rows)
        if len(found) == wanted.limit:
            return Retrieved(found, exhaustive=False)
    return Retrieved(await find("exact", rows=values["rows"]))


async def _worthwhile_scan(connection: Connection, wanted: Wanted, frames: int, values: dict[str, Any]) -> _Scan | None:
    """Return the approximate scan that costs less than looking at every admitted vector, or None.

    With ``a`` of ``frames`` vectors admitted, it takes rows · frames / a steps to meet ``rows`` of them.
    """
    rows = values["rows"] if wanted.within.is_empty else _ROWS_WITHIN * values["rows"]
    enough = max(wanted.exact_below + 1, math.isqrt(_STEP_COST * rows * frames) + 1)
    if frames < enough:
        return None
    admitted = min(frames, await _admitted(connection, wanted, frames, enough, values))
    if admitted < enough:
        return None
    ef_search = min(_MOST_CANDIDATES, _CANDIDATES_PER_ROW * rows)
    return _Scan(rows, ef_search, _PATIENCE * max(ef_search, math.ceil(rows * frames / admitted)))


async def _admitted(connection: Connection, wanted: Wanted, frames: int, enough: int, values: dict[str, Any]) -> int:
    """Return how many vectors the filter admits; of scenes, no more than ``enough`` are counted."""
    if wanted.within.is_empty:
        return frames
    name = "admitted_by_video" if by_video_alone(wanted.within) else "admitted_scenes"
    admitted, _ = admits(wanted.within)
    statement = sql.SQL(_SQL[name]).format(admitted=admitted)
    row = await (await connection.execute(statement, values | {"enough": enough})).fetchone()
    return 0 if row is None else int(row[0])
