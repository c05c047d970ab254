"""
DRL-22: hands in the venue's app. Somebody cancels the stop, moves it, cancels everything, trades, changes the leverage, closes.

All of it is recognised for what it is, and told; what protects comes back, what is somebody else's is left alone.
"""

from decimal import Decimal
from typing import Any, Final

from playd.core.orders import Side
from playd.ops.drills.local_exchange import ACCOUNT, Hand
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD, HELD_SYMBOL, RESTING_SYMBOL
from playd.ops.drills.scenarios.steps import (
    TRADED_S,
    alerts_to_a_file,
    arm,
    bars_after,
    holds_still,
    newest_bar,
    paged,
    resume,
    stop_put_back,
)
from playd.ops.drills.stage import HURRY, SPEED, Stage
from playd.orders.halts import account_scope, symbol_scope
from playd.orders.order_book import FOREIGN

PROTECTED_S: Final = 5.0
RECOGNISED_S: Final = 45.0
FOREIGN_SYMBOL: Final = "DOGEUSDT"
FAR_PRICE: Final = Decimal("0.08")
"""Half of what it costs, so that an order to buy waits."""

FOREIGN_QTY: Final = Decimal(1000)
AGAINST: Final = (Decimal("0.02"), Decimal(1000))
"""Quantity and price of an order to buy on the symbol that is traded: it waits, too."""

OTHER_LEVERAGE: Final = 5
PAGED_S: Final = 10.0
WORKING: Final = ("New", "PartiallyFilled", "Untriggered")


async def hands(stage: Stage) -> None:
    await stage.open(settings=alerts_to_a_file(stage))
    await holds_still(stage, HELD, HELD_SYMBOL)
    planned = await stage.stop_of(HELD_SYMBOL)
    await stop_put_back(stage, HELD_SYMBOL, "stop cancelled by hand", PROTECTED_S)
    async with stage.exchange.hand() as hand:
        await _stop_moved(stage, hand, planned)
        await _everything_cancelled(stage)
        await _foreign_order(stage, hand)
        await _foreign_position(stage, hand)
        await _leverage_changed(stage)
        await _closed(stage, hand)
        await _leverage_set_back(stage, hand)
        await stage.exchange.release(SPEED)
        await _order_on_a_traded_symbol(stage, hand)


async def _foreign_order(stage: Stage, hand: Hand) -> None:
    fault = "order placed by hand"
    stage.report.inject("place", "limit order", symbol=FOREIGN_SYMBOL)
    link = await hand.rest_order(FOREIGN_SYMBOL, Side.BUY, FOREIGN_QTY, FAR_PRICE)

    async def told() -> Any:
        return stage.incident("FOREIGN_ORDER")

    await stage.expect(fault, told, "incident FOREIGN_ORDER", RECOGNISED_S)
    await paged(stage, fault, "FOREIGN_ORDER", symbol_scope(ACCOUNT, FOREIGN_SYMBOL), PAGED_S)
    states = [row["state"] for row in stage.table("orders") if row["symbol"] == FOREIGN_SYMBOL and not row["intent"]]
    stage.report.require(states == ["ORPHAN"], fault, f"in the books as {', '.join(states)}")
    rests = [row["orderLinkId"] for row in (await stage.venue()).newest() if row["orderStatus"] == "New"]
    stage.report.require(link in rests, fault, "left alone")
    await hand.cancel(FOREIGN_SYMBOL, link)


async def _order_on_a_traded_symbol(stage: Stage, hand: Hand) -> None:
    """While somebody's order could add to a position of ours, nothing is entered on its symbol."""
    fault, scope = "order placed by hand on a symbol that is traded", symbol_scope(ACCOUNT, BUSY_SYMBOL)
    if any(row["scope"] == scope and row["lifted_ms"] is None for row in stage.table("halts")):
        await resume(stage, scope)  # when everything was cancelled by hand, a stop may have rested here too
    newest = newest_bar(stage)
    qty, price = AGAINST
    stage.report.inject("place", "limit order", symbol=BUSY_SYMBOL)
    link = await hand.rest_order(BUSY_SYMBOL, Side.BUY, qty, price)
    await stage.exchange.release(HURRY)

    async def refused() -> Any:
        own = (row for row in bars_after(stage, newest, BUSY) if row["verdict"] == "UNRESOLVED")
        return next((row for row in own if "nobody's" in row["detail"]), None)

    seen = "an entry is refused: {verdict} {detail}"
    row = await stage.expect(fault, refused, lambda row: seen.format(**row), TRADED_S)
    await stage.exchange.release(SPEED)
    entered = [each for each in bars_after(stage, newest, BUSY) if each["verdict"] == "ENTERED"]
    late = [each for each in entered if each["close_ms"] >= row["close_ms"]]
    stage.report.require(not late, fault, f"{len(late)} entries beside it")
    await hand.cancel(BUSY_SYMBOL, link)
    cancelled = newest_bar(stage)
    await stage.exchange.release(HURRY)

    async def enters() -> bool:
        return any(each["verdict"] == "ENTERED" for each in bars_after(stage, cancelled, BUSY))

    await stage.expect(f"{fault}, then cancelled", enters, "an entry is sent", TRADED_S)
    await stage.exchange.release(SPEED)


