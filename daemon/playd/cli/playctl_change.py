"""Commands of `playctl` that change something. Each carries a request id, so that repeating one is safe."""

from decimal import Decimal
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Any, Final

import typer

from playd.cli.completing import instances, scopes
from playd.cli.options import add
from playd.cli.playctl_panic import carry_out
from playd.cli.session import EXIT_UNKNOWN, Session
from playd.control.protocol import EXIT_OF_CODE, Code, JsonObject
from playd.control.tables import (
    ACCEPTED,
    ADOPTED,
    CANCELLED,
    DIFFERENCES,
    HALTS,
    LEFT,
    LIFECYCLE,
    LIST,
    ORPHANS,
    RECONCILIATIONS,
)
from playd.core.orders import OrderState

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_SOME: Final = 14
EXIT_DIFFERENCE: Final = 10

NameArgument = Annotated[str, typer.Argument(help="Instance.", autocompletion=instances)]
ScopeArgument = Annotated[
    str,
    typer.Argument(help="Instance name, instance:N, symbol:ACCOUNT/SYMBOL, account:A, or all.", autocompletion=scopes),
]

ConfirmOption = Annotated[str, typer.Option("--confirm", help="The phrase, for scripts; asked for on a terminal.")]


class StartMode(StrEnum):
    """Modes that an instance can be added in."""

    SHADOW = "shadow"
    PAPER = "paper"
    DEMO = "demo"
    LIVE = "live"


