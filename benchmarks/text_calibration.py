"""Which cosines of a text model mean something: searches against lines that answer them and lines that do not.

    python -m benchmarks.text_calibration FOLDER

For forty searches: the cosine to the line that answers each, and to the best of the thirty-nine
that do not (what a search in a library without an answer would show first). From these:
weak = nine in ten best wrong lines lie below; strong = half of the right lines lie above;
medium = midway. Forty pairs of one author: enough to order the labels, not to promise a rate.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tomllib
from pathlib import Path

import numpy as np

from heimdex.embedding.text_local import LocalTextEmbedder

PAIRS = Path(__file__).with_name("text_calibration_pairs.toml")


def measure(folder: Path) -> dict[str, float | int | str]:
    """Return the thresholds and what they rest on."""
    queries, passages = (list(side) for side in zip(*tomllib.loads(PAIRS.read_text())["pairs"], strict=True))
    embedder = LocalTextEmbedder(folder)
    cosines = asyncio.run(embedder.embed_queries(queries, timeout_s=600)) @ (
        asyncio.run(embedder.embed_passages(passages, timeout_s=600)).T
    )
    right = np.diag(cosines)
    wrong = np.where(np.eye(len(cosines), dtype=bool), -1, cosines).max(axis=1)
    weak, strong = float(np.quantile(wrong, 0.9)), float(np.median(right))
    strong = max(weak, strong)
    return {
        "weak": round(weak, 3),
        "medium": round((weak + strong) / 2, 3),
        "strong": round(strong, 3),
        "method": "benchmarks/text_calibration.py: weak = 90th percentile of the best wrong line of 39, "
        "strong = median of the right line, medium = midway; 40 pairs written for it, English",
        "pairs": len(right),
        "right_first": int((right > wrong).sum()),
        "right_quartiles": " ".join(f"{q:.3f}" for q in np.quantile(right, [0, 0.25, 0.5, 0.75, 1])),
        "best_wrong_quartiles": " ".join(f"{q:.3f}" for q in np.quantile(wrong, [0, 0.25, 0.5, 0.75, 1])),
        "right_above_weak": int((right > weak).sum()),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1])), indent=2))
