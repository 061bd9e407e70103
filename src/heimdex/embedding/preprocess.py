"""A picture of any size becomes the tensor that a model was trained on, by open_clip's steps.

Three ways to fit a picture into the model's square, named as in ``preprocess_cfg.json``:

- ``shortest``: scale the shorter side to the square, cut the middle out;
- ``longest``: scale the longer side to the square, pad the rest with a colour;
- ``squash``: scale both sides, the shape is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

#: above this, only the part of the scaled picture is made that the model sees
_WORST_SCALED_PIXELS = 16_000_000

ResizeMode = Literal["shortest", "longest", "squash"]

#: the statistics of OpenAI's CLIP, open_clip's own fallback
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What ``visual/preprocess_cfg.json`` asks for."""

    height_px: int
    width_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bicubic: bool
    resize_mode: ResizeMode
    fill: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Placement:
    """The picture scaled to ``scaled_*_px``, seen through the model's window whose corner is ``top``, ``left``.

    A negative corner is padding.
    """

    scaled_height_px: int
    scaled_width_px: int
    top: int
    left: int


def parse_preprocessing(content: Mapping[str, Any]) -> Preprocessing:
    """Read open_clip's preprocess_cfg. Raises ValueError or TypeError naming what is wrong."""
    size = content.get("size", 224)
    height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    mode: ResizeMode = content.get("resize_mode") or "shortest"
    if mode not in ("shortest", "longest", "squash"):
        raise ValueError(f"resize_mode {mode!r} is none of shortest, longest, squash")
    if content.get("mode", "RGB") != "RGB":
        raise ValueError(f"mode {content['mode']!r} is not RGB")
    if not (0 < height <= 4096 and 0 < width <= 4096):
        raise ValueError(f"size {size!r} is not between 1 and 4096")
    std = _three(content.get("std") or _CLIP_STD)
    if min(std) <= 0:
        raise ValueError(f"std {std} is not positive")
    fill = _three(content.get("fill_color") or 0)
    interpolation = content.get("interpolation") or "bicubic"
    if interpolation not in ("bicubic", "bilinear", "random"):
        raise ValueError(f"interpolation {interpolation!r} is none of bicubic, bilinear, random")
    return Preprocessing(
        height_px=height,
        width_px=width,
        mean=_three(content.get("mean") or _CLIP_MEAN),
        std=std,
        # `random` concerns training; open_clip then evaluates with bicubic. A non-square window is always bicubic
        bicubic=interpolation != "bilinear" or (mode == "shortest" and height != width),
        resize_mode=mode,
        fill=(int(fill[0]), int(fill[1]), int(fill[2])),
    )


def preprocess(image: PillowImage.Image, how: Preprocessing) -> NDArray[np.float32]:
    """Return (3, height, width) float32, normalised per channel."""
    return normalise(fit(to_rgb(image), how), how)


def to_rgb(image: PillowImage.Image) -> PillowImage.Image:
    """Drop transparency and spread grey, as Pillow's convert does (open_clip's ``_convert_to_rgb``)."""
    return image if image.mode == "RGB" else image.convert("RGB")


def fit(image: PillowImage.Image, how: Preprocessing) -> PillowImage.Image:
    """Return the picture as the model's window shows it, (width, height) = the model's."""
    where = place(image.height, image.width, how)
    left, top = max(where.left, 0), max(where.top, 0)
    right = min(where.left + how.width_px, where.scaled_width_px)
    bottom = min(where.top + how.height_px, where.scaled_height_px)
    # a hair-thin panorama would grow to gigabytes, of which the window shows a corner
    scale = _scale_part if where.scaled_height_px * where.scaled_width_px > _WORST_SCALED_PIXELS else _scale_all
    shown = scale(image, where, (left, top, right, bottom), how)
    if shown.size == (how.width_px, how.height_px):
        return shown
    window = PillowImage.new("RGB", (how.width_px, how.height_px), how.fill)
    window.paste(shown, (left - where.left, top - where.top))
    return window


def place(height_px: int, width_px: int, how: Preprocessing) -> Placement:
    """Scale a picture and centre the model's window over it."""
    scaled_height, scaled_width = _scaled_size(height_px, width_px, how)
    return Placement(
        scaled_height,
        scaled_width,
        top=_centre(scaled_height, how.height_px),
        left=_centre(scaled_width, how.width_px),
    )


def normalise(image: PillowImage.Image, how: Preprocessing) -> NDArray[np.float32]:
    """Return (3, height, width): (value / 255 - mean) / std, read from a table of the 256 values of each channel."""
    pixels = np.asarray(image)
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    for channel, table in enumerate(_tables(how.mean, how.std)):
        np.take(table, pixels[:, :, channel], out=planes[channel])
    return planes


@cache
def _tables(mean: tuple[float, float, float], std: tuple[float, float, float]) -> NDArray[np.float32]:
    levels = np.arange(256, dtype=np.float32)[:, np.newaxis] / np.float32(255)
    scaled = (levels - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(scaled.T, dtype=np.float32)


_Box = tuple[int, int, int, int]


def _scale_all(image: PillowImage.Image, where: Placement, box: _Box, how: Preprocessing) -> PillowImage.Image:
    """Scale the picture, then cut ``box`` out, as open_clip does."""
    return image.resize((where.scaled_width_px, where.scaled_height_px), _filter(how)).crop(box)


def _scale_part(image: PillowImage.Image, where: Placement, box: _Box, how: Preprocessing) -> PillowImage.Image:
    """Scale only what lies in ``box``: the same but for Pillow's rounding, two grey levels at most."""
    left, top, right, bottom = box
    run, rise = image.width / where.scaled_width_px, image.height / where.scaled_height_px
    return image.resize(
        (right - left, bottom - top),
        _filter(how),
        # rounding may put the far corner a hair outside, which Pillow refuses
        box=(left * run, top * rise, min(right * run, image.width), min(bottom * rise, image.height)),
    )


def _filter(how: Preprocessing) -> PillowImage.Resampling:
    return PillowImage.Resampling.BICUBIC if how.bicubic else PillowImage.Resampling.BILINEAR


def _scaled_size(height: int, width: int, how: Preprocessing) -> tuple[int, int]:
    if how.resize_mode == "squash":
        return how.height_px, how.width_px
    if how.resize_mode == "shortest" and how.height_px == how.width_px:
        # torchvision's Resize with one number: the longer side is cut down, not rounded
        side = how.height_px
        return (side, int(side * width / height)) if height <= width else (int(side * height / width), side)
    pick = max if how.resize_mode == "longest" else min
    ratio = pick(height / how.height_px, width / how.width_px)
    # a hair-thin picture would vanish when fitted by its longer side
    return max(1, round(height / ratio)), max(1, round(width / ratio))


def _centre(scaled: int, window: int) -> int:
    if scaled < window:
        return -((window - scaled) // 2)
    return round((scaled - window) / 2.0)


def _three(value: Any) -> tuple[float, float, float]:
    if isinstance(value, int | float):
        return float(value), float(value), float(value)
    first, second, third = (float(part) for part in value)
    return first, second, third
