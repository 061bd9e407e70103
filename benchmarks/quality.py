"""Does the product's ranking beat the published one, and simple fusion, in libraries of many kinds?

    .venv/bin/python -m benchmarks.quality [--worlds 20] [--queries 250] [--set NAME=VALUE …] [--versus NAME=VALUE …]

Simulates libraries (`benchmarks.simulator`), asks each the same queries through the product's own
search code (`benchmarks.pipeline`) and through its rivals (`benchmarks.rivals`), and compares the
reciprocal ranks in pairs, with bootstrap intervals clustered by video. Rivals are tuned on dev
seeds of the very world, the product is not tuned at all; every figure is of test seeds.

With ``--versus`` the product is also compared with itself under other settings, which is how the
defaults were chosen: ``--versus frame_pooling=softmax``.

First the simulator itself is tested: gates bound how hard it is. It exits with 1 when a gate does
not hold, because then no figure below it means anything; bars that are missed are printed as such.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.pipeline import CutOffs, calibrate, ranks_by_product
from benchmarks.rivals import Scores, equal_weights, guide, pooled, tune_equal_weights, tune_single
from benchmarks.simulator import TYPES, Library, World, draw
from heimdex.evaluation.compare import Difference, paired_bootstrap
from heimdex.evaluation.metrics import Ranks, ranks_of, recall_at, reciprocal_ranks
from heimdex.search.plan import SearchConfig

DEV_SEEDS, TEST_SEEDS, CALIBRATION_SEED = (1000, 1001), (1, 2), 999
REFERENCE = World()
_TVR, _SPOKEN, _BALANCED = (0.74, 0.09, 0.17), (0.2, 0.6, 0.2), (0.4, 0.3, 0.3)

#: one thing changed at a time, then several at once
WORLDS: dict[str, World] = {
    "reference": REFERENCE,
    "nobody silent": replace(REFERENCE, silent=0.05),
    "half silent": replace(REFERENCE, silent=0.5),
    "mostly silent": replace(REFERENCE, silent=0.75),
    "no hubs": replace(REFERENCE, hub=0.0),
    "strong hubs": replace(REFERENCE, hub=0.04),
    "strong CLIP": replace(REFERENCE, visual_noise=1.0),
    "weak CLIP": replace(REFERENCE, visual_noise=1.8),
    "clear speech": replace(REFERENCE, spoken_noise=2.8),
    "unclear speech": replace(REFERENCE, spoken_noise=4.8),
    "own words": replace(REFERENCE, same_word=0.2),
    "same words": replace(REFERENCE, same_word=0.9),
    "nothing described": replace(REFERENCE, told=0.0),
    "all described": replace(REFERENCE, told=1.0),
    "asked as in TVR": replace(REFERENCE, mix=_TVR),
    "asked for speech": replace(REFERENCE, mix=_SPOKEN),
    "asked for both": replace(REFERENCE, mix=(0.2, 0.2, 0.6)),
    "home videos": replace(REFERENCE, mix=_TVR, silent=0.6, told=0.0, hub=0.02),
    "lectures": replace(REFERENCE, mix=_SPOKEN, silent=0.05, told=0.2, visual_noise=1.7),
    "television": replace(REFERENCE, mix=_BALANCED, silent=0.1, told=0.3, spoken_noise=4.2, same_word=0.4),
}  # fmt: skip


def gates() -> list[tuple[str, float, float, float]]:
    """Return (what, value, least, most) for the reference world, queries for what is seen, dev seeds."""
    figures: dict[str, list[float]] = {"max": [], "softmax": [], "mean": [], "hubs": [], "positive": []}
    for seed in DEV_SEEDS:
        library = draw(replace(REFERENCE, queries=600), seed)
        seen = library.kind == TYPES.index("v")
        for pooling in ("max", "softmax", "mean"):
            figures[pooling].append(_first(library, pooled(library, pooling)[seen], seen))
        scores = pooled(library, "max")
        near = -np.sort(-pooled(library, "max", library.bank), axis=0)[:64].mean(axis=0)
        figures["hubs"].append(_first(library, (scores - 0.75 * near)[seen], seen))
        own = scores[np.arange(len(seen)), library.right][seen]
        figures["positive"].append(float(np.nanmedian(own)))
    value = {name: float(np.mean(values)) for name, values in figures.items()}
    return [
        ("visual R@1, best keyframe, 1,000 scenes, %", 100 * value["max"], 25, 40),
        ("hub correction (NNN, alpha 0.75) adds, points of R@1", 100 * (value["hubs"] - value["max"]), 2, 7),
        ("softmax (tau 0.1) over mean of keyframes, points of R@1", 100 * (value["softmax"] - value["mean"]), 0, 3),
        ("cosine of the right scene, median", value["positive"], 0.22, 0.35),
    ]


def _first(library: Library, scores: Scores, chosen: np.ndarray) -> float:
    return recall_at(ranks_of(scores, library.right[chosen]), 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One world: mean reciprocal ranks, and the product's advantage over each rival."""

    name: str
    mrr: dict[str, float]
    over: dict[str, Difference]
    #: MRR of the product for what is seen, said, both
    by_kind: tuple[float, ...]


