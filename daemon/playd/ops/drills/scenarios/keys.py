"""DRL-15: the key of the account is refused in session, at an exit, at a start; a key that may do too much is refused by us."""

from typing import Any, Final

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD_SYMBOL
from playd.ops.drills.scenarios.steps import CREATE, TRADED_S, arm, bars_go_on, heal, holds, lifted_by_a_person
from playd.ops.drills.stage import Stage
from playd.orders.halts import account_scope

CODES: Final = (33004, 10003, 10004, 10005, 10010)
READBACK: Final = "/v5/user/query-api"
SENT_S: Final = 15.0
REFUSED_S: Final = 30.0
RETURNS_S: Final = 60.0
WITHDRAW: Final = ("Order", "Position", "DerivativesTrade", "Withdraw")


async def key_trouble(stage: Stage) -> None:
    await stage.open(guardian=False)
    await _in_session(stage)
    await _at_an_exit(stage)
    await _private_login(stage)
    await stage.daemon.stop()
    for code in CODES:
        await _at_start(stage, code)
    await _too_much(stage)


async def _in_session(stage: Stage) -> None:
    """An entry is answered that the key has expired: nothing more is opened, stops stay."""
    fault = f"an entry answered with {CODES[0]}"
    await arm(stage, "answer", {"path": CREATE, "account": ACCOUNT}, times=1, given={"code": CODES[0]})

    async def halted() -> Any:
        return stage.halt("ACCOUNT_REFUSED")

    found = await stage.expect(fault, halted, "the account is halted", TRADED_S)
    stage.report.require(
        (found["level"], found["scope"]) == (2, account_scope(ACCOUNT)), fault, f"level {found['level']} on {found['scope']}"
    )
    stage.report.require(stage.incident("ACCOUNT_REFUSED"), fault, "incident ACCOUNT_REFUSED")
    stage.report.require(await stage.stop_of(HELD_SYMBOL), fault, f"{HELD_SYMBOL} keeps its stop")
    await lifted_by_a_person(stage, account_scope(ACCOUNT), "the key is taken again", RETURNS_S)


async def _at_an_exit(stage: Stage) -> None:
    """An exit is refused for want of rights; it is kept, and sent when the key works."""
    await holds(stage, BUSY, BUSY_SYMBOL)
    fault = "an exit answered with 10005"
    await arm(stage, "answer", {"path": CREATE, "symbol": BUSY_SYMBOL}, times=0, given={"code": 10005})
    await stage.ctl("stop", BUSY, "--flatten")

    async def refused() -> Any:
        return any(row["code"] == 10005 for row in stage.table("order_events"))

    await stage.expect(fault, refused, "the refusal is on record", SENT_S)
    stage.report.require((await stage.venue()).positions[BUSY_SYMBOL], fault, "the position is there still")
    healed_s = await heal(stage)

    async def flat() -> bool:
        return not (await stage.venue()).positions[BUSY_SYMBOL]

    await stage.expect("the key is taken again", flat, "the exit is sent by itself", RETURNS_S, since_s=healed_s)
    await stage.ctl("resume", account_scope(ACCOUNT), "--confirm", f"RESUME {account_scope(ACCOUNT)}", "--reason", "drill")
    await stage.ctl("start", BUSY)


async def _private_login(stage: Stage) -> None:
    """The private socket is cut and refused: the account polls, and trades again when it is let in."""
    fault = "private login refused"
    await arm(stage, "refuse_authentication", {"socket": "private", "account": ACCOUNT}, times=0)
    await arm(stage, "cut", {"socket": "private"})
    await bars_go_on(stage, fault, RETURNS_S)
    async with stage.exchange.hand() as hand:
        removed_s = stage.report.inject("cancel", "stop", symbol=HELD_SYMBOL)
        await hand.remove_stop(HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", RETURNS_S, since_s=removed_s)
    await heal(stage)


async def _at_start(stage: Stage, code: int) -> None:
    """The first question with the key is answered with a refusal: the account is refused by name, and asked no more."""
    fault = f"a start answered with {code}"
    await arm(stage, "answer", {"path": READBACK, "account": ACCOUNT}, times=0, given={"code": code})
    await stage.start_daemon()
    accounts = (await stage.ctl("status", "--json")).data["daemon"]["accounts"]
    said = str(next((row for row in accounts if row["alias"] == ACCOUNT), ""))
    stage.report.require(str(code) in said, fault, f"the account says {said[:120]}")
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
    said = str(next((row for row in accounts if row["alias"] == ACCOUNT), ""))
    stage.report.require("withdraw" in said.lower(), fault, f"the account says {said[:120]}")
    stage.report.require(len((await stage.venue()).creates) == before, fault, "nothing is sent with it")
    await stage.daemon.stop()
    stage.use_key(stage.exchange.key, stage.exchange.secret)
    await stage.start_daemon()
    await stage.expect_covered(HELD_SYMBOL, "the right key again", REFUSED_S)
    await bars_go_on(stage, "the right key again", RETURNS_S)
