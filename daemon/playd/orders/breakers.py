"""
Breakers: what an account's results have to look like for it to go on. Pure functions of figures and limits.

An index stands for the money: results booked in the ledger plus what is open, so that deposits and withdrawals are neither
losses nor gains. Only differences of it mean anything; they are told in percent of the equity that they came off.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.orders.halts import Level
from playd.orders.risk_limits import BreakerLimits

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trip:
    """One breaker beyond a limit. The gates refuse with it, the watch raises `level` on the account."""

    code: str
    level: Level
    text: str
    value: str
    limit: str
    unit: str


@dataclass(frozen=True, slots=True)
class Standing:
    """
    Figures of one moment, in USDT. `day_start` and `day_realised` are None while the start of the day is unknown.

    `index` is results booked plus what is open; `day_start`, `week_start` (of the day six days ago, or of the first that is
    known), `peak` (of the window of a fast fall) and `high` (of all time) are earlier values of it. `day_realised` is the
    result of the day with fees and funding, without what is open.
    """

    equity: Decimal
    index: Decimal
    day_start: Decimal | None
    day_realised: Decimal | None
    peak: Decimal
    high: Decimal
    im_rate: Decimal | None = None
    mm_rate: Decimal | None = None
    week_start: Decimal | None = None


def trips(standing: Standing | None, limits: BreakerLimits) -> tuple[Trip, ...]:
    """
    Every breaker beyond a limit. A day whose start is unknown refuses entries (level open) and halts nobody; the other breakers
    need no day.
    """
    if not limits.watching:
        return ()
    if standing is None:
        return (_DAY_UNKNOWN,)
    fallen_pct, below_pct = _fall(standing.peak, standing), _fall(standing.high, standing)
    return (
        *_of_day(standing, limits),
        *_above("FAST_FALL", "fall from the peak", fallen_pct, _one(limits.fast_fall_pct), "% of equity"),
        *_above("WEEK_LOSS", "loss of seven days", _week_pct(standing), _one(limits.week_loss_pct), "% of equity"),
        *_above("DRAWDOWN", "fall from the highest", below_pct, _one(limits.account_drawdown_pct), "% of equity"),
        *_above("MARGIN_INITIAL", "initial margin rate", standing.im_rate, _pair(limits.im_rate), "ratio"),
        *_above("MARGIN_MAINTENANCE", "maintenance margin rate", standing.mm_rate, _pair(limits.mm_rate), "ratio"),
    )


def instance_trip(result: Decimal, capital: Decimal, limits: BreakerLimits) -> Trip | None:
    """The breaker of one instance: its result, open position included, against its capital (both USDT)."""
    limit = limits.instance_drawdown_pct
    if limit is None or capital <= 0 or -result / capital * 100 < limit:
        return None
    value = f"{-result / capital * 100:.2f}"
    return Trip("INSTANCE_DRAWDOWN", Level.HALT, "loss of the instance", value, str(limit), "% of capital")


_DAY_UNKNOWN: Final = Trip("DAILY_LOSS", Level.OPEN, "day start unknown", "unknown", "", "")


def _of_day(standing: Standing, limits: BreakerLimits) -> list[Trip]:
    if standing.day_start is None or standing.day_realised is None:
        return [_DAY_UNKNOWN] if _day(limits) else []
    lost_pct = max(_fall(standing.day_start, standing), _fall_pct(_ZERO, standing.day_realised, standing.equity))
    return _above("DAILY_LOSS", "loss since 00:00 UTC", lost_pct, _day(limits), "% of equity")


_Ladder = tuple[tuple[Level, Decimal], ...]


def _above(code: str, what: str, value: Decimal | None, ladder: _Ladder, unit: str) -> list[Trip]:
    """The highest rung that `value` has reached."""
    reached = [(level, limit) for level, limit in ladder if value is not None and value >= limit]
    if not reached or value is None:
        return []
    level, limit = max(reached)
    return [Trip(code, level, what, f"{value:.3f}", str(limit), unit)]


def _day(limits: BreakerLimits) -> _Ladder:
    return (*_one(limits.day_pause_pct, Level.PAUSE), *_one(limits.day_halt_pct, Level.HALT))


def _one(limit: Decimal | None, level: Level = Level.HALT) -> _Ladder:
    return () if limit is None else ((level, limit),)


def _pair(rates: tuple[Decimal, Decimal] | None) -> _Ladder:
    return () if rates is None else ((Level.PAUSE, rates[0]), (Level.HALT, rates[1]))


def _week_pct(standing: Standing) -> Decimal | None:
    return None if standing.week_start is None else _fall(standing.week_start, standing)


def _fall(since: Decimal, standing: Standing) -> Decimal:
    return _fall_pct(since, standing.index, standing.equity)


def _fall_pct(before: Decimal, now: Decimal, equity: Decimal) -> Decimal:
    """A fall in percent of the equity there would be without it; a hundred when nothing is left."""
    fall = before - now
    if fall <= 0:
        return _ZERO
    whole = equity + fall
    return fall / whole * 100 if whole > 0 and equity > 0 else Decimal(100)
