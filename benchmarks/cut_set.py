"""Clips with known changes of shot, and with what is no change of shot: made from a seed, the same each time.

Hard cuts, dissolves and fades through black; shots that pan, zoom, shake, hold moving things, lie in a
fog of low contrast or are as dark as night; flashes of one to four frames in the middle of a shot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from heimdex.domain.media import Span
from heimdex.ports import Image
from heimdex.testing.clips import dissolve, picture, plain, write_clip

FPS, WIDTH, HEIGHT = 25, 480, 270
#: pictures are larger than the view that moves over them
_CANVAS = (720, 405)
_KINDS = ("cut", "cut", "cut", "dissolve", "dissolve", "fade")
_MOVES = ("still", "pan", "zoom", "shake", "things")
_LIGHTS = ("day", "day", "fog", "night")


@dataclass(frozen=True, slots=True)
class CutClip:
    """A clip and its truth: each change of shot as the span that it takes, a hard cut as a moment."""

    path: Path
    changes: tuple[Span, ...]


def render(folder: Path, seed: int, *, shots: int = 16) -> CutClip:
    """Write one clip of ``shots`` shots of 1.6 to 4 seconds."""
    random = np.random.default_rng([seed, 20])
    frames: list[Image] = []
    changes: list[Span] = []
    for number in range(shots):
        shot = list(_shot(random, int(random.integers(0, 1 << 31))))
        if number:
            kind = str(random.choice(_KINDS))
            length = 0 if kind == "cut" else int(random.integers(10, 36))
            start = len(frames)
            frames += _between(kind, frames[-1], shot[0], length)
            changes.append(Span(start / FPS, len(frames) / FPS))
        frames += shot
    path = folder / f"cuts-{seed}.mp4"
    write_clip(path, frames, fps=FPS, options={"preset": "veryfast", "crf": "23"})
    return CutClip(path, tuple(changes))


def _between(kind: str, last: Image, first: Image, length: int) -> list[Image]:
    if kind == "cut":
        return []
    if kind == "dissolve":
        return dissolve(last, first, length)
    black = plain((0, 0, 0), width=WIDTH, height=HEIGHT)
    half = length // 2
    return [*dissolve(last, black, half), black, *dissolve(black, first, length - half)]


def _shot(random: np.random.Generator, seed: int) -> Iterator[Image]:
    """Yield the frames of one shot: a view that moves over a picture, in some light, perhaps with a flash."""
    move, light = str(random.choice(_MOVES)), str(random.choice(_LIGHTS))
    canvas = Pictures.fromarray(picture(seed, width=_CANVAS[0], height=_CANVAS[1]))
    count = int(random.integers(40, 100))
    direction = random.uniform(-1, 1, 2)
    flash = int(random.integers(15, count - 15)) if random.random() < 0.3 else -99
    flash_length = int(random.integers(1, 5))
    for number in range(count):
        shown = np.asarray(canvas.resize((WIDTH, HEIGHT), box=_box(random, move, number / count, direction)))
        if move == "things":
            shown = _with_things(shown, number, seed)
        lit = _lit(shown.astype(np.float32), light)
        if flash <= number < flash + flash_length:
            lit = lit * 0.2 + 255 * 0.8
        grain = random.integers(-4, 5, (HEIGHT, WIDTH, 1))
        yield (lit + grain).clip(0, 255).astype(np.uint8)


def _box(
    random: np.random.Generator, move: str, part: float, direction: np.ndarray
) -> tuple[float, float, float, float]:
    room = np.array([_CANVAS[0] - WIDTH, _CANVAS[1] - HEIGHT])
    left, top = room / 2
    scale = 1.0
    if move == "pan":
        left, top = room / 2 + direction * room / 2 * (2 * part - 1)
    elif move == "zoom":
        scale = 1.0 - 0.45 * (part if direction[0] > 0 else 1 - part)
    elif move == "shake":
        left, top = room / 2 + random.normal(0, 5, 2)
    width, height = WIDTH * scale, HEIGHT * scale
    left, top = left + (WIDTH - width) / 2, top + (HEIGHT - height) / 2
    return left, top, left + width, top + height


def _with_things(shown: Image, number: int, seed: int) -> Image:
    """Two boxes that cross the picture."""
    moved = shown.copy()
    for thing in range(2):
        colour = np.random.default_rng([seed, thing]).integers(0, 256, 3)
        x = int((seed % 97 + (4 + 3 * thing) * number) % (WIDTH - 70))
        y = 40 + 110 * thing
        moved[y : y + 80, x : x + 70] = colour
    return moved


def _lit(shown: np.ndarray, light: str) -> np.ndarray:
    if light == "fog":
        return 150 + 0.25 * (shown - 128)
    return shown * 0.3 if light == "night" else shown
