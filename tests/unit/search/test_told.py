"""The summary channel: what is told about scenes, by meaning or by words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.search.library import TEXT, FakeModel, Planted, engine, library, text_model

from heimdex.domain.query import Channel
from heimdex.domain.results import ChannelStatus, Label, SearchAnswer
from heimdex.search.evidence import recompute
from heimdex.search.request import check

LIBRARY = [
    Planted("good morning", meant=0.1),
    Planted("", told="A fishing boat leaves the harbour", telling=0.8),
    Planted("", told="An empty beach", telling=0.1),
]


async def ask(query: str, text: FakeModel | None) -> SearchAnswer:
    return await engine(library(*LIBRARY), None, text).search(check(query))


def hits(answer: SearchAnswer) -> list[int]:
    return [hit.scene.scene_id.int for hit in answer.hits]


@pytest.mark.parametrize("text", [text_model(), None])
async def test_what_is_told_is_found_with_and_without_a_model(text: FakeModel | None) -> None:
    answer = await ask("fishing boat", text)

    assert answer.channels[Channel.SUMMARY].status is ChannelStatus.OK
    assert hits(answer) == [2]
    match = next(match for match in answer.hits[0].matched if match.channel is Channel.SUMMARY)
    assert match.label is not Label.NONE
    assert match.text == "A fishing boat leaves the harbour"
    assert recompute(answer.hits[0].matched) == pytest.approx(answer.hits[0].score)


async def test_what_is_told_was_not_said() -> None:
    answer = await ask('says:"fishing boat"', None)
    assert answer.hits == ()


async def test_a_model_without_cut_offs_and_few_descriptions_still_finds_nothing_that_is_absent() -> None:
    model = text_model()
    model.model = replace(TEXT, calibration=None)
    assert hits(await ask("submarine", model)) == [1]  # of transcripts, too few to judge
    quiet = engine(library(*LIBRARY[1:]), None, model)
    assert (await quiet.search(check("submarine"))).hits == ()


async def test_without_descriptions_the_channel_is_skipped() -> None:
    answer = await engine(library(Planted("good morning", meant=0.9)), None, text_model()).search(check("morning"))

    assert answer.channels[Channel.SUMMARY].status is ChannelStatus.SKIPPED
    assert answer.channels[Channel.SUMMARY].reason == "no descriptions are indexed"


async def test_a_model_that_cannot_read_the_query_leaves_it_to_the_words() -> None:
    english = text_model()
    english.model = replace(english.model, languages=("en",))
    planted = library(Planted("", told="고깃배가 항구를 떠난다", telling=0.1), Planted("", told="a beach", telling=0.9))

    assert hits(await engine(planted, None, english).search(check("항구"))) == [1]
