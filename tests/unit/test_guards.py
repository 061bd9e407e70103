"""The table of guards says what is there; `python -m tests.guards` takes them away one by one."""

from __future__ import annotations

import pytest
from tests.guards import ROOT, Guard, read_guards

GUARDS = read_guards()


def test_the_guards_are_many_and_each_is_named_once() -> None:
    assert len(GUARDS) >= 25
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)
    places = {guard.file.split("/")[2] for guard in GUARDS}
    assert {"search", "ranking", "embedding", "store", "media", "web"} <= places


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_once_where_the_table_says(guard: Guard) -> None:
    assert guard.found() == 1
    assert guard.without != guard.text
    assert all((ROOT / tests).exists() for tests in guard.tests)
