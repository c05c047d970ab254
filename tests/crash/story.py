"""
A story: one market, one daemon that is killed again and again, and what must be true after each death and at the end.

Market time waits while the daemon is dead. So at the end everything is compared with a run that nobody killed, and with the
backtest: verdicts, trades, decisions' inputs, every bit of every column.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.engine.records import VERDICTS
from playd.ops.drills.invariants import TABLES, check, fold_venue, of_account
from playd.research.backtest import BacktestResult, run_backtest
from tests.crash.harness import ALIAS, HISTORY, LOOK_S, NAME, SYMBOL, DaemonProcess, ExchangeProcess, played, stage, wait_for

ENTER = "enter"
AGREED_WITHIN_S = 60.0
COSTS = ("exit_pending", "NOT_RUNNING")
"""Verdicts by which a run may differ from one that nobody killed."""

CANCEL = "/v5/order/cancel"
TRADE_BARS = 10
"""No trade of this market lasts longer: so far behind an entry that was taken back, both are flat again."""

INSTRUMENT = synthetic_instrument(SYMBOL, float(played()[1].open[0]))
NEWEST = "bar_close_ms DESC"


@dataclass(frozen=True)
class Kill:
    """
    One death: by itself at the n-th coming of `moment` in that life, or from outside `after_s` behind READY.

    Without either the life goes on to the end of the market. `speed` paces that life's market; 0 is as fast as it can. A life
    that `stops` is told to stop `after_s` behind READY, and dies on the way if `moment` comes; one that `reloads` gets new
    settings then, one that `panics` a panic of its instance, which it does not outlive. Its market stands after `candles`, if
    any are given: the life must not see the end of it before.
    """

    moment: str = ""
    nth: int = 1
    after_s: float = 0.0
    speed: float = 0.0
    stops: bool = False
    reloads: bool = False
    panics: bool = False
    candles: int = 0

    def __str__(self) -> str:
        return f"{self.moment or f'{self.after_s:.3f} s'}-{self.nth}"


@dataclass
class Ending:
    """What a story left behind."""

    verdicts: list[tuple[int, str]]
    executions: list[dict[str, Any]]
    inputs: list[tuple[str, str, str]]
    engine: dict[str, Any]
    columns: dict[str, bytes]
    moments: dict[str, int]
    deaths: list[str]
    never_sent: list[str]
    first_lost_ms: int
    taken_back: list[tuple[int, bool]]
    """
    Every entry that was cancelled before any of it was executed: the close of its bar, and whether a life cancelled it that
    had been told to stop.
    """


@cache
def backtest() -> BacktestResult:
    """The same Play over the same candles, without any exchange."""
    play, candles = played()
    return run_backtest(play, candles, INSTRUMENT, start_ms=int(candles.open_time_ms[HISTORY]))


def tell(directory: Path, kills: list[Kill]) -> Ending:
    """Play one story to its end, checking after every death and every start."""
    with stage(directory) as (exchange, daemon):
        deaths = live(exchange, daemon, kills, check_agreement)
        wait_for(lambda: b"market_ended" in daemon.log.read_bytes(), "the last bar")
        check_agreement(exchange, daemon)
        assert daemon.stop() == 0, daemon.log.read_text()[-2000:]
        check_safety(exchange, daemon)
        return ending_of(exchange, daemon, deaths)


def live(
    exchange: ExchangeProcess,
    daemon: DaemonProcess,
    kills: list[Kill],
    check: Callable[[ExchangeProcess, DaemonProcess], None],
) -> list[str]:
    """A life for each kill and one that sees the end of the market; the deaths that came. `check` follows every start."""
    deaths: list[str] = []
    left = [*kills, Kill()]
    while left:
        kill = left.pop(0)
        exchange.market(held=True, speed=kill.speed)
        daemon.start(kill.moment, kill.nth)
        if daemon.ready():
            check(exchange, daemon)
            exchange.market(**{"step": kill.candles} if kill.candles else {"held": False})
            if kill.after_s:
                time.sleep(kill.after_s)
                tell_end(daemon, kill)
        wait_for(lambda: daemon.dead or exchange.market()["ended"], f"{kill}: death, or the end of the market")
        if not daemon.dead:
            if left:  # its moment did not come; whatever this life does yet is none of ours
                daemon.kill()
                left = [Kill()]
            continue
        assert daemon.process is not None
        assert daemon.process.returncode in ((-9, 0) if kill.stops else (-9,)), daemon.log.read_text()[-2000:]
        if daemon.process.returncode:
            deaths.append(str(kill))
        exchange.market(held=True)
        check_safety(exchange, daemon)
    return deaths


def tell_end(daemon: DaemonProcess, kill: Kill) -> None:
    """What is done to a life from outside once its time is over."""
    if kill.stops:
        daemon.stop()
    elif kill.reloads:
        daemon.reload()
    elif kill.panics:
        daemon.panic()
    else:
        daemon.kill()


def ending_of(exchange: ExchangeProcess, daemon: DaemonProcess, deaths: list[str]) -> Ending:
    columns = np.load(daemon.state / "columns.npz")
    inputs = daemon.rows("SELECT cause, action, inputs_digest FROM intents ORDER BY bar_close_ms, action")
    lost = daemon.rows(
        "SELECT o.link_id, i.bar_close_ms FROM orders o JOIN intents i ON i.id = o.intent"
        " WHERE o.state IN ('UNKNOWN', 'NEVER_ARRIVED') ORDER BY i.bar_close_ms"
    )
    cancelled = daemon.rows(
        "SELECT o.link_id, o.venue_order_id, i.bar_close_ms FROM orders o JOIN intents i ON i.id = o.intent"
        f" WHERE i.action = '{ENTER}' AND o.state = 'CANCELLED' AND o.cancel_type = 'CancelByUser' AND o.cum_qty = '0'"
        " ORDER BY i.bar_close_ms"
    )
    return Ending(
        verdicts=daemon.verdicts(),
        executions=[_bare(row) for row in exchange.bodies("executions")],
        inputs=[(row["cause"], row["action"], row["inputs_digest"]) for row in inputs],
        engine=daemon.kept()["engine"],
        columns={name: columns[name].tobytes() for name in columns.files},
        moments=json.loads((daemon.state / "moments.json").read_text()),
        deaths=deaths,
        never_sent=[row["link_id"] for row in lost],
        first_lost_ms=lost[0]["bar_close_ms"] if lost else 0,
        taken_back=taken_back(cancelled, exchange.ledger() if cancelled else (), daemon.stops),
    )


def taken_back(
    cancelled: Iterable[Mapping[str, Any]], ledger: Iterable[Mapping[str, Any]], stops: Sequence[tuple[int, int]]
) -> list[tuple[int, bool]]:
    """See `Ending.taken_back`: who asked for it, and when, is in the ledger of the exchange."""
    asked = [row for row in ledger if row["kind"] == "request" and row["path"] == CANCEL]
    stopping = [row for row in asked if any(told_ms <= row["wall_ms"] <= over_ms for told_ms, over_ms in stops)]
    by_a_stop = {row["params"].get(name) for row in stopping for name in ("orderLinkId", "orderId")} - {None}
    return [(row["bar_close_ms"], not by_a_stop.isdisjoint((row["link_id"], row["venue_order_id"]))) for row in cancelled]


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    """An execution without what is drawn anew in every run: ids."""
    kept = ("side", "execQty", "execPrice", "execFee", "execTime", "execType", "stopOrderType", "createType", "closedSize")
    return {name: row[name] for name in kept}


def until_position(exchange: ExchangeProcess, daemon: DaemonProcess) -> None:
    """
    Trade until a position is open that nobody is about to leave, and a newer state is kept than the first. The market stands.

    Whoever kills the daemon then interrupts nothing: an exit that was never sent would make a story of its own.
    """
    assert daemon.ready(), daemon.log.read_text()
    state = daemon.state / "instances" / NAME / "state.json"
    first = state.stat().st_mtime_ns
    at_rest = False
    while not at_rest:
        wait_for(partial(_has_verdict, daemon, exchange.step()), "the verdict of the last bar")
        at_rest = exchange.position()["steps"] and not daemon.rows("SELECT 1 FROM intents WHERE outcome = ''")
    wait_for(lambda: state.stat().st_mtime_ns != first, "a newer state")


def _has_verdict(daemon: DaemonProcess, close_ms: int) -> bool:
    of_instance = f"SELECT 1 FROM bars JOIN instances ON uid = instance WHERE name = '{NAME}'"
    return bool(daemon.rows(f"{of_instance} AND close_ms >= {close_ms}"))


def check_safety(exchange: ExchangeProcess, daemon: DaemonProcess) -> None:
    """While the daemon is dead: no order without a committed intent, none twice, no entry or position without a stop."""
    orders = [order for order in exchange.bodies("orders") if order["link_id"]]
    links = [order["link_id"] for order in orders]
    assert len(links) == len(set(links)), "one link id, two orders"
    intents = daemon.rows("SELECT o.link_id, i.action, i.cause FROM orders o JOIN intents i ON i.id = o.intent")
    known = {row["link_id"]: row for row in intents}
    assert set(links) <= known.keys(), "an order whose intent is not on record"
    entries = [order for order in orders if known[order["link_id"]]["action"] == ENTER]
    decided = [known[order["link_id"]]["cause"] for order in entries]
    assert len(decided) == len(set(decided)), "one decision, two orders"
    for order in entries:
        assert order["stop_ticks"], f"entry {order['link_id']} left without a stop"
    for cause in {row["cause"] for row in intents if row["action"] != ENTER}:
        exits = [order for order in orders if known[order["link_id"]]["cause"] == cause and order["filled_steps"]]
        assert len(exits) <= 1, "one exit, executed twice"
    check_protected(exchange)


def check_protected(exchange: ExchangeProcess) -> None:
    """A position has a working stop at the venue, whoever lives."""
    position = exchange.position()
    if position["steps"]:
        stop = exchange.open_order(position["stop_id"])
        assert stop is not None, f"a position without a stop: {position}"


def check_invariants(exchange: ExchangeProcess, daemon: DaemonProcess) -> None:
    """
    The list of invariants over both ledgers, soon after a start. An order in doubt may stay so: the venue is given its time
    before an order that it does not know is called absent.
    """

    def broken() -> list[str]:
        venue = fold_venue(exchange.ledger(), exchange.uid, 0)
        tables = of_account({name: daemon.rows(f"SELECT * FROM {name}") for name in TABLES}, ALIAS)
        return [f"{each.id}: {text}" for each in check(venue, tables) for text in each.violations if each.id != "INV-07"]

    until_s = time.monotonic() + AGREED_WITHIN_S
    while found := broken():
        assert time.monotonic() < until_s, found
        time.sleep(LOOK_S)


def check_agreement(exchange: ExchangeProcess, daemon: DaemonProcess) -> None:
    """
    The daemon's books say what the venue says: position, stop, target, and the sum of the executions.

    The minute in which the daemon died ends as soon as its sockets are back; its fills are booked moments later.
    """
    wait_for(lambda: not exchange.market()["inside_candle"], "the end of the minute")
    check_protected(exchange)
    position = exchange.position()
    qty = position["steps"] * INSTRUMENT.step
    wait_for(lambda: Decimal(daemon.booked()["signed_qty"]) == qty, f"{qty} in the books", AGREED_WITHIN_S)
    assert daemon.rebuilt() == qty, "the executions on record add up to another position"
    if qty:
        (plan,) = daemon.rows(f"SELECT stop, targets FROM intents WHERE action = '{ENTER}' ORDER BY {NEWEST} LIMIT 1")
        stop, target = exchange.open_order(position["stop_id"]), exchange.open_order(position["target_id"])
        assert stop is not None
        assert target is not None
        planned = [Decimal(plan["stop"]), Decimal(plan["targets"])]
        assert [order["trigger_ticks"] * INSTRUMENT.tick for order in (stop, target)] == planned
        assert [Decimal(daemon.booked()[name]) for name in ("stop", "target")] == planned


def check_like_unkilled(ending: Ending) -> None:
    """Verdicts, trades and columns are those of the backtest, bit for bit."""
    result = backtest()
    expected = [(int(ms), VERDICTS[int(code)]) for ms, code in zip(result.decision_times_ms, result.verdicts, strict=True)]
    differing = [pair for pair in zip(ending.verdicts, expected, strict=False) if pair[0] != pair[1]]
    assert len(ending.verdicts) == len(expected), f"{len(ending.verdicts)} verdicts, the backtest has {len(expected)}"
    assert not differing, f"{len(differing)} verdicts differ from the backtest's, first {differing[0]}"
    columns = result.columns
    for name, number in result.program.names.items():
        assert ending.columns[name] == columns.row(number).tobytes(), f"column {name} has other bits"


def nothing_but_time(ending: Ending, unkilled: Ending, kills: Sequence[Kill]) -> None:
    """
    Columns have the same bits; verdicts are the same up to what a death may cost.

    That is an entry in doubt, an exit that was on record and is sent a few bars later (the market goes on without waiting), an
    entry whose bar closed while the instance was stopping or not warm yet, and one that a stop took back at once. Nothing else
    takes an entry back, and the trade that it would have been is all that this costs.
    """
    assert all(by_a_stop for _, by_a_stop in ending.taken_back), (
        f"taken back by a life that nobody stopped: {ending.taken_back}"
    )
    before_the_end = [ms for ms, _ in ending.taken_back if ms < ending.verdicts[-1][0]]
    stops = sum(kill.stops for kill in kills)
    assert len(before_the_end) <= stops, f"{stops} stops took back {len(before_the_end)} entries"
    lost, deaths = len(ending.never_sent), len(ending.deaths)
    assert lost <= deaths, f"{lost} orders in doubt behind {deaths} deaths"
    assert ending.columns == unkilled.columns, "columns have other bits"
    assert [close_ms for close_ms, _ in ending.verdicts] == [close_ms for close_ms, _ in unkilled.verdicts], "bars are missing"
    differing = next((ours for ours, theirs in zip(ending.verdicts, unkilled.verdicts, strict=True) if ours != theirs), None)
    if differing is not None:
        close_ms, verdict = differing
        doubt = bool(ending.never_sent) and close_ms >= ending.first_lost_ms
        missed = any(0 < close_ms - entered_ms <= TRADE_BARS * MINUTE_MS for entered_ms in before_the_end)
        assert doubt or missed or verdict in COSTS, f"{verdict} at {close_ms} differs from the run that nobody killed"


def seeded(seed: int, number: int) -> list[Kill]:
    """Kills from outside at random times of a slow market."""
    source = random.Random(seed)
    return [Kill(after_s=source.uniform(0.02, 0.6), speed=12_000) for _ in range(number)]
