"""A CLIP folder of the true ViT-B/32 architecture with random weights, written without torch or a hub.

    python -m benchmarks.random_clip FOLDER

Radford et al., ICML 2021: pictures of 224 px in patches of 32, 12 layers of 768; text of up to 77 tokens, 12 causal
layers of 512, read at the end-of-text token; both projected to 512. Good for speed and for arithmetic; its vectors
mean nothing. The tokenizer knows few words, one token each, so that a query has the length that OpenAI's gives it.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SIZE_PX, PATCH_PX, WIDTH, TEXT_WIDTH, DIM, LAYERS, CONTEXT, VOCABULARY = 224, 32, 768, 512, 512, 12, 77, 49408
_UNKNOWN = "[unknown]"
WORDS = [
    "a",
    "an",
    "the",
    "of",
    "in",
    "red",
    "blue",
    "green",
    "car",
    "dog",
    "tree",
    "house",
    "person",
    "driving",
    "walking",
    "fast",
    "slow",
    "street",
    "beach",
    "빨간",
    "자동차",
]


@dataclass
class _Graph:
    """Collects nodes and random weights; counts the arithmetic of the matrix products."""

    seed: int
    nodes: list[Any] = field(default_factory=list)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(self.seed)

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, value: Any, kind: type[np.generic] = np.float32) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights[name] = np.asarray(value, kind)
        return name

    def random(self, *shape: int, scale: float) -> str:
        return self.constant(self.chance.normal(0, scale, shape))

    def linear(self, x: str, wide: int, out: int) -> str:
        product = self.node("MatMul", x, self.random(wide, out, scale=wide**-0.5))
        return self.node("Add", product, self.random(out, scale=0.02))

    def norm(self, x: str, wide: int) -> str:
        ones, zeros = self.constant(np.ones(wide)), self.constant(np.zeros(wide))
        return self.node("LayerNormalization", x, ones, zeros, axis=-1, epsilon=1e-5)

    def block(self, x: str, wide: int, heads: int, bias: str = "") -> str:
        """One pre-norm layer: attention and a four times wider map with QuickGELU."""
        inside = self.norm(x, wide)
        apart = self.constant([0, 0, heads, wide // heads], np.int64)
        together = self.constant([0, 0, wide], np.int64)
        query, key, value = (
            self.node("Transpose", self.node("Reshape", self.linear(inside, wide, wide), apart), perm=order)
            for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        )
        scores = self.node("Mul", self.node("MatMul", query, key), self.constant((wide // heads) ** -0.5))
        scores = self.node("Add", scores, bias) if bias else scores
        mixed = self.node("MatMul", self.node("Softmax", scores, axis=-1), value)
        joined = self.node("Reshape", self.node("Transpose", mixed, perm=[0, 2, 1, 3]), together)
        x = self.node("Add", x, self.linear(joined, wide, wide))
        wider = self.linear(self.norm(x, wide), wide, 4 * wide)
        gate = self.node("Sigmoid", self.node("Mul", wider, self.constant(1.702)))
        return self.node("Add", x, self.linear(self.node("Mul", wider, gate), 4 * wide, wide))

    def save(self, file: Path, given: Any, row: str) -> None:
        self.nodes.append(helper.make_node("Identity", [row], ["embedding"]))
        made = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIM])
        named = [numpy_helper.from_array(value, name) for name, value in self.weights.items()]
        graph = helper.make_graph(self.nodes, "random_clip", [given], [made], named)
        file.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)


def write_random_clip(folder: Path, *, seed: int = 0) -> Path:
    """Write the folder, about 600 MB, and return it."""
    _visual(folder / "visual/model.onnx", seed)
    _textual(folder / "textual/model.onnx", seed + 1)
    text = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": TEXT_WIDTH, "heads": 8, "layers": LAYERS}
    (folder / "config.json").write_text(json.dumps({"embed_dim": DIM, "quick_gelu": True, "text_cfg": text}))
    (folder / "visual/preprocess_cfg.json").write_text(json.dumps({"size": SIZE_PX, "interpolation": "bicubic"}))
    (folder / "textual/tokenizer_config.json").write_text(json.dumps({"pad_token": "<|endoftext|>"}))
    start, end = VOCABULARY - 2, VOCABULARY - 1
    words = {word: number for number, word in enumerate([_UNKNOWN, *WORDS])}
    words |= {"<|startoftext|>": start, "<|endoftext|>": end}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>",
        special_tokens=[("<|startoftext|>", start), ("<|endoftext|>", end)],
    )
    tokenizer.save(str(folder / "textual/tokenizer.json"))
    return folder


def write_product(file: Path) -> Path:
    """Write the graph of one matrix product, ``a`` times ``b``."""
    a, b, c = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "n"]) for name in ("a", "b", "c"))
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", [a, b], [c])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    return file


def picture_flop() -> int:
    """Return the floating-point operations of the matrix products for one picture (two a multiply-add)."""
    tokens = (SIZE_PX // PATCH_PX) ** 2 + 1
    layer = 12 * WIDTH * WIDTH * tokens + 2 * tokens * tokens * WIDTH
    return 2 * (LAYERS * layer + (tokens - 1) * 3 * PATCH_PX**2 * WIDTH + WIDTH * DIM)


def _visual(file: Path, seed: int) -> None:
    g = _Graph(seed)
    patches = (SIZE_PX // PATCH_PX) ** 2
    kernel = g.random(WIDTH, 3, PATCH_PX, PATCH_PX, scale=(3 * PATCH_PX**2) ** -0.5)
    seen = g.node("Conv", "image", kernel, strides=[PATCH_PX, PATCH_PX], kernel_shape=[PATCH_PX, PATCH_PX])
    flat = g.node("Transpose", g.node("Reshape", seen, g.constant([0, WIDTH, patches], np.int64)), perm=[0, 2, 1])
    count = g.node("Shape", "image", start=0, end=1)
    shape = g.node("Concat", count, g.constant([1, WIDTH], np.int64), axis=0)
    first = g.node("Expand", g.random(1, 1, WIDTH, scale=0.02), shape)
    x = g.node("Add", g.node("Concat", first, flat, axis=1), g.random(patches + 1, WIDTH, scale=0.02))
    x = g.norm(x, WIDTH)
    for _ in range(LAYERS):
        x = g.block(x, WIDTH, WIDTH // 64)
    row = g.node("Gather", x, g.constant(0, np.int64), axis=1)
    row = g.node("MatMul", g.norm(row, WIDTH), g.random(WIDTH, DIM, scale=WIDTH**-0.5))
    g.save(file, helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIZE_PX, SIZE_PX]), row)


def _textual(file: Path, seed: int) -> None:
    g = _Graph(seed)
    words = g.node("Gather", g.random(VOCABULARY, TEXT_WIDTH, scale=0.02), "text")
    zero, length = g.constant([0], np.int64), g.node("Shape", "text", start=1, end=2)
    places = g.node("Slice", g.random(CONTEXT, TEXT_WIDTH, scale=0.01), zero, length, zero)
    mask = g.constant(np.triu(np.full((CONTEXT, CONTEXT), -1e9), 1))
    both = g.node("Concat", length, length, axis=0)
    axes = g.constant([0, 1], np.int64)
    bias = g.node("Slice", mask, g.constant([0, 0], np.int64), both, axes)
    x = g.node("Add", words, places)
    for _ in range(LAYERS):
        x = g.block(x, TEXT_WIDTH, TEXT_WIDTH // 64, bias)
    x = g.norm(x, TEXT_WIDTH)
    # the end-of-text token has the highest id
    ends = g.node("Unsqueeze", g.node("ArgMax", "text", axis=1, keepdims=0), g.constant([1], np.int64))
    row = g.node("GatherND", x, ends, batch_dims=1)
    row = g.node("MatMul", row, g.random(TEXT_WIDTH, DIM, scale=TEXT_WIDTH**-0.5))
    g.save(file, helper.make_tensor_value_info("text", TensorProto.INT32, ["n", "l"]), row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(write_random_clip(parser.parse_args().folder))
