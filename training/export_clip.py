"""Turns an open_clip model into a folder that heimdex reads.

    python -m training.export_clip MODEL [PRETRAINED] FOLDER

The text graph has a dynamic length where the model ignores padding, so that short queries cost
what they are long: OpenAI's text tower is causal and reads its row at the end-of-text token, which
no padding precedes. Every export is compared with open_clip before the folder is finished.

Needs the packages open_clip_torch, torch, onnx and tokenizers.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import open_clip
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

OPSET = 17
_END = "<|endoftext|>"
LEAST_COSINE = 0.9999
_SPLIT = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


class ImageTower(nn.Module):
    """Pictures to unit rows."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model.encode_image(image, normalize=True)


class PaddedTextTower(nn.Module):
    """Token ids of the context length to unit rows: right for every model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, text: Tensor) -> Tensor:
        return self.model.encode_text(text, normalize=True)


class CausalTextTower(nn.Module):
    """Token ids of any length to unit rows, for a causal tower that reads at the end-of-text token."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, text: Tensor) -> Tensor:
        model, length = self.model, text.shape[1]
        x = model.token_embedding(text) + model.positional_embedding[:length]
        mask = model.attn_mask[:length, :length]
        for block in model.transformer.resblocks:
            x = x + block.ls_1(_attend(block.attn, block.ln_1(x), mask))
            x = x + block.ls_2(block.mlp(block.ln_2(x)))
        x = model.ln_final(x)
        # the end-of-text token has the highest id
        ends = text.argmax(dim=-1).to(torch.int64)
        pooled = x[torch.arange(x.shape[0]), ends] @ model.text_projection
        return nn.functional.normalize(pooled, dim=-1)


def _attend(attention: Any, x: Tensor, mask: Tensor) -> Tensor:
    """Self-attention by its formula: `nn.MultiheadAttention` writes the example's length into the graph."""
    heads = attention.num_heads
    parts = nn.functional.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = parts.reshape(x.shape[0], x.shape[1], 3, heads, -1).permute(2, 0, 3, 1, 4)
    scores = query @ key.transpose(-1, -2) * attention.head_dim**-0.5 + mask
    mixed = scores.softmax(dim=-1) @ value
    return attention.out_proj(mixed.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1))


def export(model: Any, config: dict[str, Any], preprocess: dict[str, Any], folder: Path) -> None:
    """Write the two graphs and the settings; the tokenizer comes apart."""
    for part in ("visual", "textual"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "visual/preprocess_cfg.json").write_text(json.dumps(preprocess, indent=2) + "\n")
    size = preprocess["size"]
    height, width = (size, size) if isinstance(size, int) else size
    _write(ImageTower(model), torch.randn(2, 3, height, width), folder / "visual/model.onnx", "image", {0: "n"})
    length = config["text_cfg"].get("context_length", 77)
    causal = is_causal(model)
    axes = {0: "n", 1: "l"} if causal else {0: "n"}
    tower = CausalTextTower(model) if causal else PaddedTextTower(model)
    _write(tower, torch.ones(2, length, dtype=torch.int32), folder / "textual/model.onnx", "text", axes)


def is_causal(model: Any) -> bool:
    """Say whether the text tower is open_clip's own causal one that pools at the end-of-text token."""
    return getattr(model, "text_pool_type", "") == "argmax" and getattr(model, "attn_mask", None) is not None


def write_clip_tokenizer(folder: Path) -> None:
    """Write OpenAI's byte-pair tokenizer, from the word list that open_clip carries, as `tokenizer.json`."""
    packed = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
    lines = gzip.decompress(packed.read_bytes()).decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    vocabulary = {word: index for index, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", unk_token=_END))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_SPLIT), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    start, end = vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>",
        special_tokens=[("<|startoftext|>", start), ("<|endoftext|>", end)],
    )
    tokenizer.save(str(folder / "textual/tokenizer.json"))
    (folder / "textual/tokenizer_config.json").write_text(json.dumps({"pad_token": "<|endoftext|>"}) + "\n")


def compare(model: Any, folder: Path, *, seed: int = 0) -> tuple[float, float]:
    """Return the least cosine between open_clip and the graphs: pictures, token ids."""
    chance = torch.Generator().manual_seed(seed)
    config = json.loads((folder / "config.json").read_text())
    size = json.loads((folder / "visual/preprocess_cfg.json").read_text())["size"]
    height, width = (size, size) if isinstance(size, int) else size
    pictures = torch.randn(3, 3, height, width, generator=chance)
    length = config["text_cfg"].get("context_length", 77)
    ids = torch.zeros(3, length, dtype=torch.int32)
    ids[:, :6] = torch.randint(5, 400, (3, 6), generator=chance)
    ids[:, 6] = config["text_cfg"]["vocab_size"] - 1
    with torch.no_grad():
        seen, read = model.encode_image(pictures, normalize=True), model.encode_text(ids.long(), normalize=True)
    short = ids[:, :7] if is_causal(model) else ids
    return (
        _least_cosine(seen.numpy(), _run(folder / "visual/model.onnx", pictures.numpy())),
        _least_cosine(read.numpy(), _run(folder / "textual/model.onnx", short.numpy())),
    )


def _write(module: nn.Module, example: Tensor, file: Path, name: str, axes: dict[int, str]) -> None:
    # the fused attention of torch has no ONNX operator
    torch.backends.mha.set_fastpath_enabled(False)
    torch.onnx.export(
        module.eval(), (example,), str(file), input_names=[name], output_names=["embedding"], opset_version=OPSET,
        dynamic_axes={name: axes, "embedding": {0: "n"}}, dynamo=False,
    )  # fmt: skip


def _run(file: Path, given: Any) -> Any:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: given})[0]


def _least_cosine(one: Any, other: Any) -> float:
    return float((one * other).sum(1).min() / np.linalg.norm(one, axis=1).max() / np.linalg.norm(other, axis=1).max())


def main() -> None:
    """Export what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="as in open_clip.list_models()")
    parser.add_argument("pretrained", nargs="?", default=None, help="tag or checkpoint; random weights without")
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    model = open_clip.create_model(asked.model, pretrained=asked.pretrained).eval()
    config = open_clip.get_model_config(asked.model)
    export(model, config, open_clip.get_model_preprocess_cfg(model), asked.folder)
    if not (config["text_cfg"].get("hf_tokenizer_name") or config["text_cfg"].get("hf_model_name")):
        write_clip_tokenizer(asked.folder)
    else:
        print("Copy tokenizer.json and tokenizer_config.json of the text model into", asked.folder / "textual")
    pictures, texts = compare(model, asked.folder)
    print(f"least cosine to open_clip: pictures {pictures:.6f}, texts {texts:.6f}")
    if min(pictures, texts) < LEAST_COSINE:
        raise SystemExit("The export differs from open_clip: do not use it.")


if __name__ == "__main__":
    main()
