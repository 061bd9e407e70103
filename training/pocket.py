"""Makes the pocket model from nothing: artwork, scenes, both towers, export, figures, calibration, card.

    python -m training.pocket --minutes 60 --out src/heimdex/embedding/pocket

`--minutes` is the training time of both towers; fetching, drawing and measuring take about fifteen minutes more on two
cores. What is already in `--data` (artwork, sprites, scenes) is used again. `--measure-only` repeats the figures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training import artwork, train_image, train_text
from training.calibrate import calibrate
from training.captions import CaptionMaker
from training.card import model_card
from training.codes import Codebook
from training.concepts import Vocabulary, vocabulary
from training.dataset import render_shards
from training.evaluate import measure
from training.export import export, write_json
from training.folder_model import FolderModel
from training.gallery import gallery
from training.image_net import ImageTower
from training.lexicon import build_lexicon
from training.scene import TRAINING, Sampler

SHARDS = 80
SCENES = 1000
TEXT_SHARE = 0.14  # of the training minutes
TRUST = 1.0


def prepared_sprites(data: Path, words: Vocabulary) -> artwork.Sprites:
    artwork.fetch(data / "art")
    file = data / "sprites96.npz"
    if not file.exists():
        artwork.rasterise(data / "art", words).save(file)
    return artwork.Sprites.load(file)


def held_out_pairs(words: Vocabulary, sprites: artwork.Sprites) -> NDArray[np.bool_]:
    """(concepts, colours), true where the pair is kept for measuring."""
    sampler = Sampler(words, sprites, TRAINING)
    shape = range(len(words.concepts)), range(len(words.colours))
    return np.array([[sampler.is_held_out(c, k) for k in shape[1]] for c in shape[0]])


def train_and_export(
    data: Path, words: Vocabulary, sprites: artwork.Sprites, minutes: float, shards: int, out: Path
) -> dict[str, float]:
    book = Codebook(words)
    for file in render_shards(sprites, data / "shards", shards):
        print("drawn", file.name, flush=True)
    image_minutes = minutes * (1 - TEXT_SHARE)
    namer = train_image.train(words, data / "shards", image_minutes, data / "namer.pt")
    lexicon = build_lexicon(data / "art", words)
    maker = CaptionMaker(words, lexicon, book.unknown_thing, held_out_pairs(words, sprites))
    text, tokenizer = train_text.train(maker, book, minutes * TEXT_SHARE, data)
    return export(ImageTower(namer, book, TRUST), text, tokenizer, out)


def measure_and_describe(data: Path, words: Vocabulary, sprites: artwork.Sprites, out: Path, scenes: int) -> None:
    """Write calibration.json and MODEL_CARD.md beside the model; figures.json goes into the data folder."""
    model = FolderModel(out)
    held = held_out_pairs(words, sprites)
    figures: dict[str, Any] = {
        name: measure(model, gallery(name, scenes, words, sprites, data), words, held) for name in ("trained", "unseen")
    }
    calibration = calibrate(model, gallery("tuning", scenes, words, sprites, data), words)
    write_json(out / "calibration.json", calibration)
    write_json(data / "figures.json", figures)
    (out / "MODEL_CARD.md").write_text(model_card(words, figures, calibration), encoding="utf-8")
    print(json.dumps(figures, indent=1, ensure_ascii=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, default=Path("src/heimdex/embedding/pocket"))
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "heimdex-pocket")
    parser.add_argument("--scenes", type=int, default=SCENES, help="size of the galleries that are measured on")
    parser.add_argument("--shards", type=int, default=SHARDS, help="thousands of training scenes to draw")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure-only", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    words = vocabulary()
    given.data.mkdir(parents=True, exist_ok=True)
    sprites = prepared_sprites(given.data, words)
    if not given.measure_only:
        print(train_and_export(given.data, words, sprites, given.minutes, given.shards, given.out), flush=True)
    measure_and_describe(given.data, words, sprites, given.out, given.scenes)


if __name__ == "__main__":
    main()
