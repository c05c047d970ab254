"""The report of a panic as it travels to people, whoever carried it out."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from playd.control.change_answers import PanicReport as PanicAnswer
from playd.control.change_answers import PanicRow
from playd.control.figures import averaged, figure, rounded
from playd.core.orders import Side, VenuePosition
from playd.orders.panic_report import PanicReport

_UNREAD: Final = "could not be read"


def _why_none(closed: Decimal | None) -> str:
    return _UNREAD if closed is None else "no price to compare with" if closed else "nothing was closed"


def worded(position: VenuePosition) -> str:
    """An open position for people who are asked whether it is to be closed: side, size, worth."""
    side = "long" if position.side is Side.BUY else "short"
    worth = position.qty * position.mark_price
    return f"{side} {position.qty:f} {position.symbol}, worth {worth:.2f} USDT at {position.mark_price:f}"


def panic_rows(
    scope: str, reports: Sequence[tuple[str, PanicReport]], unread: Sequence[str], *, verified: str = "at the venue"
) -> PanicAnswer:
    """
    The report over one or more accounts; `unread` are accounts of the scope that could not be looked at. `verified` says where
    flat was read, empty where nothing is booked and nobody was asked.
    """
    positions: list[PanicRow] = [
        {
            "account": alias,
            "symbol": each.symbol,
            "before": figure(each.before, each.symbol.removesuffix("USDT"), "venue", 0.0),
            "closed": figure(each.closed, each.symbol.removesuffix("USDT"), "venue", 0.0, _UNREAD),
            "avg_price": figure(averaged(each.average_price) or None, "USDT", "venue", 0.0, _why_none(each.closed)),
            "slippage_bps": figure(each.slippage_bps, "bps", "computed", 0.0, _why_none(each.closed)),
            "remaining": figure(each.remaining, each.symbol.removesuffix("USDT"), "venue", 0.0, _UNREAD),
            "stop": figure(each.stop_at_venue or None, "USDT", "venue", 0.0, "none"),
        }
        for alias, report in reports
        for each in report.positions
    ]
    problems = [f"{alias}: {problem}" for alias, report in reports for problem in report.problems]
    problems += [f"{alias}: the account is not open, its position could not be read" for alias in unread]
    incomplete = bool(unread) or any(report.exit_code for _, report in reports)
    cancelled = sum(report.cancelled for _, report in reports)
    flat = f"flat, verified {verified}" if verified else "nothing is booked in it, and no venue was asked"
    word = "INCOMPLETE: a position may remain" if incomplete else flat
    return {
        "scope": scope,
        "flat": not incomplete,
        "positions": positions,
        "entries_cancelled": cancelled,
        "problems": problems,
        "duration_s": rounded(max((report.duration_s for _, report in reports), default=0.0)),
        "text": "; ".join([f"{scope}: {word}; {cancelled} entry orders cancelled", *problems]),
    }


def not_flat(report: PanicAnswer, problem: str) -> PanicAnswer:
    """A report over which nobody may call the scope flat, with the reason."""
    text = f"{report['scope']}: INCOMPLETE: a position may remain; {problem}"
    return {**report, "flat": False, "problems": [*report["problems"], problem], "text": text}
