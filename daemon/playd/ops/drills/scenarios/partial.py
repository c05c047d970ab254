"""DRL-10: the market fills orders in part, and no further: entries that rest, entries and exits at the market."""

from decimal import Decimal
from typing import Any, Final

from playd.core.orders import OrderState, VenuePosition
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, PLAYS, TIMED, timed_on, with_limit_entries, with_trailing_stop
from playd.ops.drills.programs import until
from playd.ops.drills.report import CannotRun
from playd.ops.drills.scenarios.steps import arm, heal, holds_still, is_over, lifted_by_a_person
from playd.ops.drills.stage import HURRY, SPEED, Stage
from playd.orders.halts import instance_scope

WAITS_BARS: Final = 20
"""For so long an entry rests."""

AT_MARKET_SYMBOL: Final = "DOGEUSDT"
TRADED_S: Final = 120.0
"""Until an entry that rests beside the price is met."""

COVERED_S: Final = 5.0
FLAT_S: Final = 30.0
STALLED: Final = 0.4
NEARLY: Final = 0.9995
"""All but less than the smallest order of these Plays' sizes."""

ENTRIES: Final = "pde*"
"""Link ids of entries."""

TRIES: Final = 8
ACROSS_S: Final = 25.0


async def partial_fills(stage: Stage) -> None:
    busy = with_trailing_stop(with_limit_entries(PLAYS[BUSY], expire_after_bars=WAITS_BARS))
    await stage.open(plays={**PLAYS, BUSY: busy, TIMED: timed_on(AT_MARKET_SYMBOL)})
    await _rest_given_up(stage, "40 of 100, then nothing", STALLED)
    await _rest_given_up(stage, "all but a remainder below the minimum", NEARLY)
    await _at_the_market(stage)
    await _across_a_stop_move(stage)
    await _exit_in_part(stage)
    await _panic_on_a_part(stage)
    naked_ms = (await stage.venue()).naked_ms
    worst_s = max((naked_ms.get(symbol, 0) for symbol in (BUSY_SYMBOL, AT_MARKET_SYMBOL)), default=0) / 1000
    stage.report.saw("all of that", "longest time without a stop for what is executed", recovery_s=worst_s, limit_s=COVERED_S)


async def _part(stage: Stage, share: float, fault: str, *, symbol: str = BUSY_SYMBOL) -> dict[str, Any]:
    """
    Let the next entry of a symbol fill up to a share; its row, and its stop is there.

    Its Play may close a part with the bar that filled it, and nothing needs a stop any more: then it is the entry after it.
    """
    known = {row["link_id"] for row in _entries(stage, symbol)}
    await arm(stage, "part_fill", {"symbol": symbol, "link_id": ENTRIES}, times=0, given={"share": share}, name=fault)
    for _ in range(TRIES):
        row = await _next_part(stage, share, fault, symbol, known)
        if await _stays(stage, symbol, fault):
            return row
        known.add(row["link_id"])
    raise CannotRun(f"{fault}: each of {TRIES} parts was closed at once")


async def _next_part(stage: Stage, share: float, fault: str, symbol: str, known: set[str]) -> dict[str, Any]:
    async def in_part() -> Any:
        return next((row for row in _entries(stage, symbol) if row["link_id"] not in known and _is_part(row, share)), None)

    seen = "{cum_qty} of {qty} executed"
    await stage.exchange.release(HURRY)
    row: dict[str, Any] = await stage.expect(fault, in_part, lambda row: seen.format(**row), TRADED_S)
    await stage.exchange.release(SPEED)
    return row


async def _stays(stage: Stage, symbol: str, fault: str) -> bool:
    """Whether a part that was executed is still open; then it has its stop."""
    async with stage.exchange.hand() as hand:

        async def settled() -> VenuePosition | None:
            position = await hand.position(symbol)
            return position if position.stop or position.side is None else None

        def words(position: VenuePosition | None) -> str:
            if position is None or position.side is None:
                return "its Play has closed the part; the next entry"
            return f"{symbol} has its stop at {position.stop}"

        position = await stage.expect(fault, settled, words, COVERED_S)
    return position is not None and position.side is not None


async def _rest_given_up(stage: Stage, fault: str, share: float) -> None:
    """What the Play gives an entry is over, and it is filled in part: the part is kept, the order ends."""
    row = await _part(stage, share, fault)
    stage.report.require(not is_over(row), fault, f"the rest works: {row['state']}")
    await _ended(stage, row, f"{fault}, the rest is given up")
    await heal(stage)


async def _at_the_market(stage: Stage) -> None:
    """The venue cancels what an entry at the market leaves."""
    fault = "40 of 100 at the market"
    row = await _part(stage, STALLED, fault, symbol=AT_MARKET_SYMBOL)
    await _ended(stage, row, fault)
    await heal(stage)


