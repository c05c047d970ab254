"""What counts as practice before real money: only what a Play did on the real market, with or without pretend money."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from playd.control.paged_executions import PAGE
from playd.control.practice import _books, _decided, _practised, _trades
from playd.core.modes import Environment
from playd.core.timeframes import DAY_MS
from playd.orders.ledger import Ledger
from playd.orders.recon_rows import write_difference
from playd.orders.reconcile import DiffClass, Difference, Repair, RepairKind
from playd.supervisor.shadow_market import note_market, real_since_ms
from playd.world.virtual import VirtualWorld, virtual_world

STATE = PurePath("/state")
MINUTE_MS = 60_000


@contextmanager
def daemon() -> Iterator[tuple[Any, Ledger, VirtualWorld]]:
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    yield SimpleNamespace(ledger=ledger, clock=world.clock), ledger, world
    ledger.close()


def practise(ledger: Ledger, uid: str, account: str, mode: str, times_ms: list[int]) -> None:
    """An instance that decided bars in time."""
    ledger.write(
        "INSERT OR IGNORE INTO instances (uid, name, account, symbol, mode, clock_ms, tag, created_ms, play_digest)"
        " VALUES (?,?,?,'BTCUSDT',?,60000,?,0,'p')",
        (uid, uid, account, mode, uid[:4]),
    )
    for time_ms in times_ms:
        ledger.write(
            "INSERT INTO bars (instance, clock_ms, close_ms, processed_ms, verdict, detail, intents, late)"
            " VALUES (?,?,?,?,'NO_SIGNAL','',0,0)",
            (uid, MINUTE_MS, time_ms, time_ms + 100),
        )


async def bars_of(side: Any) -> int:
    return sum((await _decided(side, _practised(side, "p"), MINUTE_MS)).values())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("followed", "counted"),
    [(Environment.LIVE, 3), (Environment.DEMO, 3), (Environment.LOCAL, 0), (Environment.TESTNET, 0), (None, 0)],
)
async def test_a_shadow_counts_from_when_it_follows_the_real_market(followed: Environment | None, counted: int) -> None:
    with daemon() as (side, ledger, world):
        now_ms = world.clock.wall_ms() // MINUTE_MS * MINUTE_MS
        if followed is not None:
            note_market(ledger, "shadow01", followed, now_ms - 10 * MINUTE_MS)
            note_market(ledger, "shadow01", followed, now_ms)  # the next life
        practise(ledger, "shadow01", "shadow-shadow01", "shadow", [now_ms - n * MINUTE_MS for n in (1, 2, 3, 20, 30)])
        assert await bars_of(side) == counted
        assert await _trades(side, _practised(side, "p")) == []


def test_whoever_followed_another_market_meanwhile_begins_anew() -> None:
    with daemon() as (_, ledger, world):
        now_ms = world.clock.wall_ms()
        note_market(ledger, "shadow01", Environment.DEMO, now_ms - 2 * DAY_MS)
        note_market(ledger, "shadow01", Environment.LIVE, now_ms - DAY_MS)
        assert real_since_ms(ledger, "shadow01") == now_ms - 2 * DAY_MS, "demo trades on the prices of the real market"
        note_market(ledger, "shadow01", Environment.LOCAL, now_ms - MINUTE_MS)
        assert real_since_ms(ledger, "shadow01") is None
        note_market(ledger, "shadow01", Environment.LIVE, now_ms)
        assert real_since_ms(ledger, "shadow01") == now_ms


@pytest.mark.anyio
@pytest.mark.parametrize(("environment", "counted"), [("demo", 2), ("testnet", 0)])
async def test_demo_counts_from_its_beginning_and_the_testnet_never(environment: str, counted: int) -> None:
    with daemon() as (side, ledger, world):
        now_ms = world.clock.wall_ms() // MINUTE_MS * MINUTE_MS
        ledger.write("INSERT INTO accounts (alias, environment) VALUES ('try', ?)", (environment,))
        practise(ledger, "demo0001", "try", "demo", [now_ms - MINUTE_MS, now_ms - 2 * MINUTE_MS])
        assert await bars_of(side) == counted


def test_a_day_whose_books_had_a_difference_that_nothing_explains_is_told_as_such() -> None:
    with daemon() as (side, ledger, _):
        found = Difference(DiffClass.POSITION, "BTCUSDT", "BTCUSDT", "1", "2")
        for n, kind in enumerate((RepairKind.RECORD, RepairKind.HALT, RepairKind.ALERT)):
            run = ledger.write(
                'INSERT INTO recon_runs (account, "trigger", kinds, started_ms, duration_ms, result)'
                " VALUES ('main', 'timer', 'all', ?, 1, 'diff')",
                (DAY_MS,),
            )
            write_difference(ledger, run.lastrowid or 0, n, found, Repair(kind, "BTCUSDT", "BTCUSDT", ""), "told", None)
        assert [(day.runs, day.unexplained) for day in _books(side, "main", 0)] == [(3, 1)]
        told = {row["repair"]: row["explained_by"] for row in ledger.rows("SELECT repair, explained_by FROM recon_diffs")}
        assert told == {"record": "told", "halt": "", "alert": "told"}


def executed(ledger: Ledger, n: int, side: str, price: int, time_ms: int, *, heard_after_ms: int = 100) -> None:
    ledger.write(
        "INSERT INTO executions VALUES (?,'shadow-shadow01',?,?,?,'BTCUSDT',0,?,'1',?,?,'0','USDT','Trade','','','0','0',0,0,"
        "?,?,'shadow','shadow01','')",
        (n, f"e{n}", f"l{n}", f"v{n}", side, str(price), str(price), time_ms, time_ms + heard_after_ms),
    )


@pytest.mark.anyio
async def test_a_position_across_the_beginning_turns_no_later_trade_round() -> None:
    """Three losses of 10: one opened before the time that counts, one whole, one with an execution that was heard late."""
    with daemon() as (side, ledger, world):
        now_ms = world.clock.wall_ms() // MINUTE_MS * MINUTE_MS
        practise(ledger, "shadow01", "shadow-shadow01", "shadow", [])
        note_market(ledger, "shadow01", Environment.LIVE, now_ms - 30 * MINUTE_MS)
        executed(ledger, 1, "Buy", 100, now_ms - 40 * MINUTE_MS)
        executed(ledger, 2, "Sell", 90, now_ms - 20 * MINUTE_MS)
        executed(ledger, 3, "Buy", 80, now_ms - 15 * MINUTE_MS)
        executed(ledger, 4, "Sell", 70, now_ms - 10 * MINUTE_MS)
        executed(ledger, 5, "Buy", 60, now_ms - 5 * MINUTE_MS)
        executed(ledger, 6, "Sell", 50, now_ms - 2 * MINUTE_MS, heard_after_ms=60 * MINUTE_MS)
        found = await _trades(side, _practised(side, "p"))
        assert [(trade.end_ms, trade.net_usdt) for trade in found] == [(now_ms - 10 * MINUTE_MS, Decimal(-10))]


@pytest.mark.anyio
async def test_others_go_on_while_the_executions_of_a_long_practice_are_folded() -> None:
    with daemon() as (side, ledger, world):
        now_ms = world.clock.wall_ms() // MINUTE_MS * MINUTE_MS
        practise(ledger, "shadow01", "shadow-shadow01", "shadow", [])
        note_market(ledger, "shadow01", Environment.LIVE, now_ms - DAY_MS)
        for n in range(1, 10 * PAGE + 1):
            executed(ledger, n, "Buy" if n % 2 else "Sell", 100 + n % 2, now_ms - DAY_MS + 1000 * n)
        looks = 0

        async def others() -> None:
            nonlocal looks
            while True:
                looks += 1
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(others)
            found = await _trades(side, _practised(side, "p"))
            group.cancel_scope.cancel()
        assert len(found) == 5 * PAGE
        assert {trade.net_usdt for trade in found} == {-1}
        assert looks > 10, "between any two pages"
