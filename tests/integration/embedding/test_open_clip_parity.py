"""What heimdex computes is what open_clip computes, on randomly initialised models of the true architectures.

Needs open_clip and torch, which heimdex itself does not; skipped without them.
"""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.preprocess import parse_preprocessing, preprocess
from heimdex.embedding.tokenise import ClipTokeniser, Tokenising

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TEXTS = [
    "red car", "A  Red\tCAR ", "빨간 자동차가 달린다", "🚗 emoji 👨‍👩‍👧 family", "it's we've I'LL 3d 42nd",
    "naïve café ÅNGSTRÖM", "<b>bold</b> &amp; more", "", "   ", "word " * 200, "日本語テキスト", "!!!???...",
    "under_score-dash", "\u3000full width", "x" * 300, "line\nbreak",
]  # fmt: skip
LETTERS = "abc ABC'.,!?0123 éüñ빨간자동차 🚗😀 -_/#&;<>\t\n한글漢字"
STATISTICS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3]}


@pytest.fixture(scope="module")
def open_clip() -> Any:
    pytest.importorskip("torch")
    # torchvision from PyPI registers operators of its C++ part, which does not load beside torch for CPUs
    sys.modules.setdefault("torchvision._meta_registrations", ModuleType("torchvision._meta_registrations"))
    return pytest.importorskip("open_clip")


@pytest.fixture(scope="module")
def exporter(open_clip: Any) -> Any:
    return importlib.import_module("training.export_clip")


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [224, (64, 96)])
def test_preprocessing_is_open_clips_within_one_grey_level(
    open_clip: Any, mode: str, interpolation: str, size: int | tuple[int, int]
) -> None:
    theirs = open_clip.transform.image_transform(
        size, is_train=False, resize_mode=mode, interpolation=interpolation, fill_color=0, **STATISTICS
    )
    ours = parse_preprocessing(STATISTICS | {"size": size, "resize_mode": mode, "interpolation": interpolation})
    chance = np.random.default_rng(0)
    for _ in range(10):
        height, width = (int(side) for side in chance.integers(3, 700, 2))
        coarse = chance.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)

        difference = np.abs(theirs(picture).numpy() - preprocess(picture, ours))

        assert (difference * 255 * np.array(STATISTICS["std"])[:, None, None]).max() <= 1


def test_tokens_are_open_clips(open_clip: Any, exporter: Any, tmp_path: Path) -> None:
    (tmp_path / "textual").mkdir()
    exporter.write_clip_tokenizer(tmp_path)
    ours = ClipTokeniser(tmp_path / "textual/tokenizer.json", Tokenising(77, "lower", "<|endoftext|>", trims=False))
    theirs = open_clip.get_tokenizer("ViT-B-32")
    chance = random.Random(0)
    corpus = TEXTS + ["".join(chance.choices(LETTERS, k=chance.randint(1, 60))) for _ in range(1000)]

    for mine, other in zip(ours.ids(corpus).tolist(), theirs(corpus).tolist(), strict=True):
        end = other.index(49407) + 1  # what follows is padding, which differs and does not matter
        assert mine[:end] == other[:end]


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-B-32-quickgelu", "RN50"])
async def test_embeddings_are_open_clips_from_the_text_and_the_picture_on(
    open_clip: Any, exporter: Any, tmp_path: Path, name: str
) -> None:
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(0)
    model = open_clip.create_model(name).eval()
    settings = open_clip.get_model_preprocess_cfg(model)
    exporter.export(model, open_clip.get_model_config(name), settings, tmp_path)
    exporter.write_clip_tokenizer(tmp_path)
    embedder = LocalEmbedder(tmp_path, threads=1)
    texts = ["red car", "빨간 자동차", "a dog on the grass", "word " * 100, "🚗"]
    coarse = [np.random.default_rng(seed).integers(0, 256, (8, 10, 3), dtype=np.uint8) for seed in range(3)]
    pictures = [Image.fromarray(c).resize((300 + 50 * i, 240), Image.Resampling.BICUBIC) for i, c in enumerate(coarse)]
    transform = open_clip.image_transform(224, is_train=False, mean=settings["mean"], std=settings["std"])

    read = await embedder.embed_texts(texts, timeout_s=300)
    seen = await embedder.embed_images([np.asarray(picture) for picture in pictures], timeout_s=300)

    with torch.no_grad():
        # open_clip pads to 77; our graph runs on the tokens alone
        due_read = model.encode_text(open_clip.get_tokenizer(name)(texts), normalize=True).numpy()
        due_seen = model.encode_image(torch.stack([transform(p) for p in pictures]), normalize=True).numpy()
    assert (read * due_read).sum(axis=1).min() >= 0.9999
    assert (seen * due_seen).sum(axis=1).min() >= 0.9999


def test_a_tower_that_reads_padding_is_exported_padded(open_clip: Any, exporter: Any, tmp_path: Path) -> None:
    name = "ViT-B-16-SigLIP"
    model = open_clip.create_model(name).eval()
    exporter.export(model, open_clip.get_model_config(name), open_clip.get_model_preprocess_cfg(model), tmp_path)

    assert not exporter.is_causal(model)
    assert min(exporter.compare(model, tmp_path)) >= 0.9999
