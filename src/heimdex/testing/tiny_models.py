"""Model folders of a few kilobytes with random weights, in the layouts that heimdex reads. Needs `onnx` (group dev)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

DIM = 16
SIZE_PX = 8
WORDS = ["<pad>", "<start>", "<end>", "<unknown>", "red", "blue", "car", "dog", "a", "the", "빨간", "자동차", "!"]


def write_tiny_clip(
    folder: Path,
    *,
    dim: int = DIM,
    id_type: int = TensorProto.INT32,
    batch: int | str = "n",
    length: int | str = "l",
    config: dict[str, Any] | None = None,
) -> Path:
    """Write a working folder; the row of a text is the sum of its words' random vectors."""
    (folder / "visual").mkdir(parents=True)
    (folder / "textual").mkdir()
    text_cfg = {"context_length": 12, "masks_padding": True}
    (folder / "config.json").write_text(json.dumps({"embed_dim": dim, "text_cfg": text_cfg} | (config or {})))
    (folder / "visual/preprocess_cfg.json").write_text(
        json.dumps({"size": SIZE_PX, "mean": [0.5] * 3, "std": [0.25] * 3, "resize_mode": "shortest"})
    )
    (folder / "textual/tokenizer_config.json").write_text(json.dumps({"pad_token": "<pad>"}))
    write_tokenizer(folder / "textual/tokenizer.json")
    onnx.save(_visual_graph(dim, batch), folder / "visual/model.onnx")
    onnx.save(_textual_graph(dim, id_type, batch, length), folder / "textual/model.onnx")
    return folder


def write_tiny_text_model(folder: Path, *, dim: int = DIM, **says: Any) -> Path:
    """Write a working folder for the meaning of text: token states are random word vectors."""
    folder.mkdir(parents=True)
    vectors = np.random.default_rng(3).normal(size=(len(WORDS), dim)).astype(np.float32)
    given = [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "l"]) for n in ("input_ids", "attention_mask")]
    states = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["n", "l", dim])
    node = helper.make_node("Gather", ["vectors", "input_ids"], ["last_hidden_state"])
    onnx.save(_model([node], given, states, {"vectors": vectors}), folder / "model.onnx")
    write_tokenizer(folder / "tokenizer.json")
    (folder / "text_model.json").write_text(json.dumps({"model_id": "tiny", "dim": dim, "max_tokens": 12} | says))
    return folder


def write_tokenizer(file: Path) -> None:
    """Write a word-level tokenizer that lower-cases and frames the text with <start> and <end>."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token=WORDS[3]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    tokenizer.save(str(file))


def _visual_graph(dim: int, batch: int | str) -> onnx.ModelProto:
    weights = np.random.default_rng(1).normal(size=(3 * SIZE_PX * SIZE_PX, dim)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["embedding"]),
    ]
    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, SIZE_PX, SIZE_PX])
    row = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, dim])
    return _model(nodes, [picture], row, {"weights": weights})


def _textual_graph(dim: int, id_type: int, batch: int | str, length: int | str) -> onnx.ModelProto:
    vectors = np.random.default_rng(2).normal(size=(len(WORDS), dim)).astype(np.float32)
    vectors[0] = 0  # a sum over padding adds nothing, so the row is the same with and without it
    nodes = [
        helper.make_node("Gather", ["vectors", "text"], ["words"]),
        helper.make_node("ReduceSum", ["words", "axis"], ["embedding"], keepdims=0),
    ]
    ids = helper.make_tensor_value_info("text", id_type, [batch, length])
    row = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, dim])
    return _model(nodes, [ids], row, {"vectors": vectors, "axis": np.array([1], dtype=np.int64)})


def _model(
    nodes: list[onnx.NodeProto],
    given: list[onnx.ValueInfoProto],
    made: onnx.ValueInfoProto,
    weights: dict[str, NDArray[Any]],
) -> onnx.ModelProto:
    named = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny", given, [made], named)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
