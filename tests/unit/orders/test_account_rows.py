"""What readings of an account leave in its ledger."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import pytest

from playd.core.orders import Wallet
from playd.orders.account_rows import BALANCE_EVERY_MS, AccountRows
from playd.orders.breakers import Standing
from playd.orders.ledger import Ledger
from playd.world.virtual import VirtualWorld, virtual_world


@pytest.fixture
def side() -> Iterator[tuple[VirtualWorld, Ledger, AccountRows]]:
    world = virtual_world()
    ledger = Ledger.open(world.disk, world.clock, PurePath("/ledger.sqlite"))
    ledger.write("INSERT INTO accounts (alias, environment) VALUES ('main', 'local')")
    yield world, ledger, AccountRows(ledger, world.clock, "main")
    ledger.close()


def wallet(equity: str, time_ms: int) -> Wallet:
    value = Decimal(equity)
    return Wallet(value, value, value, Decimal(0), None, None, time_ms)


def standing(equity: str) -> Standing:
    """An index of 10 that stood at 15 when the day began and a third higher than that once."""
    return Standing(Decimal(equity), Decimal(10), Decimal(15), Decimal(-5), Decimal(15), Decimal(20) + Decimal(1) / 3)


def rows(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in ledger.rows("SELECT ms, transfers, day_start, high_water FROM equity ORDER BY ms")]


def test_a_balance_that_nothing_judged_is_followed_by_the_next_one_that_was_and_by_no_more(
    side: tuple[VirtualWorld, Ledger, AccountRows],
) -> None:
    world, ledger, kept = side
    kept.note_balance(wallet("100", 1_000))
    kept.note_balance(wallet("100", 2_000))
    kept.note_standing(wallet("100", 3_000), standing("100"), Decimal("-2.50"))
    kept.note_standing(wallet("100", 4_000), standing("100"), None)
    assert rows(ledger) == [(1_000, None, None, None), (3_000, "-2.5", "105", "110.33333333")]
    world.clock.advance(BALANCE_EVERY_MS / 1000)
    kept.note_balance(wallet("100", 5_000))
    kept.note_standing(wallet("100", 5_000), standing("100"), None)
    assert rows(ledger)[2:] == [(5_000, None, "105", "110.33333333")]


def test_the_mode_of_the_positions_is_written_when_it_changes(side: tuple[VirtualWorld, Ledger, AccountRows]) -> None:
    _, ledger, kept = side
    found = []
    for hedged, looked_at_all in (
        ((), False),
        ((), True),
        ((), True),
        (("ETHUSDT", "BTCUSDT"), False),
        ((), False),
        ((), True),
    ):
        before = ledger.writes
        kept.note_modes(hedged, looked_at_all=looked_at_all)
        row = ledger.row("SELECT position_mode FROM accounts")
        assert row is not None
        found.append((row["position_mode"], ledger.writes - before))
    both = "hedge BTCUSDT ETHUSDT"
    assert found == [("", 0), ("one_way", 1), ("one_way", 0), (both, 1), (both, 0), ("one_way", 1)]
