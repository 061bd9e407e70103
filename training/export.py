"""Writes the model folder in the layout of public ONNX exports of CLIP models, and checks it against torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer
from torch import nn

from training.codes import DIM
from training.dataset import INPUT_HEIGHT, INPUT_WIDTH
from training.image_net import ImageTower
from training.text_net import CONTEXT, TextTower
from training.train_text import PAD, START

MODEL_ID = "pocket-1"
TOLERANCE = 1e-4


def write_json(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_onnx(tower: nn.Module, example: torch.Tensor, file: Path, name: str, axes: dict[int, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        tower,
        (example,),
        str(file),
        input_names=[name],
        output_names=["embedding"],
        dynamic_axes={name: axes, "embedding": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def check(tower: nn.Module, file: Path, name: str, probes: list[torch.Tensor]) -> float:
    """Largest difference between torch and ONNX Runtime over batches of several sizes."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    worst = 0.0
    for probe in probes:
        with torch.no_grad():
            wanted = tower(probe).numpy()
        got = session.run(None, {name: probe.numpy()})[0]
        assert np.allclose(np.linalg.norm(got, axis=1), 1, atol=1e-4), "rows must have length one"
        worst = max(worst, float(np.abs(wanted - got).max()))
    assert worst < TOLERANCE, f"{file.name} differs from torch by {worst}"
    return worst


def export(image: ImageTower, text: TextTower, tokenizer: Tokenizer, folder: Path) -> dict[str, float]:
    """Write everything but the card and the calibration; returns differences and megabytes."""
    image, text = image.eval(), text.eval()
    write_json(
        folder / "config.json",
        {
            "model_id": MODEL_ID,
            "knows": "drawings",
            "embed_dim": DIM,
            "vision_cfg": {"image_size": [INPUT_HEIGHT, INPUT_WIDTH]},
            "text_cfg": {"context_length": CONTEXT, "vocab_size": tokenizer.get_vocab_size(), "masks_padding": True},
        },
    )
    write_json(
        folder / "visual/preprocess_cfg.json",
        {
            "size": [INPUT_HEIGHT, INPUT_WIDTH],
            "mode": "RGB",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bilinear",
            "resize_mode": "squash",
            "fill_color": 0,
        },
    )
    write_json(
        folder / "textual/tokenizer_config.json",
        {
            "pad_token": PAD,
            "pad_token_id": 0,
            "bos_token": START,
            "model_max_length": CONTEXT,
            "context_length": CONTEXT,
            "do_lower_case": True,
        },
    )
    tokenizer.save(str(folder / "textual/tokenizer.json"))
    pixels = torch.rand(3, 3, INPUT_HEIGHT, INPUT_WIDTH) * 2 - 1
    ids = torch.randint(2, tokenizer.get_vocab_size(), (3, 9), dtype=torch.int32)
    ids[1, 5:] = 0
    write_onnx(image, pixels[:2], folder / "visual/model.onnx", "image", {0: "batch"})
    write_onnx(text, ids, folder / "textual/model.onnx", "text", {0: "batch", 1: "length"})
    padded = torch.nn.functional.pad(ids, (0, CONTEXT - 9))
    report = {
        "image_difference": check(image, folder / "visual/model.onnx", "image", [pixels, pixels[:1]]),
        "text_difference": check(text, folder / "textual/model.onnx", "text", [ids, ids[:1, :2].contiguous(), padded]),
    }
    with torch.no_grad():
        report["padding_difference"] = float((text(ids) - text(padded)).abs().max())
    report["megabytes"] = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
    return report
