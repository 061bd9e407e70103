"""How a query is phrased, as the binary features of the learned router (`heimdex.ranking.learned`).

Words and pairs of words; a word that the model does not know is ``?``, so that nobody's name means
anything; how many signals of each kind the rules found; and what stands before and behind the first
word of speech, which tells ``tells him that he sits`` from ``sits while telling him``.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

from heimdex.ranking.reading import Token, read
from heimdex.ranking.runs import find_runs
from heimdex.ranking.signals import Signals
from heimdex.ranking.vocabulary import SPEECH_KINDS, vocabulary

UNKNOWN, _START, _END = "?", "<", ">"
#: counts above these say nothing more
_MOST = {"visual": 5, "speech": 3, "mind": 3}


def words_read(query: str) -> list[str]:
    """Return the words of a query as the model reads them: folded, without a genitive, none from quotations."""
    return [_bare(token) for token in read(query).tokens]


def features(query: str, signals: Signals, known: Collection[str]) -> set[str]:
    """Return the features of a query; a feature is there or not.

    Args:
        signals: what the rules found in the same query.
        known: the words that the model has learned.
    """
    tokens = read(query).tokens
    return _word_features(tokens, known) | _count_features(signals) | _order_features(tokens)


def _bare(token: Token) -> str:
    return token.text.removesuffix("'s")


def _word_features(tokens: Sequence[Token], known: Collection[str]) -> set[str]:
    words = [_START]
    for token in tokens:
        word = _bare(token)
        word = word if word in known else UNKNOWN
        if word != UNKNOWN or words[-1] != UNKNOWN:
            words.append(word)
    words.append(_END)
    pairs = {f"{first} {second}" for first, second in itertools.pairwise(words)}
    return {word for word in words[1:-1] if word != UNKNOWN} | pairs


def _count_features(signals: Signals) -> set[str]:
    found = {"#always"}
    for name, most in _MOST.items():
        found |= {f"#{name}>={n}" for n in range(1, min(getattr(signals, name), most) + 1)}
    if signals.visual and signals.speech:
        found.add("#both")
    return found


def _order_features(tokens: Sequence[Token]) -> set[str]:
    runs = find_runs(tokens)
    first = next((run for run in runs if run.kind in SPEECH_KINDS), None)
    if first is None:
        return set()
    found = {f"#before {run.kind}" for run in runs if run.first < first.first}
    found |= {f"#behind {run.kind}" for run in runs if run.first > first.last}
    places = range(first.last + 1, len(tokens))
    connectives = vocabulary("en").sets["reported"] | vocabulary("en").sets["clause"]
    joint = next((place for place in places if tokens[place].text in connectives), None)
    if joint is None:
        return found | {"#joins nothing"}
    word = tokens[joint].text
    return found | {f"#joins {word}"} | {f"#joins {word} {run.kind}" for run in runs if run.first > joint}