class HaltLevel(StrEnum):
    """Levels that `halt` raises; `panic` has a command of its own."""

    HALT = "halt"
    CANCEL = "cancel"
    FREEZE = "freeze"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    add(app, "add", "playctl add config/plays/ema_cross_rsi.yml --as ema-cross --mode paper")(add_instance)
    add(app, "remove", "playctl remove ema-cross")(remove)
    add(app, "enable", "playctl enable ema-cross")(enable)
    add(app, "disable", "playctl disable ema-cross")(disable)
    add(app, "start", "playctl start ema-cross")(start)
    add(app, "restart", "playctl restart ema-cross")(restart)
    add(app, "stop", "playctl stop ema-cross --flatten")(stop)
    add(app, "pause", "playctl pause ema-cross --reason 'news at noon'")(pause)
    add(app, "halt", "playctl halt account:demo --level cancel --reason drill")(halt)
    add(app, "resume", "playctl resume ema-cross")(resume)
    add(app, "panic", "playctl panic ema-cross")(panic)
    add(app, "reconcile", "playctl reconcile --dry-run")(reconcile)
    order = typer.Typer(help="Single orders.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(order, name="order")
    add(order, "cancel", "playctl order cancel pdezldnyy-axzhrv222auhxbveybjt2sm3")(cancel_order)
    add(app, "accept", "playctl accept main/BTCUSDT --price 58900")(accept)
    add(app, "adopt", "playctl adopt BTCUSDT --to ema-cross --stop 58900")(adopt)
    orphan = typer.Typer(help="Positions and orders that nobody here decided.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(orphan, name="orphan")
    add(orphan, "list", "playctl orphan list")(orphans)
    add(orphan, "close", "playctl orphan close demo/BTCUSDT")(close_orphan)
    add(app, "reset-failed", "playctl reset-failed ema-cross")(reset_failed)


async def add_instance(
    session: Session,
    play: Annotated[str, typer.Argument(help="Play file, or the stem of one in the plays folder.")],
    name: Annotated[str, typer.Option("--as", help="Name of the instance.")],
    mode: Annotated[StartMode, typer.Option("--mode", help="Where its orders go.")],
    account: Annotated[str, typer.Option("--account", help="Account for demo and live.")] = "",
    capital: Annotated[str | None, typer.Option("--capital", help="USD to begin with, instead of the Play's own.")] = None,
    risk: Annotated[list[str] | None, typer.Option("--risk", metavar="K=V", help="A key of [risk] for it alone.")] = None,
) -> int:
    """Check a Play and create a stopped instance of it."""
    path = PurePath(play)
    if path.suffix in (".yml", ".yaml") and not path.is_absolute():
        play = str(session.world.process.working_dir() / path)
    record = (
        await session.change(
            "instance.add",
            {
                "name": name,
                "play": play,
                "mode": mode.value,
                "account": account,
                "capital_usd": capital,
                "risk": _own_risk(risk or []),
            },
        )
    )["data"]
    session.show_rows([record], LIST, empty="")
    session.say(f"start it with `playctl start {name}`")
    return 0


def _own_risk(given: list[str]) -> JsonObject:
    """Keys and values as they were typed: `true` and `false`, numbers."""
    found: JsonObject = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals:
            raise typer.BadParameter(f"--risk {item!r}: expected KEY=VALUE, such as gross_pct=50")
        whole = value.lstrip("-").isdigit()
        found[name] = value == "true" if value in ("true", "false") else int(value) if whole else value
    return found


async def remove(session: Session, name: NameArgument) -> int:
    """Forget an instance that is stopped and flat. Its records in the ledger stay."""
    data = (await session.change("instance.remove", {"name": name}))["data"]
    session.show(data, f"{data['name']} ({data['uid']}) is removed; its records stay")
    return 0


async def enable(session: Session, name: NameArgument) -> int:
    """Start this instance together with the daemon."""
    return await _set_enabled(session, name, True)


async def disable(session: Session, name: NameArgument) -> int:
    """Do not start this instance together with the daemon. A running one goes on."""
    return await _set_enabled(session, name, False)


async def _set_enabled(session: Session, name: str, enabled: bool) -> int:
    record = (await session.change("instance.set_enabled", {"name": name, "enabled": enabled}))["data"]
    session.show_rows([record], LIST, empty="")
    return 0


async def start(
    session: Session,
    name: NameArgument,
    confirm: Annotated[str, typer.Option("--confirm", help="The phrase of a live start.")] = "",
) -> int:
    """
    Start an instance: admission, warm-up from its anchor, missed bars, then trading.

    Exit 1 when its row says `failed`, 6 when that is for its Play.
    """
    row = (await session.change("instance.start", {"name": name, "confirm": confirm}))["data"]
    session.show_rows([row], LIFECYCLE, empty="")
    return _exit_of(row)


async def restart(session: Session, name: NameArgument) -> int:
    """Stop an instance keeping its position, and start it again. Exit codes are those of `start`."""
    row = (await session.change("instance.restart", {"name": name}))["data"]
    session.show_rows([row], LIFECYCLE, empty="")
    return _exit_of(row)


def _exit_of(row: JsonObject) -> int:
    """What a start ends with whose row this is. One that still warms up has not failed."""
    if row["state"] != "failed":
        return 0
    # The gravest reason comes first: admission and a life call a bad Play the same, in capitals and without.
    is_play = row["reasons"][0]["code"].lower() == "play_invalid"
    return EXIT_OF_CODE[Code.INVALID] if is_play else EXIT_FAILED


async def stop(
    session: Session,
    target: Annotated[str | None, typer.Argument(help="Name, glob or selector.", autocompletion=instances)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All instances.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Cancel resting entries; position, stop and targets stay.")] = False,
    manage: Annotated[bool, typer.Option("--manage", help="No entries; manage exits until flat, then stop.")] = False,
    flatten: Annotated[bool, typer.Option("--flatten", help="Close the position, verify flat, then stop.")] = False,
) -> int:
    """Stop instances. Says what they did, and what is left at the venue."""
    variants = [name for name, chosen in (("keep", keep), ("manage", manage), ("flatten", flatten)) if chosen]
    if len(variants) > 1 or (target is None) is not everything:
        session.say("playctl: give one target or --all, and at most one of --keep, --manage, --flatten")
        return EXIT_USAGE
    params: dict[str, Any] = {"target": "all" if everything else target, "variant": variants[0] if variants else None}
    data = (await session.change("instance.stop", params))["data"]
    if session.as_json:
        session.print_json(data)
    else:
        session.show_rows(data["stopped"], LIFECYCLE, empty="nothing was running")
        for row in data["stopped"]:
            done = row["statistics"]
            session.say(f"{row['name']}: {done['trades']} trades in this life, {Decimal(done['net_pnl_usdt']):+.2f} USDT net")
        for failure in data["failed"]:
            session.say(f"playctl: {failure['name']}: {failure['error']['message']}")
    if data["failed"]:
        return EXIT_SOME if data["stopped"] else EXIT_OF_CODE.get(data["failed"][0]["error"]["code"], 1)
    return 0


async def pause(session: Session, scope: ScopeArgument) -> int:
    """Refuse new entries and cancel resting ones; exits and stops go on (level 1)."""
    return await _raise(session, scope, "pause", "")


async def halt(
    session: Session,
    scope: ScopeArgument,
    level: Annotated[
        HaltLevel, typer.Option("--level", help="halt (2), cancel (3: targets too) or freeze (5: send nothing).")
    ] = HaltLevel.HALT,
    confirm: ConfirmOption = "",
) -> int:
    """Refuse new risk until a person lifts it; survives restarts."""
    return await _raise(session, scope, level.value, confirm)


async def _raise(session: Session, scope: str, level: str, confirm: str) -> int:
    params = {"scope": scope, "level": level, "reason": session.options.reason, "confirm": confirm}
    row = (await session.change("halt.raise", params))["data"]
    session.show_rows([row], HALTS, empty="")
    return 0


async def resume(session: Session, scope: ScopeArgument, confirm: ConfirmOption = "") -> int:
    """Lift the halt of exactly one scope, and say what else still holds. From level 2 up that takes --reason and a phrase."""
    params = {"scope": scope, "reason": session.options.reason, "confirm": confirm}
    data = (await session.change("halt.lift", params))["data"]
    session.show(data, "\n".join([f"{data['scope']}: level {data['lifted_level']} lifted", *_still(data), *_stopped(data)]))
    return 0


def _still(data: JsonObject) -> list[str]:
    return [
        f"still in force: {row['scope']} level {row['level']} {row['code']}: {row['text']}" for row in data["still_in_force"]
    ]


def _stopped(data: JsonObject) -> list[str]:
    """Not told by an older daemon."""
    return [f"stays stopped: {name}; `playctl start {name}` lets it trade again" for name in data.get("stay_stopped", ())]


async def panic(
    session: Session,
    scope: ScopeArgument,
    confirm: ConfirmOption = "",
    direct: Annotated[bool, typer.Option("--direct", help="Ask the guardian at once, not the daemon.")] = False,
    wait: Annotated[bool, typer.Option("--wait", hidden=True)] = False,
) -> int:
    """
    Cancel entries, close positions reduce-only, verify flat at the venue. A bare name means that instance alone.

    Exit 11 while a position may remain.
    """
    if wait:  # as every other command takes it: here it would keep the guardian from being asked when the daemon is gone
        session.say("--wait is passed over: a panic waits for no daemon")
    return await carry_out(session, scope, confirm, direct=direct)


async def reconcile(
    session: Session,
    account: Annotated[
        str | None, typer.Argument(help="Account; all when missing. `list`: the newest runs; `replay`: one of them again.")
    ] = None,
    run: Annotated[int | None, typer.Argument(help="RUN of `reconcile list`, behind `replay`.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print differences and plan, change nothing.")] = False,
) -> int:
    """
    Compare the ledger with the venue now. Exit 0 match, 10 difference, 9 could not read everything.

    `replay RUN` judges and plans again what an older one had before it; exit 10 when the plan is another one now.
    """
    if (account == "replay") is not (run is not None):
        raise typer.BadParameter("expected `reconcile replay RUN`, RUN being a number of `playctl reconcile list`")
    if account == "replay":
        data = (await session.ask("recon.replay", {"run": run}))["data"]
        failure = data.get("failure")  # an older daemon kept nothing of a run like that
        _show_differences(session, data, empty="nothing was compared" if failure else "match")
        if failure:
            session.say(f"it could not read everything: {failure}")
        session.say("the plan is the same" if data["same"] else f"planned then: {'; '.join(data['planned_then']) or 'nothing'}")
        return 0 if data["same"] else EXIT_DIFFERENCE
    if account == "list":
        session.show_rows((await session.ask("recon.list"))["data"], RECONCILIATIONS, empty="no reconciliation is on record")
        return 0
    data = (await session.change("recon.run", {"account": account, "dry_run": dry_run}))["data"]
    is_blind = data["result"] == "blind"
    _show_differences(session, data, empty="no difference in what could be read" if is_blind else "match")
    for each in data.get("unread", ()):
        session.say(f"account {each['account']} could not be read: {each['reason']}")
    if is_blind:
        return EXIT_OF_CODE[Code.DEGRADED]
    return EXIT_DIFFERENCE if data["differences"] else 0


def _show_differences(session: Session, data: JsonObject, *, empty: str) -> None:
    if session.as_json:
        session.print_json(data)
    else:
        session.show_rows(data["differences"], DIFFERENCES, empty=empty)


async def cancel_order(
    session: Session,
    order: Annotated[str, typer.Argument(help="Link id of a working order, or the venue's id.")],
    confirm: ConfirmOption = "",
) -> int:
    """Take one working order back. Exit 8 for a stop, 13 when nobody knows yet what became of it."""
    row = (await session.change("order.cancel", {"id": order, "confirm": confirm, "preview": session.asks}))["data"]
    session.show_rows([row], CANCELLED, empty="")
    return 0 if OrderState(row["state"]).terminal else EXIT_UNKNOWN


async def accept(
    session: Session,
    position: Annotated[str, typer.Argument(metavar="ACCOUNT/SYMBOL", help="A position that ledger and venue disagree about.")],
    price: Annotated[str | None, typer.Option("--price", help="At which what the venue has no more was closed.")] = None,
    far: Annotated[bool, typer.Option("--far", help="The price is true though it is far from all that are known.")] = False,
    confirm: ConfirmOption = "",
) -> int:
    """
    Book what the venue shows of a position, where nothing explains the difference. Sends nothing.

    For what `reconcile` tells again and again (R6): a symbol that was delivered, a history that is gone.
    """
    account, slash, symbol = position.partition("/")
    if not (account and slash and symbol):
        raise typer.BadParameter(f"found {position!r}, expected ACCOUNT/SYMBOL such as main/BTCUSDT")
    params = {"account": account, "symbol": symbol, "price": price, "far": far, "confirm": confirm}
    row = (await session.change("recon.accept", params))["data"]
    session.show_rows([row], ACCEPTED, empty="")
    return 0


async def adopt(
    session: Session,
    symbol: Annotated[str, typer.Argument(help="Symbol of a position that nobody here opened.")],
    to: Annotated[str, typer.Option("--to", help="Instance that shall manage it.")],
    stop: Annotated[str | None, typer.Option("--stop", help="Its stop, a price; without it the one at the venue.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Account; that of the instance when missing.")] = None,
    confirm: ConfirmOption = "",
) -> int:
    """Hand a position over to an instance. Its stop is placed and seen at the venue before anything is recorded."""
    params = {"symbol": symbol, "to": to, "stop": stop, "account": account, "confirm": confirm}
    row = (await session.change("position.adopt", params))["data"]
    session.show_rows([row], ADOPTED, empty="")
    return 0


async def orphans(session: Session) -> int:
    """Positions and working orders of all accounts that nobody here decided."""
    session.show_rows((await session.ask("orphan.list"))["data"], ORPHANS, empty="nothing of others")
    return 0


async def close_orphan(
    session: Session,
    orphan: Annotated[str, typer.Argument(metavar="ID", help="ID of `playctl orphan list`.")],
    confirm: ConfirmOption = "",
) -> int:
    """Cancel an order, or close a position (reduce-only), that nobody here decided. Exit 11 while some of it may remain."""
    row = (await session.change("orphan.close", {"id": orphan, "confirm": confirm}))["data"]
    session.show_rows([row], (*ORPHANS, LEFT), empty="")
    return 0


async def reset_failed(session: Session, name: NameArgument) -> int:
    """Clear the failure of a quarantined instance, after its cause was dealt with."""
    row = (await session.change("instance.reset_failed", {"name": name}))["data"]
    session.show_rows([row], LIFECYCLE, empty="")
    return 0
