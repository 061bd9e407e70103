"""What every test may use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from heimdex.store import EmbeddedPostgres, Store, open_store
from heimdex.store.migrate import migrate

# how long an example takes is the machine's business
settings.register_profile("heimdex", deadline=None)
settings.load_profile("heimdex")

#: Real videos, subtitles and queries; absent in a user's checkout.
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared test data is not there: {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an embedded PostgreSQL for the whole session; fast, not durable."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    yield server.start()
    server.stop()
    server.release(stop_if_last=False)


@pytest.fixture(scope="session")
async def migrated_template(postgres_server: str) -> str:
    """Name of a database with the schema and no rows, to copy."""
    name = "migrated"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    await migrate(_other_database(postgres_server, name))
    return name


@pytest.fixture
def database_url(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """URL of a database of the test's own, with the schema and no rows."""
    name = f"test_{uuid4().hex}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(migrated_template)))
    yield _other_database(postgres_server, name)
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
async def store(database_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty library in a database of its own."""
    async with open_store(database_url, tmp_path) as opened:
        yield opened


def _other_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
