"""DRL-08: what is told of the market is old, wrong, or not told at all."""

import re
from decimal import Decimal
from typing import Any, Final

import anyio

from playd.core.orders import OrderState
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD_SYMBOL, PLAYS, another, timed_on
from playd.ops.drills.scenarios.steps import (
    TRADED_S,
    arm,
    bars_after,
    heal,
    holds_still,
    is_over,
    newest_bar,
    no_gaps,
    stop_removed,
)
from playd.ops.drills.stage import HURRY, SPEED, Stage

SETTINGS: Final = """
[gates]
max_mark_divergence_pct = 1.0
"""
"""The shipped limit, which on a local exchange holds where it is written down."""

RETURNS_S: Final = 45.0
SILENT_S: Final = 60.0
COVERED_S: Final = 40.0
LEFT_S: Final = 60.0
"""A quarter of an hour of bars that come a second or two apart."""

DELAY_S: Final = 30.0
QUOTE_AGE_S: Final = 2.0
"""`gates.quote_max_age_s` as shipped."""

STALE_AFTER_MS: Final = 3000
"""A second more."""

STALE_VERDICTS: Final = ("SIGNAL_OLD", "FEED_STALE", "QUOTE_STALE")
QUOTE_VERDICTS: Final = ("QUOTE_STALE", "SPREAD", "PRICE_BAND")
TICKERS: Final = "/v5/market/tickers"
_VALUE: Final = re.compile(r": ([-\d.]+) against")


async def stale_quote(stage: Stage) -> None:
    """
    With entries priced by the quote, as at a real venue. Under each fault a position is left, and nothing is entered.

    The busy instance is in the market for a quarter of an hour at a time, which no price ends before.
    """
    busy = another(timed_on(BUSY_SYMBOL), BUSY, BUSY_SYMBOL)
    await stage.open(priced=True, settings=SETTINGS, plays={**PLAYS, BUSY: busy})
    await _nothing_told(stage)
    began = newest_bar(stage)
    await _asked_for(stage)
    await _not_asked(stage, "stale_ticker", f"tickers of {BUSY_SYMBOL} stand still, and nobody answers for them")
    await _not_asked(stage, "frozen_time", f"tickers of {BUSY_SYMBOL} go on under an old stamp")
    late = f"tickers of {BUSY_SYMBOL} come {DELAY_S:g} s late"
    await _not_asked(stage, "late_frames", late, given={"delay_s": DELAY_S}, old_s=DELAY_S - QUOTE_AGE_S)
    await _no_quote(stage, "crossed_book", f"bids of {BUSY_SYMBOL} above its asks", "SPREAD")
    await _no_quote(stage, "wrong_mark", f"last and mark of {BUSY_SYMBOL} 2 % apart", "PRICE_BAND", given={"factor": 1.02})
    others = [row for row in bars_after(stage, began) if row["instance"] != stage.uid_of(BUSY)]
    wrong = sum(row["verdict"] in QUOTE_VERDICTS for row in others)
    seen = f"{wrong} of {len(others)} bars of other symbols are refused for their quote"
    stage.report.require(others and not wrong, f"only {BUSY_SYMBOL} is told wrong", seen)


