"""Commands of `playctl` that change nothing."""

from typing import Annotated, Final

import typer

from playd import __version__
from playd.cli.completing import instances
from playd.cli.moments import moment_ms
from playd.cli.options import add
from playd.cli.session import LOOK_WAIT_S, Session
from playd.cli.stale_view import stale_fills, stale_halts, stale_positions, stale_status
from playd.control.client import Forbidden, Unanswered, Unreachable, connected
from playd.control.protocol import GUARDIAN_SOCKET, JsonObject
from playd.control.render import Output, render_pairs, render_rows
from playd.control.tables import (
    BALANCE,
    FILLS,
    HALTS,
    INTENTS,
    LIST,
    ORDERS,
    PIPELINE,
    POSITIONS,
    SETTINGS,
    STATUS,
    VERDICTS,
    say_age,
    say_reason,
)

EXIT_DEGRADED: Final = 9
SHOWN_BELOW: Final = ("state", "reasons", "play_digest_short")

TargetArgument = Annotated[
    str | None,
    typer.Argument(help="Name, glob, or selector (mode=, symbol=, account=, state=).", autocompletion=instances),
]
AccountOption = Annotated[str | None, typer.Option("--account", help="Only this account.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Only this symbol.")]
OwnerOption = Annotated[str | None, typer.Option("--owner", help="Only this instance.", autocompletion=instances)]
SinceOption = Annotated[str, typer.Option("--since", metavar="T", help="From T of the market on: 2h, 3d ago, or a UTC time.")]
LastOption = Annotated[int | None, typer.Option("-n", "--last", help="How many, newest first.", min=1)]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    add(app, "status", "playctl status ema-cross --json")(status)
    add(app, "guardian", "playctl guardian")(guardian)
    add(app, "list", "playctl list mode=paper")(list_instances)
    add(app, "show", "playctl show ema-cross --pipeline")(show)
    add(app, "positions", "playctl positions --symbol BTCUSDT")(positions)
    add(app, "orders", "playctl orders --all")(orders)
    add(app, "fills", "playctl fills --owner ema-cross -o csv")(fills)
    add(app, "balance", "playctl balance")(balance)
    add(app, "halts", "playctl halts")(halts)
    add(app, "intents", "playctl intents --unresolved")(intents)
    add(app, "version", "playctl version --json")(version)
    app.command("completion", epilog="Example: playctl completion bash > ~/.local/share/bash-completion/completions/playctl")(
        completion
    )


async def status(session: Session, target: TargetArgument = None) -> int:
    """
    Each instance: mode, state and reason, position, profit, the stop as confirmed at the venue, ages, restarts.

    Exit 9 while the daemon is not ready or one of them is not well. POS is in the coin of the symbol, UPNL and DAY in USDT,
    DD in percent below the highest equity, the stop is a price and how old its confirmation is; with -o wide SHORTFALL in bps.
    """
    try:
        data = (await session.ask("status.get", {"target": target}))["data"]
    except Unreachable as error:
        return stale_status(session, error, target)
    _print_status(session, data)
    return 0 if data["healthy"] else EXIT_DEGRADED


def _print_status(session: Session, data: JsonObject) -> None:
    if session.as_json:
        session.print_json(data)
        return
    empty = "no instances; add one with `playctl add PLAY --as NAME --mode paper`"
    session.show_rows(data["instances"], STATUS, empty=empty, head=header_text(data))


def header_text(data: JsonObject) -> str:
    """The line above the rows: who answers, since when, how sure."""
    head = data["daemon"]
    modes = (
        ", ".join(f"{count} {'LIVE' if mode == 'live' else mode}" for mode, count in sorted(head["counts"].items()))
        or "no instances"
    )
    ready = "READY" if head["ready"] else f"NOT READY ({head['step']})"
    recon = "never" if head["recon_age_s"] is None else f"{say_age(head['recon_age_s'])} ago"
    age_s = head["guardian"]["age_s"]
    guardian = "never heard" if age_s is None else f"{say_age(age_s)} ago"
    incidents = head["incidents"]
    unseen = f" ({incidents['critical_unseen']} CRITICAL)" if incidents["critical_unseen"] else ""
    known = f"  incidents {incidents['open']}{unseen}" if incidents["open"] else ""
    clock = head["clock_offset_ms"]
    apart = "?" if clock is None else f"{clock:+.0f} ms"
    answers = "?" if head["venue_ms"] is None else f"{head['venue_ms']:.0f} ms"
    rates = ", ".join(f"{name} {used} %" for name, used in head["rates_used_pct"].items()) or "0 %"
    gravest = head["gravest_halt"]
    halted = "0" if gravest is None else f"{gravest['level']} on {gravest['scope']} ({gravest['code']})"
    waived = ", ".join(each["check"] for each in head["waivers"])
    known += f"  WAIVED {waived}" if waived else ""
    return (
        f"playd {head['version']}  {ready}  up {say_age(head['uptime_s'])}  {modes}  halt level {halted}"
        f"  reconciled {recon}  repairs today {head['repairs_today']}  guardian {guardian}"
        f"  venue clock {apart}  venue answers in {answers}  rate {rates}  market {head['market_time'] or '?'}"
        f"  journal {head['journal_head']['seq']}{known}"
    )


