"""Methods about the daemon itself: health, metrics, objectives, limits, incidents, alerts, backups, journal, settings."""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, cast

import anyio
import orjson

from playd.control import ops_answers as a
from playd.control import params as p
from playd.control import rows
from playd.control.asked_for import warn_of_more
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import rfc3339, rounded
from playd.control.health import health as health_of
from playd.control.metrics import metrics_text
from playd.control.protocol import Code, RpcError
from playd.control.slices import in_slices
from playd.control.slo_readings import readings
from playd.core.errors import LinkError, OperatorError, VenueError
from playd.core.objectives import Objective
from playd.core.timeframes import DAY_MS
from playd.ops.alert_rows import AlertRow
from playd.ops.backup import describe
from playd.ops.backup_clock import BackupFailed
from playd.ops.incident_kinds import kind_of
from playd.orders.incidents import Incident
from playd.orders.rate_limits import LimitRow
from playd.settings import as_rows
from playd.supervisor.names import not_found

PAGE: Final = 500
SENT_WITHIN_S: Final = 15.0
CODE_DIGITS: Final = 1_000_000
VERIFIED_MS: Final = 7 * DAY_MS
"""How long a proof that a person reads a route is worth something."""

CODE_KEY: Final = "notify_code"
VERIFIED_KEY: Final = "notify_verified"


async def health(daemon: Daemon, params: p.Nothing, call: Call) -> a.Health:
    return await health_of(daemon)


async def metrics(daemon: Daemon, params: p.Nothing, call: Call) -> a.Metrics:
    return {"text": await metrics_text(daemon)}


async def list_slos(daemon: Daemon, params: p.Nothing, call: Call) -> list[a.SloRow]:
    found: list[a.SloRow] = []
    for reading in readings(daemon):
        objective = daemon.ops.breaches.objectives[reading.name]
        breach = daemon.ops.breaches.open.get((reading.name, reading.scope))
        state = breach.severity if breach is not None else "unknown" if reading.value is None else "good"
        found.append(
            {
                "name": reading.name,
                "scope": rows.scope_name(daemon, reading.scope),
                "value": None if reading.value is None else f"{reading.value:.4g}",
                "unit": objective.unit,
                "objective": f"{objective.objective:g}",
                "budget_left_pct": _budget_left_pct(objective, reading.value),
                "state": state,
                "why": reading.why if reading.value is None else objective.meaning,
                "since": rfc3339(breach.opened_ms) if breach is not None else None,
            }
        )
    return found


def _budget_left_pct(objective: Objective, value: float | None) -> int | None:
    """Of a share that ought to be good, how much of what may go wrong is left; None for figures of another sort."""
    may_fail = 100.0 - objective.objective
    if value is None or objective.unit != "%" or not objective.low or may_fail <= 0:
        return None
    return round(100.0 * (1.0 - (100.0 - value) / may_fail))


async def list_limits(daemon: Daemon, params: p.Nothing, call: Call) -> list[a.RateRow]:
    names, alone = _owners(daemon)
    made = (_rate_row(line, names | alone.get(line.account, {})) for line in daemon.ops.limits())
    return [row async for row in in_slices(made, daemon.clock)]


def _rate_row(line: LimitRow, names: Mapping[str, str]) -> a.RateRow:
    return {
        "bucket": f"{line.account or 'public'} {line.endpoint}",
        "limit": line.limit,
        "usable": line.usable,
        "used": line.used,
        "left": max(0, line.usable - line.used),
        "blocked_s": rounded(line.blocked_s),
        "wait_p50_ms": round(line.wait_p50_ms, 1),
        "wait_p99_ms": round(line.wait_p99_ms, 1),
        "refused": line.refusals,
        "used_by": _used_by(line, names),
    }


