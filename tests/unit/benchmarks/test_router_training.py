"""How the learned router is made: names drop out, thresholds keep to the budget, a scored show stays unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimdex.domain.query import Mode
from heimdex.ranking.learned import Model, parse_model
from heimdex.ranking.signals import find_signals
from training import router
from training.router import HARM_BUDGET, Example, answer, leave_one_show_out, threshold, train, write

PEOPLE = {"one": "Anna", "two": "Bert", "three": "Cleo"}
SEEN = ["{} walks through the door with the big box", "{} sits on the couch and looks at the dog"]
SAID = ["{} tells the woman why the plan would not work", "{} asks whether the people agree with the idea"]


def _example(text: str, needs: str, show: str, video: int) -> Example:
    return Example(text, needs, show, f"{show} {video}", find_signals(text))


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [
        _example(text.format(name), needs, show, video)
        for show, name in PEOPLE.items()
        for video in range(20)
        for texts, needs in ((SEEN, "v"), (SAID, "t"))
        for text in texts
    ]


def test_a_word_of_one_show_is_not_learned(examples: list[Example]) -> None:
    model = train(examples)

    assert {"walks", "tells"} <= model.words
    assert not model.words & {name.lower() for name in PEOPLE.values()}
    assert not any(name.lower() in feature for feature in model.weights for name in PEOPLE.values())


def test_it_learns_what_is_asked_for(examples: list[Example]) -> None:
    model = train(examples, skip_above=0.5)

    for text, mode in ((SEEN[0], False), (SAID[0], True)):
        asked = _example(text.format("Dora"), "", "four", 0)
        assert (answer(asked, model).mode is Mode.SKIP) is mode


def test_the_threshold_keeps_to_the_budget(examples: list[Example]) -> None:
    # a third of those phrased like speech need the picture: skipping them all would be far over the budget
    mixed = [
        Example(e.text, "vt", e.show, e.video, e.signals) if e.needs == "t" and i % 3 == 0 else e
        for i, e in enumerate(examples)
    ]
    unsure = [e for e in mixed if e.ruled.confidence < 0.9]
    model = train(unsure, threshold(unsure))
    needed = [e for e in unsure if e.needs != "t"]

    assert sum(answer(e, model).mode is Mode.SKIP for e in needed) <= 2 * HARM_BUDGET * len(needed)


def test_the_scored_show_is_seen_neither_by_the_weights_nor_by_the_threshold(
    examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    original = router.train

    def spy(given: list[Example], skip_above: float = 1.0) -> Model:
        seen.append({e.show for e in given})
        return original(given, skip_above)

    monkeypatch.setattr(router, "train", spy)
    leave_one_show_out(examples)

    # for each show: two models for the threshold, then the one that answers
    for place, show in enumerate(sorted(PEOPLE)):
        assert set.union(*seen[3 * place : 3 * place + 3]) == set(PEOPLE) - {show}


def test_what_is_written_is_what_is_read(examples: list[Example], tmp_path: Path) -> None:
    model = train(examples, 0.5)
    write(model, tmp_path / "model.json")

    assert parse_model((tmp_path / "model.json").read_text(encoding="utf-8")) == model
