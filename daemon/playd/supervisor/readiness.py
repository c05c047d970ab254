"""
What has been shown over time of a Play before it trades with real money, against the policy. Pure: facts in, checks out.

The facts are read from the ledger by whoever asks; this says what they are worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from playd.core.timeframes import DAY_MS
from playd.settings.policy import Policy
from playd.supervisor.checks import Check, judged

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trade:
    """A closed trade of practice: when it ended (market time) and what was left of it in USDT."""

    end_ms: int
    net_usdt: Decimal


@dataclass(frozen=True, slots=True)
class BookDay:
    """Reconciliations of an account on one UTC day."""

    day: int
    runs: int
    blind: int
    unexplained: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What somebody or something has shown: kind, id, whether it passed, its numbers, and until when it is worth something."""

    id: str
    kind: str
    passed: bool
    created_ms: int
    expires_ms: int
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReadinessFacts:
    """
    Attributes:
        decided: Bars of the Play that practice decided in time, by UTC day; `bars_a_day` is how many a day has.
        trades: Closed trades of practice, oldest first. `capital_usd` is what practice began with.
        books: Days of the account's books, newest last.
        backtest, parity, drills: Newest evidence of each, None where there is none; drills by id.
        needed_drills: Ids of the drills that real money needs.
        critical: Names of critical incidents that are open. `alerts_verified`: whether a person reads an alert route.
    """

    now_ms: int
    decided: Mapping[int, int]
    bars_a_day: int
    trades: Sequence[Trade]
    capital_usd: Decimal
    books: Sequence[BookDay]
    backtest: Evidence | None
    parity: Sequence[Evidence]
    drills: Mapping[str, Evidence]
    needed_drills: Sequence[str]
    critical: Sequence[str]
    alerts_verified: bool


def readiness(facts: ReadinessFacts, policy: Policy) -> list[Check]:
    """Every check of readiness, in the order of the policy."""
    return [
        _paper_time(facts, policy),
        _paper_trades(facts, policy),
        _clean_books(facts, policy),
        _backtest(facts, policy),
        _paper_profit(facts, policy),
        _parity(facts, policy),
        _operations(facts, policy),
    ]


def whole_days(facts: ReadinessFacts, policy: Policy) -> list[int]:
    """UTC days of practice that count."""
    least = facts.bars_a_day * policy.paper_bars_pct / 100
    return sorted(day for day, bars in facts.decided.items() if bars >= least)


def _paper_time(facts: ReadinessFacts, policy: Policy) -> Check:
    days, today = whole_days(facts, policy), facts.now_ms // DAY_MS
    if not facts.decided:
        text, lacking = "this Play was never practised on a live market", policy.paper_days
        return judged("paper_time", None, text, "run it in demo", next_ms=_in_days(facts, lacking))
    age_days = today - days[-1] if days else None
    enough = len(days) >= policy.paper_days
    fresh = age_days is not None and age_days <= policy.paper_last_days
    text = f"{len(days)} of {policy.paper_days} whole days, the last {'none' if age_days is None else f'{age_days} days ago'}"
    lacking = max(policy.paper_days - len(days), 0 if fresh else 1)
    return judged("paper_time", enough and fresh, text, "let it run in demo", next_ms=_in_days(facts, lacking))


def _paper_trades(facts: ReadinessFacts, policy: Policy) -> Check:
    if not facts.decided:
        return judged("paper_trades", None, "there was no practice", "run it in demo")
    count = len(facts.trades)
    return judged(
        "paper_trades", count >= policy.paper_trades, f"{count} of {policy.paper_trades} closed trades", "let it run in demo"
    )


def _clean_books(facts: ReadinessFacts, policy: Policy) -> Check:
    """Whole days before this one; a day without runs is not clean."""
    today = facts.now_ms // DAY_MS
    wanted = range(today - policy.clean_days, today)
    found = {each.day: each for each in facts.books}
    if not facts.books:
        text = "no reconciliation of the account is on record"
        return judged("clean_books", None, text, "open the account", next_ms=_in_days(facts, policy.clean_days))
    worst: str = ""
    last_bad = -1
    for day in wanted:
        each = found.get(day)
        bad = (
            "no run"
            if each is None
            else f"{each.unexplained} unexplained differences"
            if each.unexplained
            else f"{each.runs - each.blind} of {policy.clean_runs} whole runs"
            if each.runs - each.blind < policy.clean_runs
            else f"{each.blind} of {each.runs} runs blind"
            if each.blind * 100 >= policy.clean_blind_pct * each.runs and each.blind
            else ""
        )
        if bad:
            worst, last_bad = f"{bad} {today - day} days ago", day
    text = worst or f"{policy.clean_days} clean days"
    next_ms = _in_days(facts, policy.clean_days - (today - 1 - last_bad)) if worst else None
    return judged("clean_books", not worst, text, "playctl reconcile", next_ms=next_ms)


