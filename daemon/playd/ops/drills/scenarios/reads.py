"""Drills of what the daemon sees: every read fails, quotes and bars come late or wrong, the venue's clock is another."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import anyio

from playd.ops.drills.bad_host import CLOCK
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD_SYMBOL
from playd.ops.drills.scenarios.steps import (
    TRADED_S,
    arm,
    bars_go_on,
    heal,
    hit_create,
    holds,
    holds_still,
    is_over,
    lifted_by_a_person,
    no_gaps,
)
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import ALL, account_scope

READS: Final = (
    "/v5/position/list",
    "/v5/order/realtime",
    "/v5/order/history",
    "/v5/execution/list",
    "/v5/account/wallet-balance",
)
PAUSED_S: Final = 15.0
HALTED_S: Final = 60.0
NOTICED_S: Final = 20.0
"""The command that has everything read, a Python process, and the account's clock, on a machine with ten other jobs."""
BLIND_S: Final = 600.0
BLIND_LOOK_S: Final = 5.0
SLOW: Final = 6.0
"""Market minutes per minute, so that what is open stays open for a while."""

SEEN_AGAIN_S: Final = 15.0
EXIT_S: Final = 15.0
RETURNS_S: Final = 45.0
SILENT_S: Final = 60.0
FRESH_S: Final = 20.0
COVERED_S: Final = 40.0
SAMPLED_S: Final = 90.0
"""A sample of the venue's clock each minute; on a busy machine."""
STEP_SEEN_S: Final = 20.0
"""A look each second, and three samples of the venue's clock."""

SKEW_MS: Final = 5000
DRIFT_MS: Final = 400
EXPLAINED: Final = 8
"""Bars whose values are compared with a clean run's."""

STALE_VERDICTS: Final = ("SIGNAL_OLD", "FEED_STALE", "QUOTE_STALE")
TICKERS: Final = "/v5/market/tickers"
STALE_AFTER_MS: Final = 3000
"""A second more than `gates.quote_max_age_s`."""

QUOTE_VERDICTS: Final = ("QUOTE_STALE", "SPREAD")


async def blind(stage: Stage) -> None:
    """DRL-07: all reads fail, for twenty seconds and for ten minutes, while positions are open."""
    await stage.open(guardian=False)
    scope = account_scope(ACCOUNT)
    began_s = await _no_reads(stage)
    fault = "all reads fail"
    await _halted(stage, fault, 1, PAUSED_S + NOTICED_S, since_s=began_s)
    await heal(stage)

    async def lifted() -> bool:
        return stage.halt("BLIND") is None

    await stage.expect("reads answered again", lifted, "the pause has lifted itself", SEEN_AGAIN_S)
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    began_s = await _no_reads(stage)
    closes = await _closes(stage)
    await stage.ctl("stop", BUSY, "--flatten")

    async def closing() -> bool:
        return await _closes(stage) > closes

    await stage.expect(f"{fault}, a position is to be closed", closing, "the exit is sent", EXIT_S)
    await _halted(stage, fault, 2, HALTED_S + NOTICED_S, since_s=began_s)
    took_s = stage.world.clock.mono_s() - began_s
    stage.report.require(took_s >= HALTED_S, fault, f"level 2 after {took_s:.0f} s, not before {HALTED_S:g} s")
    await _for_ten_minutes(stage, fault, began_s)
    entries = [row["link_id"] for row in stage.table("orders") if row["state"] in ("CANCELLED", "NEVER_ARRIVED", "REJECTED")]
    open_ones = {row["orderLinkId"] for row in (await stage.venue()).newest() if row["orderStatus"] in ("New", "Untriggered")}
    wrong = sorted(open_ones.intersection(entries) - {""})
    stage.report.require(not wrong, fault, f"assumed over and open at the venue: {', '.join(wrong) or 'none'}")
    incidents = [row for row in stage.table("incidents") if row["kind"] == "BLIND"]
    stage.report.require(len(incidents) == 1, fault, f"{len(incidents)} incident BLIND")
    await heal(stage)
    await lifted_by_a_person(stage, scope, "reads answered again", RETURNS_S)
    await bars_go_on(stage, "reads answered again", RETURNS_S)


