"""Drills of what gets lost between us and the venue: answers, requests, and the private reports of what was done."""

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

import anyio

from playd.core.orders import OrderState
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD_SYMBOL, PLAYS, SHADOW, with_limit_entries
from playd.ops.drills.scenarios.steps import CREATE, TRADED_S, arm, heal, hit_create, holds_still, is_over
from playd.ops.drills.stage import HURRY, SPEED, Stage

FOUND_S: Final = 5.0
HANGS_S: Final = 8.0
LATE_S: Final = 30.0
LAG_S: Final = 3.0
"""So much later than it happens the venue's lists know of an order."""

ABSENT_MIN_S: Final = 60.0
ABSENT_MAX_S: Final = 75.0
SCRAMBLED_S: Final = 30.0
QUIET_MOMENTS: Final = 6
VERIFIED_S: Final = 30.0
"""Ten seconds after its last fill a position is verified, whatever was told of it; and a look."""

DOUBLED: Final = "duplicate_frame order*"
BEHIND_S: Final = 0.3
"""So much later than its reports an answer comes."""

EXITS: Final = "pd[!e]*"
"""Link ids of everything but entries."""

EXISTS: Final = 110072
IN_DOUBT: Final = ("UNRESOLVED", "entry_pending")
"""Verdicts of the gate, and of the Play whose entry it is."""

EXITED_S: Final = 30.0
RESTS_BARS: Final = 30
SEEN_THERE: Final = (OrderState.OPEN, OrderState.PARTIAL, OrderState.FILLED, OrderState.CANCELLED)
"""As what an order may be found that rests at the venue; its Play may take it back meanwhile."""
FUNDED_S: Final = 150.0
"""Eight hours of market at ten bars a second, and as long again on a busy machine."""


async def lost_reply(stage: Stage) -> None:
    """
    DRL-02: the venue takes an order and its answer is lost: at once, after a long silence, behind a wrong code.

    An order of a closed bar trades with the next minute, and that waits for whoever decides on the bar (lock-step): where the
    answer hangs, the fill too is as late as the end of our waiting for it. Inside a minute it is booked at once.
    """
    await stage.open()
    for fault, kind, given in (
        ("answer lost", "drop_reply", {}),
        (f"answer hangs for {HANGS_S:g} s, then lost", "drop_reply", {"silent_s": HANGS_S}),
        (f"answer comes after {LATE_S:g} s", "delay_reply", {"delay_s": LATE_S}),
        ("taken, answered with 10016", "answer", {"code": 10016, "effect": True}),
        ("taken, answered with 110072", "answer", {"code": 110072, "effect": True}),
    ):
        await _found(stage, fault, kind, given, FOUND_S + (HANGS_S if kind != "answer" and given else 0.0))
    await _nothing_told(stage)
    await _repeated(stage)


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
    await _only_late_lists_tell(stage, SPEED)
    link = await _found(stage, fault, "drop_reply", {}, FOUND_S + 2 * LAG_S)
    stage.report.require(_was_unknown(stage, link), fault, f"order {link} was UNKNOWN before")
    await heal(stage)


