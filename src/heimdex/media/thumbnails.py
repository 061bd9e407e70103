"""A decoded frame as a small upright picture with square pixels."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray
from PIL import Image

_JPEG_QUALITY = 85


def upright_size(width: int, height: int, aspect: Fraction | None, rotation_deg: int) -> tuple[int, int]:
    """Return (width, height) in px of the picture as players show it."""
    if aspect and aspect > 0:
        # the longer way, so that no line of the picture is lost
        width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return (height, width) if rotation_deg % 180 else (width, height)


def thumbnail(
    frame: VideoFrame, *, aspect: Fraction | None, rotation_deg: int, longer_side_px: int
) -> NDArray[np.uint8]:
    """Return (height, width, 3) uint8 RGB, upright, never enlarged.

    Args:
        rotation_deg: counter-clockwise, 0, 90, 180 or 270: what the display matrix asks for.
    """
    width, height = upright_size(frame.width, frame.height, aspect, 0)
    scale = min(1.0, longer_side_px / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = frame.reformat(*size, format="rgb24", interpolation="AREA")
    return np.ascontiguousarray(np.rot90(small.to_ndarray(), rotation_deg // 90))


def quarter_turns(rotation_deg: int) -> int:
    """Return a sane rotation: 0, 90, 180 or 270; a matrix that makes no sense turns nothing."""
    return round(rotation_deg / 90) % 4 * 90 if abs(rotation_deg) <= 360 else 0


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (height, width) uint8 luma: ITU-R BT.601 weights in 8-bit fixed point."""
    weighted = picture @ np.array([77, 150, 29], np.uint32)
    return (weighted >> 8).astype(np.uint8)


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return the picture as a baseline JPEG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()
