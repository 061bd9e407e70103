"""Named queries from `store/sql/*.sql`: SQL is read as SQL, never put together from strings in Python."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

from psycopg import sql

_NAME = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)


@cache
def load_queries(file: str) -> dict[str, LiteralString]:
    """Return the queries of ``sql/<file>.sql`` by the name in their ``-- name:`` line.

    Raises ValueError when a name occurs twice or text stands before the first name.
    """
    text = (resources.files("heimdex.store") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    preamble, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    if any(line.strip() and not line.startswith("--") for line in preamble.splitlines()):
        raise ValueError(f"{file}.sql has text before its first name")
    if len(set(names)) != len(names):
        raise ValueError(f"{file}.sql names a query twice")
    # shipped files, so as good as literals in the source
    return {name: cast("LiteralString", body.strip().rstrip(";")) for name, body in zip(names, bodies, strict=True)}


def on_relation(query: LiteralString, relation: str, **parts: sql.Composable) -> sql.Composed:
    """Return ``query`` with ``{relation}`` replaced by the quoted name of a table, and ``parts`` by their names."""
    return sql.SQL(query).format(relation=sql.Identifier(relation), **parts)