def compare(
    name: str, world: World, config: SearchConfig, cut_offs: CutOffs, versus: SearchConfig | None = None
) -> Outcome:
    """Run all systems, and the product under other settings, on the test libraries of one world."""
    dev = draw(world, DEV_SEEDS[0])
    equal, single = tune_equal_weights(dev), tune_single(dev)
    ranks: dict[str, list[Ranks]] = {}
    clusters, kinds = [], []
    for seed in TEST_SEEDS:
        library = draw(world, seed)
        of_system = {
            "product": ranks_by_product(library, cut_offs, config, seed),
            "guide": guide(library, seed),
            "guide, pool of 500": guide(library, seed, limit=500),
            "equal weights": equal_weights(library, equal),
            "one channel": equal_weights(library, single),
        }
        if versus is not None:
            of_system["versus"] = ranks_by_product(library, cut_offs, versus, seed)
        for system, found in of_system.items():
            ranks.setdefault(system, []).append(found)
        clusters += [f"{seed} {video}" for video in library.video[library.right]]
        kinds.append(library.kind)
    scores = {system: reciprocal_ranks(np.concatenate(found)) for system, found in ranks.items()}
    kind = np.concatenate(kinds)
    return Outcome(
        name=name,
        mrr={system: float(values.mean()) for system, values in scores.items()},
        over={s: paired_bootstrap(scores["product"], v, clusters) for s, v in scores.items() if s != "product"},
        by_kind=tuple(float(scores["product"][kind == k].mean()) if (kind == k).any() else 0.0 for k in range(3)),
    )


def bars(outcomes: Sequence[Outcome]) -> list[tuple[str, bool, str]]:
    """Return (what is claimed, whether it holds, the figures)."""
    lows = {rival: np.array([o.over[rival].low for o in outcomes]) for rival in outcomes[0].over}
    means = {rival: np.array([o.over[rival].mean for o in outcomes]) for rival in outcomes[0].over}

    def share(values: np.ndarray, bar: float) -> str:
        return f"{(values > bar).sum()} of {len(values)} worlds, worst {values.min():+.3f}"

    guide_low, equal_low, single_low = lows["guide"], lows["equal weights"], lows["one channel"]
    equal_mean = means["equal weights"]
    return [
        ("over the guide: lower bound > +0.10 in >= 95 %", _most(guide_low > 0.1, 0.95), share(guide_low, 0.1)),
        ("over equal weights: lower bound > 0 in >= 80 %", _most(equal_low > 0.0, 0.8), share(equal_low, 0.0)),
        ("over equal weights: mean never below -0.02", _most(equal_mean >= -0.02, 1.0), share(equal_mean, -0.02)),
        ("over the best channel: lower bound > 0 in all", _most(single_low > 0.0, 1.0), share(single_low, 0.0)),
    ]


def _most(worlds: np.ndarray, share: float) -> bool:
    return bool(worlds.mean() >= share)


PATIENT = SearchConfig(clip_timeout_s=600.0, channel_timeout_s=600.0, deadline_s=600.0)


def with_settings(pairs: Sequence[str], config: SearchConfig) -> SearchConfig:
    for name, _, value in (pair.partition("=") for pair in pairs):
        kind = type(getattr(config, name))
        config = replace(config, **{name: kind(value)})
    return config


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=len(WORLDS))
    parser.add_argument("--queries", type=int, default=250, help="in each of two test libraries of a world")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of SearchConfig to try")
    parser.add_argument("--versus", nargs="*", metavar="NAME=VALUE", help="compare with these settings")
    args = parser.parse_args()
    started = time.perf_counter()
    print("Is the simulator neither too easy nor too hard?")
    checked = gates()
    for what, value, least, most in checked:
        print(f"  {what:58} {value:6.2f}  {least} to {most}: {'holds' if least <= value <= most else 'DOES NOT HOLD'}")
    cut_offs = calibrate(draw(replace(REFERENCE, queries=1000), CALIBRATION_SEED))
    config = with_settings(args.set, PATIENT)
    versus = None if args.versus is None else with_settings(args.versus, config)
    print(f"\nMRR and advantage of the product, 95 % intervals by video, {2 * args.queries} queries a world")
    heads = ("product (seen said both)", "over the guide", "over equal weights", "over one channel", "over --versus")
    print(f"{'':18} " + " ".join(f"{head:31}" for head in heads[: 4 + (versus is not None)]).rstrip())
    outcomes = []
    for name, world in list(WORLDS.items())[: args.worlds]:
        o = compare(name, replace(world, queries=args.queries), config, cut_offs, versus)
        outcomes.append(o)
        kinds = " ".join(f"{value:.2f}" for value in o.by_kind)
        shown = [rival for rival in o.over if rival != "guide, pool of 500"]
        rivals = (f"{o.mrr[rival]:.3f} {o.over[rival]}" for rival in shown)
        print(f"{name:18} {o.mrr['product']:.3f} ({kinds})   " + "   ".join(rivals), flush=True)
    print(f"\nMean MRR: {', '.join(f'{s} {np.mean([o.mrr[s] for o in outcomes]):.3f}' for s in outcomes[0].mrr)}")
    for what, holds, figures in bars(outcomes):
        print(f"  {what:50} {'holds' if holds else 'DOES NOT HOLD'} ({figures})")
    print(f"{time.perf_counter() - started:.0f} s")
    return 0 if all(least <= value <= most for _, value, least, most in checked) else 1


if __name__ == "__main__":
    sys.exit(main())
