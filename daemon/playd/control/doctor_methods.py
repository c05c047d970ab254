"""The look at host and installation, asked of a process of its own: reading every file would hold the loop that trades."""

from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.control import params as p
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.practice import alerts_verified
from playd.control.protocol import Code, JsonObject, RpcError

MODULE: Final = "playd.cli.doctor"
DIRECTORY: Final = "evidence"


async def run_doctor(daemon: Daemon, params: p.Doctor, call: Call) -> JsonObject:
    """Every check of the host, and what only the daemon knows; the report stays among the evidence."""
    world, places = daemon.ops.world, daemon.ops.loaded.locations
    report = daemon.ops.state_dir / DIRECTORY / f"doctor-{world.clock.wall_ms()}.json"
    world.disk.mkdir(report.parent)
    flags = (str(places.config_dir), str(daemon.ops.state_dir), str(report), "fix" if params.fix else "look")
    await world.process.run_module(MODULE, flags)
    try:
        data: JsonObject = orjson.loads(world.disk.read_bytes(report))
    except (OSError, orjson.JSONDecodeError) as error:
        raise RpcError(Code.INTERNAL, f"no report: {error}", hint="`playd doctor` says why") from error
    data["checks"] += _known_here(daemon)
    data["healthy"] = all(row["result"] in ("pass", "n/a") for row in data["checks"])
    return {**data, "report": str(PurePath(report).relative_to(daemon.ops.state_dir))}


def _known_here(daemon: Daemon) -> list[JsonObject]:
    age_s, guardian_s = daemon.ops.chain.verified_age_s(), daemon.guardian.age_s
    routes = bool(daemon.ops.alerts.routes)
    rows: list[dict[str, Any]] = [
        _row(
            "journal", age_s is not None, age_s, "found whole" if age_s is not None else "not checked", "playctl audit verify"
        ),
        _row("guardian_heard", not daemon.guardian.missing, guardian_s, daemon.guardian.missing or "heard", "playd guardian"),
        _row("alerts_verified", not routes or alerts_verified(daemon), None, "a code typed lately", "playctl notify test"),
    ]
    return [*rows]


def _row(check: str, good: bool, age_s: float | None, detail: str, fix: str) -> JsonObject:
    return {"check": check, "result": "pass" if good else "fail", "age_s": age_s, "detail": detail, "fix": "" if good else fix}
