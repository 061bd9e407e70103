"""The port Preferences: what every implementation must do."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from heimdex.domain.ids import TenantId
from heimdex.domain.query import Channel
from heimdex.ports import Preferences
from heimdex.store import Store, open_store
from heimdex.testing.preferences import InMemoryPreferences

OTHER = TenantId(UUID("00000000-0000-7000-8000-0000000000ff"))


@pytest.fixture(params=["postgres", "memory"])
def preferences(request: pytest.FixtureRequest, store: Store) -> Preferences:
    kept: dict[str, Preferences] = {"postgres": store.preferences, "memory": InMemoryPreferences()}
    return kept[request.param]


async def test_nothing_is_saved_at_first(preferences: Preferences) -> None:
    assert await preferences.weights() == {}
    await preferences.forget_weights()


async def test_the_last_weights_count_as_a_whole(preferences: Preferences) -> None:
    await preferences.save_weights({Channel.VISUAL: 1.0, Channel.LEXICAL: 0.0})
    await preferences.save_weights({Channel.VISUAL: 0.123456789})
    assert await preferences.weights() == {Channel.VISUAL: 0.123456789}

    await preferences.forget_weights()
    assert await preferences.weights() == {}


async def test_a_tenant_has_its_own(store: Store, database_url: str) -> None:
    await store.preferences.save_weights({Channel.VISUAL: 1.0})

    async with open_store(database_url, Path("/unused"), OTHER) as foreign:
        assert await foreign.preferences.weights() == {}
        await foreign.preferences.save_weights({Channel.VISUAL: 0.5})
    assert await store.preferences.weights() == {Channel.VISUAL: 1.0}
