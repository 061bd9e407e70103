"""A wrong address is said before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimdex.domain.errors import SettingsInvalid
from heimdex.store.opening import open_store


@pytest.mark.parametrize("address", ["garbage", "mysql://me:hunter2@db/x", "postgresql://me:hunter2@db:port:port/x%"])
async def test_what_is_no_address_is_said_without_its_password(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsInvalid, match="DATABASE_URL") as raised:
        async with open_store(address, tmp_path):
            pass
    assert "hunter2" not in str(raised.value)
