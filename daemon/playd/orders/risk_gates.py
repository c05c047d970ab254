"""Gates over money: sizes, caps, exposure, breakers. Pure, and each off where its limit is None."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final

from playd.core.orders import Side
from playd.core.timeframes import DAY_MS
from playd.orders.exposure import Working, worst_case
from playd.orders.fitting import sent_price, worst_price
from playd.orders.gates import Case, Refusal
from playd.orders.halts import Level
from playd.orders.opened import falls_to_ms
from playd.orders.risk_limits import RiskLimits
from playd.venues.port import RiskTier

_LEAST_STOP_TICKS: Final = 3
_DAY_MIN: Final = 1440
_LAST_SHARE: Final = Decimal("0.05")
"""Of a week's exposure: with less than this left, nothing is opened any more."""


def daily_loss(case: Case) -> Refusal | None:
    """A loss of the day is forgotten with it; one that halts waits for a person beside that."""
    return _tripped(case, "DAILY_LOSS", next_ms=_next_day_ms(case.facts.day_of_ms))


def drawdown(case: Case) -> Refusal | None:
    """Breakers halt account or instance beside this; the gate holds also for an entry that is decided between two looks."""
    codes = ("DRAWDOWN", "FAST_FALL", "WEEK_LOSS", "INSTANCE_DRAWDOWN")
    return next((refusal for code in codes if (refusal := _tripped(case, code)) is not None), None)


def funding_rate(case: Case) -> Refusal | None:
    """What the position would pay a day, as things stand."""
    limit, rate = case.settings.limits.max_adverse_funding_pct_day, case.inputs.funding_rate
    if limit is None:
        return None
    if rate is None or not rate.is_finite() or case.instrument.funding_interval_min <= 0:
        return Refusal("FUNDING_RATE", "the funding rate is unknown")
    paid = rate if case.intent.side is Side.BUY else -rate
    pct = paid * _DAY_MIN / case.instrument.funding_interval_min * 100
    if pct <= limit:
        return None
    return Refusal("FUNDING_RATE", "funding of a day costs too much", f"{pct:.3f}", str(limit), "% of notional")


def size(case: Case) -> Refusal | None:
    """Refuses what is no positive size or price, a stop too near to size by, and a size that was cut to nothing."""
    qty, step = case.intent.qty, case.instrument.step
    if not qty.is_finite() or qty <= 0:
        return Refusal("SIZE_ZERO", "quantity is not a positive number", str(qty), str(step), "base coin")
    if not case.intent.price_ref.is_finite() or case.intent.price_ref <= 0:
        return Refusal("SIZE_ZERO", "reference price is not a positive number", str(case.intent.price_ref), "0", "USDT")
    if case.settings.limits.risk_per_trade_pct is not None and case.intent.stop is not None:
        ticks = abs(sent_price(case) - case.intent.stop) / case.instrument.tick
        if ticks < _LEAST_STOP_TICKS:
            return Refusal("SIZE_ZERO", "the stop is too near to size by", f"{ticks:.1f}", str(_LEAST_STOP_TICKS), "ticks")
    if case.fitted.qty <= 0:
        return Refusal(
            "SIZE_ZERO", f"nothing is left of the size: {case.fitted.why}", str(case.fitted.qty), str(step), "base coin"
        )
    return None


def order_cap(case: Case) -> Refusal | None:
    """Worth at the price it may execute at, which lies a band beyond the quote."""
    hard, notional = case.settings.limits.hard_order_usd, case.fitted.qty * worst_price(case)
    if hard is not None and notional > hard:
        return Refusal("ORDER_CAP", "order is larger than any may be", f"{notional:.2f}", str(hard), "USD")
    return None


def day_cap(case: Case) -> Refusal | None:
    """
    Refuses what lies above a cap of the UTC day, by opened notional (USD) or number of entries, or above one of the hour.

    `next_ms` is the next day, or the close at which the hour has room; None for an order beyond a whole day's cap.
    """
    limits, facts = case.settings.limits, case.facts
    wanted_usd, tomorrow_ms = case.fitted.qty * worst_price(case), _next_day_ms(case.intent.bar_close_ms)
    after_usd = facts.day_usd + wanted_usd
    caps = [cap for cap in (limits.day_usd, _share_of(facts.equity_usdt, limits.day_notional_pct)) if cap is not None]
    if caps and after_usd > min(caps):
        after, most, next_ms = f"{after_usd:.2f}", f"{min(caps):.2f}", tomorrow_ms if wanted_usd <= min(caps) else None
        return Refusal("DAY_CAP", "opened notional of the UTC day", after, most, "USD", next_ms=next_ms)
    if limits.day_orders is not None and facts.day_orders >= limits.day_orders:
        entered, most = str(facts.day_orders), str(limits.day_orders)
        return Refusal("DAY_CAP", "entries of the UTC day", entered, most, "orders", next_ms=tomorrow_ms)
    for value, cap, what in (
        (facts.entries_hour_instance, limits.entries_per_hour_instance, "entries of this instance in an hour"),
        (facts.entries_hour_account, limits.entries_per_hour_account, "entries of the account in an hour"),
    ):
        if cap is not None and value >= cap:
            return Refusal("CHURN", what, str(value), str(cap), "orders", next_ms=facts.hour_until_ms)
    return None


