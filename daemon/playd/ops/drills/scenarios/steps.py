"""Steps that several drills share: arm a fault, hit an order with it, see that bars go on."""

from decimal import Decimal
from typing import Any, Final

import anyio

from playd.core.orders import OrderState
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY_SYMBOL
from playd.ops.drills.programs import Ran, until
from playd.ops.drills.report import CannotRun
from playd.ops.drills.stage import HURRY, SPEED, Stage
from playd.orders.halts import symbol_scope

CREATE: Final = "/v5/order/create"
TRADED_S: Final = 60.0
"""Within which the busy instance is sure to trade."""

BAR_MS: Final = 60_000
ALERTS: Final = "alerts.txt"
STILL_S: Final = 1.0
ON_ITS_WAY_S: Final = 1.0
"""An entry that was on its way when a halt was raised may arrive for so long."""
STILL_TRIES: Final = 10
ARRIVES_S: Final = 45.0
"""An alert is handed to a program, on a busy machine."""


async def arm(
    stage: Stage,
    kind: str,
    where: dict[str, Any],
    *,
    times: int = 1,
    given: dict[str, Any] | None = None,
    when: dict[str, Any] | None = None,
    name: str = "",
) -> float:
    """
    Arm one fault of the exchange's script; the moment. It must have hit something when the drill is judged.

    Faults that share a `name` count as one: of those any may have hit.
    """
    target = where.get("path") or where.get("topic") or where.get("socket") or where.get("symbol", "")
    began_s = stage.report.inject(kind, target, **(given or {}))
    name = name or f"{len(stage.report.faults)}. {kind} {target}".strip()
    fault = {"kind": kind, "name": name, "where": where, "times": times, "with": given or {}, "when": when or {}}
    await stage.exchange.admin("POST", "faults", {"faults": [fault]})
    return began_s


async def hit_create(stage: Stage, fault: str, kind: str, given: dict[str, Any], *, times: int = 1, entry: bool = False) -> str:
    """
    Let a fault hit the next order of the busy instance, with `entry` the next one that opens; that order's link id.

    It has hit as often as it may and stays armed: healing it would end its silence or its delay.
    """
    if entry:
        await _stands_flat(stage)
    known = {row["link_id"] for row in stage.table("orders")}
    await arm(stage, kind, {"path": CREATE, "symbol": BUSY_SYMBOL}, given=given, times=times, name=fault)
    await stage.exchange.release(HURRY)

    async def hit() -> str:
        rows = (await stage.exchange.admin("GET", "faults"))["faults"]
        if sum(int(row["hits"]) for row in rows if row["name"] == fault) < times:
            return ""
        new = [
            row
            for row in stage.table("orders")
            if row["link_id"] not in known and row["symbol"] == BUSY_SYMBOL and row["intent"]
        ]
        return str(min(new, key=lambda row: int(row["created_ms"]))["link_id"]) if new else ""

    link: str = await stage.expect(fault, hit, lambda link: f"order {link}", TRADED_S)
    await stage.exchange.release(SPEED)
    return link


async def _stands_flat(stage: Stage) -> None:
    """Let the market stand between two minutes in which the busy instance has nothing: its next order is an entry."""

    async def flat() -> bool:
        await stage.exchange.hold()
        positions = [row for row in stage.table("virtual_positions") if row["symbol"] == BUSY_SYMBOL]
        working = [row for row in stage.table("orders") if row["symbol"] == BUSY_SYMBOL and not is_over(row)]
        if not working and not any(Decimal(row["signed_qty"]) for row in positions):
            return True
        await stage.exchange.release(SPEED)
        await anyio.sleep(STILL_S)
        return False

    if await until(flat, TRADED_S) is None:
        raise CannotRun(f"{BUSY_SYMBOL} was never flat within {TRADED_S:g} s")


async def bars_go_on(stage: Stage, fault: str, limit_s: float, *, since_s: float | None = None) -> None:
    """New bars are decided, not only stored ones."""
    newest = max(row["close_ms"] for row in stage.table("bars"))

    async def later() -> bool:
        return bool(max(row["close_ms"] for row in stage.table("bars")) >= newest + 5 * BAR_MS)

    await stage.expect(fault, later, "bars are decided", limit_s, since_s=since_s)


