"""Held-out scenes to measure on: drawn at video size, then shrunk exactly as the product shrinks a frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.artwork import HELD_STYLE, STYLES, Sprites
from training.concepts import Vocabulary
from training.dataset import INPUT_HEIGHT, INPUT_WIDTH
from training.render import draw
from training.scene import MEASURING, Sampler

FRAME_HEIGHT = 360
FIRST_SEED = {"trained": 900_000_000, "unseen": 910_000_000, "tuning": 920_000_000}
THINGS = 3


@dataclass
class Gallery:
    """Image (N, 64, 96, 3) uint8; concept, colour (N, 3), -1 = none / not one colour; background (N,), -1 = plain."""

    image: NDArray[np.uint8]
    concept: NDArray[np.int64]
    colour: NDArray[np.int64]
    background: NDArray[np.int64]


def gallery(name: str, count: int, words: Vocabulary, sprites: Sprites, cache: Path) -> Gallery:
    """`trained` and `tuning` use the training styles, `unseen` the held-out one; held-out pairs are painted in all."""
    file = cache / f"gallery-{name}-{count}.npz"
    if not file.exists():
        how = replace(MEASURING, styles=(STYLES.index(HELD_STYLE),)) if name == "unseen" else MEASURING
        cv2.setNumThreads(1)
        sampler = Sampler(words, sprites, how)
        ink = np.array([STYLES[s].ink for s in sprites.style])
        image = np.zeros((count, INPUT_HEIGHT, INPUT_WIDTH, 3), np.uint8)
        concept, colour = np.full((count, THINGS), -1), np.full((count, THINGS), -1)
        background = np.full(count, -1)
        for i in range(count):
            scene = sampler.scene(FIRST_SEED[name] + i)
            frame = draw(scene, sprites.pixels, ink, words, (round(FRAME_HEIGHT * scene.aspect), FRAME_HEIGHT), 0.6)
            image[i] = np.asarray(Image.fromarray(frame).resize((INPUT_WIDTH, INPUT_HEIGHT), Image.Resampling.BILINEAR))
            background[i] = scene.background
            for k, thing in enumerate(scene.things):
                concept[i, k], colour[i, k] = thing.concept, thing.colour
        np.savez(file, image=image, concept=concept, colour=colour, background=background)
    with np.load(file) as z:
        return Gallery(z["image"], z["concept"], z["colour"], z["background"])
