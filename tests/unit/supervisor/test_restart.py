"""The restart law: delays grow, the budget is never exceeded, a calm time refills it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playd.supervisor.restart import Quarantine, RestartAfter, RestartBudget, after_crash

BUDGET = RestartBudget(restart_max=3, window_ms=900_000, backoff_s=(1.0, 5.0, 25.0))


def test_three_crashes_wait_1_5_25_seconds_and_the_fourth_is_quarantine() -> None:
    history: tuple[int, ...] = ()
    delays = []
    for crash_ms in (0, 10_000, 20_000):
        verdict = after_crash(history, crash_ms, BUDGET, 0.5)
        assert isinstance(verdict, RestartAfter)
        delays.append(verdict.delay_s)
        history = verdict.history
    assert delays == [1.0, 5.0, 25.0]
    assert after_crash(history, 30_000, BUDGET, 0.5) == Quarantine((0, 10_000, 20_000))


def test_a_crash_outside_the_window_is_forgotten() -> None:
    verdict = after_crash((0, 1, 2), 900_003, BUDGET, 0.5)
    assert verdict == RestartAfter(1.0, (900_003,))


def test_jitter_is_a_fifth_either_way() -> None:
    low = after_crash((), 0, BUDGET, 0.0)
    high = after_crash((), 0, BUDGET, 0.999999)
    assert isinstance(low, RestartAfter)
    assert isinstance(high, RestartAfter)
    assert low.delay_s == pytest.approx(0.8)
    assert high.delay_s == pytest.approx(1.2)


def test_a_budget_of_zero_is_quarantine_at_once() -> None:
    assert isinstance(after_crash((), 0, RestartBudget(0, 1000, ()), 0.0), Quarantine)


def test_a_budget_with_restarts_needs_a_delay() -> None:
    with pytest.raises(ValueError, match="delay"):
        RestartBudget(1, 1000, ())


@given(st.lists(st.integers(0, 5_000_000), max_size=60), st.integers(0, 6), st.floats(0, 1, exclude_max=True))
def test_restarts_inside_any_window_never_exceed_the_budget(crashes: list[int], restart_max: int, draw: float) -> None:
    """Whatever the times of the crashes, no window of the budget's length holds more than `restart_max` restarts."""
    budget = RestartBudget(restart_max, 900_000, (1.0,))
    history: tuple[int, ...] = ()
    restarts: list[int] = []
    for crash_ms in sorted(crashes):
        verdict = after_crash(history, crash_ms, budget, draw)
        history = verdict.history
        if isinstance(verdict, RestartAfter):
            restarts.append(crash_ms)
    for first in restarts:
        assert sum(first <= at_ms < first + budget.window_ms for at_ms in restarts) <= restart_max
