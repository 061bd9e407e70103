"""How well the router tells queries for pictures from queries for words: its rules, and with what was learned.

    .venv/bin/python -m benchmarks.router [--shows bbt friends] [--queries FILE] [--fit]

Reads labelled queries (one JSON object a line: desc, type v|t|vt, show). The rules were written
while reading two shows, `bbt` and `friends`, and then one half of the videos of `house`, chosen by
a hash; the queries of the other half stayed unread and are reported apart. The learned model that
answers for a show, and its threshold, were made of the other shows only (`training.router`), so
this takes a minute or two. `docs/why/router.md` tells the whole story. Brackets are 95 % bootstrap
intervals, clustered by video.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heimdex.domain.query import Intent, Mode, Router
from heimdex.ranking.intent import prior_features
from heimdex.ranking.signals import find_signals
from training.router import QUERIES, TYPES, answer, leave_one_show_out, read_examples

FITTED_ON = ("bbt", "friends")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A query, what it needs (seen, said, both), and what the router made of it."""

    text: str
    needs: str
    show: str
    video: str
    intent: Intent

    @property
    def guess(self) -> str:
        prior = self.intent.prior
        return max(zip((prior.visual, prior.transcript, prior.both), TYPES, strict=True))[1]


def read_queries(path: Path) -> dict[Router, list[Labelled]]:
    """Return the same queries as the rules answer them, and as models answer them that never saw their show."""
    examples = read_examples(path)
    models = leave_one_show_out(examples)
    return {
        "rules": [Labelled(e.text, e.needs, e.show, e.video, e.ruled) for e in examples],
        "learned": [Labelled(e.text, e.needs, e.show, e.video, answer(e, models[e.show])) for e in examples],
    }


def is_unread(query: Labelled) -> bool:
    """Return whether a query of the third show belongs to the videos whose queries stayed unread."""
    return int(hashlib.sha1(query.video.encode(), usedforsecurity=False).hexdigest(), 16) % 2 == 1


def skipped(queries: Sequence[Labelled], *needs: str) -> float:
    """Return the share of the queries with one of ``needs`` that are answered without CLIP."""
    modes = [q.intent.mode for q in queries if q.needs in needs]
    return modes.count(Mode.SKIP) / len(modes) if modes else math.nan


def macro_f1(queries: Sequence[Labelled]) -> float:
    """Return the mean over the three types of F1, the type being the likeliest under the prior."""
    pairs = Counter((q.needs, q.guess) for q in queries)
    scores = []
    for kind in TYPES:
        hits = pairs[kind, kind]
        relevant = sum(n for (needs, _), n in pairs.items() if needs == kind)
        guessed = sum(n for (_, guess), n in pairs.items() if guess == kind)
        scores.append(2 * hits / (relevant + guessed) if relevant + guessed else 0.0)
    return sum(scores) / len(scores)


def interval(queries: Sequence[Labelled], measure: Callable[[Sequence[Labelled]], float], rounds: int = 200) -> str:
    """Return the 2.5 and 97.5 percentiles of ``measure`` over resampled videos."""
    by_video: dict[str, list[Labelled]] = defaultdict(list)
    for query in queries:
        by_video[query.video].append(query)
    videos, random_state = list(by_video), random.Random(0)
    values = sorted(
        measure([q for video in random_state.choices(videos, k=len(videos)) for q in by_video[video]])
        for _ in range(rounds)
    )
    return f"[{values[int(0.025 * rounds)]:.3f}, {values[int(0.975 * rounds)]:.3f}]"


_MEASURES: Mapping[str, Callable[[Sequence[Labelled]], float]] = {
    "speech-only queries skipped (bars 0.50, 0.60)": lambda qs: skipped(qs, "t"),
    "queries that need the picture skipped (bar <= 0.05)": lambda qs: skipped(qs, "v", "vt"),
    "macro-F1 of the prior's likeliest type (0.59, 0.70)": macro_f1,
}


def report(name: str, answered: Mapping[Router, Sequence[Labelled]]) -> None:
    """Print the figures of one part of the queries, the rules beside the learned router."""
    queries = answered["rules"]
    print(f"{name}: {len(queries)} queries, {dict(Counter(q.needs for q in queries))}")
    for title, measure in _MEASURES.items():
        figures = (f"{router} {measure(qs):.3f} {interval(qs, measure)}" for router, qs in answered.items())
        print(f"  {title:53} " + "   ".join(figures), flush=True)
    for needs in TYPES:
        for router, qs in answered.items():
            chosen = [q for q in qs if q.needs == needs]
            guesses, modes = Counter(q.guess for q in chosen), Counter(q.intent.mode.value for q in chosen)
            print(f"  needs {needs:2}, {router:7}: guessed {dict(guesses)}, modes {dict(modes)}")


def fit(queries: Sequence[Labelled]) -> None:
    """Print weights for the prior: multinomial logistic, classes weighing the same, small L2, no constant."""
    features = [prior_features(find_signals(q.text)) for q in queries]
    names = list(features[0])
    x = np.array([[row[name] for name in names] for row in features])
    y = np.array([TYPES.index(q.needs) for q in queries])
    weight = (1 / np.bincount(y))[y]
    w = np.zeros((len(names), 3))
    for _ in range(4000):
        logits = x @ w
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        w -= 0.2 * (x.T @ ((p - np.eye(3)[y]) * weight[:, None]) / 3 + 0.002 * w)
    for name, row in zip(names, w, strict=True):
        print(f'    "{name}": ({row[0]:.2f}, {row[1]:.2f}, {row[2]:.2f}),')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=Path, default=QUERIES)
    parser.add_argument("--shows", nargs="*", help="only these")
    parser.add_argument("--fit", action="store_true", help="print the weights of the rules' prior instead")
    args = parser.parse_args()
    answered = read_queries(args.queries)
    if args.fit:
        fit([q for q in answered["rules"] if q.show in FITTED_ON])
        return
    parts: dict[str, Callable[[Labelled], bool]] = {
        "bbt (read)": lambda q: q.show == "bbt",
        "friends (read)": lambda q: q.show == "friends",
        "house, first half (read)": lambda q: q.show == "house" and not is_unread(q),
        "house, second half (unread)": lambda q: q.show == "house" and is_unread(q),
        "house": lambda q: q.show == "house",
        "all three": lambda _: True,
    }
    if args.shows:
        parts = {", ".join(args.shows): lambda q: q.show in args.shows}
    for name, belongs in parts.items():
        report(name, {router: [q for q in queries if belongs(q)] for router, queries in answered.items()})


if __name__ == "__main__":
    main()
