"""Rows of the tables, made from the daemon's parts. Pure reads; every figure with unit, source and age."""

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from playd.control import look_answers as a
from playd.control.answer_parts import Figure, Reason
from playd.control.context import Daemon
from playd.control.figures import Source, figure, rfc3339, rounded
from playd.control.fill_quality import shortfall_figure
from playd.control.halt_causes import Cause, cause_of
from playd.control.shadow_rows import NOTHING_THERE, shadow_position, shadow_records
from playd.core.modes import Environment, Mode
from playd.core.orders import Side
from playd.core.timeframes import DAY_MS
from playd.market.ticker import Ticker
from playd.orders.account import Account
from playd.orders.halts import Halt, Level, ends_ms, instance_scope
from playd.orders.order_book import LIVE_STATES
from playd.orders.rows import OrderRow
from playd.orders.views import FillView, PositionView
from playd.supervisor.accounts import OpenAccount
from playd.supervisor.enrol import own_account
from playd.supervisor.records import InstanceRecord
from playd.supervisor.shadow import SOURCE as SHADOW
from playd.supervisor.slot import Slot
from playd.supervisor.states import State

USDT: Final = "USDT"
SHORT_DIGEST: Final = 16
TEXT_MAX: Final = 1000
"""Characters of one reason in a list of instances: five hundred of these stay far below what one answer may have."""


def status_row(daemon: Daemon, slot: Slot) -> a.StatusRow:
    """One instance as `status` shows it."""
    record, now_s = slot.record, daemon.clock.mono_s()
    account, held = held_of(daemon, slot)
    ticker = ticker_of(daemon, record)
    unread = account is None and record.mode is not Mode.SHADOW and daemon.supervisor.booked_qty(record) != 0
    unrealised = None if unread else unrealised_of(held, ticker)
    price_age_s = now_s - ticker.received_mono_s if ticker is not None else None
    return {
        "name": record.name,
        "uid": record.uid,
        "mode": str(record.mode),
        "state": str(slot.state),
        "reasons": _reasons(daemon, slot),
        "symbol": record.symbol,
        "position": position_figure(daemon, slot, held),
        "upnl": figure(unrealised, USDT, "computed", price_age_s, "account is not open" if unread else "no price yet"),
        "day": day_figure(daemon, record, unrealised),
        "drawdown": drawdown_figure(slot, ticker, price_age_s),
        "stop_at_venue": stop_figure(slot, account, held),
        "bar_age_s": _bar_age_s(slot, now_s),
        "feed_age_s": feed_age_s(daemon, slot),
        "restarts": slot.crashes,
        "account": record.account,
        "play_digest": record.play_digest,
        "play_digest_short": record.play_digest[:SHORT_DIGEST],
        "capital_step": record.capital_step,
        "unresolved": _unresolved(daemon, record) if account is not None else None,
        "shortfall": shortfall_figure(daemon, record),
        "parity": _parity(daemon, record),
        "memory_bytes": slot.engine.engine.columns.nbytes if slot.engine is not None else None,
        "trades": slot.engine.engine.trade_count if slot.engine is not None else 0,
        "last_verdict": _last_verdict(slot),
    }


def _reasons(daemon: Daemon, slot: Slot) -> list[Reason]:
    """Why an instance does not simply run. While the daemon starts, one that shall run has been stopped by nobody."""
    record, progress = slot.record, daemon.progress
    if not progress.ready and not slot.active and slot.facts.failed is None and record.enabled and record.desired != "stopped":
        return [{"code": "daemon_starting", "text": f"not started yet, the daemon is at: {progress.step}"}]
    return _reasons_in_short(slot)


def _reasons_in_short(slot: Slot) -> list[Reason]:
    """Of each as much as a line of a table can hold: every fault of a file is in `show`."""
    return [{**row, "text": in_short(row["text"], f"playctl show {slot.name}")} for row in reason_rows(slot)]


def reason_rows(slot: Slot) -> list[Reason]:
    """Why it is not simply running; of what outlives the daemon also since when."""
    return [{"code": each.code, "text": each.text, "since": _time(each.since_ms)} for each in slot.reasons]