async def _foreign_position(stage: Stage, hand: Hand) -> None:
    fault = "position opened by hand"
    stage.report.inject("open", "position", symbol=FOREIGN_SYMBOL)
    await hand.trade(FOREIGN_SYMBOL, Side.BUY, FOREIGN_QTY)

    async def booked() -> bool:
        rows = stage.table("virtual_positions")
        return any(row["instance"] == FOREIGN and Decimal(row["signed_qty"]) == FOREIGN_QTY for row in rows)

    await stage.expect(fault, booked, "booked as a foreign share", RECOGNISED_S)
    opened = await hand.position(FOREIGN_SYMBOL)
    left_alone = opened.signed_qty == FOREIGN_QTY and not opened.stop
    stage.report.require(left_alone, fault, f"left alone: {opened.signed_qty} {FOREIGN_SYMBOL}, stop {opened.stop}")
    await hand.trade(FOREIGN_SYMBOL, Side.SELL, FOREIGN_QTY, reduce_only=True)


async def _leverage_changed(stage: Stage) -> None:
    """Another leverage under an open position: the account is paused with the difference, and it stays while that is open."""
    fault = "leverage changed by hand"
    began_s = await arm(
        stage, "change_leverage", {"symbol": HELD_SYMBOL, "account": ACCOUNT}, given={"leverage": OTHER_LEVERAGE}
    )

    async def paused() -> Any:
        await stage.ctl("reconcile", ACCOUNT)  # by itself every five minutes
        return stage.halt("ACCOUNT_MODE")

    found = await stage.expect(fault, paused, lambda row: str(row["text"]), RECOGNISED_S, since_s=began_s)
    right = (found["level"], found["scope"]) == (1, account_scope(ACCOUNT))
    stage.report.require(right, fault, f"level {found['level']} on {found['scope']}")
    async with stage.exchange.hand() as hand:
        held = await hand.position(HELD_SYMBOL)
    seen = f"{held.leverage}× while {held.signed_qty} {HELD_SYMBOL} is open: setting it back would move its liquidation"
    stage.report.require(held.signed_qty and held.leverage == OTHER_LEVERAGE, fault, seen)


async def _leverage_set_back(stage: Stage, hand: Hand) -> None:
    fault = "leverage changed by hand, flat"

    async def back() -> Any:
        await stage.ctl("reconcile", ACCOUNT)
        held = await hand.position(HELD_SYMBOL)
        return held.leverage if held.leverage != OTHER_LEVERAGE and stage.halt("ACCOUNT_MODE") is None else None

    await stage.expect(fault, back, lambda now: f"set to {now}× again, the pause has lifted itself", RECOGNISED_S)


async def _closed(stage: Stage, hand: Hand) -> None:
    fault = "position closed by hand"
    position = await hand.position(HELD_SYMBOL)
    qty, side = abs(position.signed_qty), Side.SELL if position.signed_qty > 0 else Side.BUY
    stage.report.inject("close", "position", symbol=HELD_SYMBOL)
    await hand.trade(HELD_SYMBOL, side, qty, reduce_only=True)

    async def recognised() -> Any:
        return stage.incident("MANUAL_CLOSE")

    await stage.expect(fault, recognised, "incident MANUAL_CLOSE", RECOGNISED_S)
    await paged(stage, fault, "MANUAL_CLOSE", symbol_scope(ACCOUNT, HELD_SYMBOL), PAGED_S)

    async def booked() -> bool:
        rows = [row for row in stage.table("virtual_positions") if row["symbol"] == HELD_SYMBOL]
        held = await hand.position(HELD_SYMBOL)
        return sum((Decimal(row["signed_qty"]) for row in rows), Decimal(0)) == held.signed_qty

    await stage.expect(fault, booked, "the books say what the venue says", RECOGNISED_S)
    halt, owner = stage.halt("MANUAL_CLOSE"), stage.uid_of(HELD)
    paused = halt is not None and halt["level"] == 1 and HELD_SYMBOL in halt["scope"]
    stage.report.require(paused, fault, f"{HELD_SYMBOL} is at level 1 until a person has looked")
    last = max((row for row in stage.table("executions") if row["symbol"] == HELD_SYMBOL), key=lambda row: int(row["venue_ms"]))
    stage.report.require(last["owner"] == owner, fault, f"booked to {HELD} at {last['price']}")

    async def nothing_left() -> bool:
        venue = await stage.venue()
        left = [row for row in venue.newest() if row["symbol"] == HELD_SYMBOL and row["orderStatus"] in WORKING]
        return not left and not venue.positions[HELD_SYMBOL]

    await stage.expect(fault, nothing_left, "no stop and no target is left behind", RECOGNISED_S)


async def _everything_cancelled(stage: Stage) -> None:
    """Somebody presses `cancel all`: stops and resting entries of every symbol are gone."""
    fault = "everything cancelled by hand"
    began_s = await arm(stage, "cancel_all", {"account": ACCOUNT}, given={"what": "all"})
    await stage.expect_covered(HELD_SYMBOL, fault, PROTECTED_S, since_s=began_s)

    async def booked() -> bool:
        rows = [row for row in stage.table("orders") if row["symbol"] == RESTING_SYMBOL and row["reduce_only"] == 0]
        return any(row["state"] == "CANCELLED" for row in rows)

    await stage.expect(fault, booked, "the resting entry is over in the books", RECOGNISED_S)


async def _stop_moved(stage: Stage, hand: Hand, planned: Decimal) -> None:
    """Somebody moves the stop: the planned one is set again."""
    fault = "stop moved by hand"
    position = await hand.position(HELD_SYMBOL)
    moved = (planned * (Decimal("1.01") if position.signed_qty > 0 else Decimal("0.99"))).quantize(planned)
    began_s = stage.report.inject("move", "stop", symbol=HELD_SYMBOL, to=str(moved))
    await hand.set_stop(HELD_SYMBOL, moved)

    async def back() -> bool:
        return (await hand.position(HELD_SYMBOL)).stop == planned

    await stage.expect(fault, back, f"the stop is at {planned} again", PROTECTED_S, since_s=began_s)
