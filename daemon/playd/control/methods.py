"""The table of methods, bound to one daemon."""

from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from typing import Any, Final

from playd.control import arming_methods as arming
from playd.control import change_methods as change
from playd.control import config_methods as config
from playd.control import halt_methods as halts
from playd.control import hand_methods as hand
from playd.control import line_methods as lines
from playd.control import look_methods as look
from playd.control import ops_methods as ops
from playd.control import params
from playd.control import parity_methods as parity
from playd.control import record_methods as records
from playd.control import stranger_methods as strangers
from playd.control.change_methods import as_rpc
from playd.control.context import Daemon
from playd.control.dispatch import Answer, Call, Method
from playd.control.doctor_methods import run_doctor
from playd.control.explain_methods import explain
from playd.control.params import Params
from playd.supervisor.commands import Incomplete
from playd.supervisor.errors import CommandRefused, NoSuchInstance, NotRunning

TOLD_MAX: Final = 1000
"""Characters of a parameter that its record holds; a record has 16 KiB for all of them."""

STOPS: Final = frozenset({"panic.run", "halt.raise"})
"""What refuses risk or closes: answered also where the control socket has no place left."""

Body = Callable[[Daemon, Any, Call], Awaitable[Answer]]
"""A method; its return type is the declaration of what it answers, of which the schemas are made."""

LOOKS: Final[dict[str, tuple[type[Params], Body]]] = {
    "hello": (params.Hello, look.hello),
    "status.get": (params.Target, look.status),
    "instance.list": (params.Selector, look.list_instances),
    "instance.get": (params.ByName, look.get_instance),
    "position.list": (params.Rows, look.list_positions),
    "order.list": (params.Rows, look.list_orders),
    "fill.list": (params.Rows, look.list_fills),
    "account.list": (params.Nothing, look.list_accounts),
    "halt.list": (params.Nothing, look.list_halts),
    "intent.list": (params.Intents, look.list_intents),
    "orphan.list": (params.Nothing, strangers.list_orphans),
    "explain.get": (params.Explain, explain),
    "explain.order": (params.LinkId, records.why),
    "recon.list": (params.Nothing, records.list_reconciliations),
    "recon.replay": (params.ReplayRecon, records.replay_reconciliation),
    "pnl.get": (params.Pnl, records.pnl),
    "log.query": (params.LogQuery, lines.query_logs),
    "event.query": (params.EventQuery, lines.query_events),
    "health.get": (params.Nothing, ops.health),
    "metrics.get": (params.Nothing, ops.metrics),
    "slo.list": (params.Nothing, ops.list_slos),
    "rate.get": (params.Nothing, ops.list_limits),
    "incident.list": (params.Incidents, ops.list_incidents),
    "incident.get": (params.ById, ops.get_incident),
    "alert.list": (params.Nothing, ops.list_alerts),
    "backup.list": (params.Nothing, ops.list_backups),
    "backup.verify": (params.ById, ops.verify_backup),
    "audit.verify": (params.Verify, ops.verify_chain),
    "config.get": (params.Nothing, ops.get_config),
    "config.check": (params.ConfigCheck, config.check),
    "creds.check": (params.OfAccount, ops.check_key),
    "readiness.get": (params.Readiness, arming.get_readiness),
    "preflight.run": (params.Preflight, arming.run_preflight),
    "evidence.list": (params.Nothing, arming.list_evidence),
    "parity.get": (params.Nothing, parity.get),
    "subscribe": (params.Subscribe, look.subscribe),
    "unsubscribe": (params.Unsubscribe, look.unsubscribe),
}
"""Methods that role *view* may call too."""

CHANGES: Final[dict[str, tuple[type[Params], Body]]] = {
    "instance.add": (params.Add, change.add),
    "instance.remove": (params.Remove, change.remove),
    "instance.set_enabled": (params.SetEnabled, change.set_enabled),
    "instance.start": (params.Start, change.start),
    "instance.restart": (params.Restart, change.restart),
    "instance.stop": (params.Stop, change.stop),
    "instance.reset_failed": (params.ResetFailed, change.reset_failed),
    "instance.reset_state": (params.ResetState, hand.reset_state),
    "position.close": (params.ClosePosition, hand.close_position),
    "creds.reload": (params.ReloadKey, ops.reload_key),
    "config.reload": (params.Reload, config.reload),
    "doctor.run": (params.Doctor, run_doctor),
    "arm.create": (params.Arm, arming.arm),
    "arm.revoke": (params.Disarm, arming.disarm),
    "waiver.create": (params.Waive, arming.waive),
    "evidence.import": (params.ImportEvidence, arming.import_evidence),
    "parity.run": (params.ParityRun, parity.run),
    "halt.raise": (params.RaiseHalt, halts.raise_halt),
    "halt.lift": (params.LiftHalt, halts.lift_halt),
    "panic.run": (params.Panic, halts.panic),
    "recon.run": (params.Reconcile, change.reconcile),
    "order.cancel": (params.CancelOrder, change.cancel_order),
    "position.adopt": (params.Adopt, strangers.adopt),
    "recon.accept": (params.AcceptDifference, strangers.accept_difference),
    "orphan.close": (params.CloseOrphan, strangers.close_orphan),
    "incident.ack": (params.Noted, ops.ack_incident),
    "incident.note": (params.Noted, ops.note_incident),
    "incident.resolve": (params.Noted, ops.resolve_incident),
    "alert.test": (params.AlertTest, ops.test_alerts),
    "alert.verify": (params.AlertVerify, ops.verify_alert),
    "alert.retry": (params.AlertId, ops.retry_alert),
    "alert.drop": (params.AlertId, ops.drop_alert),
    "backup.run": (params.Make, ops.make_backup),
}


def bind(daemon: Daemon) -> dict[str, Method]:
    """Every method over one daemon."""
    looks = {name: Method(kind, partial(_answer, daemon, body), view=True) for name, (kind, body) in LOOKS.items()}
    changes = {name: Method(kind, partial(_record, daemon, body)) for name, (kind, body) in CHANGES.items()}
    return looks | changes


async def _answer(daemon: Daemon, body: Body, params: Any, call: Call) -> Answer:
    try:
        return await body(daemon, params, call)
    except (CommandRefused, NoSuchInstance, NotRunning, Incomplete) as error:
        raise as_rpc(daemon, error) from error


def told_of(value: str) -> str:
    """A parameter as its record holds it; of a long one, such as a file, only which it was."""
    if len(value) <= TOLD_MAX:
        return value
    return f"{len(value)} characters, sha256 {sha256(value.encode()).hexdigest()}"


async def _record(daemon: Daemon, body: Body, params: Any, call: Call) -> Answer:
    """A change: on record before it runs, and its end on record before it is acknowledged."""
    told = {name: told_of(str(value)) for name, value in params.model_dump(exclude={"request_id", "confirm"}).items()}
    cause = daemon.journal.append("command.received", {"method": call.method, **told}, cause=call.key, actor=call.actor)
    await daemon.journal.synced()
    try:
        answer = await _answer(daemon, body, params, call)
    except Exception as error:
        daemon.journal.append("command.refused", {"method": call.method, "text": str(error)}, cause=cause, actor=call.actor)
        await daemon.journal.synced()
        raise
    daemon.journal.append("command.done", {"method": call.method}, cause=cause, actor=call.actor)
    await daemon.journal.synced()
    return answer