def in_short(text: str, where: str) -> str:
    """The beginning of a long text, and where the whole of it is."""
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}… {len(text)} characters in all, see `{where}`"


def _time(time_ms: int) -> str | None:
    return rfc3339(time_ms) if time_ms else None


def account_step(daemon: Daemon, held: OpenAccount) -> str:
    """What an account that is not open is at, or why that failed, and for how long."""
    age_s = daemon.clock.mono_s() - held.step_since_s
    step = f"{held.step}, for {age_s:.0f} s" if held.step_since_s else held.step
    if held.blind is None or not held.blind.for_s or not (at_risk := held.blind.at_risk):
        return step
    words = (
        f"unread for {held.blind.for_s:.0f} s, open by the ledger: {at_risk}",
        daemon.accounts.guardians_view(held.plan.alias),
    )
    return "; ".join([step, *filter(None, words)])


def _parity(daemon: Daemon, record: InstanceRecord) -> a.Comparison | None:
    """The newest comparison of this very Play with its backtest that was brought here; None for none."""
    found = daemon.evidence.newest("parity", record.play_digest)
    if found is None:
        return None
    return {"same": found.passed, "age_s": round((daemon.clock.wall_ms() - found.created_ms) / 1000, 3)}


def list_row(slot: Slot) -> a.ListRow:
    """One instance as `list` shows it."""
    record = slot.record
    return {
        "name": record.name,
        "uid": record.uid,
        "mode": str(record.mode),
        "account": record.account,
        "symbol": record.symbol,
        "state": str(slot.state),
        "reasons": _reasons_in_short(slot),
        "enabled": record.enabled,
        "play_path": record.play_path,
        "play_digest": record.play_digest,
        "play_digest_short": record.play_digest[:SHORT_DIGEST],
        "created": rfc3339(record.created_ms),
        "declared": record.declared,
        "desired": record.desired,
    }


def position_row(daemon: Daemon, view: PositionView) -> a.PositionRow:
    """One share of a position: what the venue says beside what the ledger books. A shadow's figures are computed."""
    is_shadow = view.account == own_account(Mode.SHADOW, view.owner)
    source: Source = "computed" if is_shadow else "venue"
    stop = view.planned_stop if is_shadow else view.venue_stop
    missing = NOTHING_THERE if is_shadow else ""
    age_s = view.venue_age_s
    owner = owner_name(daemon, view.owner)
    signed = view.qty if view.side is Side.BUY else -view.qty
    mark = view.mark_price
    stop_bps = None
    if stop is not None and mark:
        stop_bps = abs(mark - stop) / mark * 10_000
    return {
        "account": view.account,
        "mode": mode_of(daemon, view.account),
        "symbol": view.symbol,
        "side": "long" if view.side is Side.BUY else "short",
        "qty": figure(view.qty, _base_coin(view.symbol), "ledger", 0.0),
        "entry": figure(view.entry_price, USDT, "ledger", 0.0),
        "mark": figure(mark, USDT, "venue", age_s, "not read yet"),
        "upnl": figure(view.unrealised_usdt, USDT, source, age_s, "not read yet"),
        "stop": figure(stop, USDT, source, age_s, "not read yet" if age_s is None else "none"),
        "stop_bps": figure(stop_bps, "bps", "computed", age_s, "no stop or no mark"),
        "liq": figure(view.liq_price, USDT, source, age_s, missing or "none stated"),
        "owner": owner,
        "ledger": figure(signed, _base_coin(view.symbol), "ledger", 0.0),
        "diff": figure(
            view.venue_qty - signed if view.venue_qty is not None else None,
            _base_coin(view.symbol),
            "computed",
            age_s,
            missing or "not read yet",
        ),
        "protected": view.protected,
        "age_s": rounded(age_s),
    }


