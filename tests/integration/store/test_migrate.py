"""Migrations: in order, once, locked against each other, proof against edits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from heimdex.domain.errors import MigrationFailed
from heimdex.store import migrate as module
from heimdex.store.migrate import Migration, migrate, shipped_migrations

ONE = Migration(1, "one", "CREATE TABLE one (id integer)")
TWO = Migration(2, "two", "CREATE TABLE two (id integer)")


@pytest.fixture
def empty_url(postgres_server: str) -> Iterator[str]:
    """URL of a database without any schema."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}"))
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        return {name for (name,) in found if name in {"one", "two"}}


async def test_an_empty_database_gets_every_step_and_then_none(empty_url: str) -> None:
    assert await migrate(empty_url) == [step.version for step in shipped_migrations()]
    assert await migrate(empty_url) == []


async def test_processes_that_start_together_apply_each_step_once(empty_url: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))

    assert sorted(version for versions in applied for version in versions) == [
        step.version for step in shipped_migrations()
    ]


async def test_new_steps_are_added_to_old_ones(empty_url: str) -> None:
    assert await migrate(empty_url, [ONE]) == [1]
    assert await migrate(empty_url, [ONE, TWO]) == [2]
    assert tables(empty_url) == {"one", "two"}


async def test_an_edited_step_is_refused(empty_url: str) -> None:
    await migrate(empty_url, [ONE])

    with pytest.raises(MigrationFailed, match=r"0001 .one. was changed"):
        await migrate(empty_url, [Migration(1, "one", ONE.text + " -- edited"), TWO])
    assert tables(empty_url) == {"one"}


async def test_line_ends_of_another_system_are_not_an_edit(empty_url: str) -> None:
    await migrate(empty_url, [Migration(1, "one", "CREATE TABLE one (\nid integer)")])

    assert await migrate(empty_url, [Migration(1, "one", "CREATE TABLE one (\r\nid integer)")]) == []


async def test_a_failing_step_leaves_nothing_of_itself(empty_url: str) -> None:
    broken = Migration(2, "two", "CREATE TABLE two (id integer); SELECT 1 / 0")

    with pytest.raises(MigrationFailed, match="division by zero"):
        await migrate(empty_url, [ONE, broken])
    assert tables(empty_url) == {"one"}
    assert await migrate(empty_url, [ONE, TWO]) == [2]


async def test_a_newer_database_is_left_alone(empty_url: str) -> None:
    await migrate(empty_url, [ONE, TWO])

    with pytest.raises(MigrationFailed, match="knows 1"):
        await migrate(empty_url, [ONE])


async def test_an_old_server_or_extension_is_refused(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_PGVECTOR", (99, 0, 0))
    with pytest.raises(MigrationFailed, match=r"pgvector .* too old"):
        await migrate(empty_url)
    monkeypatch.setattr(module, "LEAST_SERVER", 990000)
    with pytest.raises(MigrationFailed, match=r"PostgreSQL .* too old"):
        await migrate(empty_url)


async def test_a_plain_user_may_own_the_library(empty_url: str) -> None:
    """An administrator prepares the server; everything else works without rights beyond the database."""
    user = f"user_{uuid4().hex[:8]}"
    parts = urlsplit(empty_url)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        for statement in (
            f"CREATE ROLE {user} LOGIN",
            f"ALTER DATABASE {parts.path[1:]} OWNER TO {user}",
            "DO $$ BEGIN CREATE ROLE heimdex_app NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            f"GRANT heimdex_app TO {user} WITH ADMIN OPTION",
        ):
            connection.execute(statement)
    as_user = urlunsplit(parts._replace(netloc=f"{user}@"))

    assert await migrate(as_user) == [step.version for step in shipped_migrations()]


def test_steps_are_numbered_without_gaps() -> None:
    assert [step.version for step in shipped_migrations()] == list(range(1, len(shipped_migrations()) + 1))