def _backtest(facts: ReadinessFacts, policy: Policy) -> Check:
    found, fix = facts.backtest, "playd backtest … --evidence FILE, then playctl evidence import FILE"
    if found is None:
        return judged("backtest", None, "no evidence of a backtest of this very Play", fix)
    age_days = (facts.now_ms - found.created_ms) / DAY_MS
    wrong = [] if age_days <= policy.backtest_age_days else [f"{age_days:.0f} days old"]
    if not found.passed:
        wrong.append("not eligible: " + ", ".join(map(str, found.numbers.get("reasons") or ("no reason given",))))
    for name, limit, least in (
        ("trades", policy.backtest_trades, True),
        ("sharpe", policy.backtest_sharpe, True),
        ("max_drawdown_pct", policy.backtest_drawdown_pct, False),
        ("profit_factor", policy.backtest_profit_factor, True),
    ):
        value = _number(found.numbers.get(name))
        if value is None or (value < limit if least else value > limit):
            wrong.append(f"{name} {'unknown' if value is None else f'{value:.4g}'} against {limit}")
    for name, limit in (("net_return_pct", _ZERO), ("profit_factor_doubled", policy.backtest_profit_factor_doubled)):
        value = _number(found.numbers.get(name))
        if value is None or value <= limit:
            wrong.append(f"{name} {'unknown' if value is None else f'{value:.4g}'}, more than {limit} expected")
    return judged(
        "backtest",
        not wrong,
        "; ".join(wrong) or f"{found.numbers['trades']} trades",
        fix,
        evidence=found.id,
        age_s=(facts.now_ms - found.created_ms) / 1000,
    )


def _paper_profit(facts: ReadinessFacts, policy: Policy) -> Check:
    """A profit, no deep fall, and a mean trade that the backtest's own spread makes likely at nine in ten."""
    if not facts.trades:
        return judged("paper_profit", None, "no trade of practice has ended", "run it in demo")
    total, peak, fall = _ZERO, _ZERO, _ZERO
    for trade in facts.trades:
        total += trade.net_usdt
        peak = max(peak, total)
        fall = max(fall, peak - total)
    fall_pct = fall / facts.capital_usd * 100 if facts.capital_usd > 0 else Decimal(100)
    wrong = [] if total > 0 else [f"net result {total:.2f} USDT"]
    if fall_pct > policy.paper_drawdown_pct:
        wrong.append(f"fell by {fall_pct:.1f} %, at most {policy.paper_drawdown_pct} %")
    text = f"{total:+.2f} USDT over {len(facts.trades)} trades"
    numbers = facts.backtest.numbers if facts.backtest is not None else {}
    mean, spread = _number(numbers.get("trade_mean_usdt")), _number(numbers.get("trade_sd_usdt"))
    if mean is None or spread is None:
        return judged("paper_profit", False if wrong else None, "; ".join(wrong) or f"{text}; no backtest to compare with")
    here = total / len(facts.trades)
    band = Decimal("1.645") * spread / Decimal(len(facts.trades)).sqrt()
    if abs(here - mean) > band:
        wrong.append(f"mean trade {here:.2f} USDT, the backtest's is {mean:.2f} ± {band:.2f}")
    return judged("paper_profit", not wrong, "; ".join(wrong) or text)


def _parity(facts: ReadinessFacts, policy: Policy) -> Check:
    good = [each for each in facts.parity if each.passed and each.expires_ms > facts.now_ms]
    days = {day for each in good for day in each.numbers.get("days") or ()}
    fix = "playctl parity run NAME"
    if not facts.parity:
        return judged("parity", None, "no recorded day was replayed", fix)
    text = f"{len(days)} of {policy.parity_days} recorded days decided alike"
    return judged("parity", len(days) >= policy.parity_days, text, fix)


def _operations(facts: ReadinessFacts, policy: Policy) -> Check:
    oldest_ms = facts.now_ms - policy.drill_age_days * DAY_MS
    lacking = [
        name
        for name in facts.needed_drills
        if name not in facts.drills or not facts.drills[name].passed or facts.drills[name].created_ms < oldest_ms
    ]
    wrong = [f"drills not passed on this version: {_some(lacking)}"] if lacking else []
    if facts.critical:
        wrong.append(f"critical incidents are open: {_some(facts.critical)}")
    if not facts.alerts_verified:
        wrong.append("nobody has shown that alerts arrive")
    fix = "playctl incident list" if facts.critical else "playctl notify test"
    if lacking:
        fix = "playd drill run all, then playctl evidence import FILE"
    return judged("operations", not wrong, "; ".join(wrong) or f"{len(facts.needed_drills)} drills passed", fix)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _in_days(facts: ReadinessFacts, days: int) -> int:
    """The beginning of the UTC day in which so many more days are over."""
    return (facts.now_ms // DAY_MS + days) * DAY_MS


def _number(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None