def order_row(daemon: Daemon, account: str, row: OrderRow) -> a.OrderRow:
    """One order of the ledger."""
    age_s = (daemon.clock.wall_ms() - row.created_ms) / 1000
    return {
        "link_id": row.link_id,
        "account": account,
        "mode": mode_of(daemon, account),
        "symbol": row.symbol,
        "side": str(row.side),
        "type": row.type or "-",
        "action": str(row.action) if row.action is not None else None,
        "qty": figure(row.qty, _base_coin(row.symbol), "ledger", age_s),
        "filled": figure(row.cum_qty, _base_coin(row.symbol), "ledger", age_s),
        "price": figure(row.price or None, USDT, "ledger", age_s, "market"),
        "trigger": figure(row.trigger or None, USDT, "ledger", age_s, "none"),
        "state": str(row.state),
        "protective": row.protective,
        "venue_order_id": row.venue_order_id,
        "age_s": rounded(age_s),
        "owner": owner_name(daemon, row.owner),
    }


def fill_row(daemon: Daemon, view: FillView) -> a.FillRow:
    """One execution, of a venue or computed."""
    source: Source = "computed" if view.source == SHADOW else "venue"
    execution = view.execution
    age_s = (daemon.clock.wall_ms() - view.received_ms) / 1000
    return {
        "n": view.n,
        "time": rfc3339(execution.time_ms),
        "received": rfc3339(view.received_ms),
        "account": view.account,
        "mode": mode_of(daemon, view.account),
        "symbol": execution.symbol,
        "side": str(execution.side),
        "qty": figure(execution.qty, _base_coin(execution.symbol), source, age_s),
        "price": figure(execution.price, USDT, source, age_s),
        "fee": figure(execution.fee, execution.fee_currency or USDT, source, age_s),
        "type": execution.stop_order_type or execution.exec_type,
        "link_id": execution.link_id or "-",
        "owner": owner_name(daemon, view.owner),
        "source": view.source,
        "reason": view.reason or None,
    }


def balance_row(daemon: Daemon, account: Account) -> a.BalanceRow:
    """The wallet of an account as the venue last stated it."""
    view, wallet = account.views.balance(), account.desk.condition.wallet
    return {
        "account": view.account,
        "mode": mode_of(daemon, account.alias),
        "environment": view.environment,
        "uid": _uid_of(daemon, account.alias),
        "equity": figure(view.equity_usdt, USDT, "venue", view.age_s, "not read yet"),
        "available": figure(view.available_usdt, USDT, "venue", view.age_s, "not stated"),
        "im_rate": figure(wallet.im_rate if wallet else None, "ratio", "venue", view.age_s, "not stated"),
        "mm_rate": figure(wallet.mm_rate if wallet else None, "ratio", "venue", view.age_s, "not stated"),
        "not_ready": view.not_ready,
        "age_s": rounded(view.age_s),
    }


def closed_row(daemon: Daemon, alias: str, environment: Environment, why: str) -> a.BalanceRow:
    """An account whose wallet nobody can read now."""
    money, ratio = (figure(None, unit, "venue", None, "account is not open") for unit in (USDT, "ratio"))
    return {
        "account": alias,
        "mode": _MODE_OF[environment],
        "environment": str(environment),
        "uid": _uid_of(daemon, alias),
        "equity": money,
        "available": money,
        "im_rate": ratio,
        "mm_rate": ratio,
        "not_ready": in_short(why, "playctl status"),
        "age_s": None,
    }


def halt_row(daemon: Daemon, halt: Halt) -> a.HaltRow:
    """One halt in force. Scopes of instances are said by name."""
    cause = cause_of(daemon, halt)
    return {
        "scope": scope_name(daemon, halt.scope),
        "level": int(halt.level),
        "code": halt.code,
        "actor": halt.actor,
        "text": halt.text,
        "raised": rfc3339(halt.raised_ms),
        "age_s": rounded((daemon.clock.wall_ms() - halt.raised_ms) / 1000),
        "ends": rfc3339(ends) if (ends := _ends_ms(daemon, halt)) is not None else None,
        "still_holds": cause is Cause.GOES_ON,
        "cause": str(cause),
    }


def _ends_ms(daemon: Daemon, halt: Halt) -> int | None:
    """When a halt ends by itself for certain, on the clock of the exchange whose day it hangs on; None while it is unheard."""
    account = daemon.accounts.find(halt.scope.partition(":")[2].partition("/")[0])
    now_ms = account.breakers.now_ms if account is not None else None
    return None if now_ms is None else ends_ms(halt, now_ms)