async def _for_ten_minutes(stage: Stage, fault: str, began_s: float) -> None:
    """Nothing more is decided by the time that passes: the halt stands, the daemon lives, the position keeps its stop."""
    await stage.exchange.release(SLOW)
    held = (await stage.venue()).positions[HELD_SYMBOL]
    while stage.world.clock.mono_s() - began_s < BLIND_S:
        await anyio.sleep(BLIND_LOOK_S)
        kept = await stage.stop_of_record(HELD_SYMBOL) or (await stage.venue()).positions[HELD_SYMBOL] != held
        if not (stage.halt("BLIND") and stage.daemon.alive and kept):
            stage.report.missed(fault, f"not for {BLIND_S:g} s: halted, alive, {HELD_SYMBOL} with its stop")
            return
    stage.report.saw(fault, f"halted, alive, {HELD_SYMBOL} with its stop, for {BLIND_S:g} s")
    await stage.exchange.release(SPEED)


async def stale_quote(stage: Stage) -> None:
    """DRL-08, with entries priced by the quote: nothing is told, tickers of one symbol stand still, its book is crossed."""
    await stage.open(guardian=False, priced=True)
    newest = _newest_bar(stage)
    began_s = stage.world.clock.mono_s()
    for topic in ("kline.*", "tickers.*"):
        await arm(stage, "drop_frame", {"socket": "public", "topic": topic}, times=0)

    async def refused() -> Any:
        return next((row for row in _bars_after(stage, newest) if row["verdict"] in STALE_VERDICTS), None)

    seen = "an entry is refused: {verdict} {detail}"
    await stage.expect("nothing told of the market", refused, lambda row: seen.format(**row), SILENT_S, since_s=began_s)
    entered = [row["close_ms"] for row in _bars_after(stage, newest) if row["verdict"] == "ENTERED" and row["late"]]
    stage.report.require(not entered, "nothing told of the market", f"{len(entered)} entries on bars that came late")
    async with stage.exchange.hand() as hand:
        removed_s = stage.report.inject("cancel", "stop", symbol=HELD_SYMBOL)
        await hand.remove_stop(HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, "nothing told of the market, stop cancelled", COVERED_S, since_s=removed_s)
    healed_s, newest = await heal(stage), _newest_bar(stage)

    async def fresh() -> Any:
        rows = _bars_after(stage, newest)
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
        rows = (row for row in stage.table("bars") if row["instance"] in _busy(stage) and row["processed_ms"] > stale_ms)
        return any(row["verdict"] == "ENTERED" for row in rows)

    seen = "the venue is asked for a quote, and an entry is sent"
    await stage.expect(fault, entered, seen, TRADED_S, since_s=began_s)
    await heal(stage)


async def _no_quote(stage: Stage, kind: str, fault: str) -> None:
    """Without a quote that can be believed there is no entry on this symbol; there is one again as soon as it can."""
    newest = _newest_bar(stage)
    began_s = await arm(stage, kind, {"symbol": BUSY_SYMBOL}, times=0)

    async def refused() -> Any:
        rows = (row for row in _bars_after(stage, newest) if row["instance"] in _busy(stage))
        return next((row for row in rows if row["verdict"] in QUOTE_VERDICTS), None)

    seen = "an entry is refused: {verdict} {detail}"
    await stage.expect(fault, refused, lambda row: seen.format(**row), TRADED_S, since_s=began_s)
    healed_s, healed = await heal(stage), _newest_bar(stage)

    async def entered() -> bool:
        rows = (row for row in _bars_after(stage, healed) if row["instance"] in _busy(stage))
        return any(row["verdict"] == "ENTERED" for row in rows)

    await stage.expect(f"{fault}, then right again", entered, "an entry is sent", TRADED_S, since_s=healed_s)


async def bad_bars(stage: Stage) -> None:
    """DRL-09: closed candles of one symbol are not told, told wrong and corrected."""
    await stage.open(guardian=False)
    klines = {"topic": f"kline.1.{BUSY_SYMBOL}"}
    others, moved = _verdicts_of_others(stage), _transitions_of_others(stage)
    await arm(stage, "missing_candle", klines, times=3)
    await bars_go_on(stage, "three candles not told", RETURNS_S)
    no_gaps(stage, "three candles not told")
    await arm(stage, "reorder_frames", klines, times=6)
    await bars_go_on(stage, "candles told in another order", RETURNS_S)
    no_gaps(stage, "candles told in another order")
    began_s = await arm(stage, "wrong_candle", klines, times=1, given={"factor": 1.2, "corrected": True})

    async def revised() -> Any:
        return stage.daemon.said("feed.bar_revised") or stage.daemon.said("bar.revised")

    await stage.expect("a candle told wrong, then right", revised, "the revision is on record", FRESH_S, since_s=began_s)
    await bars_go_on(stage, "a candle told wrong, then right", RETURNS_S, since_s=began_s)
    no_gaps(stage, "a candle told wrong, then right")
    await _impossible(stage, klines)
    closes_ms = sorted(row["close_ms"] for row in stage.table("bars") if row["instance"] in _busy(stage))[-EXPLAINED:]
    before = await _explained(stage, closes_ms)
    await stage.ctl("restart", BUSY)
    await bars_go_on(stage, "the instance begins anew from stored candles", RETURNS_S)
    after = await _explained(stage, closes_ms)
    common = before.keys() & after.keys()
    differing = [close_ms for close_ms in common if before[close_ms] != after[close_ms]]
    stage.report.require(
        common and not differing,
        "a candle told wrong, then right",
        f"{len(differing)} of {len(common)} bars have other values than a clean run",
    )
    stage.report.require(
        _verdicts_of_others(stage) > others and not _late_of_others(stage), "candles of one symbol wrong", "the others go on"
    )
    stage.report.require(
        _transitions_of_others(stage) == moved, "candles of one symbol wrong", "no other instance changes its state"
    )


