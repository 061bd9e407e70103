"""Keyframes into scenes, against arithmetic by hand and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimdex.ranking.pool_frames import Pooling, pool_frames

WAYS: tuple[Pooling, ...] = ("softmax", "max", "mean", "top_k")
QUERY = np.array([1.0, 0.0, 0.0], np.float32)


def at(cosine: float, axis: int = 1) -> list[float]:
    row = [cosine, 0.0, 0.0]
    row[axis] = math.sqrt(1 - cosine**2)
    return row


def pooled(how: Pooling, *scenes: list[list[float]], temperature: float = 0.1, top_k: int = 2) -> list[float]:
    rows = np.array([row for scene in scenes for row in scene], np.float32)
    owner = np.repeat(np.arange(len(scenes)), [len(scene) for scene in scenes])
    return list(map(float, pool_frames(QUERY, rows, owner, how, temperature=temperature, top_k=top_k)))


def test_by_hand() -> None:
    scene = [at(0.8, 1), at(0.6, 2), at(0.0, 1)]
    assert pooled("max", scene) == pytest.approx([0.8])
    assert pooled("top_k", scene) == pytest.approx([0.7])
    assert pooled("top_k", scene, top_k=1) == pytest.approx([0.8])
    assert pooled("top_k", scene, [at(0.5)], top_k=5) == pytest.approx([1.4 / 3, 0.5])
    # the sum of the three is (1.4, 0.6 + 1, 0.8)
    assert pooled("mean", scene) == pytest.approx([1.4 / math.hypot(1.4, 1.6, 0.8)])
    # weights exp(0), exp(-2), exp(-8)
    w = [1.0, math.exp(-2), math.exp(-8)]
    total = (0.8 * w[0] + 0.6 * w[1], 0.6 * w[0] + w[2], 0.8 * w[1])
    assert pooled("softmax", scene) == pytest.approx([total[0] / math.hypot(*total)])


@pytest.mark.parametrize("how", WAYS)
def test_one_keyframe_is_its_cosine(how: Pooling) -> None:
    assert pooled(how, [at(0.3)], [at(0.5), at(0.5)], [at(-0.2)]) == pytest.approx([0.3, 0.5, -0.2], abs=1e-6)


def test_a_cold_softmax_is_the_best_keyframe_and_a_hot_one_the_mean() -> None:
    scene = [at(0.8, 1), at(0.6, 2)]
    assert pooled("softmax", scene, temperature=1e-3) == pytest.approx(pooled("max", scene))
    assert pooled("softmax", scene, temperature=1e6) == pytest.approx(pooled("mean", scene), abs=1e-5)


@pytest.mark.parametrize("how", WAYS)
def test_keyframes_that_cancel_out_give_a_number(how: Pooling) -> None:
    assert all(math.isfinite(score) for score in pooled(how, [at(0.0, 1), [0.0, -1.0, 0.0]]))


@pytest.mark.parametrize("how", WAYS)
def test_no_scenes_no_scores(how: Pooling) -> None:
    assert pool_frames(QUERY, np.zeros((0, 3), np.float32), np.zeros(0, np.int64), how).shape == (0,)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 10_000), st.sampled_from(WAYS))
def test_scenes_do_not_touch_each_other(sizes: list[int], seed: int, how: Pooling) -> None:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((sum(sizes), 3)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    owner = np.repeat(np.arange(len(sizes)), sizes)

    together = pool_frames(QUERY, rows, owner, how)

    alone = [pool_frames(QUERY, rows[owner == n], np.zeros(size, np.int64), how)[0] for n, size in enumerate(sizes)]
    assert together == pytest.approx(alone, abs=1e-9)
    assert np.all(np.abs(together) <= 1.0)
    shuffled = np.concatenate([random.permutation(rows[owner == n]) for n in range(len(sizes))])
    assert pool_frames(QUERY, shuffled, owner, how) == pytest.approx(together, abs=1e-6)
