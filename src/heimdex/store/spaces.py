"""Embedding spaces: one table of vectors for each channel, model, revision and dimension.

The name of the table follows from those four, so that no server has to hand out numbers and a query
knows its table without asking. Vectors of two models never share a table; a new model is written
beside the old one.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from psycopg import sql

from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel
from heimdex.store.database import Connection, Database
from heimdex.store.queries import load_queries, on_relation

_SQL = load_queries("spaces")
#: a wider row does not fit on a page and must be stored out of line, where scans cost five times as much
_PLAIN_DIM = 3900
_LOCK = 0x656D6265640000


def relation_of(channel: Channel, model: EmbeddingModel) -> str:
    """Return the name of the table that holds the vectors of ``model`` for ``channel``."""
    digest = hashlib.sha256(f"{model.model_id}\0{model.revision}".encode()).hexdigest()
    return f"emb_{channel.value}_{model.dim}_{digest[:10]}"


class Spaces:
    """The tables of vectors in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure(self, channel: Channel, model: EmbeddingModel) -> str:
        """Make the table of a space unless it is there; return its name. Committed before it returns."""
        relation = relation_of(channel, model)

        async def work(connection: Connection) -> None:
            cursor = await connection.execute(_SQL["exists"], {"relation": relation})
            if await cursor.fetchone() is not None:
                return
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            cursor = await connection.execute(_SQL["exists"], {"relation": relation})
            if await cursor.fetchone() is None:
                await _create(connection, relation, model.dim)
                if channel is Channel.VISUAL:
                    await _unite_visual(connection)

        await self._database.run_as_owner(work)
        return relation


async def register(connection: Connection, tenant: UUID, channel: Channel, model: EmbeddingModel) -> str:
    """Note, inside the tenant's transaction, that it has vectors of this space; return the name of its table.

    The first space of a channel is in use at once; a later one only when it is switched to
    (`heimdex.store.vector_spaces`).
    """
    relation = relation_of(channel, model)
    values = {
        "tenant": tenant, "relation": relation, "channel": channel.value,
        "model_id": model.model_id, "revision": model.revision, "dim": model.dim,
    }  # fmt: skip
    cursor = await connection.execute(_SQL["is_settled"], values)
    if await cursor.fetchone() is None:
        await connection.execute(_SQL["lock_channel"], values)
        await connection.execute(_SQL["introduce"], values)
    return relation


async def _create(connection: Connection, relation: str, dim: int) -> None:
    await connection.execute(sql.SQL(_SQL["create"]).format(relation=sql.Identifier(relation), dim=sql.Literal(dim)))
    if dim <= _PLAIN_DIM:
        await connection.execute(on_relation(_SQL["store_inline"], relation))
    await connection.execute("CALL keep_tenants_apart(%s)", [relation])


async def _unite_visual(connection: Connection) -> None:
    """Let the view `visual_vectors` span every visual space."""
    cursor = await connection.execute(_SQL["visual_relations"])
    parts = [
        sql.SQL(_SQL["visual_part"]).format(name=sql.Literal(name), relation=sql.Identifier(name))
        for (name,) in await cursor.fetchall()
    ]
    await connection.execute(sql.SQL(_SQL["visual_view"]).format(parts=sql.SQL(" UNION ALL ").join(parts)))
