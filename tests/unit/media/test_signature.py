from __future__ import annotations

import numpy as np
import pytest

from heimdex.media.signature import contrast, difference, sign


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (17, 5), (1080, 1920), (9, 4000)])
def test_any_size_gives_the_same_numbers(shape: tuple[int, int]) -> None:
    chroma = np.full(((shape[0] + 1) // 2, (shape[1] + 1) // 2), 128, np.uint8)
    signature = sign(0.0, np.full(shape, 100, np.uint8), chroma, chroma)

    assert signature.cells.shape == (864,)
    assert signature.histogram.shape == (64,)
    assert signature.histogram.sum() == pytest.approx(1)
    assert contrast(signature) == pytest.approx(0)


def test_a_grey_picture_is_one_without_colour() -> None:
    luma = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    neutral = np.full((32, 32), 128, np.uint8)

    assert difference(sign(0, luma, None, None), sign(0, luma, neutral, neutral)) == 0


def test_difference_grows_with_what_changes() -> None:
    dark, light = np.full((90, 160), 40, np.uint8), np.full((90, 160), 200, np.uint8)
    half = dark.copy()
    half[:, 80:] = 200
    one, part, other = (sign(0, luma, None, None) for luma in (dark, half, light))

    assert 0 == difference(one, one) < difference(one, part) < difference(one, other) <= 1
