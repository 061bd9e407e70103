"""Channels without evidence weigh less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.query import Channel
from heimdex.domain.results import Label
from heimdex.ranking.trust import trusted, trusted_clip_weight

V, T = Channel.VISUAL, Channel.TRANSCRIPT
BEST = st.dictionaries(st.sampled_from([V, T]), st.sampled_from(list(Label)))


def test_a_channel_without_evidence_shrinks_and_one_without_judgement_does_not() -> None:
    assert trusted({V: 0.5, T: 0.5}, {T: Label.NONE}) == pytest.approx({V: 0.5, T: 0.1})


def test_clip_gains_where_nothing_was_said_and_loses_where_nothing_is_seen() -> None:
    assert trusted_clip_weight(0.3, {V: Label.STRONG, T: Label.NONE}, words_found=False) > 0.6
    assert trusted_clip_weight(0.3, {V: Label.NONE, T: Label.STRONG}, words_found=False) < 0.1
    assert trusted_clip_weight(0.3, {V: Label.STRONG, T: Label.NONE}, words_found=True) == pytest.approx(0.3)
    assert trusted_clip_weight(0.3, {}, words_found=False) == pytest.approx(0.3)


@given(st.floats(0, 1), BEST, st.booleans())
def test_a_weight_stays_a_weight_and_none_stays_none(weight: float, best: dict[Channel, Label], words: bool) -> None:
    moved = trusted_clip_weight(weight, best, words_found=words)

    assert 0.0 <= moved <= 1.0
    assert trusted_clip_weight(0.0, best, words_found=words) == 0.0
