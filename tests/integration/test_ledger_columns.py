"""Every column of the ledger is filled by somebody: no table promises what nobody writes."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import anyio
import pytest

from playd.core.modes import Environment, Mode
from playd.ops.alert_rows import AlertRows
from playd.ops.recon_snapshots import ReconSnapshots
from playd.orders.halts import Level, account_scope
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from playd.supervisor.arming_records import Armings
from playd.supervisor.evidence import EvidenceBook
from playd.supervisor.records import InstanceRecord, RecordStore
from playd.venues.port import KeyInfo
from tests.integration.daemon_kit import ROOT, ctl, daemon, settings
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, STATE, OrderWorld, build, entry, leave
from tests.unit.supervisor.test_arming import DRAFT
from tests.virtual_time import in_virtual_time

pytestmark = pytest.mark.slow

Filled = dict[str, set[str]]

EMPTY: Final = (None, "", 0, "0", "[]", "{}")
"""What a column has that nobody wrote to."""

NEVER: Final = {
    "budgets.limit": "what bounds an entry is its instance's, and stands in the intent",
    "intents.leg": "one decision, one order of an action: only a target that is placed again counts on, and none is here",
    "executions.position_idx": "a share is one position: the two sides of hedge mode are somebody else's",
    "virtual_positions.position_idx": "likewise",
}
"""Columns that have one value only in the lives below, and why."""

QUOTED: Final = replace(READY, bid=Decimal("50000.0"), ask=Decimal("50000.0"), mark=Decimal("50000.0"), quote_age_s=0.1)

TOLD: Final = "raw_digest FROM order_events WHERE source IN ('reply', 'stream')"
LEVELS: Final = [("LastPrice", 1)]

SCOPE: Final = account_scope("main")

TROUBLED: Final = InstanceRecord(
    *("trouble1", "troubled", "main", Mode.PAPER, SYMBOL, "play.yml", "d" * 64, "1000", 60_000, 1, 2),
    failed_code="state_unreadable",
    failed_text="damaged",
    restarts=(1, 2),
    previous_digests=("e" * 64,),
    risk='{"max_leverage":"2"}',
)

RESTING: Final = """
version: "3.0.0"
name: resting
symbol: BTCUSDT
timeframes: {low_tf: 1m, med_tf: 15m, high_tf: 1h, exec: low_tf}
account: {max_leverage: 3, slippage_bps: 5}
features:
  fast: {indicator: ema, params: {length: 9}}
  slow: {indicator: sma, params: {length: 21}}
  atr: {indicator: atr, params: {length: 5}}
position_policy: {mode: long_short, exit_mode: first_hit}
actions:
  entry_long: {all: [["fast", cross_above, "slow"]]}
  entry_short: {all: [["fast", cross_below, "slow"]]}
risk_model:
  stop_loss: {type: atr_multiple, value: 1.5, atr_feature_id: atr}
  take_profit: {type: rr_ratio, value: 0.5}
  tp_order_type: Limit
  sizing: {model: percent_equity, value: 20}
"""
"""A Play whose targets rest, so that some of its fills are a maker's."""


