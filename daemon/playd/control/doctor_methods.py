"""The look at host and installation, asked of a process of its own: reading every file would hold the loop that trades."""

from pathlib import PurePath
from typing import Final, cast

import orjson

from playd.control import params as p
from playd.control.arming_answers import DoctorRow
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.ops_answers import Checkup
from playd.control.practice import alerts_verified
from playd.control.protocol import Code, JsonObject, RpcError
from playd.core.modes import Environment

MODULE: Final = "playd.cli.doctor"
DIRECTORY: Final = "evidence"


async def run_doctor(daemon: Daemon, params: p.Doctor, call: Call) -> Checkup:
    """Every check of the host, and what only the daemon knows; the report stays among the evidence."""
    world, places = daemon.ops.world, daemon.ops.loaded.locations
    report = daemon.ops.state_dir / DIRECTORY / f"doctor-{world.clock.wall_ms()}.json"
    world.disk.mkdir(report.parent)
    flags = (str(places.config), str(daemon.ops.state_dir), str(report), "fix" if params.fix else "look")
    await world.process.run_module(MODULE, flags)
    try:
        data: JsonObject = orjson.loads(world.disk.read_bytes(report))
    except (OSError, orjson.JSONDecodeError) as error:
        raise RpcError(Code.INTERNAL, f"no report: {error}", hint="`playd doctor` says why") from error
    data["checks"] += _known_here(daemon)
    data["healthy"] = all(row["result"] in ("pass", "n/a") for row in data["checks"])
    data["report"] = str(PurePath(report).relative_to(daemon.ops.state_dir))
    return cast("Checkup", data)


def _known_here(daemon: Daemon) -> list[DoctorRow]:
    """What only the daemon can say. A guardian that nobody needs and routes that nobody has are not broken."""
    age_s, guardian_s = daemon.ops.chain.verified_age_s(), daemon.guardian.age_s
    live = any(each.environment is Environment.LIVE for each in daemon.ops.loaded.settings.accounts.values())
    heard = not daemon.guardian.missing if live or guardian_s is not None else None
    verified = alerts_verified(daemon) if daemon.ops.alerts.routes else None
    whole = "found whole" if age_s is not None else "not checked yet"
    return [
        _row("journal", age_s is not None, age_s, whole, "playctl audit verify"),
        _row("guardian_heard", heard, guardian_s, daemon.guardian.missing or "it answers", "playd guardian"),
        _row("alerts_verified", verified, None, "a code that came by a route was typed within a week", "playctl notify test"),
    ]


def _row(check: str, good: bool | None, age_s: float | None, detail: str, fix: str) -> DoctorRow:
    """`good` is None for what is not there at all."""
    result = "n/a" if good is None else "pass" if good else "fail"
    return {"check": check, "result": result, "age_s": age_s, "detail": detail, "fix": fix if good is False else ""}