def week_exposure(case: Case) -> Refusal | None:
    """Opened notional of a week; closing frees nothing."""
    cap = _share_of(case.facts.equity_usdt, case.settings.limits.week_notional_pct)
    if cap is None:
        return None
    wanted_usd, least_usd = case.fitted.qty * worst_price(case), cap * (1 - _LAST_SHARE)
    after_usd = case.facts.week_usd + wanted_usd
    if after_usd <= cap and case.facts.week_usd <= least_usd:
        return None
    next_ms, value = falls_to_ms(case.facts.opened, min(cap - wanted_usd, least_usd)), f"{after_usd:.2f}"
    return Refusal("WEEK_CAP", "opened notional of the last seven days", value, f"{cap:.2f}", "USD", next_ms=next_ms)


def exposure(case: Case) -> Refusal | None:
    """What everything adds up to with this entry, the margin it takes, and the leverage of the symbol."""
    limits = case.settings.limits
    refusal = _unweighable(case) if limits.weigh_exposure else None
    refusal = refusal or (_added_up(case) if limits.bound_exposure else None)
    return refusal or _margin(case, limits) or _leverage(case, limits)


def liquidation(case: Case) -> Refusal | None:
    """The stop must be reached long before the venue's liquidation, even if the position is alone with its margin."""
    limits, intent, facts = case.settings.limits, case.intent, case.facts
    leverage = facts.leverage
    if limits.liquidation_safety is None or intent.stop is None:
        return None
    if leverage is None:
        return Refusal("LIQUIDATION", "the leverage at the venue is unknown, and with it where liquidation lies")
    held = worst_case(facts.holdings, (*facts.working, _wanted(case))).symbols.get(intent.symbol, Decimal(0))
    room = max(Decimal(0), 1 / leverage - maintenance_rate(facts.tiers, held, leverage))
    entered = sent_price(case)
    allowed = entered * room * limits.liquidation_safety
    distance = abs(entered - intent.stop)
    if distance <= allowed:
        return None
    return Refusal("LIQUIDATION", "the stop lies too near to liquidation", f"{distance:.4f}", f"{allowed:.4f}", "USDT")


def band(case: Case) -> Refusal | None:
    """
    A limit far from the market, or a market that does not agree with itself, is somebody's mistake. One that the venue does not
    take as it is would be moved to where it takes it, and be another order than the one that was decided.
    """
    limits, mark, last = case.settings.limits, case.inputs.mark, case.inputs.last
    asked, tick = case.intent.price, case.instrument.tick
    if asked is not None and asked % tick:
        return Refusal("PRICE_BAND", "the limit lies between two ticks", f"{asked:f}", f"{tick:f}", "USDT")
    if limits.fat_finger_pct is not None:
        if mark is None or mark <= 0:
            return Refusal("PRICE_BAND", "there is no mark price")
        price = sent_price(case)
        away_pct = abs(price - mark) / mark * 100
        if away_pct > limits.fat_finger_pct:
            return Refusal("PRICE_BAND", "price is far from mark", f"{away_pct:.2f}", str(limits.fat_finger_pct), "%")
    if limits.max_mark_divergence_pct is not None:
        if mark is None or last is None or mark <= 0:
            return Refusal("PRICE_BAND", "there is no last or mark price")
        apart_pct = abs(last - mark) / mark * 100
        if apart_pct > limits.max_mark_divergence_pct:
            limit = str(limits.max_mark_divergence_pct)
            return Refusal("PRICE_BAND", "last and mark price differ", f"{apart_pct:.2f}", limit, "%")
    return None if case.settings.plain_market and asked is None else _not_taken(case)


