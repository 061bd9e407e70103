"""A score added up again: from raw figures, weights and ranges alone."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.search.library import FakeModel, Planted, engine, library, text_model
from tests.unit.search.test_lookalikes import PICTURE, PictureModel
from tests.unit.search.test_query_language import SeeingModel, index

from heimdex import wiring
from heimdex.cli.exits import ExitCode
from heimdex.cli.explain import TOLERANCE, account
from heimdex.search.engine import SearchEngine
from heimdex.search.plan import SearchConfig
from heimdex.search.request import check, check_alike
from heimdex.web.schemas import AnswerOut

PLANTED = [
    Planted("we bought red wine", seen=0.2, meant=0.2),
    Planted("", seen=0.8),
    Planted("goodbye my friend", seen=0.1, meant=0.6),
    Planted("the red car is fast", seen=0.25, meant=0.4),
    *(Planted("red" if number % 2 else "", seen=0.3 + number / 500) for number in range(140)),
]


CONFIGS = [
    SearchConfig(), SearchConfig(fusion="rrf", rrf_k=7.0), SearchConfig(rerank_pool_size=2),
    SearchConfig(hub_correction=0.75, frame_pooling="top_k"),
]  # fmt: skip


def searching(config: SearchConfig | None = None) -> SearchEngine:
    return engine(library(*PLANTED), FakeModel(), text_model(), config)


async def wire(search: SearchEngine, query: str, **options: Any) -> dict[str, Any]:
    answer = await search.search(check(query, explain=True, include_weak=True, limit=100, **options))
    return AnswerOut.of(answer).model_dump(mode="json")


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("mode", ["auto", "recall", "rerank", "skip"])
@pytest.mark.parametrize("query", ["red car", "tteokbokki scene", "goodbye", '"the red car"', "see:red car"])
async def test_every_score_can_be_computed_from_what_is_told(config: SearchConfig, mode: str, query: str) -> None:
    answer = await wire(searching(config), query, mode=mode)

    for result in answer["results"]:
        told = account(answer, result)
        assert told["difference"] <= TOLERANCE
        assert [factor["normalised"] for factor in told["factors"]] == pytest.approx(
            [match["normalised"] for match in result["matched"]], abs=1e-6
        )


@pytest.mark.parametrize(
    "query", ["beach without people", 'says:"cheers" then see:car', 'see:beach then says:"goodbye"']
)
async def test_the_query_language_adds_up_too(query: str) -> None:
    answer = await wire(engine(index(), SeeingModel()), query)

    assert answer["results"]
    assert all(account(answer, result)["difference"] <= TOLERANCE for result in answer["results"])
    for match in answer["results"][0]["matched"]:  # each line, of either side, follows from its raw figure
        match["raw"] += 0.01 if match["normalised"] < 0.5 else -0.01
    assert account(answer, answer["results"][0])["difference"] > TOLERANCE


@pytest.mark.parametrize("query", ["", "beach", "red car", "beach without people", 'says:"cheers" then see:car'])
@pytest.mark.parametrize("config", CONFIGS)
async def test_a_picture_alone_and_beside_words_adds_up(config: SearchConfig, query: str) -> None:
    search = engine(index(), PictureModel(), None, config)
    wanted = check_alike(query, explain=True, include_weak=True, limit=100)
    answer = AnswerOut.of(await search.search_picture(PICTURE, wanted)).model_dump(mode="json")

    assert answer["results"]
    assert any(match["by"] == "picture" for result in answer["results"] for match in result["matched"])
    for result in answer["results"]:
        assert account(answer, result)["difference"] <= TOLERANCE
    lines = [(m, result) for result in answer["results"] for m in result["matched"] if m["by"] == "picture"]
    line, result = max(lines, key=lambda each: each[0]["raw"])
    line["raw"] -= 0.02
    assert account(answer, result)["difference"] > TOLERANCE


async def test_what_the_hub_correction_took_is_told() -> None:
    answer = await wire(searching(SearchConfig(hub_correction=0.75)), "red car", mode="recall")
    taken = [scene["hub_correction"] for scene in answer["explanation"]["hits"].values() if "hub_correction" in scene]

    assert taken


async def test_a_receipt_that_is_wrong_is_noticed() -> None:
    answer = await wire(searching(), "red car")
    result = answer["results"][0]
    result["matched"][0]["raw"] -= 0.01

    assert account(answer, result)["difference"] > TOLERANCE


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def open_library(*_: object) -> Any:
        yield SimpleNamespace(search=searching(), loads_clip=False)

    monkeypatch.setattr(wiring, "open_library", open_library)


@pytest.mark.usefixtures("opened")
def test_a_scene_of_the_second_page_is_explained(run: Any) -> None:
    # behind more than a hundred that look better
    ran = run("explain", "red car", "00000000-0000-0000-0000-000000000005", "--mode", "recall", "--json")
    told = json.loads(ran.out)

    assert ran.code == ExitCode.DONE
    assert told["rank"] > 100
    assert told["difference"] <= TOLERANCE
    assert told["recomputed"] == pytest.approx(told["score"], abs=TOLERANCE)


@pytest.mark.usefixtures("opened")
def test_the_factors_are_shown(run: Any) -> None:
    ran = run("explain", "red car", "00000000-0000-0000-0000-000000000002")

    assert ran.code == ExitCode.DONE
    assert "visual" in ran.out
    assert "× weight" in ran.out
    assert "difference 0.0e+00" in ran.out


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("scene", ["00000000-0000-0000-0000-00000000ffff", "nonsense"])
def test_a_scene_that_no_channel_proposes(run: Any, scene: str) -> None:
    ran = run("explain", "red car", scene)

    assert ran.code != ExitCode.DONE
    assert "scene" in ran.err
