"""Drills of what gets lost between us and the venue: answers, requests, and the private reports of what was done."""

from decimal import Decimal
from typing import Any, Final

import anyio

from playd.core.orders import OrderState
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY_SYMBOL, HELD_SYMBOL
from playd.ops.drills.scenarios.steps import TRADED_S, arm, heal, hit_create, is_over
from playd.ops.drills.stage import HURRY, SPEED, Stage

FOUND_S: Final = 5.0
HANGS_S: Final = 8.0
LATE_S: Final = 30.0
LAG_S: Final = 3.0
"""So much later than it happens the venue's lists know of an order."""

ABSENT_MIN_S: Final = 60.0
ABSENT_MAX_S: Final = 75.0
SCRAMBLED_S: Final = 30.0
FUNDED_S: Final = 150.0
"""Eight hours of market at ten bars a second, and as long again on a busy machine."""


async def lost_reply(stage: Stage) -> None:
    """
    DRL-02: the venue takes an order and its answer is lost: at once, after a long silence, behind a wrong code.

    An order of a closed bar trades with the next minute, and that waits for whoever decides on the bar (lock-step): where the
    answer hangs, the fill too is as late as the end of our waiting for it. Inside a minute it is booked at once.
    """
    await stage.open(guardian=False)
    for fault, kind, given in (
        ("answer lost", "drop_reply", {}),
        (f"answer hangs for {HANGS_S:g} s, then lost", "drop_reply", {"silent_s": HANGS_S}),
        (f"answer comes after {LATE_S:g} s", "delay_reply", {"delay_s": LATE_S}),
        ("taken, answered with 10016", "answer", {"code": 10016, "effect": True}),
        ("taken, answered with 110072", "answer", {"code": 110072, "effect": True}),
    ):
        await _found(stage, fault, kind, given, FOUND_S + (HANGS_S if kind != "answer" and given else 0.0))
    await _nothing_told(stage)


async def _found(stage: Stage, fault: str, kind: str, given: dict[str, Any], limit_s: float) -> str:
    """An order that the venue took is found as what it is, and was sent once; its link id."""
    link = await hit_create(stage, fault, kind, given)

    async def settled() -> Any:
        return next((row for row in stage.table("orders") if row["link_id"] == link and is_over(row)), None)

    row = await stage.expect(fault, settled, lambda row: f"found as {row['state']}", limit_s)
    stage.report.require(row["state"] == OrderState.FILLED, fault, f"order {link} is {row['state']}, the venue executed it")
    same = {each["link_id"] for each in stage.table("orders") if each["intent"] == row["intent"]}
    made = sum(each["orderLinkId"] in same for each in (await stage.venue()).newest())
    stage.report.require(made == 1, fault, f"{made} order of this decision at the venue")
    return link


async def _nothing_told(stage: Stage) -> None:
    """Neither the answer nor the private socket tells of the order, and the venue's lists know it seconds later."""
    fault = f"answer lost, no private report, lists {LAG_S:g} s late"
    for topic in ("order*", "execution*"):
        await arm(stage, "drop_frame", {"socket": "private", "topic": topic}, times=0, name="private reports")
    await arm(stage, "late_history", {"account": ACCOUNT}, times=0, given={"delay_s": LAG_S * SPEED})
    link = await _found(stage, fault, "drop_reply", {}, FOUND_S + 2 * LAG_S)
    doubted = any(row["link_id"] == link and row["after"] == OrderState.UNKNOWN for row in stage.table("order_events"))
    stage.report.require(doubted, fault, f"order {link} was UNKNOWN before")
    await heal(stage)


async def never_arrived(stage: Stage) -> None:
    """DRL-03: a request is lost before the venue."""
    await stage.open(guardian=False)
    fault = "request lost before the venue"
    link = await hit_create(stage, fault, "drop_request", {}, entry=True)  # an exit is sent again, under the same id

    async def unknown() -> Any:
        return any(row["link_id"] == link and row["after"] == OrderState.UNKNOWN for row in stage.table("order_events"))

    await stage.expect(fault, unknown, "the order is UNKNOWN", TRADED_S)
    (sent_ms,) = [row["created_ms"] for row in stage.table("orders") if row["link_id"] == link]

    async def absent() -> Any:
        return next(
            (row for row in stage.table("order_events") if row["link_id"] == link and row["after"] == OrderState.NEVER_ARRIVED),
            None,
        )

    since_s = stage.world.clock.mono_s() - (stage.world.clock.wall_ms() - sent_ms) / 1000
    row = await stage.expect(fault, absent, "the order is NEVER_ARRIVED", ABSENT_MAX_S, since_s=since_s)
    took_s = (row["received_ms"] - sent_ms) / 1000
    stage.report.require(took_s >= ABSENT_MIN_S, fault, f"found absent after {took_s:.1f} s, not before {ABSENT_MIN_S:g} s")
    meanwhile = [
        each["id"]
        for each in stage.table("intents")
        if each["symbol"] == BUSY_SYMBOL and each["class"] == "entry" and sent_ms < each["created_ms"] < row["received_ms"]
    ]
    stage.report.require(not meanwhile, fault, f"entries of {BUSY_SYMBOL} meanwhile: {', '.join(meanwhile) or 'none'}")
    stage.report.require(
        link not in {each["orderLinkId"] for each in (await stage.venue()).newest()}, fault, "never sent again"
    )


async def scrambled_stream(stage: Stage) -> None:
    """DRL-04: private reports come twice, in another order, or not at all, while a busy market trades."""
    await stage.open(guardian=False)
    where = {"socket": "private"}
    for kind in ("duplicate_frame", "reorder_frames", "drop_frame"):
        for seed, topic in ((7, "execution*"), (8, "order*")):
            when = {"probability": 0.4, "seed": seed}
            await arm(stage, kind, {**where, "topic": topic}, times=0, when=when, name=f"{kind} of the private socket")
    fault = "reports doubled, reordered, lost"
    fills = len(stage.table("executions"))
    await anyio.sleep(SCRAMBLED_S)
    traded = len(stage.table("executions")) - fills
    stage.report.require(traded > 0, fault, f"{traded} executions booked meanwhile")
    await _funded(stage, fault)
    await heal(stage)


async def _funded(stage: Stage, fault: str) -> None:
    """A stamp of funding passes under the same reports: it is money, and no part of a position."""
    await arm(stage, "funding_spike", {"symbol": HELD_SYMBOL}, given={"rate": 0.001})
    await stage.exchange.release(HURRY)

    async def booked() -> Any:
        rows = (row for row in stage.table("executions") if row["symbol"] == HELD_SYMBOL)
        return next((row for row in rows if row["exec_type"] == "Funding"), None)

    await stage.expect(fault, booked, lambda row: f"funding of {row['fee']} USDT is booked", FUNDED_S)
    await stage.exchange.release(SPEED)

    async def agree() -> bool:
        rows = (row for row in stage.table("virtual_positions") if row["symbol"] == HELD_SYMBOL)
        ours = sum((Decimal(row["signed_qty"]) for row in rows), Decimal(0))
        return ours == (await stage.venue()).positions[HELD_SYMBOL]

    await stage.expect(fault, agree, "the books have the venue's position", FOUND_S + LAG_S)
