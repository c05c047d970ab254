"""
Gates: pure functions from what is known to a pass or a refusal, in one fixed order. The first refusal is the verdict.

They judge entries only; what reduces risk is never gated. Every gate states the value it looked at, the limit and the unit,
so that the stored result explains itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.instrument import Instrument
from playd.core.orders import Intent, Side
from playd.orders.halts import Halt, Level
from playd.orders.settings import OrderSettings


@dataclass(frozen=True, slots=True)
class GateInputs:
    """
    What the instance knows at its decision.

    Attributes:
        state, state_text: Its supervisor state, and why, unless `running`.
        ready, not_ready: Whether every column that the entry rules read is valid; the first one that is not.
        feed_age_s: Monotonic seconds since the newest data of its symbol arrived.
        feed_gap: A bar is missing on one of its clocks.
        bar_age_s: Monotonic seconds since the decision bar arrived, plus its own lateness if it came by repair.
        late: The bar was filled in afterwards.
        bid, ask, mark, quote_age_s: Newest quote; None where there is none.
    """

    state: str
    ready: bool
    feed_age_s: float
    bar_age_s: float
    state_text: str = ""
    not_ready: str = ""
    feed_gap: bool = False
    late: bool = False
    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None
    quote_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What the account knows at the moment of the decision. Quantities USD are of this UTC day, reservations included."""

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


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a gate may look at."""

    intent: Intent
    inputs: GateInputs
    facts: AccountFacts
    instrument: Instrument
    settings: OrderSettings

    @property
    def notional_usdt(self) -> Decimal:
        return self.intent.qty * self.intent.price_ref


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no entry. `value` against `limit` in `unit`; `text` is for people."""

    code: str
    text: str
    value: str = ""
    limit: str = ""
    unit: str = ""


Gate = Callable[[Case], Refusal | None]


def halt(case: Case) -> Refusal | None:
    found = case.facts.halt
    if found is None or found.level < Level.PAUSE:
        return None
    return Refusal("HALTED", f"{found.scope} is at level {found.level}: {found.text}", str(int(found.level)), "0", "level")


def state(case: Case) -> Refusal | None:
    if case.inputs.state == "running":
        return None
    return Refusal("NOT_RUNNING", f"instance is {case.inputs.state}: {case.inputs.state_text}", case.inputs.state, "running")


def account(case: Case) -> Refusal | None:
    facts, limit_s = case.facts, case.settings.equity_max_age_s
    if not facts.ready:
        return Refusal("ACCOUNT_NOT_READY", facts.not_ready)
    if facts.held_s > 0:
        # Waiting it out would send an entry for a signal that is long gone.
        return Refusal("ACCOUNT_NOT_READY", "the venue takes no entries now", f"{facts.held_s:.1f}", "0", "s")
    if facts.equity_usdt is None or facts.equity_age_s is None or facts.equity_age_s > limit_s:
        age = "never" if facts.equity_age_s is None else f"{facts.equity_age_s:.1f}"
        return Refusal("ACCOUNT_NOT_READY", "equity is unknown or too old", age, str(limit_s), "s")
    if facts.equity_usdt <= 0:
        return Refusal("ACCOUNT_NOT_READY", "equity is not positive", str(facts.equity_usdt), "0", "USDT")
    return None


def warm_up(case: Case) -> Refusal | None:
    if case.inputs.ready:
        return None
    return Refusal("WARMING", f"column {case.inputs.not_ready} is not ready", case.inputs.not_ready)


def feed(case: Case) -> Refusal | None:
    limit_s = case.settings.feed_stale_s
    if case.inputs.feed_gap:
        return Refusal("FEED_STALE", "a bar is missing")
    if case.inputs.feed_age_s > limit_s:
        return Refusal("FEED_STALE", "no data for too long", f"{case.inputs.feed_age_s:.1f}", str(limit_s), "s")
    return None


def replay(case: Case) -> Refusal | None:
    limit_s = case.settings.entry_max_age_s
    if case.facts.verdict_exists or case.facts.intent_exists:
        return Refusal("REPLAY", "this bar has been decided before")
    if case.inputs.late or case.inputs.bar_age_s > limit_s:
        text = "the bar was filled in afterwards" if case.inputs.late else "the signal is too old"
        return Refusal("SIGNAL_OLD", text, f"{case.inputs.bar_age_s:.1f}", str(limit_s), "s")
    return None


def pending(case: Case) -> Refusal | None:
    if case.facts.unresolved:
        return Refusal("UNRESOLVED", case.facts.unresolved)
    if case.facts.working_entries:
        return Refusal("PENDING", "an entry of this instance is working", str(case.facts.working_entries), "0", "orders")
    return None


