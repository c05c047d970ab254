"""
What the guardian does about one reading of one account, as a pure function of plan, reading, history and time.

It never opens, adds or loosens: its acts set a missing stop, close reduce-only, cancel entries, or call a person. Times are
monotonic seconds unless they say `ms`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final

from playd.core.ids import guardian_link_id, is_guardians, is_ours
from playd.core.orders import Side, VenueOrder, VenuePosition
from playd.orders.guardian.plan import AccountPlan, PlannedPosition, Rules

CONDITIONAL: Final = "Stop"
"""The venue's word for an order that waits for its trigger and then does what it says, opening included."""

DAEMON_DEAD: Final = "DAEMON_DEAD"

RETRY_S: Final = 2.0
"""Time between two attempts at the same position."""

STOPPED_ALERT_S: Final = 900.0
"""An announced stop of the daemon is watched in silence for this long."""


class DaemonState(StrEnum):
    """What the heartbeat says of the daemon."""

    ALIVE = "alive"
    STOPPED = "stopped"  # it said that it stops
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Heard:
    """The daemon's state and since when it is in it. `daemon_id` is another one with every start of it."""

    state: DaemonState
    since_s: float
    daemon_id: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading of an account: all positions, and all open orders unless `unread` says why there are none."""

    positions: Sequence[VenuePosition]
    orders: Sequence[VenueOrder]
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Danger:
    """A position that its stop does not cover: since when, and what was tried. `silent`: its stop stands and does not fire."""

    since_s: float
    since_ms: int
    silent: bool = False
    stops: int = 0
    closes: int = 0
    acted_s: float | None = None


Key = tuple[str, int]
"""Symbol and position index."""


@dataclass(frozen=True, slots=True)
class History:
    """What earlier judgements of this account left behind."""

    dangers: Mapping[Key, Danger] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Now:
    mono_s: float
    wall_ms: int


@dataclass(frozen=True, slots=True)
class SetStop:
    """Set the position's stop; its target stays as it is."""

    symbol: str
    position_idx: int
    stop: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close reduce-only at the market. `attempt` counts from 0 and picks the slippage tolerance."""

    symbol: str
    position_idx: int
    side: Side
    qty: Decimal
    link_id: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class CancelEntry:
    """Cancel a resting order of ours that could open risk."""

    symbol: str
    venue_order_id: str
    link_id: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A person must know. Repeated with every judgement while its cause lasts."""

    kind: str
    severity: str
    scope: str
    text: str


Act = SetStop | Close | CancelEntry | Alarm


class Cover(StrEnum):
    """Whether a position's stop limits its loss."""

    COVERED = "covered"
    NAKED = "naked"
    SILENT = "silent"  # the planned stop stands, and the mark is beyond it


def judge(plan: AccountPlan, rules: Rules, seen: Seen, history: History, heard: Heard, now: Now) -> tuple[list[Act], History]:
    """Acts in the order in which they are to be done, alarms last, and the history for the next judgement."""
    acts: list[Act] = []
    alarms: list[Act] = []
    dangers: dict[Key, Danger] = {}
    for position in seen.positions:
        if position.side is None or not position.qty:
            continue
        key = (position.symbol, position.position_idx)
        planned = plan.position(*key)
        cover = _cover(planned, position)
        if planned is None or planned.frozen:
            if cover is not Cover.COVERED:
                alarms.append(_hands_off(plan.alias, position, planned))
            continue
        wind_up = _winds_up(rules, heard, now)
        if cover is Cover.COVERED and not wind_up:
            continue
        danger = history.dangers.get(key) or Danger(now.mono_s, now.wall_ms)
        danger = replace(danger, silent=cover is Cover.SILENT)
        act = _act(plan.alias, planned, rules, position, danger, heard, now, wind_up=wind_up)
        if cover is not Cover.COVERED:
            alarms.append(_uncovered(plan.alias, position, danger, act, now))
        if act is not None:
            acts.append(act)
            danger = replace(
                danger,
                acted_s=now.mono_s,
                stops=danger.stops + isinstance(act, SetStop),
                closes=danger.closes + isinstance(act, Close),
            )
        dangers[key] = danger
    acts.sort(key=lambda act: not isinstance(act, SetStop))
    acts += _entries_to_cancel(plan, rules, seen.orders, heard, now)
    alarms += _about_the_daemon(plan, seen, heard, now)
    return [*acts, *alarms], History(dangers)


def resting_entries(orders: Sequence[VenueOrder]) -> list[VenueOrder]:
    """Orders of ours that could open risk: neither reduce-only nor attached to a position."""
    return [order for order in orders if is_ours(order.link_id) and opens_risk(order)]


def opens_risk(order: VenueOrder) -> bool:
    """Whether an order, whoever's, could open or add: at once or when its trigger is touched."""
    return not order.reduce_only and order.stop_order_type in ("", CONDITIONAL) and not is_guardians(order.link_id)


def stop_for(planned: PlannedPosition, position: VenuePosition, fallback_pct: Decimal) -> Decimal | None:
    """
    The stop to set: planned, else the fallback, else `fallback_pct` from mark; those two inside half the way to liquidation.

    None when the mark is beyond the planned stop: it would have fired.
    """
    mark, is_long = position.mark_price, position.side is Side.BUY
    if planned.stop is not None and planned.side is position.side:
        stop = _on_tick(planned.stop, planned.tick, up=is_long)  # the plan may be older than the tick
        return None if _beyond_mark(position, stop) else stop
    wanted = planned.fallback if planned.side is position.side else None
    if wanted is None or _beyond_mark(position, wanted):
        wanted = mark * (1 - fallback_pct / 100) if is_long else mark * (1 + fallback_pct / 100)
    if position.liq_price > 0 and not _beyond_mark(position, position.liq_price):
        half_way = (mark + position.liq_price) / 2
        wanted = max(wanted, half_way) if is_long else min(wanted, half_way)
    return _on_tick(wanted, planned.tick, up=is_long)


