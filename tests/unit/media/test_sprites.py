from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from heimdex.media.sprites import INDEX, MOST_TILES, SpriteSheet


def colour(level: int, width: int = 320, height: int = 180) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def cues(folder: Path) -> list[tuple[float, float, tuple[int, ...]]]:
    found = re.findall(r"([\d:.]+) --> ([\d:.]+)\nsprites\.jpg#xywh=([\d,]+)", (folder / INDEX).read_text("ascii"))
    return [(seconds(a), seconds(b), tuple(map(int, box.split(",")))) for a, b, box in found]


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def test_each_cue_shows_the_picture_of_its_time(tmp_path: Path) -> None:
    sheet = SpriteSheet()
    for number in range(25):
        sheet.offer(number * 1.0, colour(10 * number))
    path = sheet.write(tmp_path, end_s=25.5)

    assert path is not None
    found = cues(tmp_path)
    assert [(a, b) for a, b, _ in found] == [(n, n + 1) for n in range(24)] + [(24, 25.5)]
    with Image.open(path) as image:
        assert image.size == (1600, 270)
        for number, (_, _, (x, y, width, height)) in enumerate(found):
            assert (width, height) == (160, 90)
            red, _, _ = image.getpixel((x + 80, y + 45))  # type: ignore[misc]
            assert abs(red - 10 * number) <= 6


def test_a_long_video_has_as_many_tiles_as_a_short_one(tmp_path: Path) -> None:
    sheet = SpriteSheet()
    for number in range(72_000):
        sheet.offer(number / 2, colour(number % 256, 16, 9))
    sheet.write(tmp_path, end_s=36_000)
    found = cues(tmp_path)

    assert MOST_TILES / 2 <= len(found) <= MOST_TILES
    assert found[0][0] == 0
    assert found[-1][1] == 36_000
    assert max(b - a for a, b, _ in found) <= 2 * 36_000 / len(found)


def test_one_picture_needs_no_sheet(tmp_path: Path) -> None:
    sheet = SpriteSheet()
    sheet.offer(0.0, colour(1))

    assert sheet.write(tmp_path, end_s=5) is None
    assert list(tmp_path.iterdir()) == []


def test_another_size_midway_still_fills_its_tile(tmp_path: Path) -> None:
    sheet = SpriteSheet()
    sheet.offer(0.0, colour(200))
    sheet.offer(1.0, colour(200, 100, 400))
    path = sheet.write(tmp_path, end_s=2)

    assert path is not None
    with Image.open(path) as image:
        assert image.size == (320, 90)
        assert np.asarray(image).min() > 190