async def _impossible(stage: Stage, klines: dict[str, str]) -> None:
    """A closed candle whose high lies below its low is no candle: it is left out, and asked for."""
    fault = "a candle told that cannot be"
    await arm(stage, "wrong_candle", klines, given={"impossible": True, "corrected": False})

    async def refused() -> Any:
        return stage.daemon.said("feed.frame_refused")

    await stage.expect(fault, refused, "the frame is refused, and said so", FRESH_S)
    await bars_go_on(stage, fault, RETURNS_S)
    no_gaps(stage, fault)


async def clock(stage: Stage) -> None:
    """DRL-17: the venue's clock is five seconds ahead, then five behind, then drifts; then somebody sets ours."""
    stage.on_a_bad_host()
    await stage.open(guardian=False)
    await _one_re_sign(stage)
    for by_ms in (SKEW_MS, -SKEW_MS):
        known = _clock_halts(stage)
        began_s = await arm(stage, "skew_clock", {}, times=0, given={"by_ms": by_ms})
        fault = f"clocks {by_ms / 1000:+g} s apart"
        await _stop_restored(stage, fault)
        await stage.expect(fault, partial(_paused_anew, stage, known), "everything is paused", SAMPLED_S, since_s=began_s)
        await _pause_lifted(stage, f"{fault}, then right again", await heal(stage))
    no_gaps(stage, "clocks apart and together")
    doubled = [row for row in stage.table("halts") if row["code"].startswith("CLOCK") and row["level"] > 1]
    stage.report.require(not doubled, "clocks apart and together", "never more than a pause")
    await _drift(stage)
    await heal(stage)
    await _own_clock(stage)


async def _own_clock(stage: Stage) -> None:
    """Ours is set forward, then back behind the time: noticed within seconds, because ages are measured by another clock."""
    for by_ms in (SKEW_MS, -SKEW_MS):
        known = _clock_halts(stage)
        began_s = stage.host(CLOCK, ahead_ms=by_ms)
        fault = f"our clock set to {by_ms / 1000:+g} s"
        await stage.expect(fault, partial(_paused_anew, stage, known), "everything is paused", STEP_SEEN_S, since_s=began_s)
        if by_ms < 0:  # where a patience that went by this clock would not end; a fourth stop within an hour is a person's
            await _stop_restored(stage, fault)
        await _pause_lifted(stage, f"{fault}, then right again", stage.host_is_well(CLOCK))
    await bars_go_on(stage, "our clock is right again", RETURNS_S)
    no_gaps(stage, "our clock set and right again")


