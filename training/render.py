"""Draws a scene: background, objects, camera, sensor. Images are (height, width, 3) uint8 RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.backdrop import backdrop
from training.concepts import Vocabulary
from training.paint import Pixels, fill_ink, repaint
from training.scene import Scene, Thing

Canvas = NDArray[np.float32]


def place(canvas: Canvas, sprite: Pixels, thing: Thing, aspect: float) -> None:
    """Blend a sprite into the canvas; x and y are scaled apart, because a frame may be squashed into the canvas."""
    height, width = canvas.shape[:2]
    side = sprite.shape[0]
    per_x, per_y = width / aspect, float(height)
    wanted = thing.size * max(per_x, per_y)
    if wanted < side * 0.7:
        side = max(8, round(wanted))
        sprite = cv2.resize(premultiplied(sprite), (side, side), interpolation=cv2.INTER_AREA)
        layer = sprite.astype(np.float32)
    else:
        layer = premultiplied(sprite).astype(np.float32)
    turn = np.deg2rad(thing.angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    flip = np.diag([-1.0 if thing.mirrored else 1.0, thing.stretch])
    matrix = np.diag([per_x, per_y]) @ rotation @ flip * (thing.size / side)
    centre = np.array([thing.x * per_x, thing.y * per_y])
    reach = np.abs(matrix) @ np.full(2, side / 2) + 1
    left, top = np.maximum(np.floor(centre - reach), 0).astype(int)
    right, bottom = np.minimum(np.ceil(centre + reach), (width, height)).astype(int)
    if right <= left or bottom <= top:
        return
    shift = centre - matrix @ np.full(2, side / 2) - (left, top)
    drawn = cv2.warpAffine(
        layer, np.column_stack([matrix, shift]), (int(right - left), int(bottom - top)), flags=cv2.INTER_LINEAR
    )
    region = canvas[top:bottom, left:right]
    region *= 1 - drawn[..., 3:] / 255
    region += drawn[..., :3]


def premultiplied(sprite: Pixels) -> Canvas:
    layer = sprite.astype(np.float32)
    layer[..., :3] *= layer[..., 3:] / 255
    return layer


def dressed(sprite: Pixels, thing: Thing, ink: bool, words: Vocabulary, rng: np.random.Generator) -> Pixels:
    """The sprite in the colour that the scene asks for."""
    if ink:
        tones = [c.rgb for c in words.colours]
        fill = tones[int(rng.integers(len(tones)))] if thing.paint < 0 else (235, 235, 235)
        sprite = fill_ink(sprite, (25, 25, 28), fill)
    if thing.paint >= 0:
        sprite = repaint(sprite, thing.paint, words.colours[thing.paint].rgb, rng)
    return sprite


def camera(canvas: Canvas, rng: np.random.Generator, strength: float) -> Pixels:
    """Exposure, defocus, motion blur, noise and compression, each now and then; `strength` 0 switches them off."""
    height = canvas.shape[0]
    if rng.random() < 0.6 * strength:
        canvas = (canvas - 128) * rng.uniform(0.75, 1.2) + 128 + rng.normal(0, 14)
    if rng.random() < 0.15 * strength:
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.004, 0.016) * height)
    if rng.random() < 0.2 * strength:
        length = max(2, int(rng.uniform(0.02, 0.08) * height))
        kernel = np.zeros((length, length), np.float32)
        turn = rng.uniform(0, np.pi)
        reach = (length - 1) / 2
        for t in np.linspace(-reach, reach, 2 * length):
            kernel[round(reach + t * np.sin(turn)), round(reach + t * np.cos(turn))] = 1
        canvas = cv2.filter2D(canvas, -1, kernel / kernel.sum())
    if rng.random() < 0.3 * strength:
        canvas = canvas + rng.normal(0, rng.uniform(2, 9), canvas.shape).astype(np.float32)
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    if rng.random() < 0.3 * strength:
        packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 90))])[1]
        image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return image


def draw(
    scene: Scene,
    sprites: Pixels,
    ink: NDArray[np.bool_],
    words: Vocabulary,
    size: tuple[int, int],
    strength: float = 1.0,
) -> Pixels:
    """Draw a scene into (width, height) pixels, whatever the aspect of the scene; sprites are (S, side, side, 4)."""
    rng = np.random.default_rng((scene.seed, 7))
    width, height = size
    kind = words.backgrounds[scene.background].name if scene.background >= 0 else "plain"
    canvas = backdrop(kind, width, height, rng)
    for thing in scene.things:
        sprite = dressed(sprites[thing.sprite], thing, bool(ink[thing.sprite]), words, rng)
        place(canvas, sprite, thing, scene.aspect)
    return camera(canvas, rng, strength)
