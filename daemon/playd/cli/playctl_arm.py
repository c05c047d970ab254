"""Commands of `playctl` about real money: what is shown, who allows it, and for how long."""

from typing import Annotated, Final

import typer

from playd.cli.moments import later_ms
from playd.cli.options import add
from playd.cli.playctl_change import ConfirmOption, NameArgument
from playd.cli.session import HIGH_WAIT_S, Session, UsageError
from playd.control.arming_tables import EVIDENCE, READINESS
from playd.control.protocol import JsonObject
from playd.control.render import render_pairs

EXIT_DIFFERENCE: Final = 10
EXIT_REFUSED: Final = 8


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    add(app, "preflight", "playctl preflight main btc-live")(preflight)
    add(app, "readiness", "playctl readiness btc-live")(readiness)
    add(app, "arm", "playctl arm btc-live --days 3")(arm)
    add(app, "disarm", "playctl disarm btc-live")(disarm)
    add(app, "waive", "playctl waive parity --until 2d --reason 'first small money'")(waive)
    evidence = typer.Typer(help="What was shown, and until when it counts.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(evidence, name="evidence")
    add(evidence, "list", "playctl evidence list")(evidence_list)
    add(evidence, "import", "playctl evidence import state/evidence/drill-01-0123456789abcdef.json")(evidence_import)


async def preflight(
    session: Session,
    first: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="An account, and its first instance.")] = None,
    second: Annotated[str | None, typer.Argument(metavar="[NAME]", help="An instance, on that account or alone.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="The account, in another place.")] = None,
) -> int:
    """Look at account and instance as they are now, before a start with real money. Exit 8 when something stands against it."""
    if second is not None and account is not None:
        raise UsageError(f"--account {account}: found an account before the instance already, {first!r}")
    query = {"name": first, "account": account} if second is None else {"name": second, "account": first}
    if first is not None and second is None and account is None:
        accounts = {row["account"] for row in (await session.ask("account.list"))["data"]}
        query = {"account": first} if first in accounts else {"name": first}
    data = (await session.ask("preflight.run", query, timeout_s=HIGH_WAIT_S))["data"]
    return _show(session, data, EXIT_REFUSED)


async def readiness(
    session: Session,
    name: NameArgument,
    rung: Annotated[str, typer.Option("--for", metavar="RUNG", help="Step of capital: micro, where everything begins.")] = "",
) -> int:
    """What was shown over time of this Play, and what is lacking until when. Exit 10 when something is."""
    return _show(session, (await session.ask("readiness.get", {"name": name, "rung": rung}))["data"], EXIT_DIFFERENCE)


def _show(session: Session, data: JsonObject, failed: int) -> int:
    if session.as_json:
        session.print_json(data)
    else:
        session.show_rows(data["checks"], READINESS, empty="")
    return 0 if data["ready"] else failed


async def arm(
    session: Session,
    name: NameArgument,
    days: Annotated[int | None, typer.Option("--days", help="How long; default: arming.max_days.", min=1, max=7)] = None,
    confirm: ConfirmOption = "",
) -> int:
    """Allow an instance to open positions with real money for some days. Exit 8 with what stands against it."""
    data = (await session.change("arm.create", {"name": name, "days": days, "confirm": confirm}))["data"]
    return _show_record(session, data)


async def disarm(session: Session, name: NameArgument) -> int:
    """Take that back at once. Resting entries are cancelled; exits and stops go on."""
    return _show_record(session, (await session.change("arm.revoke", {"name": name}))["data"])


def _show_record(session: Session, data: JsonObject) -> int:
    pairs = [(key, ", ".join(value) if isinstance(value, list) else str(value)) for key, value in data.items()]
    session.show(data, render_pairs([(key, value) for key, value in pairs if value not in ("None", "")]))
    return 0


async def waive(
    session: Session,
    check: Annotated[str, typer.Argument(help="Check of `playctl readiness`.")],
    until: Annotated[str, typer.Option("--until", metavar="T", help="2d, 12h from now, or a UTC time.")],
    confirm: ConfirmOption = "",
) -> int:
    """Let one check of readiness count as passed until a time, with --reason. Nothing of a preflight can be waived."""
    if not session.options.reason:
        raise typer.BadParameter("--reason is missing: a waiver says why")
    until_ms = later_ms(until, "--until", session.world.clock.wall_ms())
    params = {"check": check, "until_ms": until_ms, "reason": session.options.reason, "confirm": confirm}
    data = (await session.change("waiver.create", params))["data"]
    session.show(data, f"{data['check']} is waived until {data['until']}: {data['reason']}")
    return 0


async def evidence_list(session: Session) -> int:
    """Every piece of evidence, newest first."""
    session.show_rows((await session.ask("evidence.list"))["data"], EVIDENCE, empty="no evidence")
    return 0


async def evidence_import(
    session: Session, file: Annotated[str, typer.Argument(help="File that a drill or a backtest wrote.")]
) -> int:
    """Take over a file of evidence. The same file twice is one piece."""
    _, content = session.read_text(file)
    data = (await session.change("evidence.import", {"content": content}))["data"]
    session.show(data, f"{data['kind']} of {data['subject']}: {'passed' if data['passed'] else 'NOT PASSED'}, id {data['id']}")
    return 0
