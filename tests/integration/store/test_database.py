"""Time limits, lost servers and what callers hear of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from heimdex.domain.errors import StoreTimeout, StoreUnavailable
from heimdex.domain.ids import DEFAULT_TENANT
from heimdex.store import Store, open_store
from heimdex.store.database import Connection, Database


async def sleep(connection: Connection) -> None:
    await connection.execute("SELECT pg_sleep(30)")


async def one(connection: Connection) -> int:
    row = await (await connection.execute("SELECT 1")).fetchone()
    return row[0] if row else 0


async def test_a_slow_statement_is_cancelled_and_the_connection_stays_good(database_url: str) -> None:
    database = Database(database_url, DEFAULT_TENANT, connections=1)
    try:
        with pytest.raises(StoreTimeout) as stopped:
            await database.run(sleep, timeout_s=0.2)
        assert "statement timeout" in str(stopped.value.__cause__)  # the server itself ended it
        assert await database.run(one, timeout_s=10) == 1
    finally:
        await database.close()


async def test_time_in_the_queue_counts(store: Store) -> None:
    database = Database(store.url, DEFAULT_TENANT, connections=1)
    try:
        busy = asyncio.create_task(database.run(sleep, timeout_s=3))
        await asyncio.sleep(0.2)
        with pytest.raises(StoreTimeout):
            await database.run(one, timeout_s=0.2)
        with pytest.raises(StoreTimeout):
            await busy
    finally:
        await database.close()


async def test_ended_connections_are_replaced(store: Store) -> None:
    await store.database.run(one)
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert await store.database.run(one) == 1


async def test_a_server_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    url = f"postgresql://nobody@/nothing?host={tmp_path}"
    with pytest.raises(StoreUnavailable, match="DATABASE_URL"):
        async with open_store(url, tmp_path):
            pass
    database = Database(url, DEFAULT_TENANT)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await database.run(one)


async def test_no_error_of_the_driver_gets_out(store: Store) -> None:
    async def wrong(connection: Connection) -> None:
        await connection.execute("SELECT no_such_column FROM video")

    with pytest.raises(StoreUnavailable, match="refused a statement"):
        await store.database.run(wrong)


async def test_opening_creates_nothing_beside_an_external_database(database_url: str, tmp_path: Path) -> None:
    async with open_store(database_url, tmp_path / "data"):
        pass

    assert not (tmp_path / "data").exists()


async def test_no_statement_is_prepared(store: Store) -> None:
    """A pooler in transaction mode hands connections on; a statement prepared by one would meet another's."""

    async def prepared(connection: Connection) -> int:
        row = await (await connection.execute("SELECT count(*) FROM pg_prepared_statements")).fetchone()
        return row[0] if row else -1

    for _ in range(10):
        await store.catalogue.status()
    assert await store.database.run(prepared) == 0
