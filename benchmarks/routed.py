"""What the router makes of real queries, so that simulated ones can be routed as well and as badly.

    .venv/bin/python -m benchmarks.routed > benchmarks/routed.json

Reads the labelled queries of `benchmarks.router`, of the half of the third show that stayed unread
while the rules were written, answered by the learned router that saw only the other two shows, and
counts (what a query needs, mode, confidence, prior). Only these counts ship; the queries do not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.router import FITTED_ON, is_unread, read_queries
from heimdex.domain.query import Intent, Mode, Prior
from training.router import QUERIES

_COUNTS = Path(__file__).with_name("routed.json")


def draw_intents(kinds: Sequence[str], seed: int) -> list[Intent]:
    """Return the router's answer to a random real query of each kind (``v``, ``t``, ``vt``)."""
    random = np.random.default_rng(seed)
    rows = json.loads(_COUNTS.read_text())
    answers: dict[str, list[Intent]] = {}
    shares: dict[str, list[int]] = {}
    for needs, mode, confidence, visual, transcript, both, count in rows:
        total = visual + transcript + both  # written down to two places
        prior = Prior(visual / total, transcript / total, both / total)
        intent = Intent(Mode(mode), confidence, "drawn", prior)
        answers.setdefault(needs, []).append(intent)
        shares.setdefault(needs, []).append(count)
    drawn = []
    for kind in kinds:
        weights = np.asarray(shares[kind], np.float64)
        drawn.append(answers[kind][random.choice(len(weights), p=weights / weights.sum())])
    return drawn


def main() -> None:
    counts: Counter[tuple[str, str, float, float, float, float]] = Counter()
    for query in read_queries(QUERIES)["learned"]:
        if query.show not in FITTED_ON and is_unread(query):
            prior, intent = query.intent.prior, query.intent
            shares = (round(prior.visual, 2), round(prior.transcript, 2), round(prior.both, 2))
            counts[(query.needs, intent.mode.value, intent.confidence, *shares)] += 1
    lines = ",\n".join(json.dumps([*row, count]) for row, count in sorted(counts.items()))
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
