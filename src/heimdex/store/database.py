"""Units of work: one transaction, as one tenant, under a role that sees nothing of other tenants.

Only ``SET LOCAL`` and no prepared statements, so that PgBouncer in transaction mode may stand between.
Work is given as a function, because a connection that was lost is replaced and the work repeated:
it must be a transaction that may run again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from heimdex.domain.errors import HeimdexError, StoreFull, StoreTimeout, StoreUnavailable
from heimdex.domain.ids import TenantId

T = TypeVar("T")
Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Work = Callable[[Connection], Awaitable[T]]

APP_ROLE = "heimdex_app"
_ENTER = (
    "SELECT set_config('role', %s, true), set_config('heimdex.tenant', %s, true),"
    " set_config('statement_timeout', %s, true)"
)
#: time that the server has to stop a statement itself before the client gives up on it
_GRACE_S = 0.5
#: time that a unit of work waits for a free connection
_PATIENCE_S = 10.0
_CONNECT: dict[str, Any] = {"autocommit": True, "prepare_threshold": None, "connect_timeout": 5}
_ATTEMPTS = 3
# psycopg's pool reports every failed attempt; what matters is raised to the caller
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())


class Database:
    """A pool of connections to one database, for one tenant."""

    def __init__(
        self, url: str, tenant: TenantId, *, revive: Callable[[], str] | None = None, connections: int = 8
    ) -> None:
        """
        Args:
            url: libpq URL.
            tenant: whose rows every unit of work sees.
            revive: brings a dead server back and returns its URL; None when that is not ours to do.
            connections: most connections at a time.
        """
        self.tenant = tenant
        self._url = url
        self._revive = revive
        self._connections = connections
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._renewing = asyncio.Lock()

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def run(self, work: Work[T], *, timeout_s: float | None = None) -> T:
        """Do ``work`` in one transaction as the tenant; committed when it returns.

        Raises:
            StoreTimeout: not done within ``timeout_s``; nothing was changed.
            StoreUnavailable: the database does not answer; nothing is known to have changed.
        """
        milliseconds = 0 if timeout_s is None else max(1, round(timeout_s * 1000))
        settings = [APP_ROLE, str(self.tenant), str(milliseconds)]

        async def as_tenant(connection: Connection) -> T:
            await connection.execute(_ENTER, settings)
            return await work(connection)

        return await self._guarded(as_tenant, timeout_s)

    async def run_as_owner(self, work: Work[T]) -> T:
        """Do ``work`` in one transaction as the owner of the schema: for tables and views, never for rows."""
        return await self._guarded(work, None)

    async def connect_alone(self, options: str) -> Connection:
        """Return a connection of the owner outside the pool, for what no transaction may hold.

        Args:
            options: settings of that connection, as ``-c name=value``. They are left out where a pooler stands
                between, which refuses them; a ``SET`` would leak to its other clients.

        Raises StoreUnavailable.
        """
        try:
            await self._ready_pool(instead_of=None)  # brings a dead server back
            try:
                return await psycopg.AsyncConnection.connect(self._url, options=options, **_CONNECT)
            except psycopg.OperationalError as error:
                if "unsupported startup parameter" not in str(error):
                    raise
                return await psycopg.AsyncConnection.connect(self._url, **_CONNECT)
        except (psycopg.Error, PoolTimeout) as error:
            raise explained(error) from error

    async def _guarded(self, work: Work[T], timeout_s: float | None) -> T:
        limit_s = None if timeout_s is None else timeout_s + _GRACE_S
        try:
            async with asyncio.timeout(limit_s):
                return await self._persistently(work)
        except (TimeoutError, errors.QueryCanceled) as error:
            raise StoreTimeout(f"The database did not answer within {timeout_s} s.", remedy="Try again.") from error
        except (psycopg.Error, PoolTimeout, PoolClosed, TooManyRequests) as error:
            raise explained(error) from error

    async def _persistently(self, work: Work[T]) -> T:
        """Do ``work``, again where the connection was lost or others were in the way."""
        pool: AsyncConnectionPool[Connection] | None = None
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                pool = await self._ready_pool(instead_of=pool)
                return await _in_transaction(pool, work)
            except (psycopg.Error, PoolTimeout, PoolClosed) as error:
                if attempts_left == 0:
                    raise
                if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
                    pool = None
                elif not _is_loss(error):
                    raise
        raise AssertionError("unreachable")

    async def _ready_pool(self, instead_of: AsyncConnectionPool[Connection] | None) -> AsyncConnectionPool[Connection]:
        """Return the pool; a new one, on a server that was brought back, when the present one is ``instead_of``."""
        async with self._renewing:
            if self._pool is not None and self._pool is not instead_of:
                return self._pool
            broken, self._pool = self._pool, None
            if broken is not None:
                await broken.close(timeout=1)
            if self._revive is not None:
                self._url = await asyncio.to_thread(self._revive)
            # a pool is patient; this fails at once when nobody is there
            await (await psycopg.AsyncConnection.connect(self._url, **_CONNECT)).close()
            pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
                self._url, min_size=1, max_size=self._connections, open=False, timeout=_PATIENCE_S, kwargs=_CONNECT
            )
            await pool.open()
            self._pool = pool
            return pool


async def _in_transaction(pool: AsyncConnectionPool[Connection], work: Work[T]) -> T:
    async with pool.connection() as connection, connection.transaction():
        return await work(connection)


def _is_loss(error: Exception) -> bool:
    """Whether the connection is gone, rather than the statement refused."""
    if isinstance(error, PoolTimeout | PoolClosed):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith("08") or error.sqlstate in {"57P01", "57P02", "57P03"}


def explained(error: Exception) -> HeimdexError:
    """Return what a person is told about an error of the driver."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, errors.DiskFull):
        return StoreFull("The disk of the database is full.", remedy="Free some space, then try again.")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolClosed | TooManyRequests):
        return StoreUnavailable(
            f"The database does not answer: {text}.", remedy="`heimdex doctor` says what is wrong with it."
        )
    return StoreUnavailable(f"The database refused a statement: {text}.", remedy="`heimdex doctor` checks the schema.")
