"""Stored keyframes as arrays, for the embedder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from heimdex.ports import Image


def read_image(path: Path) -> Image:
    """Return (height, width, 3) uint8 RGB."""
    with Pictures.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
