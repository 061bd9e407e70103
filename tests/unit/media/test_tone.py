from __future__ import annotations

import numpy as np
import pytest

from heimdex.media.tone import HLG, PEAK, PQ, WHITE, hlg_to_light, light_to_pq, pq_to_light, roll_off, to_srgb


def grey(signal: float) -> np.ndarray:
    return np.full((2, 2, 3), signal)


def test_pq_gives_the_light_of_the_standard() -> None:
    """ITU-R BT.2408, table 1, and SMPTE ST 2084: 0.58 is 203 cd/m², 0.75 is 983, 1 is 10,000."""
    assert pq_to_light(np.array([0.0, 0.508, 0.581, 0.7518, 1.0])) == pytest.approx(
        [0, 100, 203, 1000, 10_000], rel=0.01, abs=1e-3
    )
    light = np.array([0.1, 1.0, 203.0, 4000.0])
    assert pq_to_light(light_to_pq(light)) == pytest.approx(light, rel=1e-6)


def test_hlg_gives_the_light_of_the_standard() -> None:
    """ITU-R BT.2408: 75 % is reference white on a display of 1,000 cd/m²."""
    assert hlg_to_light(grey(0.75))[0, 0] == pytest.approx([WHITE] * 3, rel=0.01)
    assert hlg_to_light(grey(1.0))[0, 0] == pytest.approx([PEAK] * 3, rel=0.01)


def test_dark_stays_and_bright_is_rolled_off_in_order() -> None:
    light = np.array([0.5, 20.0, 80.0, 150.0, 203.0, 400.0, 700.0, 1000.0])
    shown = roll_off(light, PEAK)

    assert shown[:3] == pytest.approx(light[:3], rel=0.01)
    assert (np.diff(shown) > 0).all()
    assert shown[-1] == pytest.approx(WHITE, rel=0.01)
    assert (shown <= WHITE * 1.001).all()


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_grey_stays_grey_and_order_stays(transfer: int) -> None:
    ramp = np.linspace(0, 1, 64)[None, :, None].repeat(3, axis=2)
    shown = to_srgb(ramp, transfer)[0].astype(int)

    assert np.ptp(shown, axis=1).max() <= 1
    assert (np.diff(shown[:, 0]) >= 0).all()
    assert (shown[0, 0], shown[-1, 0]) == (0, 255)


def test_colours_of_the_wider_space_keep_their_hue() -> None:
    red, green, blue = (to_srgb(np.array([[signal]]), PQ)[0, 0] for signal in np.eye(3) * 0.5)

    assert red.argmax() == 0
    assert green.argmax() == 1
    assert blue.argmax() == 2
    # BT.709 red is 0.6274, 0.0691, 0.0164 of BT.2020 (ITU-R BT.2087)
    linear = light_to_pq(np.array([[[0.6274, 0.0691, 0.0164]]]) * 100)
    shown = to_srgb(linear, PQ)[0, 0]
    assert shown[0] > 150
    assert shown[1:].max() < 20
