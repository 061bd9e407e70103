"""The router: what a query seeks, and so what CLIP may do.

Signals are whole words and phrases of two lexicons; their numbers decide the mode and the
confidence (`decide`), their mixture the prior over seen, said and both (`prior_of`). The table of
DESIGN section 1 holds; what the published rules leave open follows `docs/why/router.md`. A learned
model (`heimdex.ranking.learned`) may sharpen what the rules are unsure of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from heimdex.domain.query import Intent, Mode, Prior, Router
from heimdex.ranking.learned import sharpen, shipped
from heimdex.ranking.signals import Signals, find_signals

#: Weights of the prior, per class (visual, transcript, both): fitted once by `benchmarks/router.py --fit`
#: on two of the three shows in the development data, each class weighing the same, without a constant,
#: so that a query without any signal leaves all three equally likely.
_PRIOR_WEIGHTS: dict[str, tuple[float, float, float]] = {
    "visual": (0.54, -0.70, 0.16),
    "speech": (-0.56, 0.28, 0.28),
    "mind": (-1.07, 0.73, 0.34),
    "any_visual": (0.05, 0.26, -0.31),
    "any_speech": (-0.70, 0.75, -0.05),
    "both": (-0.38, -0.62, 1.00),
}

_REASON_ORDER = {"object": 0, "attr": 1, "action": 2}


@dataclass(frozen=True, slots=True)
class _Decision:
    mode: Mode
    confidence: float
    title: str


def decide(visual: int, speech: int) -> _Decision:
    """Return the published decision for the two scores, with the branches that it leaves out."""
    if visual >= 3 and speech == 0:
        return _Decision(Mode.RECALL, 0.9, "Strong visual intent")
    if visual >= 2 and speech <= 1:
        return _Decision(Mode.RERANK, 0.7, "Moderate visual intent")
    if visual >= 1 and speech == 0:
        return _Decision(Mode.RERANK, 0.5, "Some visual intent")
    if speech >= 2 and visual == 0:
        return _Decision(Mode.SKIP, 0.9, "Strong speech intent")
    if speech >= 1 and visual == 0:
        return _Decision(Mode.SKIP, 0.7, "Speech intent")
    if visual or speech:
        return _Decision(Mode.RERANK, 0.4, "Mixed intent")
    return _Decision(Mode.RERANK, 0.3, "No clear intent")


def prior_features(signals: Signals) -> dict[str, float]:
    """Return the capped numbers that the prior is computed from."""
    visual, speech, mind = min(signals.visual, 5), min(signals.speech, 3), min(signals.mind, 3)
    return {
        "visual": visual,
        "speech": speech,
        "mind": mind,
        "any_visual": float(visual > 0),
        "any_speech": float(speech > 0),
        "both": float(visual > 0 and speech > 0),
    }


def prior_of(signals: Signals) -> Prior:
    """Return a multinomial logistic over the signals; uniform where there are none."""
    features = prior_features(signals)
    logits = [sum(features[name] * weights[i] for name, weights in _PRIOR_WEIGHTS.items()) for i in range(3)]
    powers = [math.exp(logit - max(logits)) for logit in logits]
    visual, transcript, both = (power / sum(powers) for power in powers)
    return Prior(visual=visual, transcript=transcript, both=both)


@lru_cache(maxsize=1024)
def route(query: str, router: Router = "rules") -> Intent:
    """Return mode, confidence, reason and prior for any text; never raises.

    The reason lists objects, then their attributes, then actions, then the rest, each by position:
    ``Strong visual intent: object:car, attr:red``.

    Args:
        router: ``rules`` alone, or with what was ``learned``.
    """
    if not query.strip():
        return Intent(Mode.SKIP, 0.0, "Empty query", Prior(1 / 3, 1 / 3, 1 / 3))
    signals = find_signals(query)
    ruled = by_rules(signals)
    return sharpen(query, signals, ruled, shipped()) if router == "learned" else ruled


def by_rules(signals: Signals) -> Intent:
    """Return what the rules make of the signals of a query that is not empty."""
    decision = decide(signals.visual, signals.speech)
    ordered = sorted(signals.found, key=lambda signal: _REASON_ORDER.get(signal.kind, len(_REASON_ORDER)))
    evidence = ", ".join(f"{signal.kind}:{signal.text}" for signal in ordered)
    reason = f"{decision.title}: {evidence}" if evidence else decision.title
    return Intent(decision.mode, decision.confidence, reason, prior_of(signals))
