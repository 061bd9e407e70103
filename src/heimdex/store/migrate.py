"""Bring a database to the schema of this version: ordered, locked, checksummed, each step whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import errors

from heimdex.domain.errors import MigrationFailed

LEAST_SERVER = 150000
LEAST_PGVECTOR = (0, 8, 0)
#: any number that no other program takes
_LOCK = 0x6865696D646578

#: Under row-level security PostgreSQL looks a condition up in an index only if its function is
#: marked as one that cannot leak rows of others through errors; @@ cannot, but is not marked.
_INDEXABLE = """
DO $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        AND NOT (SELECT proleakproof FROM pg_proc WHERE oid = 'ts_match_vq(tsvector, tsquery)'::regprocedure)
    THEN
        ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;
    END IF;
END
$$"""

_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, blind to how lines end."""
        return hashlib.sha256(self.text.replace("\r\n", "\n").encode()).hexdigest()


def shipped_migrations() -> list[Migration]:
    """Return the steps of this version in order. Raises MigrationFailed when the numbers have gaps or repeats."""
    found = [
        Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8"))
        for entry in (resources.files("heimdex.store") / "migrations").iterdir()
        if (match := re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name))
    ]
    found.sort(key=lambda step: step.version)
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise MigrationFailed(f"The migrations are not numbered 1 to {len(found)}.", remedy="Reinstall heimdex.")
    return found


async def migrate(url: str, steps: Sequence[Migration] | None = None) -> list[int]:
    """Apply what is missing, as the owner of the schema; return the versions applied now.

    Processes that start together wait for each other. A failing step leaves the ones before it applied and
    nothing of itself. An owner who is no superuser cannot let full-text search use its index; it works
    all the same, and an administrator can run the one statement of ``_INDEXABLE``.

    Raises:
        MigrationFailed: an applied step was edited, the database is newer than this version, a
            statement failed, or the server is too old.
    """
    steps = shipped_migrations() if steps is None else steps
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=None) as connection:
        await _check_server(connection)
        applied: list[int] = []
        for step in steps:
            try:
                if await _apply(connection, step, newest=steps[-1].version):
                    applied.append(step.version)
            except psycopg.errors.InsufficientPrivilege as error:
                raise MigrationFailed(
                    f"Migration {step.version:04} ({step.name}): {_first_line(error)}.",
                    remedy="Let an administrator run once: CREATE EXTENSION IF NOT EXISTS vector; "
                    "CREATE ROLE heimdex_app NOLOGIN; GRANT heimdex_app TO <this user> WITH ADMIN OPTION;",
                ) from error
            except psycopg.errors.Error as error:
                if isinstance(error, psycopg.OperationalError):
                    raise
                raise MigrationFailed(
                    f"Migration {step.version:04} ({step.name}) failed: {_first_line(error)}.",
                    remedy="The database is as it was before this step; report this with the message.",
                ) from error
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            await connection.execute(_INDEXABLE)
        return applied


async def _apply(connection: psycopg.AsyncConnection, step: Migration, *, newest: int) -> bool:
    """Apply one step unless it is there; lock and history are looked at in the same transaction."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        await connection.execute(_HISTORY)
        cursor = await connection.execute("SELECT version, checksum FROM schema_migration")
        history: dict[int, str] = dict(await cursor.fetchall())
        if history and max(history) > newest:
            raise MigrationFailed(
                f"The database has schema {max(history)}; this version knows {newest}.",
                remedy="Use the newer heimdex that made it, or another database.",
            )
        if step.version in history:
            if history[step.version] != step.checksum:
                raise MigrationFailed(
                    f"Migration {step.version:04} ({step.name}) was changed after it had been applied.",
                    remedy="Restore its file: add a new migration instead of editing one.",
                )
            return False
        await connection.execute(step.text)
        await connection.execute(
            "INSERT INTO schema_migration (version, name, checksum) VALUES (%s, %s, %s)",
            [step.version, step.name, step.checksum],
        )
        return True


async def _check_server(connection: psycopg.AsyncConnection) -> None:
    if connection.info.server_version < LEAST_SERVER:
        raise MigrationFailed(
            f"PostgreSQL {connection.info.server_version // 10000} is too old.", remedy="Use PostgreSQL 15 or newer."
        )
    cursor = await connection.execute(
        "SELECT extversion FROM pg_extension WHERE extname = 'vector' "
        "UNION ALL SELECT default_version FROM pg_available_extensions WHERE name = 'vector' LIMIT 1"
    )
    row = await cursor.fetchone()
    if row is None:
        raise MigrationFailed(
            "The PostgreSQL server has no pgvector.", remedy="Install pgvector 0.8 or newer on the server."
        )
    version = tuple(int(part) for part in re.findall(r"\d+", row[0])[:3])
    if version < LEAST_PGVECTOR:
        raise MigrationFailed(
            f"pgvector {row[0]} is too old.", remedy="Install 0.8 or newer, then: ALTER EXTENSION vector UPDATE;"
        )
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except errors.InsufficientPrivilege as error:
        raise MigrationFailed(
            "This user may not install pgvector in the database.",
            remedy="Let an administrator run: CREATE EXTENSION vector;",
        ) from error


def _first_line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).splitlines()[0]
