"""DRL-15: the key of the account is refused in session, at an exit, at a start; a key that may do too much is refused by us."""

from typing import Any, Final

import anyio

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import HELD, HELD_SYMBOL, SHADOW
from playd.ops.drills.scenarios.steps import (
    CREATE,
    TRADED_S,
    arm,
    bars_after,
    bars_go_on,
    heal,
    holds_still,
    lifted_by_a_person,
    newest_bar,
    stop_removed,
    struck,
)
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import Level, account_scope

CODES: Final = (33004, 10003, 10004, 10005, 10010)
READBACK: Final = "/v5/user/query-api"
AT_ONCE_S: Final = 2.0
REFUSED_EACH_S: Final = 60.0
"""The exit is asked again every five seconds, six times."""

SENT_S: Final = 20.0
"""Sooner than it would be asked for again: half a minute."""

ENTRIES: Final = "pde*"
"""Link ids of entries."""

REFUSED_S: Final = 30.0
RETURNS_S: Final = 60.0
WITHDRAW: Final = ("Order", "Position", "DerivativesTrade", "Withdraw")


async def key_trouble(stage: Stage) -> None:
    await stage.open()
    for code in CODES:
        await _in_session(stage, code)
    await _at_an_exit(stage)
    await _private_login(stage)
    await _exchanged(stage)
    await stage.exchange.hold()  # so that what is open is still there behind the starts
    await stage.daemon.stop()
    for code in CODES:
        await _at_start(stage, code)
    await _too_much(stage)


async def _in_session(stage: Stage, code: int) -> None:
    """An entry is answered that the key does not hold: nothing more is opened, stops stay."""
    fault, known = f"an entry answered with {code}", {row["id"] for row in stage.table("halts")}
    await arm(
        stage, "answer", {"path": CREATE, "account": ACCOUNT, "link_id": ENTRIES}, times=1, given={"code": code}, name=fault
    )

    async def halted() -> Any:
        return next((row for row in stage.table("halts") if row["code"] == "ACCOUNT_REFUSED" and row["id"] not in known), None)

    found = await stage.expect(fault, halted, "the account is halted", TRADED_S)
    (hit_ms,) = (int(row["wall_ms"]) for row in await stage.exchange.entries("fault") if row["name"] == fault)
    at_once_s = max(int(found["raised_ms"]) - hit_ms, 0) / 1000
    stage.report.saw(fault, f"level {found['level']} on {found['scope']}", recovery_s=at_once_s, limit_s=AT_ONCE_S)
    stage.report.require((found["level"], found["scope"]) == (2, account_scope(ACCOUNT)), fault, "level 2 on the account")
    told = stage.incident("ACCOUNT_REFUSED")  # one that was there before is seen again
    stage.report.require(told and int(told["last_ms"]) >= hit_ms, fault, "incident ACCOUNT_REFUSED")
    await _keeps_its_stop(stage, fault)
    await heal(stage)
    await stage.ctl("creds", "reload", ACCOUNT)  # it would be looked at again in half a minute
    await lifted_by_a_person(stage, account_scope(ACCOUNT), f"{fault}, then taken again", RETURNS_S)


async def _keeps_its_stop(stage: Stage, fault: str) -> None:
    async with stage.exchange.hand() as hand:
        held = await hand.position(HELD_SYMBOL)
    covered = "keeps its stop" if held.signed_qty else "is flat, by its stop or target"
    stage.report.require(held.stop or not held.signed_qty, fault, f"{HELD_SYMBOL} {covered}")


async def _at_an_exit(stage: Stage) -> None:
    """An exit is refused for each reason in turn; it is kept, and sent as soon as another key is read."""
    await stage.until_covered(HELD_SYMBOL)
    await holds_still(stage, HELD, HELD_SYMBOL)
    fault = f"an exit answered with {', '.join(map(str, CODES))}, then without end"
    where = {"path": CREATE, "symbol": HELD_SYMBOL}
    for place, code in enumerate(CODES):
        when = {"after": place}
        await arm(stage, "answer", where, given={"code": code}, when=when, name=f"exit answered with {code}")
    lasting = {"after": len(CODES)}
    began_s = await arm(stage, "answer", where, times=0, given={"code": CODES[-1]}, when=lasting, name="exits refused")

    async def refused() -> bool:
        return sum(row["code"] in CODES for row in stage.table("order_events")) >= before + len(CODES) + 2

    before = sum(row["code"] in CODES for row in stage.table("order_events"))
    async with anyio.create_task_group() as group:
        group.start_soon(stage.ctl, "stop", HELD, "--flatten", name="an exit")
        seen = f"{len(CODES) + 2} refusals on record, and the exit is kept"
        await stage.expect(fault, refused, seen, REFUSED_EACH_S, since_s=began_s)
        stage.report.require(await stage.stop_of(HELD_SYMBOL), fault, f"{HELD_SYMBOL} keeps its stop")
        await heal(stage)
        reloaded_s = await _next_key(stage, f"{fault}, then another key")

        async def flat() -> bool:
            return not (await stage.venue()).positions[HELD_SYMBOL]

        await stage.expect(fault, flat, "the exit is sent behind `creds reload`", SENT_S, since_s=reloaded_s)
    await stage.exchange.release(SPEED)
    await lifted_by_a_person(stage, account_scope(ACCOUNT), "the key is taken again", RETURNS_S)
    await stage.ctl("start", HELD)
    await stage.until_covered(HELD_SYMBOL)


