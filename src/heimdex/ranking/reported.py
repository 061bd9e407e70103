"""What a query mentions without asking to see it: reported speech, whom one speaks to, who speaks and where."""

from __future__ import annotations

from collections.abc import Sequence

from heimdex.ranking.reading import Token
from heimdex.ranking.runs import Run
from heimdex.ranking.vocabulary import SPEECH_KINDS, VISUAL_KINDS, vocabulary

#: a word such as `about` starts reported speech when it stands this close to the word of speech
_REPORT_WITHIN_WORDS = 6


def sought_runs(tokens: Sequence[Token], runs: Sequence[Run]) -> list[Run]:
    """Return the runs without the visual ones that are only talked about, spoken to, or speak."""
    speaking = [run for run in runs if run.kind in SPEECH_KINDS]
    if not speaking:
        return list(runs)
    unseen = _reported(tokens, speaking) | _addressed(tokens, speaking) | _korean_topics(tokens, speaking)
    left = [run for run in runs if not (run.kind in VISUAL_KINDS and run.first in unseen)]
    if _only_speakers(tokens, left):
        return [run for run in left if run.kind not in VISUAL_KINDS]
    return left


def _reported(tokens: Sequence[Token], speaking: Sequence[Run]) -> set[int]:
    """Return the places of words that are reported: `tells her about [the car]`, up to the next clause."""
    sets = vocabulary("en").sets
    reported: set[int] = set()
    for run in speaking:
        inside = tokens[run.last].text in sets["reported"]
        for place in range(run.first + run.length, len(tokens)):
            word = tokens[place].text
            if word in sets["clause"]:
                break
            if inside:
                reported.add(place)
            inside = inside or (word in sets["reported"] and place - run.first <= _REPORT_WITHIN_WORDS)
    return reported


def _addressed(tokens: Sequence[Token], speaking: Sequence[Run]) -> set[int]:
    """Return the places of the persons that a word of speech is addressed to."""
    sets = vocabulary("en").sets
    addressed = set()
    for run in speaking:
        place = run.first + run.length
        while place < len(tokens) and tokens[place].text in sets["to_person"]:
            place += 1
        if place < len(tokens) and tokens[place].readings & sets["person"]:
            addressed.add(place)
    return addressed


def _korean_topics(tokens: Sequence[Token], speaking: Sequence[Run]) -> set[int]:
    """Return the places of what is talked about: Korean puts it, with what describes it, before 대해 and 관한."""
    topics: set[int] = set()
    about = vocabulary("ko").sets["reported"]
    for run in speaking:
        places = [place for place in run.places if tokens[place].korean and tokens[place].readings & about]
        topics |= {place for about_at in places for place in range(max(0, about_at - 2), about_at)}
    return topics


def _only_speakers(tokens: Sequence[Token], runs: Sequence[Run]) -> bool:
    """Return whether all there is to see beside a word of speech is who speaks and where: `the man says goodbye`."""
    context: set[str] = set()
    for language in ("en", "ko"):
        sets = vocabulary(language).sets
        context |= sets["person"] | sets["setting"]
    return all(tokens[run.last].readings & context for run in runs if run.kind in VISUAL_KINDS)
