"""Words as data: TOML files of whitespace-separated lists, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load(name: str) -> dict[str, Any]:
    """Return the parsed file ``name``.toml of this folder."""
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text(encoding="utf-8"))


def word_list(name: str, key: str) -> frozenset[str]:
    """Return the words under ``key`` of ``name``.toml."""
    return frozenset(str(load(name)[key]).split())
