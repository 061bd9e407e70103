"""Trains the learned part of the router on labelled queries, and measures it on shows that it has not seen.

    .venv/bin/python -m training.router [--queries FILE] [--out src/heimdex/ranking/lexicon/learned.json]

The queries are one JSON object a line: desc, type v|t|vt, show, vid_name. Features are those of
`heimdex.ranking.phrasing`; a word or a pair counts only if it occurs in at least two shows, so that
nobody's name does. The threshold for skip comes from models that had not seen the show that it was
read on, never from a show that is then scored: `leave_one_show_out` nests both. numpy only.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heimdex.domain.query import Intent, Mode
from heimdex.ranking.intent import by_rules
from heimdex.ranking.learned import Model, Row, is_word, sharpen
from heimdex.ranking.phrasing import features, words_read
from heimdex.ranking.signals import Signals, find_signals

QUERIES = Path(__file__).resolve().parents[2] / "shared" / "data" / "queries" / "tvr_val_dev.jsonl"
OUT = Path(__file__).resolve().parents[1] / "src" / "heimdex" / "ranking" / "lexicon" / "learned.json"
TYPES = ("v", "t", "vt")
#: of the queries that need the picture, how many may be skipped on shows set aside; the bar is 0.05
HARM_BUDGET = 0.045
#: Inverse strength of L2, and how far rare classes weigh as much as frequent ones (0 not at all, 1 wholly)
_C, _BALANCE = 0.05, 0.5
_LEAST_QUERIES_OF_WORD, _LEAST_QUERIES_OF_PAIR = 4, 2
_STEPS = 150
#: weights are whole numbers of this size in the file
_SCALE = 0.01

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A labelled query, read once."""

    text: str
    needs: str
    show: str
    video: str
    signals: Signals

    @property
    def ruled(self) -> Intent:
        return by_rules(self.signals)


def read_examples(path: Path) -> list[Example]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Example(r["desc"], r["type"], r["show"], r["vid_name"], find_signals(r["desc"])) for r in rows]


def _common(rows: Sequence[set[str]], shows: Sequence[str], least: int) -> set[str]:
    """Return what occurs in enough rows, and in two shows at least where there are two."""
    count: dict[str, int] = defaultdict(int)
    where: dict[str, set[str]] = defaultdict(set)
    for row, show in zip(rows, shows, strict=True):
        for name in row:
            count[name] += 1
            where[name].add(show)
    in_shows = min(2, len(set(shows)))
    return {name for name, times in count.items() if times >= least and len(where[name]) >= in_shows}


@dataclass(frozen=True)
class _Sparse:
    """A binary matrix: feature ``columns[i]`` of row ``rows[i]`` is 1."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shape: tuple[int, int]

    def times(self, w: Floats) -> Floats:
        return np.stack([np.bincount(self.rows, c[self.columns], self.shape[0]) for c in w.T], axis=1)

    def transposed_times(self, r: Floats) -> Floats:
        return np.stack([np.bincount(self.columns, c[self.rows], self.shape[1]) for c in r.T], axis=1)


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def fit_logistic(x: _Sparse, y: NDArray[np.int64]) -> Floats:
    """Return (features, 3) weights that minimise C · Σ w_i · cross-entropy_i + |W|² / 2, by Nesterov's method."""
    counts = np.bincount(y, minlength=3)
    weight = _C * ((len(y) / (3 * np.maximum(counts, 1))) ** _BALANCE)[y][:, None]
    truth = np.eye(3)[y]
    ones = np.ones((x.shape[1], 1))
    for _ in range(30):  # power iteration: the curvature is at most half the greatest eigenvalue of X'WX, plus 1
        ones = x.transposed_times(weight * x.times(ones))
        greatest = float(np.linalg.norm(ones))
        ones /= greatest
    curvature = 1.0 + 0.5 * greatest
    momentum = (np.sqrt(curvature) - 1) / (np.sqrt(curvature) + 1)
    w = ahead = np.zeros((x.shape[1], 3))
    for _ in range(_STEPS):
        slope = x.transposed_times(weight * (_softmax(x.times(ahead)) - truth)) + ahead
        before, w = w, ahead - slope / curvature
        ahead = w + momentum * (w - before)
    return w


def train(examples: Sequence[Example], skip_above: float = 1.0) -> Model:
    """Return a model of these examples."""
    shows = [e.show for e in examples]
    words = _common([set(words_read(e.text)) for e in examples], shows, _LEAST_QUERIES_OF_WORD)
    found = [features(e.text, e.signals, words) for e in examples]
    kept = sorted(_common(found, shows, _LEAST_QUERIES_OF_PAIR) | words)
    column = {name: i for i, name in enumerate(kept)}
    entries = [(row, column[name]) for row, names in enumerate(found) for name in sorted(names) if name in column]
    rows, columns = np.array(entries, np.int64).T
    w = fit_logistic(
        _Sparse(rows, columns, (len(examples), len(kept))), np.array([TYPES.index(e.needs) for e in examples])
    )
    w -= w.mean(axis=1, keepdims=True)
    return _rounded(dict(zip(kept, w.tolist(), strict=True)), skip_above)


def _rounded(weights: Mapping[str, Sequence[float]], skip_above: float) -> Model:
    """Return the model as it will be read from its file; pairs that weigh nothing are left out."""
    whole = {name: [round(value / _SCALE) for value in row] for name, row in weights.items()}
    kept: dict[str, Row] = {
        name: (v * _SCALE, t * _SCALE, b * _SCALE) for name, (v, t, b) in whole.items() if is_word(name) or v or t or b
    }
    return Model(frozenset(filter(is_word, kept)), kept, skip_above)


def threshold(examples: Sequence[Example]) -> float:
    """Return the least probability above which skip keeps to the budget, each show asked of a model of the others."""
    priors: list[tuple[Example, Model]] = []
    for show in sorted({e.show for e in examples}):
        model = train([e for e in examples if e.show != show])
        priors += [(e, model) for e in examples if e.show == show]
    needed = [(e, m) for e, m in priors if e.needs != "t"]
    for percent in range(10, 100):
        above = percent / 100
        skipped = sum(answer(e, Model(m.words, m.weights, above)).mode is Mode.SKIP for e, m in needed)
        if skipped <= HARM_BUDGET * len(needed):
            return above
    return 1.0


def answer(example: Example, model: Model) -> Intent:
    return sharpen(example.text, example.signals, example.ruled, model)


def leave_one_show_out(examples: Sequence[Example]) -> dict[str, Model]:
    """Return for each show a model, with its threshold, that was made of the other shows only."""
    models = {}
    for show in sorted({e.show for e in examples}):
        others = [e for e in examples if e.show != show]
        models[show] = train(others, threshold(others))
    return models


def write(model: Model, path: Path) -> None:
    """Write the weights as whole numbers, one feature a line."""
    lines = ",\n".join(
        f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps([round(value / _SCALE) for value in row])}"
        for name, row in sorted(model.weights.items())
    )
    head = f'"scale": {_SCALE},\n "skip_above": {model.skip_above}'
    path.write_text(f'{{{head},\n "weights": {{\n{lines}\n}}}}\n', encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=Path, default=QUERIES)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    examples = read_examples(args.queries)
    model = train(examples, threshold(examples))
    write(model, args.out)
    print(f"{len(model.words)} words, {len(model.weights)} features, skip above {model.skip_above}: {args.out}")


if __name__ == "__main__":
    main()
