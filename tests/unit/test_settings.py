"""Where settings come from, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from heimdex.domain.errors import SettingsInvalid
from heimdex.settings import load_settings

SECRET = "hunter2" * 6


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEIMDEX_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("data_dir")
def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "CLIP_RUNPOD_URL", "WEIGHT_VISUAL", "HEIMDEX_EMBEDDING__MODEL", "HEIMDEX_DATA_DIR"):
        monkeypatch.setenv(name, "")
    settings = load_settings()

    assert settings.database_url is None
    assert settings.clip_runpod_url is None
    assert settings.weight_visual == 0.25
    assert settings.embedding.model == "auto"
    assert settings.data_dir == Path(platformdirs.user_data_dir("heimdex", appauthor=False))


@pytest.mark.usefixtures("data_dir")
def test_no_message_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{SECRET}@db/x")
    monkeypatch.setenv("CLIP_RUNPOD_SECRET", SECRET)
    for name in ("VISUAL", "TRANSCRIPT", "SUMMARY", "LEXICAL"):
        monkeypatch.setenv(f"WEIGHT_{name}", "0")

    with pytest.raises(SettingsInvalid, match="all channel weights are 0") as raised:
        load_settings()
    assert "hunter2" not in str(raised.value)


@pytest.mark.usefixtures("data_dir")
def test_a_section_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEIMDEX_SEARCH", "fast")

    with pytest.raises(SettingsInvalid, match='"search"'):
        load_settings()


def test_the_file_is_read(data_dir: Path) -> None:
    (data_dir / "heimdex.toml").write_text('visual_mode = "skip"\n[search]\nrerank_pool = "text"\n')
    settings = load_settings()

    assert (settings.visual_mode, settings.search.rerank_pool) == ("skip", "text")


@pytest.mark.parametrize(
    "content",
    [
        b'visual_mode = "sk',
        b"\xff\xfe",
        b'visual_mod = "skip"',
        b"[searhc]\ndeadline_s = 1",
        b"[search]\ndeadlines = 1",
    ],
    ids=["not TOML", "not UTF-8", "a name misspelt", "a section misspelt", "a name in a section misspelt"],
)
def test_a_slip_in_the_file_is_said(data_dir: Path, content: bytes) -> None:
    (data_dir / "heimdex.toml").write_bytes(content)

    with pytest.raises(SettingsInvalid):
        load_settings()