def no_gaps(stage: Stage, fault: str, *, but: str = "") -> None:
    """Every bar of every instance was decided, once; `but` names one that is not looked at."""
    bars: dict[str, list[int]] = {}
    left_out = {row["uid"] for row in stage.table("instances") if row["name"] == but}
    for row in stage.table("bars"):
        if row["instance"] not in left_out:
            bars.setdefault(row["instance"], []).append(row["close_ms"])
    missing = sum((max(each) - min(each)) // BAR_MS + 1 - len(each) for each in bars.values())
    stage.report.require(missing == 0, fault, f"{missing} of {sum(map(len, bars.values()))} bars are missing")


async def alive(stage: Stage) -> bool:
    return stage.daemon.alive


def is_over(row: dict[str, Any]) -> bool:
    return OrderState(row["state"]).terminal


async def struck(stage: Stage, kind: str, symbol: str = "") -> bool:
    """Whether an armed fault of a kind has hit something, of one symbol or of whatever it is for."""
    armed = [row for row in (await stage.exchange.admin("GET", "faults"))["faults"] if row["fault"] == kind]
    return any(int(row["hits"]) for row in armed if not symbol or row["where"].get("symbol") == symbol)


async def heal(stage: Stage) -> float:
    """End every fault of the exchange; the moment."""
    await stage.exchange.admin("DELETE", "faults")
    return stage.world.clock.mono_s()


async def holds(stage: Stage, name: str, symbol: str) -> None:
    """Wait until an instance has a position. Raises `CannotRun`."""

    async def held() -> bool:
        uids = {row["uid"] for row in stage.table("instances") if row["name"] == name}
        rows = stage.table("virtual_positions")
        return any(row["instance"] in uids and row["symbol"] == symbol and Decimal(row["signed_qty"]) for row in rows)

    if await until(held, TRADED_S) is None:
        raise CannotRun(f"{name} had no position of {symbol} within {TRADED_S:g} s")


async def holds_still(stage: Stage, name: str, symbol: str) -> None:
    """
    Wait until an instance has a position in a minute that takes a real one, so that it is still there when something is done.

    A hand that was at its stop has paused the symbol: a person has looked, or it could never be entered again. Whoever called
    lets the market go on. Raises `CannotRun`.
    """
    if stage.halt("MANUAL_STOP") is not None:
        await resume(stage, symbol_scope(ACCOUNT, symbol))
    for _ in range(STILL_TRIES):
        await holds(stage, name, symbol)
        await stage.exchange.inside_a_minute()
        await anyio.sleep(STILL_S)  # what was decided at the close before is done by now
        rows = [row for row in stage.table("virtual_positions") if row["instance"] == stage.uid_of(name)]
        if any(row["symbol"] == symbol and Decimal(row["signed_qty"]) for row in rows):
            return
        await stage.exchange.release(SPEED)
    raise CannotRun(f"{name} left {symbol} each time before anything could be done")


async def entries(stage: Stage) -> int:
    """How many orders that may open something have arrived at the venue."""
    return sum(not params.get("reduceOnly") for _, params in (await stage.venue()).creates)


async def resume(stage: Stage, scope: str) -> Ran:
    """Lift a halt as a person does who types the phrase."""
    return await stage.ctl("resume", scope, "--confirm", f"RESUME {scope}", "--reason", "drill")


async def lifted_by_a_person(stage: Stage, scope: str, fault: str, limit_s: float) -> None:
    """Lift a halt as soon as the daemon finds its cause gone."""

    async def lifted() -> bool:
        return (await resume(stage, scope)).code == 0

    await stage.expect(fault, lifted, f"{scope} resumed by a person", limit_s)


def newest_bar(stage: Stage) -> int:
    """Close of the newest bar that anybody decided."""
    return max(int(row["close_ms"]) for row in stage.table("bars"))


def bars_after(stage: Stage, close_ms: int, name: str = "") -> list[dict[str, Any]]:
    """Decided bars that closed later; of one instance, or of all."""
    uid = stage.uid_of(name) if name else ""
    return [row for row in stage.table("bars") if row["close_ms"] > close_ms and uid in ("", row["instance"])]


async def stop_removed(stage: Stage, symbol: str) -> float:
    """
    A hand takes the stop of a position away; the moment.

    Behind `holds_still`, where that matters: a position that the market closes meanwhile has no stop to take away, and none
    that could come back.
    """
    async with stage.exchange.hand() as hand:
        began_s = stage.report.inject("cancel", "stop", symbol=symbol)
        await hand.remove_stop(symbol)
    return began_s


async def stop_put_back(stage: Stage, symbol: str, fault: str, limit_s: float) -> None:
    """A hand takes the stop away beside a living daemon, which puts the planned one back."""
    planned = await stage.stop_of(symbol)
    began_s = await stop_removed(stage, symbol)
    stop = await stage.expect_covered(symbol, fault, limit_s, since_s=began_s)
    stage.report.require(stop == planned, fault, f"stop {stop}, planned {planned}")


def alerts_to_a_file(stage: Stage) -> str:
    """Settings by which daemon and guardian tell people: into a file, which `alerted` reads."""
    return f"""
[alerts]
routes = [{{ name = "file", command = ["/bin/sh", "-c", "cat >> {stage.directory / ALERTS}"] }}]
"""


def alerts(stage: Stage) -> bytes:
    """What people were told until now."""
    path = stage.directory / ALERTS
    return stage.world.disk.read_bytes(path) if stage.world.disk.exists(path) else b""


async def alerted(
    stage: Stage, fault: str, words: str, limit_s: float, *, since_s: float | None = None, behind: int = 0
) -> None:
    """People were told: an alert with these words has arrived, behind so many bytes of `alerts`."""

    async def arrived() -> bool:
        return words.encode() in alerts(stage)[behind:]

    await stage.expect(fault, arrived, f"an alert arrives: {words}", limit_s, since_s=since_s)


async def paged(stage: Stage, fault: str, kind: str, scope: str, limit_s: float) -> None:
    """
    People were told of the newest incident of a kind on a scope: its alert was taken, so long after it was opened, by stamps of
    the ledger. When we look is nobody's delay.
    """

    async def taken() -> Any:
        found = [row for row in stage.table("incidents") if (row["kind"], row["scope"]) == (kind, scope)]
        rows = [row for row in stage.table("notifications") if found and row["incident"] == found[-1]["id"]]
        moments = [int(row["done_ms"]) for row in rows if row["status"] == "sent"]
        return (int(found[-1]["opened_ms"]), min(moments)) if moments else None

    stamps = await until(taken, ARRIVES_S)
    if stamps is None:
        stage.report.missed(fault, f"nobody was told of {kind}", limit_s=limit_s)
        return
    opened_ms, taken_ms = stamps
    stage.report.saw(fault, f"an alert is taken: {kind}", recovery_s=(taken_ms - opened_ms) / 1000, limit_s=limit_s)
