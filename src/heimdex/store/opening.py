"""From a URL or a data directory to a store that is ready for work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from heimdex.domain.errors import SettingsInvalid, StoreUnavailable
from heimdex.domain.ids import DEFAULT_TENANT, TenantId
from heimdex.store.catalogue import PostgresCatalogue
from heimdex.store.database import Connection, Database
from heimdex.store.embedded import EmbeddedPostgres
from heimdex.store.inventory import PostgresInventory
from heimdex.store.jobs import PostgresJobs
from heimdex.store.migrate import migrate
from heimdex.store.preferences import PostgresPreferences
from heimdex.store.queries import load_queries
from heimdex.store.scene_index import EXACT_BELOW, PostgresSceneIndex
from heimdex.store.shelf import PostgresShelf
from heimdex.store.tags import PostgresTags
from heimdex.store.vector_index import VectorIndexes
from heimdex.store.vector_spaces import PostgresVectorSpaces

_SQL = load_queries("catalogue")


@dataclass(frozen=True, slots=True)
class Store:
    """The adapters of one library."""

    catalogue: PostgresCatalogue
    scenes: PostgresSceneIndex
    shelf: PostgresShelf
    preferences: PostgresPreferences
    tags: PostgresTags
    spaces: PostgresVectorSpaces
    jobs: PostgresJobs
    inventory: PostgresInventory
    vector_indexes: VectorIndexes
    database: Database
    #: libpq URL, with its password if it has one: not for logs
    url: str


@asynccontextmanager
async def open_store(
    database_url: str | None,
    data_dir: Path,
    tenant: TenantId = DEFAULT_TENANT,
    *,
    stop_if_last: bool = False,
    lease_s: float = 60.0,
    max_attempts: int = 3,
    exact_below: int = EXACT_BELOW,
) -> AsyncIterator[Store]:
    """Connect, bring the schema up to date, and give the adapters of ``tenant``'s library.

    Args:
        database_url: PostgreSQL 15 or newer with pgvector 0.8 or newer; None runs the embedded one.
        data_dir: where the embedded one keeps its data; made when missing.
        tenant: whose library; made when missing.
        stop_if_last: stop the embedded server at the end unless another process uses it. Short
            commands leave it running, so that the next one starts at once.
        lease_s, max_attempts: of the queue, see `PostgresJobs`.
        exact_below: sets of at most this many vectors are searched whole; larger ones may use an index.

    Raises:
        SettingsInvalid: ``database_url`` is no address of a database.
        StoreUnavailable: the server cannot be started or reached.
        MigrationFailed: the schema cannot be brought up to date.
    """
    if database_url is not None:
        _check_address(database_url)
    embedded = EmbeddedPostgres(data_dir) if database_url is None else None
    url = database_url if embedded is None else await asyncio.to_thread(embedded.start)
    assert url is not None  # noqa: S101 one of both gave it
    try:
        await _migrate(url, embedded)
        database = Database(url, tenant, revive=None if embedded is None else embedded.start)
        try:
            await database.run(lambda connection: _add_tenant(connection, tenant))
            yield Store(
                PostgresCatalogue(database), PostgresSceneIndex(database, exact_below=exact_below),
                PostgresShelf(database), PostgresPreferences(database), PostgresTags(database),
                PostgresVectorSpaces(database), PostgresJobs(database, lease_s=lease_s, max_attempts=max_attempts),
                PostgresInventory(database),
                VectorIndexes(database, exact_below=exact_below, is_ours=embedded is not None),
                database, url,
            )  # fmt: skip
        finally:
            await database.close()
    finally:
        if embedded is not None:
            await asyncio.to_thread(embedded.release, stop_if_last=stop_if_last)


def _check_address(database_url: str) -> None:
    try:
        conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:  # its text repeats the address, with the password
        raise SettingsInvalid(
            "DATABASE_URL is no address of a PostgreSQL database.",
            remedy="Write postgresql://user:password@host:5432/name, or unset it to use the embedded database.",
        ) from None


async def _migrate(url: str, embedded: EmbeddedPostgres | None) -> None:
    try:
        try:
            await migrate(url)
        except psycopg.OperationalError:
            if embedded is None:
                raise
            await migrate(await asyncio.to_thread(embedded.start))  # killed in between: once more
    except psycopg.OperationalError as error:
        raise StoreUnavailable(
            f"The database cannot be reached: {str(error).strip().splitlines()[0]}.",
            remedy="Check DATABASE_URL and that the server runs; unset it to use the embedded database.",
        ) from error


async def _add_tenant(connection: Connection, tenant: TenantId) -> None:
    await connection.execute(_SQL["add_tenant"], {"tenant": tenant, "name": "default"})
