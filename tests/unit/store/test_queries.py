"""Every shipped query can be loaded, and says which tenant it concerns."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from heimdex.store.queries import load_queries, on_relation

FILES = sorted(
    entry.name.removesuffix(".sql")
    for entry in (resources.files("heimdex.store") / "sql").iterdir()
    if entry.name.endswith(".sql")
)


@pytest.mark.parametrize("file", FILES)
def test_queries_have_names_and_bodies(file: str) -> None:
    queries = load_queries(file)

    assert queries
    assert all(body and not body.endswith(";") for body in queries.values())


@pytest.mark.parametrize("file", ["catalogue", "scene_index", "shelf"])
def test_every_statement_on_rows_names_the_tenant(file: str) -> None:
    """Row-level security would keep tenants apart without it; a cluster would ask every machine."""
    on_rows = re.compile(
        r"\b(FROM|INTO|UPDATE|JOIN)\s+(\{relation\}|video|file|scene|segment|keyframe|embedding_space)"
    )
    careless = [name for name, body in load_queries(file).items() if on_rows.search(body) and "%(tenant)s" not in body]

    assert careless == []


def test_the_name_of_a_table_is_quoted() -> None:
    assert on_relation("SELECT 1 FROM {relation}", 'a"b').as_string() == 'SELECT 1 FROM "a""b"'
