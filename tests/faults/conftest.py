"""The whole product with chaos in between; built once for all tests here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql
from tests.conftest import _other_database
from tests.faults.stack import PATIENT_S, Stack, open_stack

from heimdex.search import saved


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
async def stack(whole_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """Everything healthy, nothing remembered."""
    monkeypatch.setattr(saved, "_PATIENCE_S", PATIENT_S)  # a busy machine is no fault of these tests
    await whole_stack.restore()
    yield whole_stack
    await whole_stack.restore()