def filled(ledger: sqlite3.Connection, found: Filled) -> None:
    """Add the columns that hold a value somewhere, by table."""
    for (table,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in ledger.execute(f'PRAGMA table_info("{table}")').fetchall():
            name = row[1]
            values = ledger.execute(f'SELECT DISTINCT "{name}" FROM "{table}"').fetchall()
            if any(value not in EMPTY for (value,) in values):
                found[table].add(name)


def a_daemon_that_trades(directory: Path, found: Filled) -> None:
    """Two Plays over some hours of a market, with a pause, a comparison and a stop by a person."""
    (directory / "resting.yml").write_text(RESTING)
    plays = {"ema": str(ROOT / "config/plays/ema_cross_rsi.yml"), "resting": str(directory / "resting.yml")}
    limits = "[breakers]\nday_pause_pct = 50.0\nday_halt_pct = 60.0\n[risk]\nday_notional_pct = 9000\n"
    with daemon(directory / "state", "--speed", "3000", config=settings(directory / "config", plays, limits)) as process:
        process.wait_for("daemon.ready")
        process.wait_for("fill.booked", action="enter")
        assert ctl(process.state, "pause", "ema", "--reason", "lunch").returncode == 0
        assert ctl(process.state, "resume", "ema").returncode == 0
        process.wait_for("fill.booked", reason="sl", instance="ema")
        process.wait_for("fill.booked", reason="tp", instance="resting")
        assert ctl(process.state, "reconcile").returncode == 0
        assert process.stop() == 0
    with closing(sqlite3.connect(directory / "state" / "ledger.sqlite")) as ledger:
        filled(ledger, found)
        for what in ("bar_digest FROM bars", "raw_digest FROM executions", TOLD):
            assert {len(digest) for (digest,) in ledger.execute(f"SELECT {what}")} == {64}
        assert ledger.execute("SELECT DISTINCT trigger_by, close_on_trigger FROM orders WHERE protective").fetchall() == LEVELS


def test_every_column_has_a_value_somewhere_or_a_reason_why_not(tmp_path: Path) -> None:
    found: Filled = defaultdict(set)
    a_daemon_that_trades(tmp_path, found)
    in_virtual_time(lambda: an_account_in_trouble(found))
    with closing(sqlite3.connect(tmp_path / "state" / "ledger.sqlite")) as ledger:
        tables = [row[0] for row in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {f"{table}.{row[1]}" for table in tables for row in ledger.execute(f'PRAGMA table_info("{table}")')}
    there = {f"{table}.{name}" for table, names in found.items() for name in names}
    assert columns - there == set(NEVER)


async def an_account_in_trouble(found: Filled) -> None:
    """What a good day does not show: refusals, strangers, differences, funding, alarms, and what people keep about it."""
    limits, breakers = RiskLimits(day_usd=Decimal(90_000)), OrderSettings.of(Environment.DEMO).breakers
    local = replace(OrderSettings.of(Environment.LOCAL), plain_market=False, limits=limits, breakers=breakers)
    life = build(settings=replace(local, wallet_every_s=30.0))
    snapshots = ReconSnapshots(life.world.disk, life.world.clock, STATE, 90)
    life.account.reconciler.on_inputs = lambda run, *rest: snapshots.keep("main", run, *rest)
    async with life.running():
        port = await life.register()
        assert (await port.submit(replace(entry(), target=Decimal("51000.0")), QUOTED)).code == "SENT"
        await anyio.sleep(1.0)
        port.record_verdict(90_000, "NO_SIGNAL", "missed", late=True)
        life.venue.transfer(Decimal(500))
        await anyio.sleep(70.0)
        await life.account.reconciler.run("test")
        life.venue.pay_funding(Decimal("-0.25"))
        life.venue.script.codes = [110007]
        await port.submit(leave(qty="0.004"))
        await anyio.sleep(1.0)
        life.venue.book[SYMBOL].signed = Decimal("0.011")  # no execution tells why
        del life.venue.orders[life.venue.book[SYMBOL].stop_order_id]  # nor where the stop went
        await life.account.reconciler.run("test")
        strange = replace(next(iter(life.venue.orders.values())), venue_order_id="hedge", link_id="by-hand", position_idx=1)
        life.venue._report(replace(strange, status="New", stop_order_type="", reduce_only=False))
        life.venue.key_info = no_key  # type: ignore[method-assign]
        await life.account.key.look_again()
        life.account.desk.caps.reserve(entry(180_000))
        _people(life)
        life.ledger.commit()
    filled(life.ledger._connection, found)


async def no_key() -> KeyInfo:
    return KeyInfo("7", read_only=True, can_trade=False, can_withdraw=False, bound_to_addresses=True, days_left=None)


def _people(life: OrderWorld) -> None:
    ledger, clock = life.ledger, life.world.clock
    armings = Armings(ledger, clock, life.journal)
    armings.create(DRAFT)
    armings.confirm(DRAFT.instance_uid, "me")
    armings.revoke(DRAFT.instance_uid, "me")
    armings.waive("clock", reason="known", actor="me", until_ms=2)
    EvidenceBook(ledger, clock).add("drill", "DRL-01", {"n": 1}, passed=True, created_ms=1, lasts_ms=2)
    alerts = AlertRows(ledger)
    alerts.add("phone", "critical", "1", "text", incident=1, now_ms=1, next_ms=1)
    alert = alerts.due("phone", 2)
    assert alert is not None
    alerts.dead(alert, "refused", 3)
    incidents = life.account.desk.incidents
    for kind in ("BALANCE_MOVED", "BOOKS_DIFFER"):
        incidents.open(kind, "warning", SCOPE, "once")
        incident = next(each for each in incidents.open_ones() if each.kind == kind)
        incidents.acknowledge(incident, "me", "seen")
        incidents.resolve_by_hand(incident, "me", "done")
    incidents.open("BOOKS_DIFFER", "warning", SCOPE, "again")
    RecordStore(ledger).put(TROUBLED)
    RecordStore(ledger).remove(replace(TROUBLED, uid="removed1", name="gone"))
    halt = life.halts.raise_level(SCOPE, Level.PAUSE, "OPERATOR", "look", actor="me")
    life.halts.lift(halt.id, by="me", note="seen")
