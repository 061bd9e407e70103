"""Downloads from a hub on loopback: whole, interrupted, changed, damaged, absent."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from heimdex.domain.errors import BadRequest, ModelInvalid, NotFound
from heimdex.embedding.download import pull_model
from heimdex.embedding.folder import read_clip_folder
from heimdex.embedding.lock import LOCK_FILE, read_lock
from heimdex.embedding.registry import KnownModel, find_known
from heimdex.embedding.shelf import add_model, list_models, remove_model, verify_model
from heimdex.testing.command_line import CommandLine
from heimdex.testing.tiny_models import write_tiny_clip, write_tiny_text_model

MODEL = KnownModel("tiny", "clip", 16, "MIT", ("en",), "", repository="somebody/tiny")


class Hub:
    """Serves one folder the way a model hub does; `breaks_after` bytes it hangs up, once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commit = "a" * 40
        self.breaks_after: int | None = None
        self.lies_about: str | None = None
        self.repository = "somebody/tiny"
        self.tokens: list[str | None] = []
        self.hosts: set[str] = set()
        self.ranges: list[str] = []
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        # as a proxy it is asked for whole addresses
        host, _, path = request.path.partition("?")[0].removeprefix("http://").partition("/")
        path = f"/{path}"
        self.hosts.add(host)
        self.requests.append(path)
        self.tokens.append(request.headers.get("Authorization"))
        if path.startswith(f"/api/models/{self.repository}/revision/"):
            self._send(request, json.dumps(self._listing()).encode(), {"Content-Type": "application/json"}, body=body)
            return
        prefix = f"/{self.repository}/resolve/{self.commit}/"
        file = self.folder / path.removeprefix(prefix)
        if not path.startswith(prefix) or not file.is_file():
            request.send_error(404)
            return
        content = file.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": self.commit,
            "Accept-Ranges": "bytes",
        }
        self._send(request, content, headers, body=body)

    def _listing(self) -> dict[str, Any]:
        siblings = []
        for file in sorted(p for p in self.folder.rglob("*") if p.is_file()):
            name, content = file.relative_to(self.folder).as_posix(), file.read_bytes()
            entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": "0"}
            if name.endswith(".onnx"):
                digest = "0" * 64 if name == self.lies_about else hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 100}
            siblings.append(entry)
        return {"id": self.repository, "sha": self.commit, "siblings": siblings, "tags": [], "private": False}

    def _send(self, request: BaseHTTPRequestHandler, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        start, asked = 0, request.headers.get("Range")
        if asked and body:
            self.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").split("-")[0])
        request.send_response(206 if start else 200)
        for name, value in headers.items():
            request.send_header(name, value)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        if body:
            self._write(request, content[start:])

    def _write(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        if self.breaks_after is not None and len(content) > self.breaks_after:
            content, self.breaks_after = content[: self.breaks_after], None
            request.close_connection = True
        request.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    served = Hub(write_tiny_clip(tmp_path / "served"))
    (served.folder / "README.md").write_text("a model")
    (served.folder / "unwanted.bin").write_bytes(b"0" * 100)
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_a_model_arrives_whole_is_locked_and_can_be_used(hub: Hub, models: Path) -> None:
    reports: list[tuple[int, int]] = []

    folder = pull_model(MODEL, models, endpoint=hub.url, on_progress=lambda done, total: reports.append((done, total)))

    assert folder == models / "tiny"
    assert read_clip_folder(folder).model.revision == read_clip_folder(hub.folder).model.revision
    assert (folder / "README.md").is_file()
    assert not (folder / "unwanted.bin").exists()
    assert not (folder / ".cache").exists()
    entry = read_lock(models)["tiny"]
    assert (entry.repository, entry.revision) == ("somebody/tiny", hub.commit)
    assert entry.files["visual/model.onnx"] == hashlib.sha256((folder / "visual/model.onnx").read_bytes()).hexdigest()
    assert reports[-1][0] == reports[-1][1] == sum((folder / name).stat().st_size for name in entry.files)


def test_an_interrupted_download_goes_on_where_it_stopped(hub: Hub, models: Path) -> None:
    weights = hub.folder / "visual/model.onnx_data"
    weights.write_bytes(bytes(range(256)) * 100_000)
    hub.breaks_after = 15_000_000

    try:
        pull_model(MODEL, models, endpoint=hub.url)
    except ModelInvalid:
        assert not (models / "tiny").exists()
        pull_model(MODEL, models, endpoint=hub.url)

    assert hub.breaks_after is None
    assert hub.ranges
    assert all(int(asked.removeprefix("bytes=").split("-")[0]) > 0 for asked in hub.ranges)
    assert (models / "tiny/visual/model.onnx_data").read_bytes() == weights.read_bytes()


def test_a_silent_change_is_refused_until_it_is_accepted(hub: Hub, models: Path) -> None:
    before = read_clip_folder(pull_model(MODEL, models, endpoint=hub.url)).model.revision
    config = json.loads((hub.folder / "config.json").read_text())
    (hub.folder / "config.json").write_text(json.dumps(config | {"note": "retrained"}))
    hub.commit = "b" * 40

    with pytest.raises(ModelInvalid, match=r"config\.json changed") as raised:
        pull_model(MODEL, models, endpoint=hub.url)
    assert "--accept-change" in raised.value.remedy
    assert read_clip_folder(models / "tiny").model.revision == before

    pull_model(MODEL, models, endpoint=hub.url, accept_change=True)
    assert read_clip_folder(models / "tiny").model.revision != before
    assert read_lock(models)["tiny"].revision == "b" * 40


def test_a_new_commit_with_the_same_files_is_no_change(hub: Hub, models: Path) -> None:
    pull_model(MODEL, models, endpoint=hub.url)
    hub.commit = "c" * 40

    pull_model(MODEL, models, endpoint=hub.url)

    assert read_lock(models)["tiny"].revision == "c" * 40


def test_what_arrives_damaged_is_thrown_away(hub: Hub, models: Path) -> None:
    hub.lies_about = "visual/model.onnx"
    with pytest.raises(ModelInvalid, match="arrived damaged"):
        pull_model(MODEL, models, endpoint=hub.url)
    assert not (models / "tiny").exists()

    hub.lies_about = None
    assert pull_model(MODEL, models, endpoint=hub.url).is_dir()


def test_a_model_that_cannot_be_used_is_not_installed(hub: Hub, models: Path) -> None:
    (hub.folder / "visual/preprocess_cfg.json").write_text('{"mean": [1]}')

    with pytest.raises(ModelInvalid, match="cannot be used"):
        pull_model(MODEL, models, endpoint=hub.url)
    assert not (models / "tiny").exists()
    assert not (models / LOCK_FILE).exists()


def test_a_repository_that_lacks_a_file_is_refused_before_anything_is_fetched(hub: Hub, models: Path) -> None:
    (hub.folder / "textual/model.onnx").unlink()

    with pytest.raises(ModelInvalid, match=r"lacks textual/model\.onnx"):
        pull_model(MODEL, models, endpoint=hub.url)
    assert not any("resolve" in path for path in hub.requests)


def test_an_unknown_repository_is_one_clear_error(hub: Hub, models: Path) -> None:
    with pytest.raises(ModelInvalid, match="could not be fetched"):
        pull_model(replace(MODEL, repository="somebody/else"), models, endpoint=hub.url)


def test_a_hub_that_cannot_be_reached_names_the_command_and_the_way_by_hand(models: Path) -> None:
    with pytest.raises(ModelInvalid, match="could not be fetched") as raised:
        pull_model(MODEL, models, endpoint="http://127.0.0.1:9")
    assert "\n" not in str(raised.value)
    assert "heimdex models pull tiny" in raised.value.remedy
    assert "heimdex models add PATH" in raised.value.remedy


def test_a_full_disk_is_told_before_it_is_full(hub: Hub, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(hub.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))

    with pytest.raises(ModelInvalid, match="free"):
        pull_model(MODEL, models, endpoint=hub.url)


def test_what_is_on_no_hub_says_so(models: Path) -> None:
    pocket = find_known("pocket")
    assert pocket is not None

    with pytest.raises(ModelInvalid, match="not on a model hub"):
        pull_model(pocket, models)


def test_a_damaged_lock_is_not_taken_for_an_empty_one(hub: Hub, models: Path) -> None:
    models.mkdir()
    (models / LOCK_FILE).write_text("{")

    with pytest.raises(ModelInvalid, match=LOCK_FILE):
        pull_model(MODEL, models, endpoint=hub.url)


async def test_a_folder_is_taken_in_after_it_has_answered(tmp_path: Path, models: Path) -> None:
    source = write_tiny_clip(tmp_path / "mine")

    assert await add_model(source, models) == models / "mine"
    assert (await verify_model(models / "mine")).model.model_id == "mine"
    with pytest.raises(BadRequest, match="already"):
        await add_model(source, models)
    (source / "visual/model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelInvalid):
        await add_model(source, models, name="broken")
    assert [entry.name for entry in list_models(models) if entry.folder and not entry.known] == ["mine"]


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "pocket"])
async def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, models: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        await add_model(write_tiny_clip(tmp_path / "mine"), models, name=name)


async def test_verify_compares_with_what_was_downloaded(hub: Hub, models: Path) -> None:
    folder = pull_model(MODEL, models, endpoint=hub.url)
    assert (await verify_model(folder, models)).model.dim == 16

    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    with pytest.raises(ModelInvalid, match=r"config\.json of tiny is not what was downloaded"):
        await verify_model(folder, models)


async def test_text_models_are_verified_too(tmp_path: Path) -> None:
    assert (await verify_model(write_tiny_text_model(tmp_path / "t"))).model.model_id == "tiny"


def test_the_list_names_what_is_known_what_is_here_and_what_is_broken(tmp_path: Path, models: Path) -> None:
    write_tiny_clip(models / "ViT-B-32__openai")
    write_tiny_clip(models / "mine")
    write_tiny_text_model(models / "words")
    (models / "broken").mkdir()
    (models / ".partial").mkdir()

    listed = {entry.name: entry for entry in list_models(models)}

    assert listed["ViT-B-32__openai"].model is not None
    assert listed["mine"].known is None
    assert listed["words"].kind == "text"
    assert "lacks config.json" in listed["broken"].problem
    assert listed["ViT-B-16-SigLIP2__webli"].folder is None
    assert ".partial" not in listed


def test_a_model_is_removed_by_its_name_only(tmp_path: Path, models: Path) -> None:
    write_tiny_clip(models / "mine")

    remove_model("mine", models)

    assert not (models / "mine").exists()
    for name in ("mine", "", ".", "..", "../models", ".partial"):
        with pytest.raises(NotFound):
            remove_model(name, models)
    with pytest.raises(BadRequest):
        remove_model("pocket", models)


def test_the_command_honours_the_hubs_own_variables(hub: Hub, tmp_path: Path) -> None:
    hub.repository = "immich-app/ViT-B-32__openai"
    line = CommandLine(tmp_path / "data")
    mirror = line.with_settings(HF_ENDPOINT=hub.url, HF_TOKEN="hf_secret", HF_HOME=str(tmp_path / "home"))
    proxied = mirror.with_settings(HF_ENDPOINT="http://hub.invalid", HTTP_PROXY=hub.url, NO_PROXY="")

    offline = mirror.with_settings(HF_HUB_OFFLINE="1").run("models", "pull", "ViT-B-32__openai", code=1)
    assert "offline" in offline.stderr.lower()
    assert hub.requests == []
    assert mirror.json("models", "pull", "ViT-B-32__openai")["kind"] == "clip"
    assert "Bearer hf_secret" in hub.tokens
    assert hub.hosts == {""}
    assert proxied.json("models", "pull", "ViT-B-32__openai")["kind"] == "clip"
    assert hub.hosts == {"", "hub.invalid"}
    assert mirror.json("models", "verify", "ViT-B-32__openai")["device"] == "cpu"
