"""Whatever is typed is answered, and every score adds up."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.search.library import engine, text_model
from tests.unit.search.test_grammar import PIECES
from tests.unit.search.test_query_language import SeeingModel, index

from heimdex.domain.errors import BadRequest
from heimdex.search.evidence import recompute
from heimdex.search.request import check

QUERIES = st.text(max_size=40) | st.lists(st.sampled_from([*PIECES, "beach", "cheers", "car"]), max_size=12).map(
    " ".join
)


@settings(max_examples=150, deadline=None)
@given(QUERIES, st.sampled_from(["auto", "recall", "rerank", "skip"]))
def test_every_query_is_answered(query: str, mode: str) -> None:
    try:
        wanted = check(query, mode=mode, include_weak=True)
    except BadRequest:  # empty, or control characters: said before anything is searched
        marks = all(unicodedata.category(char) in {"Mn", "Cf", "Zs", "Zl", "Zp"} for char in query)
        assert marks or not query.strip() or not query.isprintable()
        return
    answer = asyncio.run(engine(index(), SeeingModel(), text_model()).search(wanted))

    assert not answer.degraded_reasons
    for hit in answer.hits:
        assert recompute(hit.matched, hit.penalty) == pytest.approx(hit.score, abs=1e-9)