def owner_name(daemon: Daemon, owner: str) -> str:
    """The name of an owning instance; the owner itself when it is none of ours."""
    for slot in daemon.supervisor.slots.values():
        if slot.record.uid == owner:
            return slot.name
    return owner


def scope_name(daemon: Daemon, scope: str) -> str:
    """A halt's scope as people write it."""
    for slot in daemon.supervisor.slots.values():
        if scope == instance_scope(slot.record.uid):
            return f"instance:{slot.name}"
    return scope


def ticker_of(daemon: Daemon, record: InstanceRecord) -> Ticker | None:
    """The newest ticker of an instance's symbol, None when there is none or its market is not open."""
    hub = daemon.find_hub(record)
    return hub.ticker(record.symbol) if hub is not None else None


def position_figure(daemon: Daemon, slot: Slot, held: PositionView | None) -> Figure:
    """Signed quantity of an instance, as booked; what the venue says of it is in `positions`."""
    record = slot.record
    signed = daemon.supervisor.booked_qty(record)
    age_s = held.venue_age_s if held is not None else 0.0
    return figure(signed, _base_coin(record.symbol), "ledger", age_s)


def stop_figure(slot: Slot, account: Account | None, held: PositionView | None) -> Figure:
    """The stop as confirmed at the venue. A shadow has nothing there; the stop of its book is in `positions`."""
    if slot.record.mode is Mode.SHADOW:
        return figure(None, USDT, "computed", 0.0, NOTHING_THERE)
    if account is None:
        return figure(None, USDT, "venue", None, "account is not open")
    if held is None:
        return figure(None, USDT, "venue", 0.0, "flat")
    if held.venue_age_s is None:
        return figure(None, USDT, "venue", None, "not read yet")
    return figure(held.venue_stop, USDT, "venue", held.venue_age_s, "none")


def held_of(daemon: Daemon, slot: Slot) -> tuple[Account | None, PositionView | None]:
    """The account of an instance and its open share, if any."""
    if slot.record.mode is Mode.SHADOW:
        return None, shadow_position(daemon, slot.record)
    account = daemon.accounts.find(slot.record.account)
    return account, account.views.position(slot.record.uid, slot.record.symbol) if account is not None else None


def all_accounts(daemon: Daemon) -> Iterator[Account]:
    """Every open account, those with real money first, then by alias."""
    found = [held.account for held in daemon.accounts.held.values() if held.account is not None]
    yield from sorted(found, key=lambda account: (account.environment is not Environment.LIVE, account.alias))


def mode_of(daemon: Daemon, alias: str) -> str:
    """
    The mode that an account is traded in: by its environment, of one that is not open by what the ledger has of it.

    The name is asked last: whatever an account with money is called, it is not shown as a shadow.
    """
    held = daemon.accounts.held.get(alias)
    if held is not None:
        return _MODE_OF[held.plan.environment]
    row = daemon.ledger.row("SELECT environment FROM accounts WHERE alias = ?", (alias,))
    if row is not None:
        return _MODE_OF[Environment(row["environment"])]
    return str(Mode.SHADOW) if alias.startswith(_SHADOWS) else ""


_SHADOWS: Final = own_account(Mode.SHADOW, "")
_MODE_OF: Final = {
    Environment.LOCAL: str(Mode.PAPER),
    Environment.TESTNET: str(Mode.DEMO),
    Environment.DEMO: str(Mode.DEMO),
    Environment.LIVE: str(Mode.LIVE),
}


def all_positions(daemon: Daemon) -> Iterator[PositionView]:
    """Every open share, those of shadows last."""
    for account in all_accounts(daemon):
        yield from account.views.positions()
    for record in shadow_records(daemon):
        view = shadow_position(daemon, record)
        if view is not None:
            yield view


def unrealised_of(held: PositionView | None, ticker: Ticker | None) -> Decimal | None:
    """What an open share is worth now beside its entry, zero when flat, None without a price."""
    if held is None:
        return Decimal(0)
    price = (ticker.mark or ticker.last) if ticker is not None else None
    if price is None:
        return None
    return (price - held.entry_price) * (held.qty if held.side is Side.BUY else -held.qty)