def _not_taken(case: Case) -> Refusal | None:
    """
    Whether the limit of an entry lies where the venue takes none of its side. Around the mark that is reckoned without index
    and premium, which only ever leave a limit more room.
    """
    rules, mark, price = case.instrument, case.inputs.mark, sent_price(case)
    buys, ratio = case.intent.side is Side.BUY, rules.price_limit_ratio
    if ratio is not None and (mark is None or mark <= 0):
        return Refusal("PRICE_BAND", "there is no mark price, which limits are bound to")
    edge = None if ratio is None or mark is None else mark * (1 + ratio if buys else 1 - ratio)
    highest = [bound for bound in (rules.max_price, edge if buys else None) if bound is not None]
    lowest = [bound for bound in (rules.min_price, None if buys else edge) if bound is not None]
    if highest and price > min(highest):
        limit = min(highest) // rules.tick * rules.tick
        text = f"the venue takes no {case.intent.side} at a limit so high, the highest is {limit.normalize():f}"
    elif lowest and price < max(lowest):
        limit = (max(lowest) / rules.tick).to_integral_value(ROUND_CEILING) * rules.tick
        text = f"the venue takes no {case.intent.side} at a limit so low, the lowest is {limit.normalize():f}"
    else:
        return None
    return Refusal("PRICE_BAND", text, f"{price:f}", f"{limit.normalize():f}", "USDT")


def minimum(case: Case) -> Refusal | None:
    """Nothing is rounded up to what the venue takes at least; a refusal names the smallest order that it would take."""
    qty, rules = case.fitted.qty, case.instrument
    if qty < rules.min_qty:
        text = f"quantity is below the venue's minimum, {_smallest(case)}"
        return Refusal("BELOW_MINIMUM", text, str(qty), str(rules.min_qty), "base coin")
    most = rules.max_market_qty if case.intent.order_type == "Market" else rules.max_qty
    if qty > most:
        return Refusal("BELOW_MINIMUM", "quantity is above the venue's maximum", str(qty), str(most), "base coin")
    notional = qty * sent_price(case)
    if notional < rules.min_notional_usdt:
        limit = str(rules.min_notional_usdt)
        text = f"notional is below the venue's minimum, {_smallest(case)}"
        return Refusal("BELOW_MINIMUM", text, f"{notional:.4f}", limit, "USDT")
    return None


def _smallest(case: Case) -> str:
    """In words, the smallest order that quantity and notional allow at the price that it would be sent with."""
    rules, price = case.instrument, sent_price(case)
    steps = (max(rules.min_qty, rules.min_notional_usdt / price) / rules.step).to_integral_value(ROUND_CEILING)
    return f"the smallest order is {(steps * rules.step).normalize():f} at {price.normalize():f}"


def stop(case: Case) -> Refusal | None:
    """
    Refuses an entry without a stop, a stop that is no price of the symbol on the losing side, and a market entry whose mark
    has reached its stop already.
    """
    wanted, asked, buys = case.intent.stop, case.intent.price_ref, case.intent.side is Side.BUY
    if wanted is None:
        return Refusal("NO_STOP", "an entry without a stop is not sent")
    limit = asked if case.intent.price is None else case.intent.price
    reference = min(asked, limit) if buys else max(asked, limit)
    losing = wanted < reference if buys else wanted > reference
    least, most = case.instrument.min_price or 0, case.instrument.max_price or wanted
    if wanted <= 0 or wanted % case.instrument.tick or not losing or not least <= wanted <= most:
        return Refusal("NO_STOP", "stop is not a valid price on the losing side", str(wanted), str(reference), "USDT")
    mark = case.inputs.mark
    if mark is None or case.settings.plain_market or case.intent.order_type != "Market":
        return None  # what rests fills at another mark; a market entry of the local exchange at the next open
    if wanted >= mark if buys else wanted <= mark:
        return Refusal("NO_STOP", "the mark is beyond the stop already", str(wanted), str(mark), "USDT")
    return None


def _unweighable(case: Case) -> Refusal | None:
    """What is open is no share of an equity that is unknown or gone, and worth nobody knows what without a price."""
    equity, facts = case.facts.equity_usdt, case.facts
    if equity is None or not equity > 0:
        found = "unknown" if equity is None else str(equity)
        return Refusal("EXPOSURE", "equity is unknown or not positive", found, "0", "USDT", facts.equity_age_s)
    prices = [(each.symbol, each.price) for each in facts.holdings] + [(each.symbol, each.price) for each in facts.working]
    unpriced = [symbol for symbol, price in prices if not price > 0]
    return Refusal("EXPOSURE", f"no price is known of {unpriced[0]}, of which something is open") if unpriced else None


