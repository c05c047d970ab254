"""
Gates over the state of things: pure functions from what is known to a pass or a refusal. Their order is in `pipeline`.

They judge entries only; what reduces risk is never gated. Every gate states the value it looked at, the limit and the unit,
so that the stored result explains itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Final

from playd.core.instrument import Instrument
from playd.core.orders import Intent
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.orders.breakers import Trip
from playd.orders.exposure import Holding, Working
from playd.orders.fitting import Fitted, fitted_qty
from playd.orders.halts import Halt, Level, ends_ms
from playd.orders.opened import HOUR_MS, Opened
from playd.orders.policy_windows import closed_by, opens_ms
from playd.orders.settings import OrderSettings
from playd.venues.port import RiskTier


@dataclass(frozen=True, slots=True)
class GateInputs:
    """
    What the instance knows at its decision.

    Attributes:
        state, state_text: Its supervisor state, and why, unless `running`.
        state_until_ms: Wall time before which that cannot end; None where nobody knows.
        ready, not_ready: Whether every column that the entry rules read is valid; the first one that is not.
        feed_age_s: Monotonic seconds since the newest data of its symbol arrived; of the older one when it reads two.
        feed_gap: A bar is missing on one of its clocks.
        bar_age_s: Monotonic seconds since the decision bar arrived, plus its own lateness if it came by repair.
        late: The bar was filled in afterwards.
        bid, ask, mark, last, quote_age_s: Newest quote; None where there is none.
        funding_rate: Predicted rate of the next stamp, positive when longs pay; None where the venue has not stated one.
        next_funding_ms: Market time of that stamp; None likewise.
        not_armed: Why an instance may not open positions with real money; empty once somebody has seen that it may.
    """

    state: str
    ready: bool
    feed_age_s: float
    bar_age_s: float
    state_text: str = ""
    state_until_ms: int | None = None
    not_ready: str = ""
    feed_gap: bool = False
    late: bool = False
    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None
    last: Decimal | None = None
    quote_age_s: float | None = None
    funding_rate: Decimal | None = None
    next_funding_ms: int | None = None
    not_armed: str = "nobody has looked whether it is armed"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """
    What the account knows at the moment of the decision. `day_usd` is of this UTC day, `week_usd` of at least the last 168 h,
    reservations included. `trips` are breakers beyond a limit, `leverage` is the symbol's at the venue.
    """

    halt: Halt | None
    ready: bool
    not_ready: str
    equity_usdt: Decimal | None
    equity_age_s: float | None
    verdict_exists: bool
    intent_exists: bool
    working_entries: int
    unresolved: str
    day_usd: Decimal
    day_orders: int
    entries_hour_instance: int
    entries_hour_account: int
    held_s: float = 0.0
    """Seconds for which no entry can leave because the venue banned the address or asked for a pause."""
    week_usd: Decimal = Decimal(0)
    trips: tuple[Trip, ...] = ()
    holdings: tuple[Holding, ...] = ()
    working: tuple[Working, ...] = ()
    leverage: Decimal | None = None
    rules_age_s: float = 0.0
    real_money: bool = False
    tiers: tuple[RiskTier, ...] = ()
    """Of the symbol, smallest first; empty while the venue has not told them."""
    im_rate: Decimal | None = None
    mm_rate: Decimal | None = None
    """Margin rates of the account as ratios; None where the venue states none, as with isolated margin."""
    bar_s: float = math.inf
    """Length of the execution bars: behind the next close a decision is one of the past, whatever the settings allow."""
    now_ms: int = 0
    """Wall time of the decision. Bars may have a time of their own, on a simulated market."""
    venue_ms: int | None = None
    """The venue's time of the decision; None before its first balance."""
    opened: Opened = ()
    """`week_usd` by the hour."""
    hour_until_ms: int | None = None
    """Close at which the entries of an hour are fewer than their cap again; None while they are."""

    @property
    def day_of_ms(self) -> int:
        """What a day of losses goes by: the venue's time, and ours as long as that is unknown."""
        return self.now_ms if self.venue_ms is None else self.venue_ms