async def learn_days(daemon: Daemon) -> None:
    """Count what `day_figure` needs of every instance; whoever shows them awaits it first."""
    records = [slot.record for slot in [*daemon.supervisor.slots.values()]]
    await daemon.day_starts.learn(daemon.ledger, records, daemon.market_ms())


def day_figure(daemon: Daemon, record: InstanceRecord, unrealised: Decimal | None) -> Figure:
    """Result since 00:00 UTC of the market's day: realised, fees, funding, and what is open now."""
    market_ms = daemon.market_ms()
    if market_ms is None or unrealised is None:
        return figure(None, USDT, "computed", None, "no price yet")
    begun_at = daemon.day_starts.of(record, market_ms // DAY_MS)
    if begun_at is None:
        return figure(None, USDT, "computed", None, "what was earned before this day is not counted yet")
    row = daemon.ledger.row(
        "SELECT realised, fees, funding FROM virtual_positions WHERE account = ? AND instance = ? AND symbol = ?",
        (record.account, record.uid, record.symbol),
    )
    now = Decimal(0) if row is None else Decimal(row["realised"]) - Decimal(row["fees"]) - Decimal(row["funding"])
    return figure(now + unrealised - begun_at, USDT, "computed", 0.0)


def drawdown_figure(slot: Slot, ticker: Ticker | None, age_s: float | None) -> Figure:
    """How far the engine's equity lies below its peak, in percent."""
    price = (ticker.mark or ticker.last) if ticker is not None else None
    if slot.engine is None or price is None:
        return figure(None, "%", "computed", None, "not running" if slot.engine is None else "no price yet")
    engine = slot.engine.engine
    return figure(engine.drawdown_pct(float(price)), "%", "computed", age_s)


def reconciled_ms(daemon: Daemon, alias: str) -> int | None:
    """When the newest reconciliation of an account that could read everything ended, None before the first."""
    row = daemon.ledger.row(
        "SELECT started_ms + duration_ms AS at FROM recon_runs"
        " WHERE account = ? AND result <> 'blind' ORDER BY id DESC LIMIT 1",
        (alias,),
    )
    return None if row is None else int(row["at"])


def _bar_age_s(slot: Slot, now_s: float) -> float | None:
    return None if slot.last_bar_mono_s is None else rounded(now_s - slot.last_bar_mono_s)


def feed_age_s(daemon: Daemon, slot: Slot, symbol: str = "") -> float | None:
    """Age of the newest market data of one symbol, else of the oldest of those that an instance reads; None before any."""
    hub = daemon.find_hub(slot.record)
    if hub is None:
        return None
    age_s = max(hub.feed_age_s(each) for each in ([symbol] if symbol else slot.symbols))
    return None if math.isinf(age_s) else rounded(age_s)


def _unresolved(daemon: Daemon, record: InstanceRecord) -> int:
    row = daemon.ledger.row(
        f"SELECT count(*) AS n FROM orders WHERE account = ? AND symbol = ? AND state IN {LIVE_STATES}"
        " AND state = 'UNKNOWN' AND owner = ?",
        (record.account, record.symbol, record.uid),
    )
    return 0 if row is None else int(row["n"])


def _last_verdict(slot: Slot) -> a.VerdictInShort | None:
    decided = slot.engine.last_decided if slot.engine is not None else None
    if decided is None:
        return None
    return {
        "time": rfc3339(decided.close_ms),
        "verdict": decided.verdict,
        "detail": decided.detail,
        "next_possible": rfc3339(decided.next_ms) if decided.next_ms is not None else None,
    }


def _uid_of(daemon: Daemon, alias: str) -> str:
    row = daemon.ledger.row("SELECT uid FROM accounts WHERE alias = ?", (alias,))
    return str(row["uid"]) if row is not None else ""


def _base_coin(symbol: str) -> str:
    return symbol.removesuffix(USDT)


def is_unhealthy(slot: Slot) -> bool:
    """Whether `status` says 9 because of this instance. A pause is what somebody wanted; a level above it needs somebody."""
    halted = slot.state is State.PAUSED and slot.facts.halt_level >= Level.HALT
    return halted or slot.state in (State.FAILED, State.DEGRADED, State.PANICKED)