async def _nothing_told(stage: Stage) -> None:
    """The socket stands and says nothing of the market."""
    fault = "nothing told of the market"
    await stage.until_covered(HELD_SYMBOL)  # nothing is entered any more behind this
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    newest, known = newest_bar(stage), _orders(stage)
    for topic in ("kline.*", "tickers.*"):
        await arm(stage, "drop_frame", {"socket": "public", "topic": topic}, times=0)
    await stage.exchange.release(SPEED)
    await _left(stage, fault, known)
    began_s = stage.world.clock.mono_s()

    async def refused() -> Any:
        return next((row for row in bars_after(stage, newest) if row["verdict"] in STALE_VERDICTS and _value(row)), None)

    seen = "an entry is refused: {verdict} {detail}"
    await stage.expect(fault, refused, lambda row: seen.format(**row), SILENT_S, since_s=began_s)
    entered = [row["close_ms"] for row in bars_after(stage, newest) if row["verdict"] == "ENTERED" and row["late"]]
    stage.report.require(not entered, fault, f"{len(entered)} entries on bars that came late")
    removed_s = await stop_removed(stage, HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", COVERED_S, since_s=removed_s)
    healed_s, newest = await heal(stage), newest_bar(stage)

    async def fresh() -> Any:
        return any(not row["late"] and row["verdict"] not in STALE_VERDICTS for row in bars_after(stage, newest))

    await stage.expect("told again", fresh, "a bar in time is decided", RETURNS_S, since_s=healed_s)
    no_gaps(stage, "told again")


async def _asked_for(stage: Stage) -> None:
    """Where only the stream stands still, an entry is priced by the quote that the venue gives when it is asked."""
    fault = f"tickers of {BUSY_SYMBOL} stand still"
    began_s = await arm(stage, "stale_ticker", {"symbol": BUSY_SYMBOL}, times=0)
    stale_ms = stage.world.clock.wall_ms() + STALE_AFTER_MS

    async def entered() -> bool:
        rows = (row for row in stage.table("bars") if row["instance"] == stage.uid_of(BUSY) and row["processed_ms"] > stale_ms)
        return any(row["verdict"] == "ENTERED" for row in rows)

    seen = "the venue is asked for a quote, and an entry is sent"
    await stage.expect(fault, entered, seen, TRADED_S, since_s=began_s)
    await heal(stage)


async def _not_asked(
    stage: Stage, kind: str, fault: str, *, given: dict[str, Any] | None = None, old_s: float = QUOTE_AGE_S
) -> None:
    """The stream tells old quotes, and the venue gives no other when it is asked."""
    await arm(stage, "answer", {"path": TICKERS, "symbol": BUSY_SYMBOL}, times=0, given={"http": 503})
    await _no_quote(stage, kind, fault, "QUOTE_STALE", given=given, old_s=old_s)


async def _no_quote(
    stage: Stage, kind: str, fault: str, verdict: str, *, given: dict[str, Any] | None = None, old_s: float | None = None
) -> None:
    """
    Without a quote that can be believed a position is left all the same, and there is no entry on this symbol: the refusal says
    the value; one that is too old has at least the age `old_s`. There is an entry again as soon as the quote is right.
    """
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    newest, known = newest_bar(stage), _orders(stage)
    where = {"symbol": BUSY_SYMBOL, "topic": "tickers.*"}
    await arm(stage, kind, where, times=0, given=given)

    async def refused() -> Any:
        rows = (row for row in bars_after(stage, newest, BUSY) if row["verdict"] == verdict and _value(row))
        return next((row for row in rows if old_s is None or _value(row) >= old_s), None)

    await anyio.sleep(old_s or STALE_AFTER_MS / 1000)
    await stage.exchange.release(HURRY)
    await _left(stage, fault, known)
    seen = "an entry is refused: {verdict} {detail}"
    await stage.expect(fault, refused, lambda row: seen.format(**row), TRADED_S)
    healed_s, healed = await heal(stage), newest_bar(stage)

    async def entered() -> bool:
        return any(row["verdict"] == "ENTERED" for row in bars_after(stage, healed, BUSY))

    await stage.expect(f"{fault}, then right again", entered, "an entry is sent", TRADED_S, since_s=healed_s)
    await stage.exchange.release(SPEED)


async def _left(stage: Stage, fault: str, known: frozenset[str]) -> None:
    """A Play leaves its position although nobody says what it is worth: at the market, within a tolerance of the venue's."""
    fault = f"{fault}, the time of a position is over"

    async def left() -> Any:
        new = (row for row in stage.table("orders") if row["symbol"] == BUSY_SYMBOL and row["link_id"] not in known)
        return next((row for row in new if row["reduce_only"] and row["intent"] and is_over(row)), None)

    seen = "it is left: {state} at {price}, within {tolerance_pct} %"
    row = await stage.expect(fault, left, lambda row: seen.format(**{**row, "price": row["price"] or "the market"}), LEFT_S)
    priced = row["price"] and Decimal(row["price"])
    stage.report.require(row["state"] == OrderState.FILLED and not priced, fault, f"{row['state']}, without a price of ours")


def _orders(stage: Stage) -> frozenset[str]:
    return frozenset(row["link_id"] for row in stage.table("orders"))


def _value(row: dict[str, Any]) -> float:
    """What a refusal found, 0 where it says no number."""
    found = _VALUE.search(row["detail"])
    return abs(float(found[1])) if found else 0.0
