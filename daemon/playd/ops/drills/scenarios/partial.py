"""DRL-10: a thin market fills resting entries in part, over minutes, and some never whole."""

from decimal import Decimal
from typing import Any, Final

from playd.core.orders import OrderState
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, PLAYS, with_limit_entries, with_trailing_stop
from playd.ops.drills.stage import Stage

TERMS: Final = ("--depth-usdt", "20000", "--participation", "0.0002")
"""Entries of a thousand USDT get a fraction of what they want from each minute that reaches their price."""

TRADED_S: Final = 120.0
COVERED_S: Final = 5.0
FLAT_S: Final = 30.0


async def partial_fills(stage: Stage) -> None:
    await stage.open(guardian=False, terms=TERMS, plays={**PLAYS, BUSY: with_trailing_stop(with_limit_entries(PLAYS[BUSY]))})
    fault = "a thin market"

    async def in_part() -> Any:
        return next(
            (row for row in _entries(stage) if 0 < Decimal(row["cum_qty"]) < Decimal(row["qty"]) and not _is_over(row)), None
        )

    seen = "{cum_qty} of {qty} executed, the rest works"
    row = await stage.expect(fault, in_part, lambda row: seen.format(**row), TRADED_S)
    await stage.expect_covered(BUSY_SYMBOL, f"{fault}, filled in part", COVERED_S)

    async def expired() -> Any:
        return next(
            (row for row in _entries(stage) if 0 < Decimal(row["cum_qty"]) < Decimal(row["qty"]) and _is_over(row)), None
        )

    seen = "{state} with {cum_qty} of {qty} executed"
    row = await stage.expect(f"{fault}, the rest is given up", expired, lambda row: seen.format(**row), TRADED_S)
    stage.report.require(row["state"] == OrderState.CANCELLED, f"{fault}, the rest is given up", f"the order is {row['state']}")
    await _stop_moves_between_parts(stage, fault)
    await stage.expect(fault, in_part, "another entry is filled in part", TRADED_S)
    ran = await stage.ctl("panic", BUSY, "--yes", "--reason", "drill", "--json")
    stage.report.require(ran.code == 0 and ran.data["flat"], f"{fault}, panic on a part", f"flat, exit {ran.code}")

    async def all_over() -> bool:
        return all(_is_over(row) for row in _entries(stage))

    await stage.expect(f"{fault}, panic on a part", all_over, "no entry works any more", FLAT_S)
    naked_s = (await stage.venue()).naked_ms.get(BUSY_SYMBOL, 0) / 1000
    stage.report.saw(fault, "longest time without a stop", recovery_s=naked_s, limit_s=COVERED_S)


async def _stop_moves_between_parts(stage: Stage, fault: str) -> None:
    """The stop follows the price while its entry is still being filled."""

    async def moved() -> Any:
        works = {
            row["link_id"] for row in _entries(stage) if 0 < Decimal(row["cum_qty"]) < Decimal(row["qty"]) and not _is_over(row)
        }
        parts_ms = [row["received_ms"] for row in stage.table("executions") if row["link_id"] in works]
        moves = [row for row in stage.table("intents") if row["symbol"] == BUSY_SYMBOL and row["class"] == "protect"]
        return next((row for row in moves if parts_ms and row["created_ms"] > min(parts_ms)), None)

    await stage.expect(
        f"{fault}, the stop moves", moved, lambda row: f"{row['action']} behind a part, the rest works", TRADED_S
    )


def _entries(stage: Stage) -> list[dict[str, Any]]:
    """Entries of the busy instance, newest last."""
    found = [row for row in stage.table("orders") if row["symbol"] == BUSY_SYMBOL and row["intent"] and not row["reduce_only"]]
    return sorted(found, key=lambda row: int(row["created_ms"]))


def _is_over(row: dict[str, Any]) -> bool:
    return OrderState(row["state"]).terminal
