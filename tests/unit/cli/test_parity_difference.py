"""What counts as a difference between a backtest and the daemon."""

from playd.cli.parity import Side, first_difference

TRADE: dict[str, object] = {"entry_time_ms": 60_000, "exit_time_ms": 180_000, "entry_price": 100.0}


def test_equal_sides_do_not_differ() -> None:
    assert first_difference(Side([(60_000, "HOLD")], [TRADE]), Side([(60_000, "HOLD")], [dict(TRADE)])) is None


def test_the_earliest_difference_is_named_with_both_sides() -> None:
    daemon = Side([(60_000, "HOLD"), (120_000, "ENTERED")], [{**TRADE, "entry_price": 100.1}])
    found = first_difference(Side([(60_000, "HOLD"), (120_000, "NO_SIGNAL")], [TRADE]), daemon)
    assert found is not None
    assert (found.what, found.time_ms, found.backtest, found.daemon) == ("decision", 120_000, "NO_SIGNAL", "ENTERED")


def test_a_trade_that_only_one_side_has_is_a_difference() -> None:
    found = first_difference(Side([], [TRADE]), Side([], []))
    assert found is not None
    assert found.what == "trade 1 is missing on one side"


def test_after_a_backtest_is_over_the_daemon_must_stay_halted() -> None:
    over = Side([(60_000, "EXITED")], [], over_ms=60_000)
    assert first_difference(over, Side([(60_000, "EXITED"), (120_000, "halted")], [])) is None
    found = first_difference(over, Side([(60_000, "EXITED"), (120_000, "ENTERED")], []))
    assert found is not None
    assert (found.backtest, found.daemon) == ("halted", "ENTERED")