def _owners(daemon: Daemon) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Names of instances by uid; and by account and symbol, where one alone trades it there."""
    records = [slot.record for slot in daemon.supervisor.slots.values()]
    traders = Counter((record.account, record.symbol) for record in records)
    alone: dict[str, dict[str, str]] = {}
    for record in records:
        if traders[record.account, record.symbol] == 1:
            alone.setdefault(record.account, {})[record.symbol] = record.name
    return {record.uid: record.name for record in records}, alone


def _used_by(line: LimitRow, names: Mapping[str, str]) -> list[a.UsedBy]:
    """
    Whose requests of today used a bucket, the most first: instances by name. What is sent for a symbol, such as its stop,
    counts to the instance that alone trades it here, else to the symbol; what is for nobody in particular to the account.
    """
    found: Counter[str] = Counter()
    for owner, requests in line.by_owner.items():
        found[names.get(owner, owner or "account")] += requests
    return [{"name": name, "requests": requests} for name, requests in found.most_common()]


# --- incidents ------------------------------------------------------------------------------------------------------------


async def list_incidents(daemon: Daemon, params: p.Incidents, call: Call) -> list[a.IncidentRow]:
    found = daemon.ops.incidents.open_ones() if params.state == "open" else daemon.ops.incidents.latest(PAGE)
    if params.state != "open":
        warn_of_more(call, len(found), PAGE)
    return [
        _incident_row(daemon, each)
        for each in found
        if params.severity in (None, each.severity) and (params.state != "resolved" or each.resolved_ms is not None)
    ]


async def get_incident(daemon: Daemon, params: p.ById, call: Call) -> a.Incident:
    found = _incident(daemon, params.id)
    known = kind_of(found.kind)
    told = [_alert_row(daemon, each) for each in daemon.ops.alerts.rows.latest(PAGE) if f"{found.id}:" in f"{each.dedup}:"]
    return {
        **_incident_row(daemon, found),
        "meaning": known.meaning,
        "runbook": f"runbooks/{known.page}",
        "first_command": known.command,
        "alerts": [each for each in told if each["dedup"].startswith(f"{found.id}:")],
    }


async def ack_incident(daemon: Daemon, params: p.Noted, call: Call) -> a.IncidentRow:
    """Seen by a person; nothing is resumed by it, and a second time changes nothing."""
    daemon.ops.incidents.acknowledge(_incident(daemon, params.id), call.actor, params.note)
    return await _written(daemon, params.id)


async def note_incident(daemon: Daemon, params: p.Noted, call: Call) -> a.IncidentRow:
    daemon.ops.incidents.note(_incident(daemon, params.id), call.actor, params.note)
    return await _written(daemon, params.id)


async def resolve_incident(daemon: Daemon, params: p.Noted, call: Call) -> a.IncidentRow:
    found = _incident(daemon, params.id)
    daemon.ops.incidents.resolve_by_hand(found, call.actor, params.note)
    return await _written(daemon, found.name)


async def _written(daemon: Daemon, name: str) -> a.IncidentRow:
    daemon.ledger.commit()
    await daemon.journal.synced()
    return _incident_row(daemon, _incident(daemon, name))


def _incident(daemon: Daemon, wanted: str) -> Incident:
    """By name, number, or kind if only one of it is open. Raises `RpcError`."""
    opened = daemon.ops.incidents.open_ones()
    of_kind = [each for each in opened if each.kind == wanted.upper()]
    if len(of_kind) == 1:
        return of_kind[0]
    for each in (*opened, *daemon.ops.incidents.latest(PAGE)):
        if wanted in (each.name, str(each.id)):
            return each
    raise RpcError(Code.NOT_FOUND, not_found("incident", wanted, [each.name for each in opened]))


def _incident_row(daemon: Daemon, each: Incident) -> a.IncidentRow:
    return {
        "id": each.name,
        "number": each.id,
        "severity": each.severity,
        "state": each.state,
        "scope": rows.scope_name(daemon, each.scope),
        "kind": each.kind,
        "text": each.text,
        "opened": rfc3339(each.opened_ms),
        "reopened": None if each.reopened_ms is None else rfc3339(each.reopened_ms),
        "age_s": rounded((daemon.clock.wall_ms() - each.opened_ms) / 1000),
        "count": each.count,
        "acked_by": each.acked_by or None,
        "acked": rfc3339(each.acked_ms) if each.acked_ms is not None else None,
        "resolved": rfc3339(each.resolved_ms) if each.resolved_ms is not None else None,
        "note": each.note,
    }


# --- alerts ---------------------------------------------------------------------------------------------------------------


async def list_alerts(daemon: Daemon, params: p.Nothing, call: Call) -> a.Alerts:
    desk, now_ms = daemon.ops.alerts, daemon.clock.wall_ms()
    routes: list[a.RouteRow] = []
    for name in desk.routes:
        verified_ms = int(daemon.ledger.meta(f"{VERIFIED_KEY}:{name}") or 0)
        routes.append({"route": name, "verified": bool(verified_ms) and now_ms - verified_ms < VERIFIED_MS})
    found = desk.rows.latest(PAGE)
    warn_of_more(call, len(found), PAGE)
    return {"routes": routes, "rows": [_alert_row(daemon, each) for each in found]}


async def retry_alert(daemon: Daemon, params: p.AlertId, call: Call) -> a.AlertRow:
    desk = daemon.ops.alerts
    if not desk.rows.retry(params.id, daemon.clock.wall_ms()):
        raise RpcError(Code.NOT_FOUND, f"no undelivered alert {params.id}")
    desk.rows.commit()
    return _alert_now(daemon, params.id, poke=True)


async def drop_alert(daemon: Daemon, params: p.AlertId, call: Call) -> a.AlertRow:
    if not daemon.ops.alerts.rows.drop(params.id, call.actor, daemon.clock.wall_ms()):
        raise RpcError(Code.NOT_FOUND, f"no undelivered alert {params.id}")
    daemon.ledger.commit()
    return _alert_now(daemon, params.id, poke=False)


async def test_alerts(daemon: Daemon, params: p.AlertTest, call: Call) -> list[a.AlertTest]:
    """Send each route a code that only its receiver can know, and say whether it was taken."""
    desk = daemon.ops.alerts
    if not desk.routes:
        raise RpcError(Code.NOT_FOUND, "no route is configured", hint="alerts.routes in playd.toml; see runbooks/incidents.md")
    if params.route is not None and params.route not in desk.routes:
        raise RpcError(Code.NOT_FOUND, not_found("route", params.route, desk.routes))
    chosen = [route for name, route in desk.routes.items() if params.route in (None, name)]
    keys = {}
    for route in chosen:
        code = f"{int(daemon.ops.world.random.token(8), 16) % CODE_DIGITS:06d}"
        daemon.ledger.set_meta(f"{CODE_KEY}:{route.name}", sha256(code.encode()).hexdigest())
        keys[route.name] = desk.queue_test(route, code)
    results: list[a.AlertTest] = []
    with anyio.move_on_after(SENT_WITHIN_S):
        for name, key in keys.items():
            await desk.outcome(name, key)
    for name, key in keys.items():
        found = desk.rows.of(name, key)
        assert found is not None  # queued above
        results.append({"route": name, "status": found.status, "error": found.error})
    return results


async def verify_alert(daemon: Daemon, params: p.AlertVerify, call: Call) -> a.Verified:
    """A person typed the code: the route reaches somebody. Worth something for seven days."""
    digest = sha256(params.code.encode()).hexdigest()
    for name in daemon.ops.alerts.routes:
        if daemon.ledger.meta(f"{CODE_KEY}:{name}") == digest:
            daemon.ledger.set_meta(f"{CODE_KEY}:{name}", "")
            daemon.ledger.set_meta(f"{VERIFIED_KEY}:{name}", str(daemon.clock.wall_ms()))
            daemon.ledger.commit()
            return {"route": name, "verified": True}
    raise RpcError(Code.NOT_FOUND, f"code {params.code} was not sent by any route", hint="playctl notify test")


def _alert_now(daemon: Daemon, alert_id: int, *, poke: bool) -> a.AlertRow:
    found = daemon.ops.alerts.rows.find(alert_id)
    if found is None:
        raise RpcError(Code.NOT_FOUND, f"no alert {alert_id}")
    if poke:
        daemon.ops.alerts.poke(found.route)
    return _alert_row(daemon, found)


def _alert_row(daemon: Daemon, each: AlertRow) -> a.AlertRow:
    body: dict[str, Any] = orjson.loads(each.body)
    return {
        "id": each.id,
        "route": each.route,
        "severity": each.severity,
        "status": each.status,
        "tries": each.attempts,
        "age_s": rounded(max(0.0, (daemon.clock.wall_ms() - each.created_ms) / 1000)),
        "what": f"{body['event']} {body['kind']} {body['scope']}",
        "error": each.error,
        "dedup": each.dedup if body["event"] != "test" else "test",
    }


# --- backups, journal, settings ---------------------------------------------------------------------------------------------


async def make_backup(daemon: Daemon, params: p.Make, call: Call) -> a.BackupRow:
    try:
        made = await daemon.ops.backups.make()
    except BackupFailed as error:
        raise RpcError(Code.INTERNAL, str(error), reason="backup_failed") from error
    return cast("a.BackupRow", describe(made, daemon.clock.wall_ms()))


async def list_backups(daemon: Daemon, params: p.Nothing, call: Call) -> list[a.BackupRow]:
    backups = daemon.ops.backups
    verified_ms, now_ms = backups.verified_ms, daemon.clock.wall_ms()
    return [cast("a.BackupRow", describe(each, now_ms, verified_ms.get(each.name, 0))) for each in backups.listed()]


async def verify_backup(daemon: Daemon, params: p.ById, call: Call) -> a.BackupVerified:
    names = [each.name for each in daemon.ops.backups.listed()]
    if params.id not in names:
        raise RpcError(Code.NOT_FOUND, not_found("backup", params.id, names))
    whole = await daemon.ops.backups.verify(params.id)
    if whole:
        daemon.ops.backups.verified_ms[params.id] = daemon.clock.wall_ms()
    return {"id": params.id, "whole": whole}


async def verify_chain(daemon: Daemon, params: p.Verify, call: Call) -> a.Chain:
    """The journal against itself and against the head that was published last, by a process of its own."""
    found = await daemon.ops.chain.verify(since=params.since, anchor=params.anchor)
    said = "" if found == "whole" else await daemon.ops.chain.words(since=params.since, anchor=params.anchor)
    seq, digest = daemon.journal.head
    return {"result": found, "said": said, "head_seq": seq, "head_hash": digest}


async def check_key(daemon: Daemon, params: p.OfAccount, call: Call) -> a.Key:
    """What the venue says about the key of an account, asked now; nothing is changed by it."""
    held = daemon.accounts.held.get(params.account)
    if held is None:
        raise RpcError(Code.NOT_FOUND, not_found("account", params.account, [*daemon.accounts.held]))
    if held.account is None:
        raise RpcError(Code.DEGRADED, f"account {params.account} is not open: {held.refused or held.step}")
    try:
        info, refusal = await held.account.key.ask()
    except (VenueError, LinkError) as error:
        raise RpcError(Code.DEGRADED, f"the venue of {params.account} could not be asked: {error}") from error
    return {
        "account": params.account,
        "environment": str(held.plan.environment),
        "uid": info.uid,
        "accepted": not refusal,
        "refusal": refusal or None,
        "can_trade": info.can_trade and not info.read_only,
        "can_withdraw": info.can_withdraw,
        "bound_to_addresses": info.bound_to_addresses,
        "days_left": info.days_left,
    }


async def reload_key(daemon: Daemon, params: p.ReloadKey, call: Call) -> a.KeyChange:
    """Take the key that the account's source holds now; the old one stays in use unless the new one was proved."""
    if params.account not in daemon.accounts.held:
        raise RpcError(Code.NOT_FOUND, not_found("account", params.account, [*daemon.accounts.held]))
    try:
        said = await daemon.rekey(params.account, call.actor)
    except OperatorError as error:
        raise RpcError(Code.REFUSED, str(error), reason="key_not_changed", hint="playctl creds check") from error
    await daemon.journal.synced()
    return cast("a.KeyChange", said)


async def get_config(daemon: Daemon, params: p.Nothing, call: Call) -> list[a.ConfigRow]:
    """Every key with its value, where it was set, and since when it holds: the start, or the reload that brought it."""
    started_ms = daemon.clock.wall_ms() - round((daemon.clock.mono_s() - daemon.started_s) * 1000)
    return [
        {
            "key": name,
            "value": value if isinstance(value, str) else orjson.dumps(value).decode(),
            "origin": origin,
            "since": rfc3339(daemon.ops.since_ms.get(name, started_ms)),
            "waits": str(daemon.ops.waiting[name]) if name in daemon.ops.waiting else None,
        }
        for name, value, origin in as_rows(daemon.ops.loaded)
    ]
