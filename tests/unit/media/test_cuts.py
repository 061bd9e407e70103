"""Cut detection on signatures of made-up pictures: no video, no file."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from heimdex.media.cuts import CutDetector
from heimdex.media.signature import Signature, sign
from heimdex.ports import Image
from heimdex.testing.clips import Shot, dissolve, picture, plain, play

FPS = 25


def signature(time_s: float, rgb: Image) -> Signature:
    """Convert as ITU-R BT.601 in limited range does."""
    red, green, blue = (rgb[..., channel].astype(np.float32) for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    half = slice(None, None, 2)
    return sign(
        time_s,
        (16 + luma * 219 / 255).astype(np.uint8),
        (128 + (blue - luma) * 0.494)[half, half].astype(np.uint8),
        (128 + (red - luma) * 0.625)[half, half].astype(np.uint8),
    )


def boundaries(frames: Iterable[Image], fps: int = FPS) -> list[float]:
    detector = CutDetector()
    found = []
    for number, frame in enumerate(frames):
        found += detector.push(signature(number / fps, frame))
    return found + detector.finish()


@pytest.mark.parametrize(
    ("contrast", "pan_px", "grain"),
    [(1.0, 0, 0), (1.0, 80, 3), (1.0, 0, 8), (0.25, 0, 2), (0.15, 0, 1)],
    ids=["still", "panning", "grainy", "low contrast", "very low contrast"],
)
def test_hard_cuts_are_found_at_their_frame(contrast: float, pan_px: float, grain: float) -> None:
    shots = [Shot(picture(seed, contrast=contrast), 1.6, pan_px, grain) for seed in (1, 2, 3, 4)]

    assert boundaries(play(shots)) == pytest.approx([1.6, 3.2, 4.8])


@pytest.mark.parametrize("fps", [10, 60])
def test_the_frame_rate_does_not_matter(fps: int) -> None:
    assert boundaries(play([Shot(picture(1), 2), Shot(picture(2), 2)], fps=fps), fps) == pytest.approx([2.0])


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_flash_is_no_cut(length: int) -> None:
    frames = list(play([Shot(picture(5), 4, pan_px=30)]))
    for number in range(50, 50 + length):
        frames[number] = (frames[number] * 0.1 + 229).astype(np.uint8)

    assert boundaries(frames) == []


def test_a_cut_beside_a_flash_is_found() -> None:
    frames = list(play([Shot(picture(5), 2), Shot(picture(6), 2)]))
    frames[20] = plain((255, 255, 255))

    assert boundaries(frames) == pytest.approx([2.0])


@pytest.mark.parametrize("length", [10, 20, 38])
def test_a_dissolve_is_found_near_its_middle(length: int) -> None:
    one, other = picture(7), picture(8)
    frames = [*play([Shot(one, 2)]), *dissolve(one, other, length), *play([Shot(other, 2)])]

    assert boundaries(frames) == pytest.approx([2 + length / FPS / 2], abs=0.25)


@pytest.mark.parametrize("level", [0, 255], ids=["black", "white"])
def test_a_fade_through_one_colour_is_one_boundary(level: int) -> None:
    def fade(image: Image, parts: Iterable[float]) -> list[Image]:
        return [(image * part + level * (1 - part)).astype(np.uint8) for part in parts]

    parts = np.linspace(1, 0, 16)
    frames = [
        *play([Shot(picture(1), 2)]), *fade(picture(1), parts), *fade(picture(2), parts[::-1]),
        *play([Shot(picture(2), 2)]),
    ]  # fmt: skip

    assert boundaries(frames) == pytest.approx([2 + 16 / FPS], abs=0.15)


def test_a_cut_to_black_that_fades_in_is_one_boundary() -> None:
    rise = [(picture(2) * part).astype(np.uint8) for part in np.linspace(0, 1, 16)]
    frames = [*play([Shot(picture(1), 2), Shot(plain((0, 0, 0)), 0.6)]), *rise, *play([Shot(picture(2), 2)])]

    assert len(boundaries(frames)) == 1


def test_what_moves_or_is_lit_otherwise_is_no_cut() -> None:
    scene = picture(9)
    lit = [(scene * (0.5 + 0.5 * abs(np.sin(n / 20)))).astype(np.uint8) for n in range(125)]
    moving = []
    for number in range(125):
        frame = scene.copy()
        left = number * 12 % 320
        frame[40:150, left : left + 110] = picture(10)[40:150, : min(110, 320 - left)]
        moving.append(frame)

    assert boundaries(lit) == []
    assert boundaries(moving) == []


def test_a_black_video_has_no_boundary() -> None:
    assert boundaries(play([Shot(plain((0, 0, 0)), 8)])) == []


def test_boundaries_come_in_order_and_the_memory_stays_flat() -> None:
    detector = CutDetector()
    found = []
    for number, frame in enumerate(play([Shot(picture(seed), 1.2) for seed in range(30)])):
        found += detector.push(signature(number / FPS, frame))
        assert len(detector._hard._steps) < FPS * 3
        assert len(detector._cuts) < 12
    found += detector.finish()

    assert found == sorted(found)
    assert len(found) == 29
