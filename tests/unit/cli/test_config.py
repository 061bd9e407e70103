"""The settings as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_names_values_and_defaults(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL_MODE", "skip")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@db/x")
    monkeypatch.setenv("CLIP_RUNPOD_SECRET", "hunter2" * 8)
    ran = run("config", "show", "--json")
    rows = {row["environment"]: row for row in json.loads(ran.out)}

    assert rows["VISUAL_MODE"]["value"] == "skip"
    assert rows["VISUAL_MODE"]["default"] == "auto"
    assert rows["VISUAL_MODE"]["from_environment"] is True
    assert rows["RERANK_CANDIDATE_POOL_SIZE"]["value"] == 500
    assert rows["HEIMDEX_SEARCH__RERANK_POOL"]["toml"] == "search.rerank_pool"
    assert all(row["description"] for row in rows.values())
    assert "hunter2" not in ran.out


def test_only_what_differs(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHT_VISUAL", "0.5")
    ran = run("config", "show", "--changed")

    assert ran.code == 0
    assert "WEIGHT_VISUAL" in ran.out
    assert "WEIGHT_LEXICAL" not in ran.out