def quote(case: Case) -> Refusal | None:
    """Only where the entry's price band hangs on the quote."""
    if case.settings.plain_market or case.intent.order_type != "Market":
        return None
    limit_s, age_s = case.settings.quote_max_age_s, case.inputs.quote_age_s
    if age_s is None or case.inputs.bid is None or case.inputs.ask is None:
        return Refusal("QUOTE_STALE", "there is no quote")
    if age_s > limit_s:
        return Refusal("QUOTE_STALE", "the quote is too old", f"{age_s:.2f}", str(limit_s), "s")
    return None


def size(case: Case) -> Refusal | None:
    qty, step = case.intent.qty, case.instrument.step
    if not qty.is_finite() or qty <= 0:
        return Refusal("SIZE_ZERO", "quantity is not a positive number", str(qty), str(step), "base coin")
    if qty % step:
        return Refusal("SIZE_ZERO", "quantity is not a multiple of the step", str(qty), str(step), "base coin")
    if case.intent.price_ref <= 0 or not case.intent.price_ref.is_finite():
        return Refusal("SIZE_ZERO", "reference price is not a positive number", str(case.intent.price_ref), "0", "USDT")
    return None


def order_cap(case: Case) -> Refusal | None:
    cap = case.settings.limits.order_usd
    if cap is None or case.notional_usdt <= cap:
        return None
    return Refusal("ORDER_CAP", "order is larger than the cap", f"{case.notional_usdt:.2f}", str(cap), "USD")


def day_cap(case: Case) -> Refusal | None:
    limits, facts = case.settings.limits, case.facts
    after_usd = facts.day_usd + case.notional_usdt
    if limits.day_usd is not None and after_usd > limits.day_usd:
        return Refusal("DAY_CAP", "opened notional of the UTC day", f"{after_usd:.2f}", str(limits.day_usd), "USD")
    if limits.day_orders is not None and facts.day_orders >= limits.day_orders:
        return Refusal("DAY_CAP", "entries of the UTC day", str(facts.day_orders), str(limits.day_orders), "orders")
    for value, cap, what in (
        (facts.entries_hour_instance, limits.entries_hour_instance, "entries of this instance in an hour"),
        (facts.entries_hour_account, limits.entries_hour_account, "entries of the account in an hour"),
    ):
        if cap is not None and value >= cap:
            return Refusal("CHURN", what, str(value), str(cap), "orders")
    return None


def minimum(case: Case) -> Refusal | None:
    qty, rules = case.intent.qty, case.instrument
    if qty < rules.min_qty:
        return Refusal("BELOW_MINIMUM", "quantity is below the venue's minimum", str(qty), str(rules.min_qty), "base coin")
    most = rules.max_market_qty if case.intent.order_type == "Market" else rules.max_qty
    if qty > most:
        return Refusal("BELOW_MINIMUM", "quantity is above the venue's maximum", str(qty), str(most), "base coin")
    if case.notional_usdt < rules.min_notional_usdt:
        limit = str(rules.min_notional_usdt)
        return Refusal("BELOW_MINIMUM", "notional is below the venue's minimum", f"{case.notional_usdt:.4f}", limit, "USDT")
    return None


def stop(case: Case) -> Refusal | None:
    wanted, reference = case.intent.stop, case.intent.price_ref
    if wanted is None:
        return Refusal("NO_STOP", "an entry without a stop is not sent")
    losing = wanted < reference if case.intent.side is Side.BUY else wanted > reference
    if wanted <= 0 or wanted % case.instrument.tick or not losing:
        return Refusal("NO_STOP", "stop is not a valid price on the losing side", str(wanted), str(reference), "USDT")
    return None


GATES: Final[tuple[tuple[str, Gate], ...]] = (
    ("halt", halt),
    ("state", state),
    ("account", account),
    ("warm-up", warm_up),
    ("feed", feed),
    ("replay", replay),
    ("pending", pending),
    ("quote", quote),
    ("size", size),
    ("order cap", order_cap),
    ("day cap", day_cap),
    ("minimum", minimum),
    ("stop", stop),
)
"""The pipeline. Names are those of operations, order is binding."""


def judge(case: Case) -> Refusal | None:
    """The first refusal, or None when every gate passes."""
    for _, gate in GATES:
        refusal = gate(case)
        if refusal is not None:
            return refusal
    return None


def explain(case: Case) -> list[tuple[str, Refusal | None]]:
    """The answer of every gate, for people."""
    return [(name, gate(case)) for name, gate in GATES]
