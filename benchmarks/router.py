"""How well the router's rules tell queries for pictures from queries for words.

    .venv/bin/python -m benchmarks.router [--shows bbt friends] [--queries FILE] [--fit]

Reads labelled queries (one JSON object a line: desc, type v|t|vt, show). The rules were written
while reading two shows, `bbt` and `friends`, and then one half of the videos of `house`, chosen by
a hash; the queries of the other half stayed unread and are reported apart. `docs/why/router.md`
tells the whole story. Brackets are 95 % bootstrap intervals, clustered by video.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heimdex.domain.query import Intent, Mode
from heimdex.ranking.intent import prior_features, route
from heimdex.ranking.signals import find_signals

QUERIES = Path(__file__).resolve().parents[2] / "shared" / "data" / "queries" / "tvr_val_dev.jsonl"
FITTED_ON = ("bbt", "friends")
TYPES = ("v", "t", "vt")


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


def read_queries(path: Path) -> list[Labelled]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Labelled(r["desc"], r["type"], r["show"], r["vid_name"], route(r["desc"])) for r in rows]


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


def report(name: str, queries: Sequence[Labelled], intervals: bool) -> None:
    measures: dict[str, Callable[[Sequence[Labelled]], float]] = {
        "speech-only queries skipped (bar >= 0.50)": lambda qs: skipped(qs, "t"),
        "queries that need the picture skipped (bar <= 0.05)": lambda qs: skipped(qs, "v", "vt"),
        "macro-F1 of the prior's likeliest type (bar >= 0.59)": macro_f1,
    }
    print(f"{name}: {len(queries)} queries, {dict(Counter(q.needs for q in queries))}")
    for title, measure in measures.items():
        print(f"  {title:55} {measure(queries):.3f} {interval(queries, measure) if intervals else ''}")
    for needs in TYPES:
        chosen = [q for q in queries if q.needs == needs]
        guesses, modes = Counter(q.guess for q in chosen), Counter(q.intent.mode.value for q in chosen)
        print(f"  needs {needs:2}: guessed {dict(guesses)}, modes {dict(modes)}")


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
    parser.add_argument("--fit", action="store_true", help="print the weights of the prior instead")
    args = parser.parse_args()
    queries = read_queries(args.queries)
    fitted = [q for q in queries if q.show in FITTED_ON]
    if args.fit:
        fit(fitted)
    elif args.shows:
        report(", ".join(args.shows), [q for q in queries if q.show in args.shows], intervals=True)
    else:
        third = [q for q in queries if q.show not in FITTED_ON]
        report("read: " + ", ".join(FITTED_ON), fitted, intervals=True)
        report("read: first half of house", [q for q in third if not is_unread(q)], intervals=True)
        report("unread: second half of house", [q for q in third if is_unread(q)], intervals=True)


if __name__ == "__main__":
    main()
