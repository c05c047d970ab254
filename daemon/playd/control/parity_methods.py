"""Methods that hold what the daemon does against a backtest over the days that it recorded, and show what came of it."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Final

import anyio.lowlevel
import orjson

from playd.control import params as p
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import rfc3339, rounded
from playd.control.look_methods import chosen
from playd.control.protocol import Code, JsonObject, RpcError
from playd.control.record_answers import Alike, Compared, ParityRow
from playd.core.modes import Environment
from playd.core.timeframes import DAY_MS
from playd.market.recorded_days import FOLDER, date_ms, is_recorded, market_of
from playd.supervisor.evidence import KEPT_MS
from playd.supervisor.readiness import Evidence
from playd.supervisor.slot import Slot

MODULE: Final = "playd.cli.parity_days"
KIND: Final = "parity"
DIRECTORY: Final = "evidence"
DAYS: Final = 5
"""Compared when neither a day nor a number is given; as many as readiness asks for."""


async def run(daemon: Daemon, params: p.ParityRun, call: Call) -> Compared:
    """
    Replay recorded days of the instances through the backtest and through the daemon's own parts, decision by decision.

    Each is evidence for readiness, passed or not. Instances of one Play on one market are compared once. What an instance
    itself decided on those days is counted beside it: it also met gates, fills and a position that no replay has. Refused for a
    day of which nothing was recorded, where that is so of every instance that is meant.
    """
    if params.date is not None and date_ms(params.date) is None:
        raise RpcError(Code.INVALID_PARAMS, f"date: found {params.date!r}, expected {p.FORMS[p.DATE]}")
    if daemon.ops.comparing.locked():
        raise RpcError(Code.BUSY, "a comparison runs already", hint="playctl parity show, when it is done")
    slots = chosen(daemon, params.target)
    missing = {} if params.date is None else _missing(daemon, slots, params.date)
    days = params.days or (DAYS if params.date is None else 1)
    words = f"{days} days" if params.date is None else f"{days} days to the end of {params.date}" if days > 1 else params.date
    found: dict[tuple[str, str, str], JsonObject] = {}
    rows: list[ParityRow] = []
    async with daemon.ops.comparing:
        for slot in slots:
            if slot.name in missing:
                rows.append({"name": slot.name, "result": "not_compared", "what": missing[slot.name]})
                continue
            folder = _folder(daemon, slot)
            key = slot.record.play_path, slot.record.play_digest, str(folder)
            if key not in found:
                await call.step({"text": f"{slot.name}: comparing {words} of {slot.record.symbol}"})
                found[key] = await _compare(daemon, slot, folder, params.date or "", days)
            rows.append(await _row(daemon, slot, found[key]))
    return {"rows": rows}


def _missing(daemon: Daemon, slots: Sequence[Slot], date: str) -> dict[str, str]:
    """
    By name, of which instances nothing was recorded on a day. Raises `RpcError` where that is so of all: for a day that is to
    come, else with what was recorded.
    """
    missing = {slot.name: text for slot in slots if (text := _not_recorded(daemon, slot, date))}
    today = rfc3339(daemon.clock.wall_ms())[:10]
    if len(missing) == len(slots) and date > today:
        raise RpcError(Code.INVALID_PARAMS, f"date: found {date}, which is to come, expected a UTC day up to {today}")
    if missing and len(missing) == len(slots):
        hint = "without a date the newest that were recorded are compared"
        raise RpcError(Code.NOT_FOUND, "; ".join(dict.fromkeys(missing.values())), hint=hint)
    return missing


def _not_recorded(daemon: Daemon, slot: Slot, date: str) -> str:
    """That no bar of an instance's symbol was recorded on a day, and from when to when its market was; empty where one was."""
    disk, folder, symbol = daemon.ops.world.disk, _folder(daemon, slot), slot.record.symbol
    if is_recorded(disk, folder, symbol, date):
        return ""
    dates = sorted(disk.list(folder)) if disk.exists(folder) else []
    there = f"its market was from {dates[0]} to {dates[-1]}" if dates else "nothing of its market was"
    return f"no bar of {symbol} was recorded on {date}; {there} ({folder.name})"


def _folder(daemon: Daemon, slot: Slot) -> PurePath:
    return daemon.ops.state_dir / FOLDER / market_of(daemon.environment_of(slot.record))