async def _stop_restored(stage: Stage, fault: str) -> None:
    """A cancelled stop is back, whatever the clocks say."""
    async with stage.exchange.hand() as hand:
        removed_s = stage.report.inject("cancel", "stop", symbol=HELD_SYMBOL)
        await hand.remove_stop(HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", COVERED_S, since_s=removed_s)


async def _pause_lifted(stage: Stage, fault: str, healed_s: float) -> None:
    async def lifted() -> bool:
        return not await _clock_halt(stage)

    await stage.expect(fault, lifted, "the pause has lifted itself", SAMPLED_S, since_s=healed_s)


async def _one_re_sign(stage: Stage) -> None:
    """An entry is answered that its time is wrong: it is signed once more under the same id, and is one order."""
    fault = "an entry answered with 10002"
    link = await hit_create(stage, fault, "answer", {"code": 10002})

    async def over() -> Any:
        return next((row for row in stage.table("orders") if row["link_id"] == link and is_over(row)), None)

    await stage.expect(fault, over, lambda row: f"the order is {row['state']}", EXIT_S)
    made = sum(row["orderLinkId"] == link for row in (await stage.venue()).newest())
    stage.report.require(made == 1, fault, f"signed again under the same id: {made} order at the venue")


async def _drift(stage: Stage) -> None:
    """
    More than a quarter of a second apart is told, and stops nothing.

    Seen by a start, which looks three times at once: what is believed is the median of five looks, one each minute.
    """
    fault = f"clocks {DRIFT_MS / 1000:g} s apart at a start"

    async def settled() -> bool:
        return all(row["resolved_ms"] is not None for row in _clock_incidents(stage))

    await stage.expect("before", settled, "no incident of clocks is open", SAMPLED_S)
    await stage.daemon.stop()
    began_s = await arm(stage, "skew_clock", {}, times=0, given={"by_ms": DRIFT_MS})
    await stage.start_daemon()

    async def told() -> Any:
        return next((row for row in _clock_incidents(stage) if row["resolved_ms"] is None), None)

    await stage.expect(fault, told, lambda row: f"a {row['severity']} {row['kind']}", SAMPLED_S, since_s=began_s)
    stage.report.require(not await _clock_halt(stage), fault, "nothing is paused")
    await bars_go_on(stage, fault, RETURNS_S)


async def _no_reads(stage: Stage) -> float:
    began_s = stage.world.clock.mono_s()
    for path in READS:
        where = {"path": path, "account": ACCOUNT}
        await arm(stage, "answer", where, times=0, given={"http": 503}, name=f"reads at {began_s:.0f} s")
    await stage.ctl("reconcile", ACCOUNT)
    return began_s


async def _halted(stage: Stage, fault: str, level: int, limit_s: float, *, since_s: float) -> None:
    async def halted() -> bool:
        return any(row["code"] == "BLIND" and row["level"] == level and not row["lifted_ms"] for row in stage.table("halts"))

    await stage.expect(fault, halted, f"the account is at level {level}", limit_s, since_s=since_s)


async def _closes(stage: Stage) -> int:
    """How many orders that may only reduce have arrived."""
    return sum(bool(params.get("reduceOnly")) for _, params in (await stage.venue()).creates)


def _clock_incidents(stage: Stage) -> list[dict[str, Any]]:
    """Incidents about clocks, oldest first."""
    return [row for row in stage.table("incidents") if row["kind"].startswith(("SLO_CLOCK", "CLOCK"))]


def _clock_halts(stage: Stage) -> set[int]:
    """Every halt of everything that was ever raised because of a clock."""
    return {row["id"] for row in stage.table("halts") if row["scope"] == ALL and row["code"].startswith("CLOCK")}


async def _paused_anew(stage: Stage, known: set[int]) -> bool:
    """Whether such a halt was raised beside the known ones: one of before says nothing about the present fault."""
    return bool(_clock_halts(stage) - known)


async def _clock_halt(stage: Stage) -> bool:
    rows = stage.table("halts")
    return any(row["scope"] == ALL and row["code"].startswith("CLOCK") and not row["lifted_ms"] for row in rows)


def _newest_bar(stage: Stage) -> int:
    return max(int(row["close_ms"]) for row in stage.table("bars"))


def _bars_after(stage: Stage, close_ms: int) -> list[dict[str, Any]]:
    return [row for row in stage.table("bars") if row["close_ms"] > close_ms]


def _busy(stage: Stage) -> set[str]:
    return {row["uid"] for row in stage.table("instances") if row["name"] == BUSY}


def _verdicts_of_others(stage: Stage) -> int:
    return sum(row["instance"] not in _busy(stage) for row in stage.table("bars"))


def _transitions_of_others(stage: Stage) -> int:
    return sum(line.get("instance") != BUSY for line in stage.daemon.said("instance.transition"))


def _late_of_others(stage: Stage) -> int:
    return sum(bool(row["late"]) for row in stage.table("bars") if row["instance"] not in _busy(stage))


async def _explained(stage: Stage, closes_ms: Sequence[int]) -> dict[int, Any]:
    """On which values the busy instance decided these bars, by their close."""
    found = {}
    for close_ms in closes_ms:
        ran = await stage.ctl(
            "explain", BUSY, "--at", f"{datetime.fromtimestamp(close_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}", "--json"
        )
        if ran.code == 0 and ran.data["explanation"] is not None:
            found[close_ms] = ran.data["explanation"]["actions"]
    return found