def _added_up(case: Case) -> Refusal | None:
    """Everything held, working or in doubt, and this order, each in its worst direction."""
    limits, facts, intent = case.settings.limits, case.facts, case.intent
    after = worst_case(facts.holdings, (*facts.working, _wanted(case)))
    of_symbol = after.symbols.get(intent.symbol, Decimal(0))
    for value, pct, what in (
        (after.gross, limits.gross_pct, "gross exposure"),
        (after.net, limits.net_pct, "net exposure"),
        (of_symbol, limits.symbol_pct, f"exposure in {intent.symbol}"),
    ):
        refusal = _above_share(value, pct, facts.equity_usdt, what)
        if refusal is not None:
            return refusal
    if limits.max_positions is not None and after.positions > limits.max_positions:
        return Refusal("POSITIONS", "open positions", str(after.positions), str(limits.max_positions), "positions")
    return None


def _wanted(case: Case) -> Working:
    return Working(case.intent.symbol, case.intent.side, case.fitted.qty, worst_price(case))


def _margin(case: Case, limits: RiskLimits) -> Refusal | None:
    """
    The account's margin rates with this entry. What was opened since the balance was read may be missing in the venue's rates:
    what is known to be open counts where it needs more.
    """
    facts = case.facts
    if (facts.im_rate is None or limits.max_im_rate is None) and (facts.mm_rate is None or limits.max_mm_rate is None):
        return None  # such as with isolated margin, for which the venue states none
    equity, held = facts.equity_usdt or Decimal(0), worst_case(facts.holdings, facts.working).gross
    wanted = case.fitted.qty * worst_price(case)
    after_usd = worst_case(facts.holdings, (*facts.working, _wanted(case))).symbols.get(case.intent.symbol, Decimal(0))
    maintenance = maintenance_rate(facts.tiers, after_usd, facts.leverage or Decimal(1))
    initial = 1 / facts.leverage if facts.leverage else Decimal(1)
    for stated, most, per_usd, what in (
        (facts.im_rate, limits.max_im_rate, initial, "initial margin rate"),
        (facts.mm_rate, limits.max_mm_rate, maintenance, "maintenance margin rate"),
    ):
        if stated is None or most is None:
            continue
        after = max(stated, held * per_usd / equity) + wanted * per_usd / equity
        if after > most:
            return Refusal("EXPOSURE", f"{what} with this entry", f"{after:.3f}", str(most), "ratio")
    return None


def maintenance_rate(tiers: Sequence[RiskTier], value_usdt: Decimal, leverage: Decimal) -> Decimal:
    """
    What part of its value a position needs as maintenance margin, at most: the rate of the tier that its value falls into,
    beyond the last one that one's. The venue takes something off for the lower tiers; that is left aside. Without tiers it is
    half of the initial margin, more than which no tier that has such a leverage asks for.
    """
    if not tiers:
        return 1 / (2 * leverage)
    return next((tier.mm_rate for tier in tiers if value_usdt <= tier.limit_usdt), tiers[-1].mm_rate)


def _tripped(case: Case, code: str, next_ms: int | None = None) -> Refusal | None:
    """`next_ms`: when what only pauses ends by itself."""
    for trip in case.facts.trips:
        if trip.code == code:
            until_ms = next_ms if trip.level is Level.PAUSE else None
            return Refusal(code, trip.text, trip.value, trip.limit, trip.unit, next_ms=until_ms)
    return None


def _next_day_ms(time_ms: int) -> int:
    return time_ms - time_ms % DAY_MS + DAY_MS


def _share_of(equity: Decimal | None, pct: Decimal | None) -> Decimal | None:
    """Percent of equity as an amount; None where there is no limit, zero where nobody knows the equity."""
    return None if pct is None else (equity or Decimal(0)) * pct / 100


def _above_share(value: Decimal, pct: Decimal | None, equity: Decimal | None, what: str) -> Refusal | None:
    if pct is None or equity is None:  # `_unweighable` has refused what is unknown
        return None
    share = value / equity * 100
    return None if share <= pct else Refusal("EXPOSURE", what, f"{share:.1f}", str(pct), "% of equity")


def _leverage(case: Case, limits: RiskLimits) -> Refusal | None:
    facts = case.facts
    if limits.max_leverage is None:
        return None
    if facts.leverage is None or facts.leverage > limits.max_leverage:
        found = "unknown" if facts.leverage is None else str(facts.leverage)
        return Refusal("LEVERAGE", "leverage at the venue", found, str(limits.max_leverage), "×")
    return None
