"""One sheet of small pictures for a whole video, to scrub through by pointing at it.

``sprites.jpg`` holds the tiles in rows of ten; ``sprites.vtt`` says which tile stands for which time,
as WebVTT cues whose text is ``sprites.jpg#xywh=x,y,width,height``: the form that web players read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHEET, INDEX = "sprites.jpg", "sprites.vtt"
#: longer side of a tile
TILE_PX = 160
COLUMNS, MOST_TILES = 10, 100
_FIRST_EVERY_S = 1.0
_JPEG_QUALITY = 70


@dataclass(slots=True)
class SpriteSheet:
    """Collects at most `MOST_TILES` pictures, evenly spaced: when there are more, every other one goes."""

    every_s: float = _FIRST_EVERY_S
    _tiles: list[tuple[float, Image.Image]] = field(default_factory=list)
    _size: tuple[int, int] | None = None

    def offer(self, time_s: float, picture: NDArray[np.uint8]) -> None:
        """Take a picture, (height, width, 3) uint8 RGB, when one is due at that time."""
        if self._tiles and time_s - self._tiles[-1][0] < self.every_s:
            return
        image = Image.fromarray(picture)
        if self._size is None:
            scale = min(1.0, TILE_PX / max(image.size))
            self._size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        self._tiles.append((time_s, image.resize(self._size, Image.Resampling.BOX)))
        if len(self._tiles) > MOST_TILES:
            self._tiles = self._tiles[::2]
            self.every_s *= 2

    def write(self, folder: Path, *, end_s: float) -> Path | None:
        """Write the sheet and its index; a video of one tile has none. Returns the path of the sheet."""
        if len(self._tiles) < 2 or self._size is None:
            return None
        width, height = self._size
        rows = math.ceil(len(self._tiles) / COLUMNS)
        sheet = Image.new("RGB", (width * min(COLUMNS, len(self._tiles)), height * rows))
        lines = ["WEBVTT", ""]
        ends = [time_s for time_s, _ in self._tiles[1:]] + [max(end_s, self._tiles[-1][0])]
        for number, ((time_s, tile), until_s) in enumerate(zip(self._tiles, ends, strict=True)):
            x, y = number % COLUMNS * width, number // COLUMNS * height
            sheet.paste(tile, (x, y))
            start_s = time_s if number else 0.0
            lines += [f"{_clock(start_s)} --> {_clock(until_s)}", f"{SHEET}#xywh={x},{y},{width},{height}", ""]
        path = folder / SHEET
        sheet.save(path, "JPEG", quality=_JPEG_QUALITY)
        (folder / INDEX).write_text("\n".join(lines), "ascii")
        return path


def _clock(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
