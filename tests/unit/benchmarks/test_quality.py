"""The quality benchmark's own parts: the same library twice, rivals that do what they say, gates that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pipeline import CutOffs, ranks_by_product
from benchmarks.quality import REFERENCE, bars, compare
from benchmarks.rivals import POOLINGS, equal_weights, guide, pooled
from benchmarks.routed import draw_intents
from benchmarks.simulator import Library, draw
from heimdex.domain.query import Mode
from heimdex.ranking.pool_frames import Pooling, pool_frames
from heimdex.search.plan import SearchConfig

SMALL = replace(REFERENCE, scenes=120, queries=40)
PATIENT = SearchConfig(clip_timeout_s=60.0, channel_timeout_s=60.0, deadline_s=600.0)


@pytest.fixture(scope="module")
def library() -> Library:
    return draw(SMALL, seed=5)


def test_a_seed_gives_one_library(library: Library) -> None:
    again, other = draw(SMALL, seed=5), draw(SMALL, seed=6)
    assert np.array_equal(again.cosines, library.cosines)
    assert not np.array_equal(other.cosines, library.cosines)


@pytest.mark.parametrize("how", [how for how in POOLINGS if how != "single"])
def test_the_rivals_pool_keyframes_as_the_product_does(library: Library, how: Pooling) -> None:
    scenes, frames, dim = library.frames.shape
    owner = np.repeat(np.arange(scenes), frames)
    ours = pool_frames(library.asked[3], library.frames.reshape(-1, dim), owner, how)
    theirs = pooled(library, how)[3]
    assert theirs[library.seen] == pytest.approx(ours[library.seen], abs=1e-5)


def test_the_guide_keeps_nothing_beyond_its_limit_when_it_reranks(library: Library) -> None:
    short, long = guide(library, seed=1), guide(library, seed=1, limit=500)
    assert np.isinf(short).sum() > np.isinf(long).sum()
    assert (1 / short).mean() <= (1 / long).mean() + 1e-9


def test_equal_weights_of_one_channel_are_that_channel(library: Library) -> None:
    ranks = equal_weights(library, ("max", ("visual",)))
    scores = np.nan_to_num(pooled(library, "max"), nan=-1.0)
    expected = (scores > scores[np.arange(40), library.right][:, None]).sum(axis=1) + 1
    found = np.isfinite(ranks)
    assert ranks[found].tolist() == expected[found].tolist()


def test_the_product_ranks_a_simulated_library_and_its_settings_matter(library: Library) -> None:
    no_cut_offs = CutOffs(None, None)
    usual = ranks_by_product(library, no_cut_offs, PATIENT, seed=1)
    blind = ranks_by_product(library, no_cut_offs, replace(PATIENT, visual_mode=Mode.SKIP), seed=1)
    seen = library.kind == 0
    assert (1 / usual[seen]).mean() > (1 / blind[seen]).mean() + 0.2
    assert np.array_equal(usual, ranks_by_product(library, no_cut_offs, PATIENT, seed=1))


def test_routed_intents_follow_what_a_query_needs() -> None:
    drawn = draw_intents(["t"] * 200, seed=1)
    assert 0.4 < sum(intent.mode is Mode.SKIP for intent in drawn) / 200 < 0.8
    assert all(sum((i.prior.visual, i.prior.transcript, i.prior.both)) == pytest.approx(1, abs=0.01) for i in drawn)


def test_bars_tell_a_loss() -> None:
    outcome = compare("small", SMALL, PATIENT, CutOffs(None, None))
    worse = replace(outcome, over={rival: replace(d, low=-0.5, mean=-0.4) for rival, d in outcome.over.items()})
    assert not any(holds for _, holds, _ in bars([worse]))
    better = replace(outcome, over={rival: replace(d, low=0.5, mean=0.6) for rival, d in outcome.over.items()})
    assert all(holds for _, holds, _ in bars([better]))
