"""When calls pass and when they do not."""

from __future__ import annotations

from heimdex.embedding.breaker import Breaker, RetryBudget


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _breaker(clock: _Clock) -> Breaker:
    return Breaker(clock, chance=lambda: 0.5)


def test_ten_calls_of_which_half_failed_open_it() -> None:
    breaker = _breaker(_Clock())
    for _ in range(5):
        breaker.succeeded()
    for _ in range(4):
        breaker.failed()
    assert breaker.admits()

    breaker.failed()

    assert not breaker.admits()


def test_old_failures_do_not_count() -> None:
    clock = _Clock()
    breaker = _breaker(clock)
    for _ in range(9):
        breaker.failed()
    clock.now = 21
    breaker.failed()

    assert breaker.admits()


def test_after_the_pause_one_probe_decides() -> None:
    clock = _Clock()
    breaker = _breaker(clock)
    breaker.open()
    clock.now = 4.9
    assert not breaker.admits()
    clock.now = 5.1
    assert [breaker.admits() for _ in range(3)] == [True, False, False]

    breaker.failed()
    assert not breaker.admits()
    clock.now = 10.2
    assert breaker.admits()
    breaker.succeeded()

    assert [breaker.admits() for _ in range(3)] == [True, True, True]


def test_a_probe_that_was_given_up_makes_room_for_another() -> None:
    clock = _Clock()
    breaker = _breaker(clock)
    breaker.open()
    clock.now = 6
    assert breaker.admits()
    breaker.abandoned()

    assert breaker.admits()


def test_the_pause_is_spread_by_a_fifth() -> None:
    for chance, ends in ((0.0, 4.0), (1.0, 6.0)):
        clock = _Clock()
        breaker = Breaker(clock, chance=lambda chance=chance: chance)  # type: ignore[misc]
        breaker.open()
        clock.now = ends - 0.01
        assert not breaker.admits()
        clock.now = ends + 0.01
        assert breaker.admits()


def test_ten_successes_earn_one_retry() -> None:
    budget = RetryBudget()
    retries = 0
    while budget.allows():
        budget.failed()
        retries += 1
    assert retries == 5

    for _ in range(10):
        budget.succeeded()
    assert budget.allows()
    budget.failed()
    assert not budget.allows()