async def guardian(session: Session) -> int:
    """What the guardian watches and what worries it; works with the daemon gone. Exit 9 with alarms or a dead daemon."""
    path = session.socket_path.with_name(GUARDIAN_SOCKET)
    async with connected(session.world.net, path, timeout_s=session.wait_s(LOOK_WAIT_S)) as client:
        data = (await client.call("status", {}))["data"]
    session.show(data, guardian_text(data))
    return EXIT_DEGRADED if data["alarms"] or data["daemon"] == "dead" else 0


def guardian_text(data: JsonObject) -> str:
    """The guardian's status for people."""
    heard = "never heard" if data["daemon_age_s"] is None else f"heard {say_age(data['daemon_age_s'])} ago"
    plan = "no plan" if data["plan_age_s"] is None else f"plan {say_age(data['plan_age_s'])} old"
    lines = [
        f"guardian {data['version']}  up {say_age(data['uptime_s'])}  daemon {data['daemon']}, {heard}  {plan}"
        f"  {data['rss_bytes'] / 2**20:.0f} MiB  journal {data['journal_head']['seq']}"
    ]
    for account in data["accounts"]:
        read = "never read" if account["read_age_s"] is None else f"read {say_age(account['read_age_s'])} ago"
        lines.append(f"{account['account']}  {account['environment']}  {account['problem'] or read}")
        lines += [f"  {each['qty']} {each['symbol']}  stop {each['stop'] or 'NONE'}" for each in account["positions"]]
    lines += [f"ALARM {alarm['kind']} {alarm['scope']}: {alarm['text']}" for alarm in data["alarms"]]
    return "\n".join(lines)


async def list_instances(session: Session, selector: TargetArgument = None) -> int:
    """All instances and what they run."""
    rows = (await session.ask("instance.list", {"selector": selector}))["data"]
    session.show_rows(rows, LIST, empty="no instances")
    return 0


async def show(
    session: Session,
    name: Annotated[str, typer.Argument(help="Instance.", autocompletion=instances)],
    pipeline: Annotated[bool, typer.Option("--pipeline", help="Only the gates of its entries, in order, with bounds.")] = False,
) -> int:
    """Everything about one instance: record, Play, warm-up, last verdicts, orders, venue beside ledger."""
    data = (await session.ask("instance.get", {"name": name}))["data"]
    if pipeline:
        session.show_rows(data["pipeline"], PIPELINE, empty="")
    else:
        session.show(data, _show_text(data))
    return 0


def _show_text(data: JsonObject) -> str:
    record = [
        (key, "-" if value in (None, "") else str(value)) for key, value in data["record"].items() if key not in SHOWN_BELOW
    ]
    reasons = [say_reason(item) for item in data["reasons"]] or ["none"]
    warmup = [(key, str(value)) for key, value in data["warmup"].items()]
    parts = [
        render_pairs(
            [
                *record,
                ("state", data["state"]),
                ("reasons", "; ".join(reasons)),
                ("restarts", str(data["status"]["restarts"])),
                ("next", data["next_action"]),
            ]
        ),
        "warm-up\n" + render_pairs(warmup),
        "position: venue beside ledger\n" + render_rows(data["positions"], POSITIONS, Output.TABLE, empty="flat"),
        "open orders\n" + render_rows(data["orders"], ORDERS, Output.TABLE),
        "last intents\n" + render_rows(data["intents"], INTENTS, Output.TABLE),
        "last verdicts\n" + render_rows(data["verdicts"], VERDICTS, Output.TABLE),
        f"settings in force, {data['limits'] or 'not on record'}\n"
        + render_rows(data["settings"], SETTINGS, Output.TABLE, empty="its account is not open"),
    ]
    return "\n\n".join(parts)


