"""The planes of a decoded frame as 8-bit arrays, without copying where the format allows."""

from __future__ import annotations

import numpy as np
from av import VideoFrame
from av.video.plane import VideoPlane

from heimdex.media.signature import Plane

_PLANAR_8 = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuva420p", "gray"}
_PLANAR_10 = {"yuv420p10le", "yuv422p10le", "yuv444p10le"}
_SMALL = (160, 90)


def luma_and_chroma(frame: VideoFrame) -> tuple[Plane, Plane | None, Plane | None]:
    """Return luma, blue and red difference; the arrays are views that die with ``frame``."""
    name = frame.format.name
    if name == "gray":
        return _view(frame.planes[0]), None, None
    if name in _PLANAR_8:
        return _view(frame.planes[0]), _view(frame.planes[1]), _view(frame.planes[2])
    if name in _PLANAR_10:
        # the upper byte alone holds 2 bits: shift all ten down to eight
        first, second, third = (_wide_view(frame.planes[i]) for i in range(3))
        return first, second, third
    if name == "nv12":
        both = _view(frame.planes[1], bytes_per_point=2)
        return _view(frame.planes[0]), both[:, 0::2], both[:, 1::2]
    return luma_and_chroma(frame.reformat(*_SMALL, format="yuv420p", interpolation="AREA"))


def _view(plane: VideoPlane, bytes_per_point: int = 1) -> Plane:
    rows: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, abs(plane.line_size))
    return rows[: plane.height, : plane.width * bytes_per_point]


def _wide_view(plane: VideoPlane) -> Plane:
    rows = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, abs(plane.line_size) // 2)
    every = max(1, plane.height // 144)
    narrow: Plane = (rows[: plane.height : every, : plane.width : every] >> 2).astype(np.uint8)
    return narrow