async def _ended(stage: Stage, row: dict[str, Any], fault: str) -> None:
    """An entry ends as cancelled with what it has executed."""
    link = row["link_id"]

    async def over() -> Any:
        return next((row for row in stage.table("orders") if row["link_id"] == link and is_over(row)), None)

    seen = "{state} with {cum_qty} of {qty} executed"
    row = await stage.expect(fault, over, lambda row: seen.format(**row), TRADED_S)
    stage.report.require(row["state"] == OrderState.CANCELLED, fault, f"the order is {row['state']}")


async def _across_a_stop_move(stage: Stage) -> None:
    """The stop follows the price while its entry is still being filled, and covers what is filled behind the move, too."""
    fault = "filled on both sides of a stop move"
    for number in range(TRIES):
        row = await _part(stage, STALLED, f"{fault}, {number + 1}. entry")
        link = row["link_id"]

        async def moved(link: str = link) -> Any:
            return _order(stage, link)["state"] != OrderState.PARTIAL or _moves_behind(stage, link)

        await until(moved, ACROSS_S)
        await heal(stage)

        async def filled(link: str = link) -> Any:
            return is_over(_order(stage, link))

        if await until(filled, ACROSS_S) is not None and _moved_between(stage, link):
            parts = sum(row["link_id"] == link for row in stage.table("executions"))
            stage.report.saw(fault, f"order {link} in {parts} parts, its stop moved between them")
            await stage.expect_covered(BUSY_SYMBOL, fault, COVERED_S)
            return
    stage.report.missed(fault, f"none of {TRIES} entries was filled on both sides of a move")


def _moves_behind(stage: Stage, link: str) -> list[int]:
    """When the stop was moved behind the first part of an entry, in ms of the ledger."""
    parts_ms = [row["received_ms"] for row in stage.table("executions") if row["link_id"] == link]
    moves = [row for row in stage.table("intents") if row["symbol"] == BUSY_SYMBOL and row["class"] == "protect"]
    return [row["created_ms"] for row in moves if parts_ms and row["created_ms"] > min(parts_ms)]


def _moved_between(stage: Stage, link: str) -> bool:
    parts_ms = [row["received_ms"] for row in stage.table("executions") if row["link_id"] == link]
    return any(moved_ms < max(parts_ms) for moved_ms in _moves_behind(stage, link))


async def _exit_in_part(stage: Stage) -> None:
    """An exit at the market leaves a remainder that is no order by itself: the next attempt closes it."""
    fault = "an exit leaves less than the minimum"
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    others = {"symbol": BUSY_SYMBOL, "link_id": "pd[!e]*"}
    began_s = await arm(stage, "part_fill", others, times=1, given={"share": NEARLY}, name=fault)
    ran = await stage.ctl("stop", BUSY, "--flatten", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    left = (await stage.venue()).positions[BUSY_SYMBOL]
    stage.report.require(ran.code == 0 and not left, fault, f"exit {ran.code}, {left} left")
    stage.report.saw(fault, "flat", recovery_s=took_s, limit_s=FLAT_S)
    await stage.exchange.release(SPEED)
    await stage.ctl("start", BUSY)


async def _panic_on_a_part(stage: Stage) -> None:
    fault = "panic on a part"
    await _part(stage, STALLED, fault)
    ran = await stage.ctl("panic", BUSY, "--yes", "--reason", "drill", "--json")
    stage.report.require(ran.code == 0 and ran.data["flat"], fault, f"flat, exit {ran.code}")

    async def all_over() -> bool:
        return all(is_over(row) for row in _entries(stage, BUSY_SYMBOL))

    await stage.expect(fault, all_over, "no entry works any more", FLAT_S)
    await heal(stage)
    await lifted_by_a_person(stage, instance_scope(BUSY), fault, FLAT_S)
    await stage.ctl("start", BUSY)


def _entries(stage: Stage, symbol: str) -> list[dict[str, Any]]:
    """Entries of a symbol, newest last."""
    found = [row for row in stage.table("orders") if row["symbol"] == symbol and row["intent"] and not row["reduce_only"]]
    return sorted(found, key=lambda row: int(row["created_ms"]))


def _order(stage: Stage, link: str) -> dict[str, Any]:
    return next(row for row in stage.table("orders") if row["link_id"] == link)


def _is_part(row: dict[str, Any], share: float) -> bool:
    """Whether an order has executed as much of it as the market gives, to a step, and no more."""
    qty, done = Decimal(row["qty"]), Decimal(row["cum_qty"])
    return 0 < done < qty and abs(done / qty - Decimal(str(share))) < Decimal("0.01")
