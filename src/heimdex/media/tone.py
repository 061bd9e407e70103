"""High dynamic range to what a JPEG can show: PQ and HLG become sRGB.

Light is reckoned in cd/m². White of a page or a face lies near 203 cd/m² in both systems (ITU-R
BT.2408) and becomes near-white; what is brighter is rolled off by the curve of ITU-R BT.2390, section
5.4.1; colours of BT.2020 are brought into BT.709 by its matrix and clipped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: `color_trc` of a frame: ITU-T H.273, table 3
PQ, HLG = 16, 18
#: reference white, and the peak of an HLG display, cd/m²
WHITE, PEAK = 203.0, 1000.0

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * np.log(4 * _A)
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])
#: BT.2020 to BT.709 primaries, both D65 (ITU-R BT.2407)
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])

Floats = NDArray[np.float64]


def to_srgb(signal: Floats, transfer: int) -> NDArray[np.uint8]:
    """Return (height, width, 3) uint8 sRGB for non-linear BT.2020 RGB in 0 to 1.

    Args:
        transfer: `PQ` or `HLG`.
    """
    light = pq_to_light(signal) if transfer == PQ else hlg_to_light(signal)
    brightest = light.max(axis=2, keepdims=True)
    peak = max(PEAK, float(brightest.max()))
    shown = light * (roll_off(brightest, peak) / np.maximum(brightest, 1e-6)) / WHITE
    linear = np.clip(shown @ _TO_709.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    encoded: NDArray[np.uint8] = np.round(srgb * 255).astype(np.uint8)
    return encoded


def pq_to_light(signal: Floats) -> Floats:
    """Return cd/m², 0 to 10,000: SMPTE ST 2084."""
    root = np.clip(signal, 0, 1) ** (1 / _M2)
    light: Floats = 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)
    return light


def light_to_pq(light: Floats | float) -> Floats:
    """Return the signal, 0 to 1, for cd/m²."""
    power = (np.asarray(light, np.float64) / 10_000) ** _M1
    signal: Floats = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return signal


def hlg_to_light(signal: Floats) -> Floats:
    """Return cd/m² on a display of `PEAK`: ARIB STD-B67 with the system gamma of ITU-R BT.2100."""
    signal = np.clip(signal, 0, 1)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12)
    light: Floats = PEAK * scene * np.maximum(scene @ _LUMA_2020, 1e-9)[..., None] ** 0.2
    return light


def roll_off(light: Floats, peak: float) -> Floats:
    """Return cd/m² of at most `WHITE`: what is well below it stays, ``peak`` becomes it."""
    top = float(light_to_pq(peak))
    signal = light_to_pq(light) / top
    most = float(light_to_pq(WHITE)) / top
    knee = 1.5 * most - 0.5
    part = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * part**3 - 3 * part**2 + 1) * knee
        + (part**3 - 2 * part**2 + part) * (1 - knee)
        + (-2 * part**3 + 3 * part**2) * most
    )
    return pq_to_light(np.where(signal < knee, signal, spline) * top)
