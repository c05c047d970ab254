"""DRL-08: what is told of the market is old, wrong, or not told at all."""

from typing import Any, Final

from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD_SYMBOL
from playd.ops.drills.scenarios.steps import TRADED_S, arm, bars_after, heal, holds, newest_bar, no_gaps
from playd.ops.drills.stage import Stage

RETURNS_S: Final = 45.0
SILENT_S: Final = 60.0
COVERED_S: Final = 40.0
STALE_VERDICTS: Final = ("SIGNAL_OLD", "FEED_STALE", "QUOTE_STALE")
TICKERS: Final = "/v5/market/tickers"
STALE_AFTER_MS: Final = 3000
"""A second more than `gates.quote_max_age_s`."""

QUOTE_VERDICTS: Final = ("QUOTE_STALE", "SPREAD")


async def stale_quote(stage: Stage) -> None:
    """DRL-08, with entries priced by the quote: nothing is told, tickers of one symbol stand still, its book is crossed."""
    await stage.open(guardian=False, priced=True)
    newest = newest_bar(stage)
    began_s = stage.world.clock.mono_s()
    for topic in ("kline.*", "tickers.*"):
        await arm(stage, "drop_frame", {"socket": "public", "topic": topic}, times=0)

    async def refused() -> Any:
        return next((row for row in bars_after(stage, newest) if row["verdict"] in STALE_VERDICTS), None)

    seen = "an entry is refused: {verdict} {detail}"
    await stage.expect("nothing told of the market", refused, lambda row: seen.format(**row), SILENT_S, since_s=began_s)
    entered = [row["close_ms"] for row in bars_after(stage, newest) if row["verdict"] == "ENTERED" and row["late"]]
    stage.report.require(not entered, "nothing told of the market", f"{len(entered)} entries on bars that came late")
    async with stage.exchange.hand() as hand:
        removed_s = stage.report.inject("cancel", "stop", symbol=HELD_SYMBOL)
        await hand.remove_stop(HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, "nothing told of the market, stop cancelled", COVERED_S, since_s=removed_s)
    healed_s, newest = await heal(stage), newest_bar(stage)

    async def fresh() -> Any:
        rows = bars_after(stage, newest)
        return any(not row["late"] and row["verdict"] not in STALE_VERDICTS for row in rows)

    await stage.expect("told again", fresh, "a bar in time is decided", RETURNS_S, since_s=healed_s)
    no_gaps(stage, "told again")
    await _asked_for(stage)
    await arm(stage, "answer", {"path": TICKERS, "symbol": BUSY_SYMBOL}, times=0, given={"http": 503})
    await _no_quote(stage, "stale_ticker", f"tickers of {BUSY_SYMBOL} stand still, and nobody answers for them")
    await _no_quote(stage, "crossed_book", f"bids of {BUSY_SYMBOL} above its asks")
    await holds(stage, BUSY, BUSY_SYMBOL)
    await arm(stage, "stale_ticker", {"symbol": BUSY_SYMBOL}, times=0)
    ran = await stage.ctl("stop", BUSY, "--flatten", "--json")
    stage.report.require(ran.code == 0, f"tickers of {BUSY_SYMBOL} stand still", f"its position is closed, exit {ran.code}")


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


async def _no_quote(stage: Stage, kind: str, fault: str) -> None:
    """Without a quote that can be believed there is no entry on this symbol; there is one again as soon as it can."""
    newest = newest_bar(stage)
    began_s = await arm(stage, kind, {"symbol": BUSY_SYMBOL}, times=0)

    async def refused() -> Any:
        return next((row for row in bars_after(stage, newest, BUSY) if row["verdict"] in QUOTE_VERDICTS), None)

    seen = "an entry is refused: {verdict} {detail}"
    await stage.expect(fault, refused, lambda row: seen.format(**row), TRADED_S, since_s=began_s)
    healed_s, healed = await heal(stage), newest_bar(stage)

    async def entered() -> bool:
        return any(row["verdict"] == "ENTERED" for row in bars_after(stage, healed, BUSY))

    await stage.expect(f"{fault}, then right again", entered, "an entry is sent", TRADED_S, since_s=healed_s)
