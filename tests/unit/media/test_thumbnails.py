from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from heimdex.media.thumbnails import quarter_turns, thumbnail, upright_size


def frame(width: int, height: int) -> av.VideoFrame:
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (255, 0, 0)
    image[:, width // 2 :] = (0, 0, 255)
    return av.VideoFrame.from_ndarray(image, format="rgb24")


@pytest.mark.parametrize(
    ("size", "aspect", "rotation", "expected"),
    [
        ((640, 360), None, 0, (640, 360)),
        ((640, 360), Fraction(1), 270, (360, 640)),
        ((720, 576), Fraction(64, 45), 0, (1024, 576)),
        ((1440, 1080), Fraction(4, 3), 90, (1080, 1920)),
        ((640, 480), Fraction(1, 2), 0, (640, 960)),
        ((640, 360), Fraction(0), 0, (640, 360)),
    ],
)
def test_the_upright_size_is_what_players_show(
    size: tuple[int, int], aspect: Fraction | None, rotation: int, expected: tuple[int, int]
) -> None:
    assert upright_size(*size, aspect, rotation) == expected


def test_a_thumbnail_is_never_enlarged_and_keeps_its_shape() -> None:
    assert thumbnail(frame(1280, 720), aspect=None, rotation_deg=0, longer_side_px=480).shape == (270, 480, 3)
    assert thumbnail(frame(64, 36), aspect=None, rotation_deg=0, longer_side_px=480).shape == (36, 64, 3)
    assert thumbnail(frame(4096, 2), aspect=None, rotation_deg=0, longer_side_px=480).shape == (1, 480, 3)


def test_a_quarter_turn_counter_clockwise_brings_the_right_side_up() -> None:
    turned = thumbnail(frame(64, 32), aspect=None, rotation_deg=90, longer_side_px=480)

    assert turned.shape == (64, 32, 3)
    assert turned[5, 16, 2] > 200  # what was right is blue, and now on top
    assert turned[60, 16, 0] > 200


@pytest.mark.parametrize(
    ("said", "turned"), [(0, 0), (-90, 270), (-180, 180), (90, 90), (360, 0), (-2147483648, 0), (44, 0), (46, 90)]
)
def test_rotations_that_make_no_sense_turn_nothing(said: int, turned: int) -> None:
    assert quarter_turns(said) == turned
