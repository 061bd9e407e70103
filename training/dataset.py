"""Rendered training scenes, in shards of a thousand, drawn by several processes.

Row of a shard: image (64, 96, 3) uint8 RGB; concept, colour (MAX_THINGS,) int16, -1 = none / unknown;
box (MAX_THINGS, 4) float32 = centre x, centre y, half width, half height in input pixels; background int16.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.artwork import STYLES, Sprites
from training.concepts import vocabulary
from training.paint import restyle
from training.render import draw
from training.scene import TRAINING, Sampler

INPUT_HEIGHT, INPUT_WIDTH = 64, 96
MAX_THINGS = 4
SHARD = 1000
VARIANTS = 3  # restyled versions of each training sprite beside the original


@dataclass
class Rows:
    image: NDArray[np.uint8]
    concept: NDArray[np.int16]
    colour: NDArray[np.int16]
    box: NDArray[np.float32]
    background: NDArray[np.int16]

    @staticmethod
    def load(file: Path) -> Rows:
        with np.load(file) as z:
            return Rows(**{f.name: z[f.name] for f in fields(Rows)})

    @staticmethod
    def joined(parts: list[Rows]) -> Rows:
        return Rows(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Rows)})

    def take(self, rows: NDArray[np.int64]) -> Rows:
        return Rows(**{f.name: getattr(self, f.name)[rows] for f in fields(Rows)})


def manners(sprites: Sprites, seed: int) -> NDArray[np.uint8]:
    """Sprites and restyled versions, (1 + VARIANTS, S, side, side, 4); held-out style rows stay as they are."""
    rng = np.random.default_rng(seed)
    bank = np.repeat(sprites.pixels[None], 1 + VARIANTS, axis=0)
    for variant in range(1, 1 + VARIANTS):
        for index, sprite in enumerate(sprites.pixels):
            if not STYLES[sprites.style[index]].ink:
                bank[variant, index] = restyle(sprite, rng)
    return bank


class ShardMaker:
    """Draws one shard; made once per process."""

    def __init__(self, sprites: Sprites, seed: int) -> None:
        cv2.setNumThreads(1)  # before the first use: a forked process cannot inherit OpenCV's threads
        self.words = vocabulary()
        self.sampler = Sampler(self.words, sprites, TRAINING)
        self.bank = manners(sprites, seed)
        self.ink = np.array([STYLES[s].ink for s in sprites.style])

    def make(self, seed: int) -> Rows:
        rows = Rows(
            np.zeros((SHARD, INPUT_HEIGHT, INPUT_WIDTH, 3), np.uint8),
            np.full((SHARD, MAX_THINGS), -1, np.int16),
            np.full((SHARD, MAX_THINGS), -1, np.int16),
            np.zeros((SHARD, MAX_THINGS, 4), np.float32),
            np.full(SHARD, -1, np.int16),
        )
        rng = np.random.default_rng((seed, 3))
        for i in range(SHARD):
            scene = self.sampler.scene(seed * SHARD + i)
            manner = int(rng.choice(1 + VARIANTS, p=[0.57] + [0.43 / VARIANTS] * VARIANTS))
            big = draw(scene, self.bank[manner], self.ink, self.words, (2 * INPUT_WIDTH, 2 * INPUT_HEIGHT), 0.8)
            rows.image[i] = cv2.resize(big, (INPUT_WIDTH, INPUT_HEIGHT), interpolation=cv2.INTER_AREA)
            rows.background[i] = scene.background
            for k, thing in enumerate(scene.things):
                rows.concept[i, k], rows.colour[i, k] = thing.concept, thing.colour
                half_x = thing.size / 2 / scene.aspect * INPUT_WIDTH
                centre = thing.x / scene.aspect * INPUT_WIDTH, thing.y * INPUT_HEIGHT
                rows.box[i, k] = (*centre, half_x, thing.size / 2 * INPUT_HEIGHT)
        return rows


_maker: ShardMaker | None = None


def _write(job: tuple[int, Path]) -> Path:
    seed, file = job
    assert _maker is not None
    rows = _maker.make(seed)
    partial = file.with_suffix(".part.npz")
    np.savez(partial, **{f.name: getattr(rows, f.name) for f in fields(Rows)})
    partial.rename(file)
    return file


def render_shards(sprites: Sprites, folder: Path, shards: int, processes: int = 2) -> Iterator[Path]:
    """Draw shards that are not there yet; yields each file as it is finished."""
    global _maker
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(seed, folder / f"{seed:04d}.npz") for seed in range(shards)]
    missing = [job for job in jobs if not job[1].exists()]
    if not missing:
        return
    _maker = ShardMaker(sprites, missing[0][0])
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        yield from pool.imap(_write, missing)
