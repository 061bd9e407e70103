"""Colour and style of a sprite: naming its colour, repainting it, and redrawing it in other manners.

Sprites are (side, side, 4) uint8 RGBA; colour indices are those of `concepts.toml`
(red orange yellow green blue purple pink brown black white gray).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE, PINK, BROWN, BLACK, WHITE, GRAY = range(11)


def dominant_colour(sprite: Pixels) -> int:
    """Colour name that covers more than 60 % of the drawing (black outlines aside), or -1."""
    solid = sprite[..., 3] > 128
    total = int(solid.sum())
    if total < 50:
        return -1
    hsv = cv2.cvtColor(np.ascontiguousarray(sprite[..., :3][solid])[None], cv2.COLOR_RGB2HSV)[0].astype(int)
    hue, sat, val = hsv[:, 0] * 2, hsv[:, 1], hsv[:, 2]
    grey, vivid = sat < 45, (sat >= 45) & (val >= 50)
    name = np.full(total, -1)
    name[(grey & (val < 70)) | (~grey & (val < 50))] = BLACK
    name[grey & (val > 205)] = WHITE
    name[grey & (val >= 95) & (val <= 180)] = GRAY
    name[vivid & ((hue < 12) | (hue >= 345)) & (sat > 130)] = RED
    name[vivid & (hue >= 18) & (hue < 38) & (val > 190) & (sat > 140)] = ORANGE
    name[vivid & (hue >= 43) & (hue < 62) & (val > 170)] = YELLOW
    name[vivid & (hue >= 80) & (hue < 160)] = GREEN
    name[vivid & (hue >= 198) & (hue < 240) & (sat > 90)] = BLUE
    name[vivid & (hue >= 262) & (hue < 300)] = PURPLE
    name[vivid & (hue >= 315) & (hue < 350) & (val > 190) & (sat <= 150)] = PINK
    name[vivid & (hue >= 8) & (hue < 38) & (val < 170)] = BROWN
    count = np.bincount(name + 1, minlength=12)[1:]
    if count[BLACK] > 0.65 * total:
        return BLACK
    rest = total - int(count[BLACK])
    count[BLACK] = 0
    best = int(count.argmax())
    return best if count[best] > 0.6 * rest and rest > 0.4 * total else -1


def repaint(sprite: Pixels, colour: int, rgb: tuple[int, int, int], rng: np.random.Generator) -> Pixels:
    """Paint the drawing in one colour and keep its shading; half the time dark lines and white details stay."""
    source = sprite[..., :3].astype(np.float32)
    solid = sprite[..., 3] > 100
    light = source @ np.array([0.3, 0.59, 0.11], np.float32)
    raw = light
    if solid.sum() > 10:
        low, high = np.percentile(light[solid], (4, 96))
        light = np.clip((light - low) / max(40.0, high - low), 0, 1)
    base = np.clip(np.asarray(rgb, np.float32) + rng.normal(0, 9, 3), 0, 255).astype(np.float32)
    if colour == BLACK:
        dark, bright = base * 0.2, base + 75
    elif colour == WHITE:
        dark, bright = base * 0.62, np.full(3, 255, np.float32)
    elif colour == GRAY:
        dark, bright = base * 0.45, base + 65
    else:
        dark, bright = base * 0.3, base + (255 - base) * 0.38
    tone = light[..., None].astype(np.float32)
    painted = np.where(tone < 0.6, dark + (base - dark) * (tone / 0.6), base + (bright - base) * ((tone - 0.6) / 0.4))
    if colour not in (BLACK, WHITE, GRAY) and rng.random() < 0.5:
        spread = source.max(-1) - source.min(-1)
        detail = (raw < 55) | ((raw > 225) & (spread < 30))
        if detail[solid].mean() < 0.45:
            painted = np.where(detail[..., None], source, painted)
    return np.dstack([np.clip(painted, 0, 255).astype(np.uint8), sprite[..., 3]])


def fill_ink(sprite: Pixels, ink: tuple[int, int, int], fill: tuple[int, int, int]) -> Pixels:
    """A one-colour drawing becomes ink on a filled silhouette (holes that the outside cannot reach are filled)."""
    alpha = sprite[..., 3]
    padded = np.zeros((alpha.shape[0] + 4, alpha.shape[1] + 4), np.uint8)
    padded[2:-2, 2:-2] = cv2.dilate((alpha > 60).astype(np.uint8), np.ones((3, 3), np.uint8))
    cv2.floodFill(padded, None, (0, 0), 2)
    inside = np.maximum((padded[2:-2, 2:-2] != 2).astype(np.uint8) * 255, alpha)
    cover = (alpha.astype(np.float32) / 255)[..., None]
    rgb = np.asarray(ink, np.float32) * cover + np.asarray(fill, np.float32) * (1 - cover)
    return np.dstack([rgb.astype(np.uint8), inside])


def outline(sprite: Pixels, thickness: int, darkness: float) -> Pixels:
    """Dark lines along the silhouette and along strong inner edges, as in line-and-fill drawings."""
    alpha = sprite[..., 3]
    rgb = sprite[..., :3].astype(np.float32)
    kernel = np.ones((thickness, thickness), np.uint8)
    rim = cv2.dilate(alpha, kernel).astype(np.float32) / 255 - cv2.erode(alpha, kernel).astype(np.float32) / 255
    inner = cv2.Canny(cv2.medianBlur(np.ascontiguousarray(sprite[..., :3]), 5), 60, 140)
    lines = np.maximum(rim, cv2.dilate(inner, kernel).astype(np.float32) / 255 * (alpha > 128))
    lines = np.clip(cv2.GaussianBlur(lines, (0, 0), 0.6), 0, 1)[..., None]
    drawn = rgb * (1 - lines) + darkness * lines
    return np.dstack([np.clip(drawn, 0, 255).astype(np.uint8), cv2.dilate(alpha, kernel)])


def flatten(sprite: Pixels, levels: int) -> Pixels:
    """Shading is replaced by few flat tones."""
    rgb = cv2.medianBlur(np.ascontiguousarray(sprite[..., :3]), 7).astype(np.float32)
    step = 255 / levels
    flat = np.round(rgb / step) * step
    return np.dstack([np.clip(flat, 0, 255).astype(np.uint8), sprite[..., 3]])


def bend(sprite: Pixels, strength_px: float, rng: np.random.Generator) -> Pixels:
    """A smooth random deformation of the drawing."""
    side = sprite.shape[0]
    shift = cv2.resize(
        rng.normal(0, strength_px, (4, 4, 2)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    grid = np.mgrid[0:side, 0:side].astype(np.float32)
    x, y = grid[1] + shift[..., 0], grid[0] + shift[..., 1]
    return cv2.remap(sprite, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT).astype(np.uint8)


def restyle(sprite: Pixels, rng: np.random.Generator) -> Pixels:
    """One random manner: deformed, with other saturation, flattened, outlined, in random combination."""
    if rng.random() < 0.7:
        sprite = bend(sprite, rng.uniform(1.0, 4.0), rng)
    if rng.random() < 0.5:
        rgb = sprite[..., :3].astype(np.float32)
        grey = rgb.mean(-1, keepdims=True)
        rgb = grey + (rgb - grey) * rng.uniform(0.5, 1.5) + rng.normal(0, 8, 3)
        sprite = np.dstack([np.clip(rgb, 0, 255).astype(np.uint8), sprite[..., 3]])
    if rng.random() < 0.6:
        sprite = flatten(sprite, int(rng.integers(3, 7)))
    if rng.random() < 0.75:
        sprite = outline(sprite, int(rng.integers(2, 6)), float(rng.uniform(0, 50)))
    return sprite