async def positions(
    session: Session, account: AccountOption = None, symbol: SymbolOption = None, owner: OwnerOption = None
) -> int:
    """
    Positions at the venue beside the ledger's, with their stops.

    QTY, LEDGER and DIFF are in the coin of the symbol, prices and UPNL in USDT, STOP_BPS is how far the stop is from the mark.
    """
    params = {"account": account, "symbol": symbol, "owner": owner}
    try:
        rows = (await session.ask("position.list", params))["data"]
    except Unreachable as error:
        return stale_positions(session, error, account, symbol, owner)
    session.show_rows(rows, POSITIONS, empty="no positions")
    return 0


async def orders(
    session: Session,
    account: AccountOption = None,
    symbol: SymbolOption = None,
    owner: OwnerOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Ended orders too, newest first.")] = False,
    since: SinceOption = "",
    last: LastOption = None,
) -> int:
    """
    Orders as the ledger knows them: every open one, or with --all the newest, 100 without -n or --since.

    QTY and FILLED are in the coin of the symbol, prices in USDT.
    """
    since_ms = moment_ms(since, "--since", session.world.clock.wall_ms())
    params = {"account": account, "symbol": symbol, "owner": owner, "state": "all" if everything else "open"}
    most = last or (100 if everything and since_ms is None else None)
    rows = await _newest(session, "order.list", {**params, "since_ms": since_ms}, most)
    session.show_rows(rows, ORDERS, empty="no orders")
    return 0


async def fills(
    session: Session,
    account: AccountOption = None,
    symbol: SymbolOption = None,
    owner: OwnerOption = None,
    since: SinceOption = "",
    last: LastOption = None,
) -> int:
    """
    Executions, newest first: 20 without -n or --since.

    QTY is in the coin of the symbol, prices and FEE in USDT; a fee in another coin is named by --json.
    """
    since_ms = moment_ms(since, "--since", session.world.clock.wall_ms())
    params = {"account": account, "symbol": symbol, "owner": owner, "since_ms": since_ms}
    most = last or (20 if since_ms is None else None)
    try:
        rows = await _newest(session, "fill.list", params, most)
    except Unreachable as error:
        return stale_fills(session, error, account, symbol, owner, since_ms, most)
    session.show_rows(rows, FILLS, empty="no fills")
    return 0


async def _newest(session: Session, method: str, params: JsonObject, most: int | None) -> list[JsonObject]:
    """The newest rows of a list, page after page; None for all. Says when there are more than `most`."""
    found: list[JsonObject] = []
    cursor: str | None = None
    async with session.connected() as client:
        while True:
            result = await session.page(client, method, {**params, "cursor": cursor})
            session.warn(result)
            found += result["data"]["rows"]
            cursor = result["data"]["cursor"]
            if cursor is None or (most is not None and len(found) >= most):
                break
    if most is not None and (cursor is not None or len(found) > most):
        session.say(f"the newest {most}; -n or --since says how far back to go")
    return found[:most]


async def balance(session: Session) -> int:
    """Equity and what is available in USDT, per account; IM_RATE and MM_RATE are shares of the equity, 1 is all of it."""
    session.show_rows((await session.ask("account.list"))["data"], BALANCE, empty="no accounts")
    return 0


async def halts(session: Session) -> int:
    """Halts in force: who raised them, why, whether the cause goes on. Without a daemon those that a start will find."""
    try:
        rows = (await session.ask("halt.list"))["data"]
    except Unreachable as error:
        return stale_halts(session, error)
    session.show_rows(rows, HALTS, empty="no halts in force")
    return 0


async def intents(
    session: Session,
    unresolved: Annotated[bool, typer.Option("--unresolved", help="Only those whose outcome is open.")] = False,
) -> int:
    """Decisions to trade and what became of them."""
    session.show_rows((await session.ask("intent.list", {"unresolved": unresolved}))["data"], INTENTS, empty="no intents")
    return 0


async def version(session: Session) -> int:
    """Version of this program, and of the daemon if it can be asked."""
    ours: JsonObject = {"playctl": __version__, "playd": None}
    code, instead = 0, "not running"
    try:
        async with session.connected() as client:
            hello = (await client.hello("playctl"))["data"]
            ours.update(playd=hello["version"], daemon_id=hello["daemon_id"], protocol=hello["protocol"])
    except Unreachable as error:
        code = error.exit_code
    except (Forbidden, Unanswered) as error:
        code, instead = error.exit_code, str(error)
    session.show(ours, render_pairs([(key, instead if value is None else str(value)) for key, value in ours.items()]))
    return code


def completion(shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    if shell not in ("bash", "zsh", "fish"):
        raise typer.BadParameter("bash, zsh or fish")
    print(get_completion_script(prog_name="playctl", complete_var="_PLAYCTL_COMPLETE", shell=shell))
