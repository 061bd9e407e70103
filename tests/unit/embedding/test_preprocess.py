"""Preprocessing against arithmetic done by hand, and against scaling the whole picture first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import heimdex.embedding.preprocess as preprocessing
from heimdex.embedding.preprocess import (
    Placement,
    Preprocessing,
    ResizeMode,
    fit,
    parse_preprocessing,
    place,
    preprocess,
    to_rgb,
)


def _how(mode: ResizeMode = "shortest", size: object = 224, **more: object) -> Preprocessing:
    return parse_preprocessing({"size": size, "resize_mode": mode, "mean": [0.5] * 3, "std": [0.25] * 3} | more)


def _noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("mode", "size", "picture", "expected"),
    [
        # 640 x 480 -> 298.67 is cut to 298; (298 - 224) / 2 = 37
        ("shortest", 224, (480, 640), Placement(224, 298, 0, 37)),
        ("shortest", 224, (640, 480), Placement(298, 224, 37, 0)),
        # (231 - 224) / 2 = 3.5 rounds to even: 4, as Python's round does in torchvision
        ("shortest", 224, (97, 100), Placement(224, 230, 0, 3)),
        ("shortest", 224, (32, 33), Placement(224, 231, 0, 4)),
        # 640 / 224 = 2.857; 480 / 2.857 = 168; (224 - 168) // 2 = 28 of padding above
        ("longest", 224, (480, 640), Placement(168, 224, -28, 0)),
        ("longest", 224, (1, 1000), Placement(1, 224, -111, 0)),
        ("squash", 224, (480, 640), Placement(224, 224, 0, 0)),
        # window 100 high, 200 wide: min(480 / 100, 640 / 200) = 3.2 -> 150 x 200
        ("shortest", [100, 200], (480, 640), Placement(150, 200, 25, 0)),
        ("longest", [100, 200], (480, 640), Placement(100, 133, 0, -33)),
        ("squash", [100, 200], (480, 640), Placement(100, 200, 0, 0)),
    ],
)
def test_the_window_lies_where_arithmetic_puts_it(
    mode: ResizeMode, size: object, picture: tuple[int, int], expected: Placement
) -> None:
    assert place(*picture, _how(mode, size)) == expected


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("picture", [(480, 640), (641, 479), (30, 50), (224, 224), (224, 300), (33, 32), (100, 1000)])
def test_scaling_only_what_is_seen_gives_the_pixels_of_scaling_all(
    picture: tuple[int, int], interpolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, how = _noise(*picture), _how(interpolation=interpolation)
    where = place(*picture, how)
    kind = Image.Resampling.BICUBIC if interpolation == "bicubic" else Image.Resampling.BILINEAR
    whole = image.resize((where.scaled_width_px, where.scaled_height_px), kind)
    cut = np.asarray(whole.crop((where.left, where.top, where.left + 224, where.top + 224))).astype(int)

    np.testing.assert_array_equal(np.asarray(fit(image, how)), cut)

    monkeypatch.setattr(preprocessing, "_WORST_SCALED_PIXELS", 0)
    assert np.abs(np.asarray(fit(image, how)) - cut).max() <= 2


def test_padding_has_the_colour_that_the_model_was_trained_with() -> None:
    white = Image.new("RGB", (100, 50), (255, 255, 255))

    window = np.asarray(fit(white, _how("longest", 20, fill_color=[10, 20, 30])))

    assert window.shape == (20, 20, 3)
    assert (window[:5] == (10, 20, 30)).all()
    assert (window[5:15] == 255).all()
    assert (window[15:] == (10, 20, 30)).all()


def test_odd_padding_puts_the_extra_line_below() -> None:
    window = np.asarray(fit(Image.new("RGB", (20, 5), (255, 255, 255)), _how("longest", 20)))

    assert [int(row) for row in window[:, 0, 0]] == [0] * 7 + [255] * 5 + [0] * 8


def test_values_are_scaled_and_normalised_per_channel() -> None:
    image = Image.new("RGB", (8, 8), (255, 0, 51))

    pixels = preprocess(image, _how(size=8, mean=[0.5, 0.25, 0.2], std=[0.5, 0.25, 0.1]))

    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == np.float32
    # (1 - .5) / .5, (0 - .25) / .25, (.2 - .2) / .1
    np.testing.assert_allclose(pixels[:, 3, 3], [1, -1, 0], atol=1e-6)


def test_height_comes_before_width() -> None:
    assert preprocess(_noise(50, 80), _how(size=[10, 20])).shape == (3, 10, 20)


def test_grey_spreads_over_the_channels_and_transparency_is_dropped() -> None:
    grey = np.asarray(to_rgb(Image.new("L", (2, 2), 77)))
    clear = np.asarray(to_rgb(Image.new("RGBA", (2, 2), (9, 8, 7, 0))))

    assert (grey == 77).all()
    assert (clear == (9, 8, 7)).all()


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    mode=st.sampled_from(["shortest", "longest", "squash"]),
    size=st.sampled_from([8, 7, [5, 9]]),
)
def test_every_picture_fills_the_window(height: int, width: int, mode: ResizeMode, size: object) -> None:
    how = _how(mode, size)

    pixels = preprocess(Image.new("RGB", (width, height), (255, 255, 255)), how)

    assert pixels.shape == (3, how.height_px, how.width_px)
    if mode != "longest":
        # nothing of the window lies outside the picture
        np.testing.assert_allclose(pixels, 2, atol=1e-6)


def test_a_panorama_costs_no_more_than_its_middle() -> None:
    wide = Image.new("RGB", (60_000, 1), (255, 255, 255))

    assert fit(wide, _how()).size == (224, 224)


def test_fallbacks_are_open_clips() -> None:
    how = parse_preprocessing({})

    assert (how.height_px, how.width_px, how.resize_mode, how.bicubic) == (224, 224, "shortest", True)
    assert how.mean == (0.48145466, 0.4578275, 0.40821073)
    assert how.std == (0.26862954, 0.26130258, 0.27577711)
    assert how.fill == (0, 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"size": [224]}, {"size": "big"}, {"resize_mode": "tile"}, {"std": [0, 1, 1]}, {"mode": "L"},
     {"mean": [0.5]}, {"interpolation": "lanczos"}],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)):
        parse_preprocessing(wrong)
