"""What counts as practice before real money: only what a Play did on the real market, with or without pretend money."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

import pytest

from playd.control.practice import _decided, _practised, _trades
from playd.core.modes import Environment
from playd.core.timeframes import DAY_MS
from playd.orders.ledger import Ledger
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


def bars_of(side: Any) -> int:
    return sum(_decided(side, _practised(side, "p"), MINUTE_MS).values())


@pytest.mark.parametrize(
    ("followed", "counted"),
    [(Environment.LIVE, 3), (Environment.DEMO, 3), (Environment.LOCAL, 0), (Environment.TESTNET, 0), (None, 0)],
)
def test_a_shadow_counts_from_when_it_follows_the_real_market(followed: Environment | None, counted: int) -> None:
    with daemon() as (side, ledger, world):
        now_ms = world.clock.wall_ms() // MINUTE_MS * MINUTE_MS
        if followed is not None:
            note_market(ledger, "shadow01", followed, now_ms - 10 * MINUTE_MS)
            note_market(ledger, "shadow01", followed, now_ms)  # the next life
        practise(ledger, "shadow01", "shadow-shadow01", "shadow", [now_ms - n * MINUTE_MS for n in (1, 2, 3, 20, 30)])
        assert bars_of(side) == counted
        assert _trades(side, _practised(side, "p")) == []


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


@pytest.mark.parametrize(("environment", "counted"), [("demo", 2), ("testnet", 0)])
def test_demo_counts_from_its_beginning_and_the_testnet_never(environment: str, counted: int) -> None:
    with daemon() as (side, ledger, world):
        now_ms = world.clock.wall_ms() // MINUTE_MS * MINUTE_MS
        ledger.write("INSERT INTO accounts (alias, environment) VALUES ('try', ?)", (environment,))
        practise(ledger, "demo0001", "try", "demo", [now_ms - MINUTE_MS, now_ms - 2 * MINUTE_MS])
        assert bars_of(side) == counted