def _on_tick(price: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    return (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick


def _cover(planned: PlannedPosition | None, position: VenuePosition) -> Cover:
    if not position.stop:
        return Cover.NAKED
    if not _beyond_mark(position, position.stop):
        return Cover.COVERED
    is_planned = planned is not None and planned.stop is not None and abs(planned.stop - position.stop) <= planned.tick
    return Cover.SILENT if is_planned else Cover.NAKED


def _act(
    alias: str,
    planned: PlannedPosition,
    rules: Rules,
    position: VenuePosition,
    danger: Danger,
    heard: Heard,
    now: Now,
    *,
    wind_up: bool,
) -> SetStop | Close | None:
    """The next step of the ladder, or None while it is somebody else's turn or the last step is too fresh."""
    age_s = now.mono_s - danger.since_s
    if danger.acted_s is not None and now.mono_s - danger.acted_s < RETRY_S:
        return None
    if wind_up:
        return _close(alias, planned, position, danger, "the daemon is dead for too long") if planned.flatten else None
    if danger.silent:
        due = age_s >= rules.act_after_s
        return _close(alias, planned, position, danger, "its stop does not fire") if due and planned.flatten else None
    if heard.state is DaemonState.ALIVE and age_s < rules.repair_after_s:
        return None
    stop = stop_for(planned, position, rules.fallback_stop_pct)
    if stop is None:
        return _close(alias, planned, position, danger, "the price is beyond its stop") if planned.flatten else None
    if age_s >= rules.act_after_s and danger.stops and planned.flatten:
        return _close(alias, planned, position, danger, "it accepts no stop")
    who = "the daemon did not restore it" if heard.state is DaemonState.ALIVE else f"the daemon is {heard.state}"
    return SetStop(position.symbol, position.position_idx, stop, f"no stop at the venue, {who}")


def _close(alias: str, planned: PlannedPosition, position: VenuePosition, danger: Danger, reason: str) -> Close:
    side = Side.SELL if position.side is Side.BUY else Side.BUY
    link = guardian_link_id(planned.owner, alias, position.symbol, position.position_idx, danger.since_ms, danger.closes)
    qty = min(position.qty, planned.max_order_qty)
    return Close(position.symbol, position.position_idx, side, qty, link, danger.closes, reason)


def _winds_up(rules: Rules, heard: Heard, now: Now) -> bool:
    """Whether the daemon is dead for so long that the operator wants no position any more."""
    return 0 < rules.flatten_after_s <= _dead_for_s(heard, now)


def _dead_for_s(heard: Heard, now: Now) -> float:
    return now.mono_s - heard.since_s if heard.state is DaemonState.DEAD else 0.0


def _entries_to_cancel(
    plan: AccountPlan, rules: Rules, orders: Sequence[VenueOrder], heard: Heard, now: Now
) -> list[CancelEntry]:
    if plan.frozen or _dead_for_s(heard, now) < rules.cancel_entries_after_s:
        return []
    frozen = {position.symbol for position in plan.positions if position.frozen}
    return [
        CancelEntry(order.symbol, order.venue_order_id, order.link_id)
        for order in resting_entries(orders)
        if order.symbol not in frozen
    ]


def _about_the_daemon(plan: AccountPlan, seen: Seen, heard: Heard, now: Now) -> list[Act]:
    exposed = any(position.side is not None for position in seen.positions)
    for_s, scope = now.mono_s - heard.since_s, f"account:{plan.alias}"
    if heard.state is DaemonState.DEAD:
        what = "positions are open" if exposed else "nothing is open"
        return [Alarm(DAEMON_DEAD, "critical", scope, f"the daemon is not heard; {what}")]
    if heard.state is DaemonState.STOPPED and exposed and for_s >= STOPPED_ALERT_S:
        return [Alarm("DAEMON_STOPPED", "critical", scope, "the daemon was stopped and positions are still open")]
    return []


def _hands_off(alias: str, position: VenuePosition, planned: PlannedPosition | None) -> Alarm:
    why = "nobody here planned it" if planned is None else "its scope is frozen"
    text = f"{position.side} {position.qty} {position.symbol} has no stop that holds and is not touched: {why}"
    return Alarm("UNCOVERED_HANDS_OFF", "critical", f"symbol:{alias}/{position.symbol}", text)


def _uncovered(alias: str, position: VenuePosition, danger: Danger, act: Act | None, now: Now) -> Alarm:
    what = "a stop that should have fired" if danger.silent else "no stop"
    age_s = now.mono_s - danger.since_s
    doing = {SetStop: "setting one", Close: "closing it"}.get(type(act), "waiting")
    text = f"{position.side} {position.qty} {position.symbol} has had {what} for {age_s:.0f} s; {doing}"
    return Alarm("UNCOVERED", "critical", f"symbol:{alias}/{position.symbol}", text)


def _beyond_mark(position: VenuePosition, stop: Decimal) -> bool:
    """Whether a stop lies on the side of the mark where it would have fired."""
    if position.mark_price <= 0:
        return False
    return stop >= position.mark_price if position.side is Side.BUY else stop <= position.mark_price
