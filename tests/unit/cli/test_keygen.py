"""Secrets."""

from __future__ import annotations

import json
from typing import Any


def test_a_secret_is_long_and_new(run: Any) -> None:
    first, second = run("keygen"), run("keygen")

    assert first.code == 0
    assert len(first.out.strip().encode()) >= 32
    assert first.out != second.out
    assert len(json.loads(run("keygen", "--json").out)["secret"]) >= 32
