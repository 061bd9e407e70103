"""The learned part of the router: a logistic model over a query's phrasing, as data beside the lexicons.

It was trained on descriptions of television scenes (`training/router.py`), which are whole English
sentences. So it speaks only about a query of several words that it knows; short queries, Korean ones
and other languages are left to the rules. What it was measured on is in `docs/why/router.md`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from heimdex.domain.query import Intent, Mode, Prior
from heimdex.ranking.phrasing import features, words_read
from heimdex.ranking.signals import Signals

#: a query with fewer words that the model knows is left to the rules
LEAST_KNOWN_WORDS = 5
#: decisions of the rules that are this sure stand as they are
_SURE = 0.9

Row = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of a multinomial logistic over binary features, rows in the order visual, transcript, both."""

    words: frozenset[str]
    weights: Mapping[str, Row]
    #: what is likelier than this to need only words is skipped
    skip_above: float

    def speaks(self, query: str) -> bool:
        """Return whether enough of a query is in words that the model has learned."""
        return sum(word in self.words for word in words_read(query)) >= LEAST_KNOWN_WORDS

    def prior(self, query: str, signals: Signals) -> Prior:
        """Return softmax over the sums of the weights of the query's features."""
        rows = [self.weights[name] for name in sorted(features(query, signals, self.words)) if name in self.weights]
        logits = [math.fsum(row[i] for row in rows) for i in range(3)]
        powers = [math.exp(logit - max(logits)) for logit in logits]
        visual, transcript, both = (power / sum(powers) for power in powers)
        return Prior(visual=visual, transcript=transcript, both=both)


@cache
def shipped() -> Model:
    """Return the model that ships with heimdex."""
    return parse_model((files("heimdex.ranking.lexicon") / "learned.json").read_text(encoding="utf-8"))


def parse_model(text: str) -> Model:
    """Return the model that a JSON text holds: whole numbers, their scale, and the threshold."""
    raw = json.loads(text)
    scale = raw["scale"]
    weights = {name: (v * scale, t * scale, b * scale) for name, (v, t, b) in raw["weights"].items()}
    return Model(frozenset(name for name in weights if is_word(name)), weights, raw["skip_above"])


def is_word(feature: str) -> bool:
    """Return whether a feature is a single word."""
    return " " not in feature and not feature.startswith("#")


def sharpen(query: str, signals: Signals, ruled: Intent, model: Model) -> Intent:
    """Return the rules' answer with the model's prior, and with its decision about skip where the rules are unsure.

    A query in which the rules saw something, and nothing that is said or thought, is never skipped.
    """
    if not model.speaks(query):
        return ruled
    prior = model.prior(query, signals)
    mode, confidence, reason = ruled.mode, ruled.confidence, ruled.reason
    only_seen = signals.visual > 0 and signals.speech == 0 and signals.mind == 0
    if ruled.confidence < _SURE:
        skips = prior.transcript > model.skip_above and not only_seen
        if skips and mode is not Mode.SKIP:
            mode, confidence = Mode.SKIP, round(prior.transcript, 2)
            reason = f"Phrased like speech ({confidence:.2f}); {ruled.reason}"
        elif not skips and mode is Mode.SKIP:
            mode, confidence = Mode.RERANK, round(1.0 - prior.transcript, 2)
            reason = f"Phrased like something seen ({confidence:.2f}); {ruled.reason}"
    return Intent(mode, confidence, reason, prior)