async def _next_key(stage: Stage, fault: str) -> float:
    """The account gets another key, which the running daemon reads; the moment before that."""
    made = await stage.exchange.admin("POST", "keys", {"alias": ACCOUNT, "note": "the next one"})
    began_s = stage.report.inject("replace", "key", of="the same user")
    stage.use_key(made["key"], made["secret"])
    ran = await stage.ctl("creds", "reload", ACCOUNT)
    stage.report.require(ran.code == 0, fault, f"taken, exit {ran.code}")
    await stage.exchange.admin("POST", "keys", {"alias": ACCOUNT, "key": stage.exchange.key, "read_only": True})
    stage.exchange.key, stage.exchange.secret = made["key"], made["secret"]
    return began_s


async def _private_login(stage: Stage) -> None:
    """
    The private socket is cut and refused: the account polls and enters nothing, and trades again when it is let in. That a key
    holds no longer is said by a request, and those are answered here.
    """
    fault = "private login refused"
    await holds_still(stage, HELD, HELD_SYMBOL)  # nothing is entered any more while the account is polled
    await arm(stage, "refuse_authentication", {"socket": "private"}, times=0)
    await arm(stage, "cut", {"socket": "private"})

    async def refused() -> bool:
        return await struck(stage, "refuse_authentication")

    await stage.expect(fault, refused, "it is cut off and tries again", RETURNS_S)
    newest = newest_bar(stage)
    removed_s = await stop_removed(stage, HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", RETURNS_S, since_s=removed_s)
    await stage.exchange.release(SPEED)
    await bars_go_on(stage, fault, RETURNS_S)
    of_account = [row for row in bars_after(stage, newest) if row["instance"] != stage.uid_of(SHADOW)]
    entered = sum(row["verdict"] == "ENTERED" for row in of_account)
    stage.report.require(of_account and not entered, fault, f"{entered} entries on {len(of_account)} bars")
    await heal(stage)


async def _exchanged(stage: Stage) -> None:
    """The key is exchanged while the daemon runs: that of somebody else is refused, one of the same user signs from then on."""
    fault = "the key is exchanged"
    await holds_still(stage, HELD, HELD_SYMBOL)
    stranger = await stage.exchange.admin("POST", "accounts", {"alias": "stranger", "wallet_usdt": "1000"})
    stage.report.inject("replace", "key", of="another user")
    stage.use_key(stranger["key"], stranger["secret"])
    ran = await stage.ctl("creds", "reload", ACCOUNT)
    stage.report.require(ran.code, f"{fault} for a stranger's", f"refused with exit {ran.code}: {ran.text.strip()[:160]}")
    await _next_key(stage, fault)
    removed_s = await stop_removed(stage, HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", RETURNS_S, since_s=removed_s)
    await stage.exchange.release(SPEED)


async def _at_start(stage: Stage, code: int) -> None:
    """The first question with the key is answered with a refusal: the account is refused by name, and asked no more."""
    fault = f"a start answered with {code}"
    await arm(stage, "answer", {"path": READBACK, "account": ACCOUNT}, times=0, given={"code": code})
    await stage.start_daemon()
    accounts = (await stage.ctl("status", "--json")).data["daemon"]["accounts"]
    said = str(next((row["not_ready"] for row in accounts if row["alias"] == ACCOUNT), ""))
    stage.report.require(str(code) in said, fault, f"the account says: {said}")
    halts = [row for row in stage.table("halts") if row["scope"] == account_scope(ACCOUNT) and row["lifted_ms"] is None]
    raised = next((row for row in halts if row["level"] == Level.HALT), None)  # by the first of them, and it stays
    stage.report.require(raised, fault, f"level 2 on the account: {raised and raised['text']}")
    await _keeps_its_stop(stage, fault)
    await stage.daemon.stop()
    await heal(stage)


async def _too_much(stage: Stage) -> None:
    """A key that may withdraw is not used, whatever it could."""
    fault = "a key that may withdraw"
    made = await stage.exchange.admin("POST", "keys", {"alias": ACCOUNT, "note": "too much", "rights": list(WITHDRAW)})
    stage.report.inject("replace", "key", rights=",".join(WITHDRAW))
    before = len((await stage.venue()).creates)
    stage.use_key(made["key"], made["secret"])
    await stage.start_daemon()
    accounts = (await stage.ctl("status", "--json")).data["daemon"]["accounts"]
    said = str(next((row["not_ready"] for row in accounts if row["alias"] == ACCOUNT), ""))
    stage.report.require("withdraw" in said, fault, f"the account says: {said}")
    stage.report.require(len((await stage.venue()).creates) == before, fault, "nothing is sent with it")
    await stage.daemon.stop()
    stage.use_key(stage.exchange.key, stage.exchange.secret)
    await stage.start_daemon()
    await stage.exchange.release(SPEED)
    await stage.expect_covered(HELD_SYMBOL, "the right key again", REFUSED_S)
    await lifted_by_a_person(stage, account_scope(ACCOUNT), "the right key again", RETURNS_S)
    for name in stage.plays:
        if name != SHADOW:
            ran = await stage.ctl("reset-failed", name)
            stage.report.require(ran.code == 0, "the right key again", f"{name} is put back by a person, exit {ran.code}")
            await stage.ctl("start", name)
    await bars_go_on(stage, "the right key again", RETURNS_S)