@dataclass(frozen=True)
class Case:
    """Everything a gate may look at."""

    intent: Intent
    inputs: GateInputs
    facts: AccountFacts
    instrument: Instrument
    settings: OrderSettings

    @cached_property
    def fitted(self) -> Fitted:
        """How much of the entry the account allows; six gates and the order itself ask."""
        return fitted_qty(self)


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    Why there is no entry. `value` against `limit` in `unit`; `text` is for people.

    `age_s` is how old the judged input is, where it has an age. `next_ms` is the earliest time at which this gate may let an
    entry like it pass; None where that hangs on something nobody can foresee, such as a person, a feed or the market.
    """

    code: str
    text: str
    value: str = ""
    limit: str = ""
    unit: str = ""
    age_s: float | None = None
    next_ms: int | None = None

    @property
    def words(self) -> str:
        """All of it in one line."""
        against = f": {self.value} against {self.limit} {self.unit}".rstrip() if self.limit else ""
        later = f"; not before {datetime.fromtimestamp(self.next_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC" if self.next_ms else ""
        return f"{self.text}{against}{later}"


Gate = Callable[[Case], Refusal | None]
"""Ages are compared so that one which is no number is refused, like one that is too large."""

RULES_MAX_AGE_S: Final = 86_400.0
"""Rules of a symbol older than a day may have changed; they are read again every hour."""


def halt(case: Case) -> Refusal | None:
    """Refuses from level 1 on, whichever scope over the entry is at it; says until when where the level ends by itself."""
    found = case.facts.halt
    if found is None or found.level < Level.PAUSE:
        return None
    text, level = f"{found.scope} is at level {found.level}: {found.text}", str(int(found.level))
    age_s = max(0.0, (case.facts.now_ms - found.raised_ms) / 1000)
    return Refusal("HALTED", text, level, "0", "level", age_s, ends_ms(found, case.facts.day_of_ms))


def armed(case: Case) -> Refusal | None:
    """Real money needs the permission of a person, see `supervisor.arming`."""
    if not case.facts.real_money or not case.inputs.not_armed:
        return None
    return Refusal("NOT_ARMED", case.inputs.not_armed)


def state(case: Case) -> Refusal | None:
    """Refuses while the instance is anything but running."""
    if case.inputs.state == "running":
        return None
    state, text = case.inputs.state, f"instance is {case.inputs.state}: {case.inputs.state_text}"
    return Refusal("NOT_RUNNING", text, state, "running", next_ms=case.inputs.state_until_ms)


def account(case: Case) -> Refusal | None:
    """
    Refuses while the account is not ready or the venue takes nothing, and without an equity that is positive and at most
    `equity_max_age_s` old.
    """
    facts, limit_s = case.facts, case.settings.equity_max_age_s
    if not facts.ready:
        return Refusal("ACCOUNT_NOT_READY", facts.not_ready)
    if facts.held_s > 0:
        # Waiting it out would send an entry for a signal that is long gone.
        until_ms = facts.now_ms + round(facts.held_s * 1000)
        return Refusal("ACCOUNT_NOT_READY", "the venue takes no entries now", f"{facts.held_s:.1f}", "0", "s", next_ms=until_ms)
    if facts.equity_usdt is None or facts.equity_age_s is None or not facts.equity_age_s <= limit_s:
        age = "never" if facts.equity_age_s is None else f"{facts.equity_age_s:.1f}"
        return Refusal("ACCOUNT_NOT_READY", "equity is unknown or too old", age, str(limit_s), "s", facts.equity_age_s)
    if not facts.equity_usdt.is_finite() or facts.equity_usdt <= 0:
        equity = str(facts.equity_usdt)
        return Refusal("ACCOUNT_NOT_READY", "equity is not positive", equity, "0", "USDT", facts.equity_age_s)
    return None


def warm_up(case: Case) -> Refusal | None:
    """Refuses while a column that the entry rules read has no value yet."""
    if case.inputs.ready:
        return None
    return Refusal("WARMING", f"column {case.inputs.not_ready} is not ready", case.inputs.not_ready)


def feed(case: Case) -> Refusal | None:
    """Refuses behind a gap, and when the newest data of a symbol is older than `feed_stale_s`."""
    limit_s = case.settings.feed_stale_s
    age_s = case.inputs.feed_age_s
    if case.inputs.feed_gap:
        return Refusal("FEED_STALE", "a bar is missing", age_s=age_s)
    if not age_s <= limit_s:
        return Refusal("FEED_STALE", "no data for too long", f"{age_s:.1f}", str(limit_s), "s", age_s)
    return None


def replay(case: Case) -> Refusal | None:
    """
    Refuses a bar that was decided before or came by repair, and one older than `entry_max_age_s` or than its own length.
    """
    limit_s = min(case.settings.entry_max_age_s, case.facts.bar_s)
    if case.facts.verdict_exists or case.facts.intent_exists:
        return Refusal("REPLAY", "this bar has been decided before")
    if case.inputs.late or not case.inputs.bar_age_s <= limit_s:
        text = "the bar was filled in afterwards" if case.inputs.late else "the signal is too old"
        return Refusal("SIGNAL_OLD", text, f"{case.inputs.bar_age_s:.1f}", str(limit_s), "s", case.inputs.bar_age_s)
    return None


def pending(case: Case) -> Refusal | None:
    """Refuses while something is in doubt on the symbol, or an entry of the instance works."""
    if case.facts.unresolved:
        return Refusal("UNRESOLVED", case.facts.unresolved)
    if case.facts.working_entries:
        return Refusal("PENDING", "an entry of this instance is working", str(case.facts.working_entries), "0", "orders")
    return None


def window(case: Case) -> Refusal | None:
    """The operator's hours, at the close of the bar; those of the Play are its engine's."""
    windows, close_ms = case.settings.limits.windows, case.intent.bar_close_ms
    closed = closed_by(windows, close_ms)
    if not closed:
        return None
    return Refusal("WINDOW_CLOSED", f"entries are not allowed now: {closed}", next_ms=opens_ms(windows, close_ms))


def funding_window(case: Case) -> Refusal | None:
    """
    Around the stamps that the venue states, every interval of the symbol; both ends of the time belong to it. An entry is as
    late as its signal is old.
    """
    limits, stamp_ms = case.settings.limits, case.inputs.next_funding_ms
    interval_ms = case.instrument.funding_interval_min * MINUTE_MS
    if not limits.funding_window:
        return None
    if stamp_ms is None or interval_ms <= 0:
        return Refusal("FUNDING_WINDOW", "the time of the next funding is unknown")
    at_ms = case.intent.bar_close_ms + case.inputs.bar_age_s * 1000
    before_ms = (stamp_ms - at_ms) % interval_ms
    after_ms = interval_ms - before_ms if before_ms else 0
    rest_ms = round(limits.funding_after_s * 1000) + 1
    if before_ms <= limits.funding_before_s * 1000:
        value, limit, ends = f"{before_ms / 1000:.0f}", f"{limits.funding_before_s:g}", round(at_ms + before_ms)
        return Refusal("FUNDING_WINDOW", "funding is near", value, limit, "s before", next_ms=ends + rest_ms)
    if after_ms <= limits.funding_after_s * 1000:
        value, limit, ends = f"{after_ms / 1000:.0f}", f"{limits.funding_after_s:g}", round(at_ms - after_ms)
        return Refusal("FUNDING_WINDOW", "funding was just paid", value, limit, "s after", next_ms=ends + rest_ms)
    return None


def instrument(case: Case) -> Refusal | None:
    """The symbol trades, goes on trading for a while, and its rules are fresh."""
    rules, hours, days = case.instrument, case.settings.limits.delist_no_entry_h, case.settings.limits.min_listing_days
    if rules.status != "Trading":
        return Refusal("INSTRUMENT", "the symbol does not trade", rules.status, "Trading")
    if not case.facts.rules_age_s <= RULES_MAX_AGE_S:
        age_s = case.facts.rules_age_s
        return Refusal("INSTRUMENT", "rules are too old", f"{age_s:.0f}", f"{RULES_MAX_AGE_S:.0f}", "s", age_s)
    if hours is not None and rules.delivery_time_ms:
        left_h = (rules.delivery_time_ms - case.intent.bar_close_ms) / HOUR_MS
        if left_h < hours:
            return Refusal("INSTRUMENT", "the symbol is delivered soon", f"{left_h:.1f}", str(hours), "h")
    if days and not rules.launch_time_ms:
        return Refusal("INSTRUMENT", "the venue does not say since when the symbol is listed", "", str(days), "days")
    if days:
        listed_days = (case.intent.bar_close_ms - rules.launch_time_ms) / DAY_MS
        if listed_days < days:
            text, from_ms = "the symbol has not been listed for long", rules.launch_time_ms + days * DAY_MS
            return Refusal("INSTRUMENT", text, f"{listed_days:.1f}", str(days), "days", next_ms=from_ms)
    return None


def quote(case: Case) -> Refusal | None:
    """Off the local exchange, whose entries hang on no quote. A limit of its own is held against the mark, which is as old."""
    if case.settings.plain_market:
        return None
    limit_s, age_s = case.settings.quote_max_age_s, case.inputs.quote_age_s
    bid, ask, most = case.inputs.bid, case.inputs.ask, case.settings.limits.max_spread_bps
    if age_s is None or bid is None or ask is None or bid <= 0 or ask <= 0:
        return Refusal("QUOTE_STALE", "there is no quote")
    if not age_s <= limit_s:
        return Refusal("QUOTE_STALE", "the quote is too old", f"{age_s:.2f}", str(limit_s), "s", age_s)
    spread_bps = (ask - bid) / ((ask + bid) / 2) * 10_000
    if spread_bps < 0:
        return Refusal("SPREAD", "the bid lies above the ask", f"{spread_bps:.1f}", "0", "bps", age_s)
    if most is not None and spread_bps > most:
        return Refusal("SPREAD", "bid and ask are too far apart", f"{spread_bps:.1f}", str(most), "bps", age_s)
    return None