async def _repeated(stage: Stage) -> None:
    """The same of an exit, which is sent again while nothing knows it: the venue has its link id already (110072)."""
    fault = f"an exit's answer lost, no private report, lists {LAG_S:g} s late"
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    await _only_late_lists_tell(stage, 1.0)
    known = {row["link_id"] for row in stage.table("orders")}
    await arm(stage, "drop_reply", {"path": CREATE, "symbol": BUSY_SYMBOL, "link_id": EXITS}, name=fault)
    began_s = stage.world.clock.mono_s()
    ran = await stage.ctl("stop", BUSY, "--flatten", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    left = (await stage.venue()).positions[BUSY_SYMBOL]
    stage.report.require(ran.code == 0 and not left, fault, f"exit {ran.code}, {left} left")
    stage.report.saw(fault, "flat", recovery_s=took_s, limit_s=EXITED_S)
    links = sorted({row["link_id"] for row in stage.table("order_events") if row["code"] == EXISTS} - known)
    stage.report.require(len(links) == 1, fault, f"sent again and answered with {EXISTS}: {', '.join(links) or 'none'}")
    for link in links:
        sent = sum(params.get("orderLinkId") == link for _, params in (await stage.venue()).creates)
        made = sum(row["orderLinkId"] == link for row in (await stage.venue()).newest())
        stage.report.require(made == 1, fault, f"{made} order {link} at the venue, sent {sent} times")
        stage.report.require(_was_unknown(stage, link), fault, f"order {link} was UNKNOWN before")
    await heal(stage)
    await stage.exchange.release(SPEED)
    await stage.ctl("start", BUSY)


async def _only_late_lists_tell(stage: Stage, speed: float) -> None:
    """No private report of orders and fills, and lists that know them some seconds (of the wall) later."""
    for topic in ("order*", "execution*"):
        await arm(stage, "drop_frame", {"socket": "private", "topic": topic}, times=0, name="private reports")
    given = {"delay_s": LAG_S * speed, "open": True}
    await arm(stage, "late_history", {"account": ACCOUNT}, times=0, given=given)


def _was_unknown(stage: Stage, link: str) -> bool:
    return any(row["link_id"] == link and row["after"] == OrderState.UNKNOWN for row in stage.table("order_events"))


async def never_arrived(stage: Stage) -> None:
    """
    DRL-03: a request is lost before the venue, while the venue's lists know of orders seconds later.

    First one that did arrive, and rests: what a list does not show yet is not absent.
    """
    busy = with_limit_entries(PLAYS[BUSY], expire_after_bars=RESTS_BARS)
    await stage.open(plays={**PLAYS, BUSY: busy})
    await _arrived(stage)
    await heal(stage)
    fault = f"request lost before the venue, lists {LAG_S:g} s late"
    given = {"delay_s": LAG_S * SPEED, "open": True}
    await arm(stage, "late_history", {"account": ACCOUNT}, times=0, given=given, name="lists that come late")
    link = await hit_create(stage, fault, "drop_request", {}, entry=True)  # an exit is sent again, under the same id

    async def unknown() -> bool:
        return _was_unknown(stage, link)

    await stage.expect(fault, unknown, "the order is UNKNOWN", TRADED_S)
    (sent_ms,) = [row["created_ms"] for row in stage.table("orders") if row["link_id"] == link]
    await _held_off(stage, fault, sent_ms)

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


async def _held_off(stage: Stage, fault: str, since_ms: int) -> None:
    """While the order is in doubt the next signals of its symbol come to nothing."""

    async def held_off() -> Any:
        rows = [row for row in stage.table("bars") if row["instance"] == stage.uid_of(BUSY) and row["processed_ms"] > since_ms]
        return next((row for row in rows if row["verdict"] in IN_DOUBT), None)

    await stage.exchange.release(HURRY)
    seen = "nothing is entered meanwhile: {verdict} {detail}"
    await stage.expect(fault, held_off, lambda row: seen.format(**row), ABSENT_MIN_S)
    await stage.exchange.release(SPEED)


async def _arrived(stage: Stage) -> None:
    fault = f"answer lost, no private report, a resting entry in the lists {LAG_S:g} s late"
    await _only_late_lists_tell(stage, SPEED)
    link = await hit_create(stage, fault, "drop_reply", {}, entry=True)

    async def found() -> Any:
        rows = (row for row in stage.table("orders") if row["link_id"] == link)
        return next((row for row in rows if row["state"] in SEEN_THERE), None)

    await stage.expect(fault, found, lambda row: f"found as {row['state']}", FOUND_S + 2 * LAG_S)
    stage.report.require(_was_unknown(stage, link), fault, f"order {link} was UNKNOWN before")
    absent = any(row["link_id"] == link and row["after"] == OrderState.NEVER_ARRIVED for row in stage.table("order_events"))
    stage.report.require(not absent, fault, "never called absent")


async def scrambled_stream(stage: Stage) -> None:
    """
    DRL-04: private reports come before the answer, twice, in another order, or not at all, while a busy market trades.

    Every few seconds the market stands, and the books must have what the venue has.
    """
    await stage.open()
    where = {"socket": "private"}
    kinds, topics = ("duplicate_frame", "reorder_frames", "drop_frame"), ("execution*", "order*")
    for place, kind in enumerate(kinds):
        for seed, topic in enumerate(topics, 7 + place * len(topics)):  # one seed for all would drop whatever it doubles
            when = {"probability": 0.4, "seed": seed}
            await arm(stage, kind, {**where, "topic": topic}, times=0, when=when, name=f"{kind} {topic}")
    given = {"delay_s": BEHIND_S}
    await arm(
        stage, "delay_reply", {"path": CREATE, "account": ACCOUNT}, times=0, given=given, when={"probability": 0.5, "seed": 13}
    )
    fault = "reports before the answer, doubled, reordered, lost"
    fills = len(stage.table("executions"))
    for number in range(QUIET_MOMENTS):
        await stage.exchange.release(HURRY)
        await anyio.sleep(SCRAMBLED_S / QUIET_MOMENTS)
        await stage.exchange.hold()
        await _books_agree(stage, f"{fault}, {number + 1}. quiet moment")
    traded = len(stage.table("executions")) - fills
    stage.report.require(traded > 0, fault, f"{traded} executions booked meanwhile")
    hits = [row for row in await stage.exchange.entries("fault") if row["name"] == DOUBLED]
    doubled = {link for row in hits for link in row.get("link_ids", ())}
    filled = {row["link_id"] for row in stage.table("orders") if row["state"] == OrderState.FILLED}
    stage.report.require(doubled & filled, fault, f"{len(doubled & filled)} filled orders were told twice")
    await _funded(stage, fault)
    await heal(stage)


async def _books_agree(stage: Stage, fault: str) -> None:
    """The books have the venue's position of every symbol."""

    async def agree() -> Any:
        ours: defaultdict[str, Decimal] = defaultdict(Decimal)
        uids = {row["uid"] for row in stage.table("instances") if row["name"] != SHADOW}
        for row in stage.table("virtual_positions"):
            if row["instance"] in uids:
                ours[row["symbol"]] += Decimal(row["signed_qty"])
        theirs = (await stage.venue()).positions
        return len(ours) if all(ours[symbol] == theirs[symbol] for symbol in {*ours, *theirs}) else 0

    await stage.expect(fault, agree, lambda count: f"the books have the venue's positions of {count} symbols", VERIFIED_S)


async def _funded(stage: Stage, fault: str) -> None:
    """A stamp of funding passes under the same reports: it is money, and no part of a position."""
    await arm(stage, "funding_spike", {"symbol": HELD_SYMBOL}, given={"rate": 0.001})
    await stage.exchange.release(HURRY)

    async def booked() -> Any:
        rows = (row for row in stage.table("executions") if row["symbol"] == HELD_SYMBOL)
        return next((row for row in rows if row["exec_type"] == "Funding"), None)

    await stage.expect(fault, booked, lambda row: f"funding of {row['fee']} USDT is booked", FUNDED_S)
    await stage.exchange.release(SPEED)
    await _books_agree(stage, fault)
