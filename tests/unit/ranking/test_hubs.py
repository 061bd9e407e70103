"""Hub correction by hand."""

from __future__ import annotations

import math
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from heimdex.domain.ids import SceneId
from heimdex.ranking.hubs import background_captions, nearness, surplus

ONE, TWO, THREE = (SceneId(UUID(int=number)) for number in (1, 2, 3))


def rows(*angles: float) -> np.ndarray:
    return np.array([[math.cos(a), math.sin(a)] for a in angles], np.float32)


def test_the_shipped_captions_are_as_many_in_each_language() -> None:
    captions = background_captions()
    english = [caption for caption in captions if caption.isascii()]
    assert len(captions) == len(set(captions)) == 128
    assert len(english) == 64


def test_no_caption_is_asked_where_the_correction_is_measured() -> None:
    root = Path(__file__).parents[3]
    measured = [file for folder in ("training", "benchmarks") for file in (root / folder).rglob("*.toml")]
    texts = [file.read_text(encoding="utf-8") for file in measured]
    assert texts
    assert [caption for caption in background_captions() if any(f'"{caption}"' in text for text in texts)] == []


def test_nearness_by_hand() -> None:
    background = rows(0.0, 0.1, 2.0, 3.0)
    # of 4 captions the 2 nearest; scene 0 lies on the first, scene 1 has two keyframes
    found = nearness(background, rows(0.0, 2.0, 0.1), np.array([0, 1, 1]), nearest=0.5)
    first = (math.cos(0.0) + math.cos(0.1)) / 2
    second = (1.0 + 1.0) / 2  # its best keyframe lies on the third caption, its other one on the second
    assert found == pytest.approx([first, second], abs=1e-6)


def test_at_least_one_caption_counts() -> None:
    assert nearness(rows(0.0, 1.0), rows(0.0), np.array([0]), nearest=0.01) == pytest.approx([1.0])


def test_no_scenes_no_figures() -> None:
    assert nearness(rows(0.0), np.zeros((0, 2), np.float32), np.zeros(0, np.int64)).shape == (0,)


def test_surplus_is_against_the_median() -> None:
    assert surplus({ONE: 0.3, TWO: 0.2, THREE: 0.1}, 0.5) == pytest.approx({ONE: 0.05, TWO: 0.0, THREE: -0.05})
    assert surplus({ONE: 0.3, TWO: math.nan}, 0.5) == {ONE: 0.0}
    assert surplus({}, 0.5) == {}


def test_the_order_is_that_of_the_published_formula() -> None:
    random = np.random.default_rng(1)
    cosines, near = random.random(50), random.random(50)
    scenes = [SceneId(UUID(int=number)) for number in range(50)]
    taken = surplus(dict(zip(scenes, near.tolist(), strict=True)), 0.75)
    ours = sorted(range(50), key=lambda n: -(cosines[n] - taken[scenes[n]]))
    assert ours == np.argsort(-(cosines - 0.75 * near)).tolist()
