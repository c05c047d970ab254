"""Commands of `playctl` about the daemon itself: health, metrics, objectives, incidents, alerts, backups, journal, settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from playd.cli.options import add
from playd.cli.session import Session
from playd.cli.stale_view import stale_incidents
from playd.control.arming_tables import CHECKUP
from playd.control.client import Unreachable
from playd.control.ops_tables import ALERTS, BACKUPS, CHANGES, CONFIG, HEAD, INCIDENTS, LIMITS, ROUTES, SLOS
from playd.control.protocol import JsonObject
from playd.control.render import render_pairs
from playd.control.tables import CHECKS, say_reason

EXIT_DEGRADED: Final = 9
EXIT_DIFFERENCE: Final = 10
EXIT_FAILED: Final = 1
EXIT_PERMISSION: Final = 12
VERIFY_WAIT_S: Final = 600.0

IncidentArgument = Annotated[str, typer.Argument(help="Incident: its id, its number, or its kind when one of it is open.")]
NoteOption = Annotated[str, typer.Option("--note", help="What you saw or did, for the record.")]
BackupArgument = Annotated[str, typer.Argument(help="Backup: its time, as `playctl backup list` prints it.")]
AlertArgument = Annotated[int, typer.Argument(help="Number of the alert.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    add(app, "health", "playctl health")(health)
    add(app, "doctor", "playctl doctor --fix")(doctor)
    add(app, "metrics", "playctl metrics > playd.prom")(metrics)
    add(app, "slo", "playctl slo")(slo)
    add(app, "limits", "playctl limits")(limits)
    incident = _group(app, "incident", "What a person must know: list, show, acknowledge, note, resolve.")
    add(incident, "list", "playctl incident list --all")(incident_list)
    add(incident, "show", "playctl incident show inc_20240131T120000_1a2b3c4d")(incident_show)
    add(incident, "ack", "playctl incident ack NAKED --note 'looking at it'")(incident_ack)
    add(incident, "note", "playctl incident note NAKED --note 'the venue was down'")(incident_note)
    add(incident, "resolve", "playctl incident resolve LEVERAGE --note 'set by hand'")(incident_resolve)
    notify = _group(app, "notify", "Alerts: what was sent by which route, and whether anybody reads it.")
    add(notify, "list", "playctl notify list")(notify_list)
    add(notify, "test", "playctl notify test --route phone")(notify_test)
    add(notify, "verify", "playctl notify verify 123456")(notify_verify)
    add(notify, "retry", "playctl notify retry 12")(notify_retry)
    add(notify, "drop", "playctl notify drop 12")(notify_drop)
    backup = _group(app, "backup", "Copies of ledger and states. `playd restore` puts one back.")
    add(backup, "now", "playctl backup now")(backup_now)
    add(backup, "list", "playctl backup list")(backup_list)
    add(backup, "verify", "playctl backup verify 2024-01-31T12-00-00Z")(backup_verify)
    audit = _group(app, "audit", "Is the journal whole? `playd audit verify` asks the same without a daemon.")
    add(audit, "verify", "playctl audit verify")(audit_verify)
    creds = _group(app, "creds", "Keys of accounts, as their venues see them.")
    add(creds, "check", "playctl creds check main")(creds_check)
    add(creds, "reload", "playctl creds reload main")(creds_reload)
    config = _group(app, "config", "Settings as the daemon runs with them.")
    add(config, "show", "playctl config show --origin")(config_show)
    add(config, "check", "playctl config check new.toml")(config_check)
    add(config, "reload", "playctl config reload")(config_reload)


def _group(app: typer.Typer, name: str, text: str) -> typer.Typer:
    made = typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(made, name=name)
    return made


async def health(session: Session) -> int:
    """Whether the daemon is ready, check by check, and whether each instance is well. Exit 9 when something is not."""
    data = (await session.ask("health.get"))["data"]
    good = data["ready"] and all(each["healthy"] for each in data["instances"])
    if session.as_json:
        session.print_json(data)
    else:
        session.show_rows([*data["checks"], *map(_as_check, data["instances"])], CHECKS, empty="")
    return 0 if good else EXIT_DEGRADED


def _as_check(instance: JsonObject) -> JsonObject:
    reasons = "; ".join(say_reason(each) for each in instance["reasons"])
    text = instance["state"] + (f": {reasons}" if reasons else "")
    return {"name": f"instance {instance['name']}", "ok": instance["healthy"], "reason": text, "age_s": instance["bar_age_s"]}


@contextmanager
def else_by(session: Session, command: str) -> Iterator[None]:
    """Where there is no daemon, name the command that needs none, with the state directory. Raises `Unreachable`."""
    try:
        yield
    except Unreachable as error:
        raise Unreachable(str(error), f"without a daemon: `{command} {session.state_dir}`") from None


async def doctor(
    session: Session,
    fix: Annotated[bool, typer.Option("--fix", help="Mend modes, directories, stale caches and ballast first.")] = False,
) -> int:
    """Look at host and installation. Exit 9 when something is broken; what this machine does not have at all is n/a."""
    with else_by(session, "playd doctor --state"):
        data = (await session.change("doctor.run", {"fix": fix}))["data"]
    for act in data["done"]:
        session.say(f"done: {act}")
    if session.as_json:
        session.print_json(data)
    else:
        session.show_rows(data["checks"], CHECKUP, empty="")
    return 0 if data["healthy"] else EXIT_DEGRADED


async def metrics(session: Session) -> int:
    """Every metric as Prometheus text; the same is served on the address `http.listen`, under /metrics."""
    data = (await session.ask("metrics.get"))["data"]
    if session.as_json:
        session.print_json(data)
    else:
        print(data["text"], end="")
    return 0


async def slo(session: Session) -> int:
    """Objectives: what each figure is and may be. Exit 9 while one is out of order."""
    rows = (await session.ask("slo.list"))["data"]
    session.show_rows(rows, SLOS, empty="nothing is measured yet")
    return EXIT_DEGRADED if any(row["state"] in ("warning", "critical") for row in rows) else 0


async def limits(session: Session) -> int:
    """
    The rate budget: what may be sent, what was, and how long requests wait.

    SIZE and LEFT are requests of the present window, RESET how long the bucket is closed, REFUSED what the venue did not take.
    """
    session.show_rows((await session.ask("rate.get"))["data"], LIMITS, empty="no account is open")
    return 0


# --- incidents ------------------------------------------------------------------------------------------------------------


async def incident_list(
    session: Session,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    severity: Annotated[str | None, typer.Option("--severity", help="warning or critical.")] = None,
) -> int:
    """Incidents that are not over, newest first. Exit 9 while a critical one is not acknowledged."""
    query = {"state": "all" if everything else "open", "severity": severity}
    try:
        rows = (await session.ask("incident.list", query))["data"]
    except Unreachable as error:
        return stale_incidents(session, error, severity, everything=everything)
    session.show_rows(rows, INCIDENTS, empty="no incidents")
    return EXIT_DEGRADED if any(row["severity"] == "critical" and row["state"] in ("open", "reopened") for row in rows) else 0


async def incident_show(session: Session, name: IncidentArgument) -> int:
    """One incident: what it means, what to type first, who was told."""
    data = (await session.ask("incident.get", {"id": name}))["data"]
    told = [f"{each['route']} {each['status']}: {each['what']}" for each in data["alerts"]]
    plain = [(key, str(value)) for key, value in data.items() if key != "alerts" and value not in (None, "")]
    session.show(data, render_pairs([*plain, ("alerts", "; ".join(told) or "nobody was told")]))
    return 0


async def incident_ack(session: Session, name: IncidentArgument, note: NoteOption) -> int:
    """Say that you have seen it: it is not repeated any more. It resumes nothing."""
    return await _incident(session, "incident.ack", name, note)


async def incident_note(session: Session, name: IncidentArgument, note: NoteOption) -> int:
    """Write down what you found out."""
    return await _incident(session, "incident.note", name, note)


async def incident_resolve(session: Session, name: IncidentArgument, note: NoteOption) -> int:
    """Say that it is over. One whose cause goes on opens anew."""
    return await _incident(session, "incident.resolve", name, note)


async def _incident(session: Session, method: str, name: str, note: str) -> int:
    session.show_rows([(await session.change(method, {"id": name, "note": note}))["data"]], INCIDENTS, empty="")
    return 0


# --- alerts ---------------------------------------------------------------------------------------------------------------


async def notify_list(session: Session) -> int:
    """Alerts of every status, newest first; the dead ones were given up after 24 hours (warnings: 2)."""
    data = (await session.ask("alert.list"))["data"]
    if session.as_json:
        session.print_json(data)
        return 0
    session.show_rows(data["rows"], ALERTS, empty="no alerts")
    for route in data["routes"]:
        session.say(
            f"route {route['route']}: " + ("verified" if route["verified"] else "nobody has verified it: playctl notify test")
        )
    if not data["routes"]:
        session.say("no route is configured: nobody is told of anything; see alerts.routes in playd.toml")
    return 0


async def notify_test(
    session: Session, route: Annotated[str | None, typer.Option("--route", help="Only this route.")] = None
) -> int:
    """Send a test alert with a code by every route. Exit 1 when one was not taken."""
    rows = (await session.change("alert.test", {"route": route}))["data"]
    session.show_rows(rows, ROUTES, empty="")
    if any(row["status"] == "sent" for row in rows):
        session.say("type the code that arrived: playctl notify verify CODE")
    return 0 if all(row["status"] == "sent" for row in rows) else EXIT_FAILED


async def notify_verify(session: Session, code: Annotated[str, typer.Argument(help="The six digits that arrived.")]) -> int:
    """Prove that a person reads a route. Valid for seven days."""
    data = (await session.change("alert.verify", {"code": code}))["data"]
    session.show(data, f"route {data['route']} reaches you")
    return 0


async def notify_retry(session: Session, alert: AlertArgument) -> int:
    """Try an alert again that was not delivered."""
    session.show_rows([(await session.change("alert.retry", {"id": alert}))["data"]], ALERTS, empty="")
    return 0


async def notify_drop(session: Session, alert: AlertArgument) -> int:
    """Give an alert up that was not delivered."""
    session.show_rows([(await session.change("alert.drop", {"id": alert}))["data"]], ALERTS, empty="")
    return 0


# --- backups, journal, settings ---------------------------------------------------------------------------------------------


async def backup_now(session: Session) -> int:
    """Make a backup now and check it; trading goes on."""
    with else_by(session, "playd backup now --state"):
        row = (await session.change("backup.run", {}, timeout_s=VERIFY_WAIT_S))["data"]
    session.show_rows([row], BACKUPS, empty="")
    return 0


async def backup_list(session: Session) -> int:
    """Every backup, newest first."""
    with else_by(session, "playd backup list --state"):
        rows = (await session.ask("backup.list"))["data"]
    session.show_rows(rows, BACKUPS, empty="no backups")
    return 0


async def backup_verify(session: Session, name: BackupArgument) -> int:
    """Whether a backup is whole: files, digests, and the ledger opened. Exit 10 when it is not."""
    with else_by(session, f"playd backup verify {name} --state"):
        data = (await session.ask("backup.verify", {"id": name}, timeout_s=VERIFY_WAIT_S))["data"]
    session.show(
        data, f"{data['id']}: {'whole' if data['whole'] else 'NOT WHOLE: playd backup verify ' + data['id'] + ' says why'}"
    )
    return 0 if data["whole"] else EXIT_DIFFERENCE


async def audit_verify(
    session: Session,
    since: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Only files of this UTC date and later.")] = None,
    anchor: Annotated[str | None, typer.Option("--anchor", metavar="SEQ:HASH", help="A published head.")] = None,
) -> int:
    """
    Check the journal's chain against itself and the newest published head.

    Exit 0: whole; 10: broken, which halts everything new once; 1: it could not be read, or there is nothing of that date.
    """
    with else_by(session, "playd audit verify"):
        data = (await session.ask("audit.verify", {"since": since, "anchor": anchor}, timeout_s=VERIFY_WAIT_S))["data"]
    if session.as_json:
        session.print_json(data)
    else:
        session.show_rows([data], HEAD, empty="")
    return {"whole": 0, "broken": EXIT_DIFFERENCE}.get(data["result"], 1)


async def creds_reload(session: Session, account: Annotated[str, typer.Argument(help="Account.")]) -> int:
    """Go on with the key that the account's credential holds now: same user, proved at the venue first, no restart."""
    data = (await session.change("creds.reload", {"account": account}))["data"]
    word = "uses another key now" if data["changed"] else "has this key already"
    session.show(data, f"account {data['account']} {word}: {data['key']} (was {data['before']}), uid {data['uid']}")
    return 0


