"""Runs an exported model folder with ONNX Runtime alone, as the product does: the figures are of the shipped files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer

Floats = NDArray[np.float32]


class FolderModel:
    """Images (height, width, 3) uint8 or texts in, unit rows (N, 512) float32 out."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.visual = onnxruntime.InferenceSession(str(folder / "visual/model.onnx"), options)
        self.textual = onnxruntime.InferenceSession(str(folder / "textual/model.onnx"), options)
        self.tokenizer = Tokenizer.from_file(str(folder / "textual/tokenizer.json"))
        self.preprocess = json.loads((folder / "visual/preprocess_cfg.json").read_text(encoding="utf-8"))

    def shrink(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Squash to the input size."""
        height, width = self.preprocess["size"]
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))

    def pixels(self, small: NDArray[np.uint8]) -> Floats:
        """(N, height, width, 3) uint8 at the input size to embeddings."""
        mean, std = np.asarray(self.preprocess["mean"], np.float32), np.asarray(self.preprocess["std"], np.float32)
        rows = []
        for start in range(0, len(small), 64):
            batch = (small[start : start + 64].astype(np.float32) / 255 - mean) / std
            rows.append(self.visual.run(None, {"image": np.ascontiguousarray(batch.transpose(0, 3, 1, 2))})[0])
        return np.concatenate(rows)

    def texts(self, queries: list[str]) -> Floats:
        rows = []
        for start in range(0, len(queries), 256):
            encoded = self.tokenizer.encode_batch(queries[start : start + 256])
            ids = np.zeros((len(encoded), max(len(e.ids) for e in encoded)), np.int32)
            for row, item in enumerate(encoded):
                ids[row, : len(item.ids)] = item.ids
            rows.append(self.textual.run(None, {"text": ids})[0])
        return np.concatenate(rows)
