"""The BERT encoder as an ONNX graph, written node by node from its weights: no torch needed.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019; the names of the
weights are those of the published checkpoints. Token types are all zero, as in sentence encoders,
so the first token-type vector is folded into the positions. Dropout does nothing at inference.

Needs the package `onnx`, which only this module imports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, NDArray[np.float32]]

#: LayerNormalization came with 17, Gelu with 20
_OPSET = 20
_IR_VERSION = 9
#: added to the score of a masked token; its softmax weight is then 0 in float32
_MASKED = -1e9


@dataclass(frozen=True, slots=True)
class BertShape:
    """What ``config.json`` of the checkpoint says."""

    layers: int
    heads: int
    hidden: int
    epsilon: float = 1e-12


def bert_model(weights: Weights, shape: BertShape) -> Any:
    """Return an ``onnx.ModelProto``: input_ids, attention_mask (N, L) int64 -> last_hidden_state (N, L, hidden).

    Raises:
        KeyError: a weight is missing.
    """
    graph = _Graph(weights, shape)
    state = graph.embed()
    for layer in range(shape.layers):
        state = graph.attend(state, layer)
        state = graph.feed_forward(state, layer)
    return graph.finish(state)


class _Graph:
    """Collects nodes and weights; every method returns the name of what it made."""

    def __init__(self, weights: Weights, shape: BertShape) -> None:
        self._weights = weights
        self._shape = shape
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def embed(self) -> str:
        """Words plus positions plus the first token type, normalised; and the mask as an addend for the scores."""
        read = self._weights
        positions = read["embeddings.position_embeddings.weight"] + read["embeddings.token_type_embeddings.weight"][0]
        words = self._node("Gather", self._constant("words", read["embeddings.word_embeddings.weight"]), "input_ids")
        length = self._node("Shape", "input_ids", start=1, end=2)
        zero = self._constant("zero", np.array([0], dtype=np.int64))
        places = self._node("Slice", self._constant("positions", positions), zero, length, zero)
        kept = self._node("Cast", "attention_mask", to=1)
        masked = self._node("Sub", self._constant("one", np.float32(1)), kept)
        bias = self._node("Mul", masked, self._constant("masked", np.float32(_MASKED)))
        axes = self._constant("middle_axes", np.array([1, 2], dtype=np.int64))
        self._nodes.append(_make_node("Unsqueeze", [bias, axes], ["mask_bias"]))
        return self._layer_norm(self._node("Add", words, places), "embeddings.LayerNorm")

    def attend(self, state: str, layer: int) -> str:
        """Multi-head self-attention, added to ``state`` and normalised."""
        name, heads = f"encoder.layer.{layer}.attention", self._shape.heads
        width = self._shape.hidden // heads
        apart = self._constant("heads_apart", np.array([0, 0, heads, width], dtype=np.int64))
        together = self._constant("heads_together", np.array([0, 0, self._shape.hidden], dtype=np.int64))

        def split(part: str, order: list[int], scale: float = 1.0) -> str:
            flat = self._linear(state, f"{name}.self.{part}", scale)
            return self._node("Transpose", self._node("Reshape", flat, apart), perm=order)

        # the usual division of the scores by sqrt(width) is done once, in the weights of the query
        query = split("query", [0, 2, 1, 3], scale=width**-0.5)
        key = split("key", [0, 2, 3, 1])
        value = split("value", [0, 2, 1, 3])
        scores = self._node("Add", self._node("MatMul", query, key), "mask_bias")
        mixed = self._node("MatMul", self._node("Softmax", scores, axis=-1), value)
        joined = self._node("Reshape", self._node("Transpose", mixed, perm=[0, 2, 1, 3]), together)
        out = self._linear(joined, f"{name}.output.dense")
        return self._layer_norm(self._node("Add", state, out), f"{name}.output.LayerNorm")

    def feed_forward(self, state: str, layer: int) -> str:
        """Two linear maps with the exact GELU between, added to ``state`` and normalised."""
        name = f"encoder.layer.{layer}"
        wide = self._node("Gelu", self._linear(state, f"{name}.intermediate.dense"))
        out = self._linear(wide, f"{name}.output.dense")
        return self._layer_norm(self._node("Add", state, out), f"{name}.output.LayerNorm")

    def finish(self, state: str) -> Any:
        """Close the graph and return the model."""
        from onnx import TensorProto, helper, numpy_helper

        self._nodes.append(_make_node("Identity", [state], ["last_hidden_state"]))
        ids, mask = (
            helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "l"])
            for name in ("input_ids", "attention_mask")
        )
        states = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["n", "l", self._shape.hidden])
        constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in self._constants.items()]
        graph = helper.make_graph(self._nodes, "bert", [ids, mask], [states], constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)

    def _linear(self, state: str, name: str, scale: float = 1.0) -> str:
        weight = self._weights[f"{name}.weight"].T * np.float32(scale)
        bias = self._weights[f"{name}.bias"] * np.float32(scale)
        product = self._node("MatMul", state, self._constant(f"{name}.weight", np.ascontiguousarray(weight)))
        return self._node("Add", product, self._constant(f"{name}.bias", bias))

    def _layer_norm(self, state: str, name: str) -> str:
        weight = self._constant(f"{name}.weight", self._weights[f"{name}.weight"])
        bias = self._constant(f"{name}.bias", self._weights[f"{name}.bias"])
        return self._node("LayerNormalization", state, weight, bias, axis=-1, epsilon=self._shape.epsilon)

    def _node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        made = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(_make_node(operator, list(inputs), [made], **attributes))
        return made

    def _constant(self, name: str, value: Any) -> str:
        self._constants[name] = value
        return name


def _make_node(operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(operator, inputs, outputs, **attributes)
