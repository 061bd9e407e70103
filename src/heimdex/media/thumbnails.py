"""A decoded frame as a small upright picture with square pixels, in the colours of an ordinary screen."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
from av import VideoFrame
from av.video.reformatter import Colorspace
from numpy.typing import NDArray
from PIL import Image

from heimdex.media import tone

Picture = NDArray[np.uint8]

_JPEG_QUALITY = 85
#: pictures at least this high are BT.709 when they do not say what they are, as players have it
_HD_PX = 720
_UNSPECIFIED = 2


def upright_size(width: int, height: int, aspect: Fraction | None, rotation_deg: int) -> tuple[int, int]:
    """Return (width, height) in px of the picture as players show it."""
    if aspect and aspect > 0:
        # the longer way, so that no line of the picture is lost
        width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return (height, width) if rotation_deg % 180 else (width, height)


def thumbnail(frame: VideoFrame, *, aspect: Fraction | None, rotation_deg: int, longer_side_px: int) -> Picture:
    """Return (height, width, 3) uint8 RGB, upright, never enlarged.

    Args:
        rotation_deg: counter-clockwise, 0, 90, 180 or 270: what the display matrix asks for.
    """
    width, height = upright_size(frame.width, frame.height, aspect, 0)
    scale = min(1.0, longer_side_px / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.ascontiguousarray(np.rot90(_shrunk(frame, size), rotation_deg // 90))


def _shrunk(frame: VideoFrame, size: tuple[int, int]) -> Picture:
    """Return the frame in ``size`` (width, height): tone-mapped, laid on black, one field of two."""
    if frame.color_trc in {tone.PQ, tone.HLG}:
        wide = _reformat(frame, size, "rgb48le", Colorspace.BT2020)
        return tone.to_srgb(wide.to_ndarray() / 65535, int(frame.color_trc))
    if any(component.is_alpha for component in frame.format.components):
        layered = _reformat(frame, size, "rgba").to_ndarray()
        alpha = layered[..., 3:].astype(np.uint16)
        return ((layered[..., :3] * alpha + 127) // 255).astype(np.uint8)
    if frame.interlaced_frame:
        field = _reformat(frame, (size[0], frame.height), "rgb24").to_ndarray()[0::2]
        return np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BOX))
    return np.asarray(_reformat(frame, size, "rgb24").to_ndarray(), np.uint8)


def _reformat(frame: VideoFrame, size: tuple[int, int], name: str, unspecified: Colorspace | None = None) -> VideoFrame:
    if frame.colorspace != _UNSPECIFIED or frame.format.is_rgb:
        return frame.reformat(*size, format=name, interpolation="AREA")
    guess = unspecified or (Colorspace.ITU709 if frame.height >= _HD_PX else Colorspace.ITU601)
    return frame.reformat(*size, format=name, interpolation="AREA", src_colorspace=guess)


def quarter_turns(rotation_deg: int) -> int:
    """Return a sane rotation: 0, 90, 180 or 270; a matrix that makes no sense turns nothing."""
    return round(rotation_deg / 90) % 4 * 90 if abs(rotation_deg) <= 360 else 0


def grey(picture: Picture) -> Picture:
    """Return (height, width) uint8 luma: ITU-R BT.601 weights in 8-bit fixed point."""
    weighted = picture @ np.array([77, 150, 29], np.uint32)
    return (weighted >> 8).astype(np.uint8)


def jpeg(picture: Picture) -> bytes:
    """Return the picture as a baseline JPEG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()
