"""Backgrounds of scenes, as (height, width, 3) float32 RGB, 0 to 255."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.float32]
Tone = tuple[float, float, float]


class Painter:
    """A canvas with a random generator and the few strokes that the backgrounds share."""

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.w, self.h, self.rng = width, height, rng
        self.canvas: Canvas = np.zeros((height, width, 3), np.float32)
        self.horizon = rng.uniform(0.2, 0.65)

    def near(self, tone: Tone, spread: float = 14) -> Canvas:
        return np.clip(np.asarray(tone, np.float32) + self.rng.normal(0, spread, 3), 0, 255).astype(np.float32)

    def ramp(self, top: Tone, bottom: Tone, spread: float = 14) -> None:
        fade = np.linspace(0, 1, self.h, dtype=np.float32)[:, None, None]
        start, end = self.near(top, spread), self.near(bottom, spread)
        self.canvas[:] = start + (end - start) * fade

    def ground(self, tone: Tone, spread: float = 14, horizon: float | None = None) -> None:
        y = int((self.horizon if horizon is None else horizon) * self.h)
        self.canvas[max(0, y) :] = self.near(tone, spread)

    def noise(self, cells: int, amount: float, horizon: float = -1, grey: bool = True) -> None:
        shape = (cells, max(2, int(cells * self.w / self.h)), 1 if grey else 3)
        field = self.rng.normal(0, amount, shape).astype(np.float32)
        field = cv2.resize(field, (self.w, self.h), interpolation=cv2.INTER_LINEAR).reshape(self.h, self.w, -1)
        y = max(0, int(horizon * self.h))
        self.canvas[y:] += field[y:]

    def disc(self, x: float, y: float, rx: float, ry: float, tone: Tone, cover: float = 1.0) -> None:
        """Ellipse; x in widths, y in heights, radii in heights."""
        mask = np.zeros((self.h, self.w), np.float32)
        axes = (max(1, int(rx * self.h)), max(1, int(ry * self.h)))
        cv2.ellipse(mask, (int(x * self.w), int(y * self.h)), axes, 0, 0, 360, cover, -1, cv2.LINE_AA)
        self.canvas[:] = self.canvas * (1 - mask[..., None]) + np.asarray(tone, np.float32) * mask[..., None]

    def box(self, x: float, y: float, w: float, h: float, tone: Canvas | Tone) -> None:
        """Rectangle in widths and heights."""
        x0, y0 = int(x * self.w), int(y * self.h)
        self.canvas[max(0, y0) : max(0, y0 + int(h * self.h)), max(0, x0) : max(0, x0 + int(w * self.w))] = np.float32(
            tone
        )

    def dots(self, count: int, tone: float, radius: float) -> None:
        r = max(1, round(radius * self.h))
        for _ in range(count):
            x, y = int(self.rng.integers(self.w)), int(self.rng.integers(self.h))
            shade = float(tone * self.rng.uniform(0.7, 1))
            cv2.circle(self.canvas, (x, y), r, (shade, shade, shade), -1)

    def waves(self, start: float, amount: float) -> None:
        columns = np.arange(self.w)
        period = self.rng.uniform(0.03, 0.06) * self.h * 2 * np.pi
        phase = self.rng.uniform(0, 6)
        thick = max(1, self.h // 100)
        for y in np.arange(start, 1, self.rng.uniform(0.08, 0.16)):
            rows = ((y + 0.02 * np.sin(2 * np.pi * columns / period + phase)) * self.h).astype(int)
            for k in range(thick):
                self.canvas[np.clip(rows + k, 0, self.h - 1), columns] += amount


def plain(p: Painter) -> None:
    r, choice = p.rng, p.rng.random()
    if choice < 0.3:
        p.canvas[:] = r.uniform(0, 255, 3)
    elif choice < 0.7:
        p.canvas[:] = cv2.resize(
            r.uniform(0, 255, (2, 2, 3)).astype(np.float32), (p.w, p.h), interpolation=cv2.INTER_LINEAR
        )
    else:
        p.canvas[:] = r.uniform(40, 215, 3)
        p.noise(int(r.integers(3, 24)), 35, grey=False)
    if r.random() < 0.35:
        p.canvas[:] = p.canvas * 0.25 + 190 if r.random() < 0.7 else p.canvas * 0.3


def grass(p: Painter) -> None:
    p.ramp((150, 195, 240), (185, 220, 245), 16)
    horizon = -1.0 if p.rng.random() < 0.3 else p.horizon
    p.ground((85, 165, 60), 18, horizon)
    p.noise(40, 14, horizon)


def sky(p: Painter) -> None:
    p.ramp((80, 150, 235), (185, 220, 250))
    for _ in range(int(p.rng.integers(1, 5))):
        x, y = p.rng.uniform(0, 1, 2)
        for k in range(3):
            p.disc(
                x + k * 0.05,
                y + p.rng.uniform(-0.03, 0.03),
                p.rng.uniform(0.06, 0.14),
                p.rng.uniform(0.04, 0.08),
                (248, 248, 250),
                0.85,
            )


def beach(p: Painter) -> None:
    p.ramp((150, 205, 240), (190, 225, 245))
    p.ground((55, 140, 190), 12, p.horizon - p.rng.uniform(0.06, 0.2))
    p.ground((232, 205, 145))
    p.noise(40, 7, p.horizon)


def night(p: Painter) -> None:
    p.ramp((12, 16, 48), (30, 38, 85), 7)
    p.dots(int(p.rng.integers(10, 40)), 255, 0.005)
    if p.rng.random() < 0.4:
        p.canvas[int(max(p.horizon, 0.5) * p.h) :] *= 0.5


def snow(p: Painter) -> None:
    p.ramp((185, 200, 220), (200, 212, 228), 14)
    p.ground((240, 245, 250), 5)
    p.dots(int(p.rng.integers(15, 60)), 255, 0.009)


def room(p: Painter) -> None:
    floor = p.rng.uniform(0.55, 0.8)
    p.canvas[:] = p.near((222, 205, 182), 24)
    p.ground((140, 95, 62), 16, floor)
    p.box(0, floor, 1, 0.025, p.near((95, 65, 45)))
    if p.rng.random() < 0.6:
        x, y = p.rng.uniform(0, 0.7), p.rng.uniform(0.02, 0.2)
        p.box(x, y, 0.2, 0.28, (250, 250, 250))
        p.box(x + 0.012, y + 0.02, 0.176, 0.24, p.near((160, 205, 235)))


def water(p: Painter) -> None:
    if p.rng.random() < 0.45:
        p.ramp((150, 200, 240), (200, 228, 246), 14)
        p.ground((35, 115, 180), 16)
        p.waves(p.horizon + 0.05, 42)
    else:
        p.ramp((45, 150, 200), (15, 75, 150), 16)
        p.waves(p.rng.uniform(0.04, 0.15), 45)


def sunset(p: Painter) -> None:
    if p.rng.random() < 0.5:
        p.ramp((250, 120, 55), (250, 195, 120))
    else:
        p.ramp((120, 60, 120), (250, 150, 80))
    ground = max(0.55, p.horizon)
    if p.rng.random() < 0.6:
        p.disc(p.rng.uniform(0.1, 0.9), ground - 0.04, 0.1, 0.1, (255, 225, 130))
    p.ground((60, 35, 45) if p.rng.random() < 0.6 else (150, 75, 80), 10, ground)
    if p.rng.random() < 0.4:
        p.waves(ground + 0.05, 35)


def street(p: Painter) -> None:
    p.ramp((175, 200, 225), (205, 215, 225), 14)
    edge = p.rng.uniform(0.5, 0.75)
    x = -0.02
    while x < 1:
        w = p.rng.uniform(0.08, 0.2)
        top = p.rng.uniform(0.05, edge - 0.15)
        p.box(x, top, w, edge - top, p.near((165, 150, 145), 26))
        for row in np.arange(top + 0.05, edge - 0.06, 0.11):
            p.box(x + w * 0.2, row, w * 0.22, 0.05, p.near((215, 220, 205), 12))
            p.box(x + w * 0.6, row, w * 0.22, 0.05, p.near((215, 220, 205), 12))
        x += w + 0.005
    p.ground((105, 105, 110), 9, edge)
    p.box(0, edge, 1, 0.04, p.near((180, 178, 172), 8))
    for mark in np.arange(p.rng.uniform(-0.1, 0.05), 1, 0.22):
        p.box(mark, (edge + 1) / 2 + 0.02, 0.11, 0.03, (235, 235, 225))


def forest(p: Painter) -> None:
    p.canvas[:] = p.near((45, 85, 50), 10)
    p.noise(9, 12)
    p.ground((60, 75, 35), 9, 0.78)
    for x in p.rng.uniform(0, 1, int(p.rng.integers(5, 11))):
        p.box(x, 0, p.rng.uniform(0.015, 0.045), p.rng.uniform(0.74, 0.9), p.near((75, 55, 40), 9))
    for _ in range(int(p.rng.integers(6, 14))):
        p.disc(
            p.rng.uniform(0, 1),
            p.rng.uniform(0, 0.3),
            p.rng.uniform(0.07, 0.16),
            p.rng.uniform(0.06, 0.12),
            tuple(p.near((40, 105, 50), 14)),
            0.9,
        )


PAINTERS: dict[str, Callable[[Painter], None]] = {
    f.__name__: f for f in (plain, grass, sky, beach, night, snow, room, water, sunset, street, forest)
}


def backdrop(kind: str, width: int, height: int, rng: np.random.Generator) -> Canvas:
    """Paint a background of a kind named in `concepts.toml`, or `plain`."""
    painter = Painter(width, height, rng)
    PAINTERS[kind](painter)
    if rng.random() < 0.5:
        painter.noise(int(rng.integers(2, 7)), 9)
    return np.clip(painter.canvas, 0, 255)