async def get(daemon: Daemon, params: p.Nothing, call: Call) -> list[ParityRow]:
    """The newest comparison of each instance's Play."""
    slots = sorted(daemon.supervisor.slots.values(), key=lambda slot: slot.name)
    return [_kept(daemon, slot, daemon.evidence.newest(KIND, slot.record.play_digest)) for slot in slots]


async def _compare(daemon: Daemon, slot: Slot, folder: PurePath, date: str, days: int) -> JsonObject:
    """What a process of its own found, which is evidence from here on; `error` says why nothing was found."""
    world, record = daemon.ops.world, slot.record
    report = daemon.ops.state_dir / DIRECTORY / f"{KIND}-{world.clock.wall_ms()}-{record.uid}.json"
    world.disk.mkdir(report.parent)
    await world.process.run_module(MODULE, (record.play_path, str(folder), date, str(days), str(report)))
    try:
        data: JsonObject = orjson.loads(world.disk.read_bytes(report))
    except (OSError, orjson.JSONDecodeError) as error:
        raise RpcError(Code.INTERNAL, f"no report: {error}", hint="the log of the daemon has what the process said") from error
    if "error" in data:
        return data
    evidence: dict[str, Any] = {**data["evidence"], "difference": data["difference"], "report": report.name}
    if folder.name != Environment.LIVE:
        reason = f"its days were recorded on {folder.name}, which shows nothing for real money"
        evidence |= {"eligible": False, "reasons": [*evidence.get("reasons", ()), reason]}
    if evidence["play_digest"] != record.play_digest:
        return {"error": f"{record.play_path} was changed since {slot.name} was added"}
    created_ms = evidence["created_ms"]
    kept = daemon.evidence.add(
        KIND, record.play_digest, evidence, passed=evidence["eligible"], created_ms=created_ms, lasts_ms=KEPT_MS
    )
    return {**data, "kept": kept}


async def _row(daemon: Daemon, slot: Slot, found: JsonObject) -> ParityRow:
    if "error" in found:
        return {"name": slot.name, "result": "not_compared", "what": found["error"]}
    decided = {int(close_ms): verdict for close_ms, verdict in found["verdicts"]}
    return {**_kept(daemon, slot, found["kept"]), **await _decided_itself(daemon, slot, decided)}


def _kept(daemon: Daemon, slot: Slot, kept: Evidence | None) -> ParityRow:
    """One piece of evidence for people."""
    if kept is None:
        return {"name": slot.name, "result": "unknown", "what": f"nothing was compared: playctl parity run {slot.name}"}
    body = kept.numbers
    difference = body.get("difference")
    reasons = ", ".join(body.get("reasons", ()))
    return {
        "name": slot.name,
        "result": "same" if kept.passed else "differs" if difference else "shows_nothing",
        "days": [rfc3339(day * DAY_MS)[:10] for day in body.get("days", ())],
        "decisions": body.get("decisions"),
        "hash": str(body.get("result_digest", ""))[:16],
        "evidence": kept.id,
        "age_s": rounded(max(0.0, (daemon.clock.wall_ms() - kept.created_ms) / 1000)),
        "expires": rfc3339(kept.expires_ms),
        "difference": difference,
        "what": f"{rfc3339(difference['time_ms'])}: {difference['what']}" if difference else reasons,
    }


async def _decided_itself(daemon: Daemon, slot: Slot, decided: dict[int, str]) -> Alike:
    """How many bars of that time the instance itself has on record, and how many of them with the backtest's verdict."""
    bars = alike = 0
    first_ms, last_ms = min(decided, default=0), max(decided, default=-1)
    for day_ms in range(first_ms // DAY_MS * DAY_MS, last_ms + 1, DAY_MS):
        rows = daemon.ledger.rows(
            "SELECT close_ms, verdict FROM bars WHERE instance = ? AND clock_ms = ? AND close_ms BETWEEN ? AND ?",
            (slot.record.uid, slot.record.clock_ms, max(first_ms, day_ms), min(last_ms, day_ms + DAY_MS - 1)),
        )
        bars += len(rows)
        alike += sum(decided.get(row["close_ms"]) == row["verdict"] for row in rows)
        await anyio.lowlevel.checkpoint()  # a day at a time: there may be many, and what trades comes first
    return {"itself_bars": bars, "itself_alike": alike}