async def creds_check(session: Session, account: Annotated[str, typer.Argument(help="Account.")]) -> int:
    """Ask the venue about the key of an account. Exit 12 when it must not be used, 9 when nobody could be asked."""
    data = (await session.ask("creds.check", {"account": account}))["data"]
    session.show(data, render_pairs([(key, "-" if value is None else str(value)) for key, value in data.items()]))
    return 0 if data["accepted"] else EXIT_PERMISSION


async def config_show(
    session: Session,
    origin: Annotated[bool, typer.Option("--origin", help="Also where each value was set.")] = False,
) -> int:
    """Every setting the daemon runs with."""
    rows = (await session.ask("config.get"))["data"]
    session.show_rows(rows, CONFIG if origin else CONFIG[:2], empty="")
    return 0


async def config_check(
    session: Session,
    file: Annotated[str, typer.Argument(help="A file of settings to look at in place of the daemon's playd.toml.")] = "",
) -> int:
    """Hold the files against what runs, and change nothing. Exit 0: the same; 10: they differ; 6: the files are wrong."""
    query = dict(zip(("name", "content"), session.read_text(file), strict=True)) if file else {}
    with else_by(session, f"playd check --config {query['name']} --state" if file else "playd check --state"):
        data = (await session.ask("config.check", query))["data"]
    return _show_changes(session, data, EXIT_DIFFERENCE if data["changes"] else 0)


async def config_reload(
    session: Session,
    confirm: Annotated[str, typer.Option("--confirm", help="The phrase for a looser limit, for scripts.")] = "",
) -> int:
    """Take the files over: `live` keys now, others at the next start. Exit 6 for wrong files, which change nothing."""
    return _show_changes(session, (await session.change("config.reload", {"confirm": confirm}))["data"], 0)


def _show_changes(session: Session, data: JsonObject, code: int) -> int:
    if session.as_json:
        session.print_json(data)
    else:
        session.show_rows(data["changes"], CHANGES, empty="nothing differs")
    return code
