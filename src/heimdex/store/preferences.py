"""The port Preferences on PostgreSQL. Contract: tests/contract/test_preferences.py."""

from __future__ import annotations

import json
from collections.abc import Mapping

from heimdex.domain.query import Channel
from heimdex.store.database import Connection, Database
from heimdex.store.queries import load_queries

_SQL = load_queries("preferences")
_WEIGHTS = "search.weights"


class PostgresPreferences:
    """Preferences of the tenant of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenant = database.tenant

    async def weights(self) -> dict[Channel, float]:
        async def work(connection: Connection) -> dict[Channel, float]:
            row = await (await connection.execute(_SQL["read"], self._values(_WEIGHTS))).fetchone()
            known = set(Channel)
            return {Channel(name): float(weight) for name, weight in (row[0] if row else {}).items() if name in known}

        return await self._database.run(work)

    async def save_weights(self, weights: Mapping[Channel, float]) -> None:
        value = json.dumps({channel.value: weight for channel, weight in weights.items()})

        async def work(connection: Connection) -> None:
            await connection.execute(_SQL["save"], {**self._values(_WEIGHTS), "value": value})

        await self._database.run(work)

    async def forget_weights(self) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute(_SQL["forget"], self._values(_WEIGHTS))

        await self._database.run(work)

    def _values(self, name: str) -> dict[str, object]:
        return {"tenant": self._tenant, "name": name}
