"""The whole product with chaos in between; built once for all tests here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql
from tests.conftest import _other_database
from tests.faults.stack import Stack, open_stack


@pytest.fixture(scope="session")
async def whole_stack(
    postgres_server: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        copy = sql.SQL("CREATE DATABASE chaos TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(migrated_template)))
    async with open_stack(tmp_path_factory.mktemp("chaos"), _other_database(postgres_server, "chaos")) as stack:
        yield stack


@pytest.fixture
async def stack(whole_stack: Stack) -> AsyncIterator[Stack]:
    """Everything healthy, nothing remembered."""
    await whole_stack.restore()
    yield whole_stack
    await whole_stack.restore()
