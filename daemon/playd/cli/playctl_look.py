"""Commands of `playctl` that change nothing."""

from dataclasses import asdict
from typing import Annotated, Final

import anyio
import orjson
import typer

from playd import __version__
from playd.cli.completing import instances
from playd.cli.moments import span_ms
from playd.cli.options import add
from playd.cli.session import Session
from playd.cli.stale_view import stale_fills, stale_logs, stale_positions, stale_status
from playd.control.client import Unanswered, Unreachable, connected
from playd.control.log_lines import LEVELS, LineFilter, log_line
from playd.control.protocol import GUARDIAN_SOCKET, JsonObject
from playd.control.render import Output, json_text, render_pairs, render_rows
from playd.control.tables import (
    BALANCE,
    FILLS,
    HALTS,
    INTENTS,
    LIST,
    ORDERS,
    PIPELINE,
    POSITIONS,
    STATUS,
    VERDICTS,
    say_age,
)

EXIT_DEGRADED: Final = 9
READY_LOOK_S: Final = 0.5
SHOWN_BELOW: Final = ("state", "reasons", "play_digest_short")

TargetArgument = Annotated[
    str | None,
    typer.Argument(help="Name, glob, or selector (mode=, symbol=, account=, state=).", autocompletion=instances),
]
AccountOption = Annotated[str | None, typer.Option("--account", help="Only this account.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Only this symbol.")]
OwnerOption = Annotated[str | None, typer.Option("--owner", help="Only this instance.")]
WatchOption = Annotated[float, typer.Option("--watch", help="Repeat every so many seconds.", min=0.0)]


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
    add(app, "logs", "playctl logs -f ema-cross")(logs)
    add(app, "version", "playctl version --json")(version)
    app.command("completion", epilog="Example: playctl completion bash > ~/.local/share/bash-completion/completions/playctl")(
        completion
    )


async def status(
    session: Session,
    target: TargetArgument = None,
    watch: WatchOption = 0.0,
    wait: Annotated[bool, typer.Option("--wait", help="Until the daemon is ready, --timeout seconds at most.")] = False,
) -> int:
    """Each instance: mode, state and reason, position, profit, the stop as confirmed at the venue, ages, restarts."""
    if wait:
        await _until_ready(session)
    while True:
        try:
            data = (await session.ask("status.get", {"target": target}))["data"]
        except Unreachable as error:
            return stale_status(session, error, target)
        _print_status(session, data)
        if not watch:
            return 0 if data["healthy"] else EXIT_DEGRADED
        await anyio.sleep(watch)


async def _until_ready(session: Session) -> None:
    """Return once a daemon says that it is ready. Raises `Unanswered` when none has within the time-out."""
    step, limit_s = "no daemon listens", session.options.timeout_s
    with anyio.move_on_after(limit_s):
        while True:
            try:
                head = (await session.ask("status.get"))["data"]["daemon"]
            except (Unreachable, Unanswered) as error:
                step = str(error)
            else:
                if head["ready"]:
                    return
                step = f"it is at: {head['step']}"
            await anyio.sleep(READY_LOOK_S)
    raise Unanswered(f"not ready within {limit_s:g} s; {step}")


def _print_status(session: Session, data: JsonObject) -> None:
    if session.as_json:
        print(json_text(data))
        return
    if session.options.output is not Output.CSV:
        print(header_text(data))
    session.show_rows(data["instances"], STATUS, empty="no instances; add one with `playctl add PLAY --as NAME --mode paper`")


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
    waived = ", ".join(each["check"] for each in head["waivers"])
    known += f"  WAIVED {waived}" if waived else ""
    return (
        f"playd {head['version']}  {ready}  up {say_age(head['uptime_s'])}  {modes}  halt level {head['halt_level']}"
        f"  reconciled {recon}  guardian {guardian}  venue clock {apart}  rate {head['rate_used_pct']} %"
        f"  market {head['market_time'] or '?'}"
        f"  journal {head['journal_head']['seq']}{known}"
    )


async def guardian(session: Session) -> int:
    """What the guardian watches and what worries it; works with the daemon gone. Exit 9 with alarms or a dead daemon."""
    path = session.socket_path.with_name(GUARDIAN_SOCKET)
    async with connected(session.world.net, path, timeout_s=session.options.timeout_s) as client:
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
    reasons = [f"{item['code']}: {item['text']}" for item in data["reasons"]] or ["none"]
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
    ]
    return "\n\n".join(parts)


async def positions(
    session: Session, account: AccountOption = None, symbol: SymbolOption = None, owner: OwnerOption = None
) -> int:
    """Positions at the venue beside the ledger's, with their stops."""
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
) -> int:
    """Orders as the ledger knows them; open ones unless --all."""
    params = {"account": account, "symbol": symbol, "owner": owner, "state": "all" if everything else "open"}
    rows = (await session.ask("order.list", params))["data"]["rows"]
    session.show_rows(rows, ORDERS, empty="no orders")
    return 0


async def fills(
    session: Session,
    account: AccountOption = None,
    symbol: SymbolOption = None,
    owner: OwnerOption = None,
    last: Annotated[int, typer.Option("-n", "--last", help="How many, newest first.", min=1, max=1000)] = 20,
) -> int:
    """Executions, newest first."""
    params = {"account": account, "symbol": symbol, "owner": owner}
    try:
        rows = (await session.ask("fill.list", params))["data"]["rows"][:last]
    except Unreachable as error:
        return stale_fills(session, error, account, symbol, owner, last)
    session.show_rows(rows, FILLS, empty="no fills")
    return 0


async def balance(session: Session) -> int:
    """Equity and what is available, per account."""
    session.show_rows((await session.ask("account.list"))["data"], BALANCE, empty="no accounts")
    return 0


async def halts(session: Session) -> int:
    """Halts in force: who raised them, why, and whether the cause still holds."""
    session.show_rows((await session.ask("halt.list"))["data"], HALTS, empty="no halts in force")
    return 0


async def intents(
    session: Session,
    unresolved: Annotated[bool, typer.Option("--unresolved", help="Only those whose outcome is open.")] = False,
) -> int:
    """Decisions to trade and what became of them."""
    session.show_rows((await session.ask("intent.list", {"unresolved": unresolved}))["data"], INTENTS, empty="no intents")
    return 0


async def logs(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="Only this instance.", autocompletion=instances)] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what happens from now on.")] = False,
    last: Annotated[int, typer.Option("-n", help="Lines from the past.", min=0, max=10_000)] = 20,
    level: Annotated[str | None, typer.Option("--level", help="This level and above.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="Only events that match this glob.")] = None,
    grep: Annotated[str | None, typer.Option("--grep", help="Only lines that contain this text.")] = None,
    since: Annotated[str, typer.Option("--since", metavar="T", help="From T on: 15m, 2h, 3d ago, or a UTC time.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="T", help="Before T.")] = "",
    around: Annotated[str, typer.Option("--around", metavar="T", help="A minute before T and a minute behind it.")] = "",
    account: AccountOption = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only this symbol.")] = None,
    order: Annotated[str | None, typer.Option("--order", help="Only lines with this id of an order.")] = None,
    intent: Annotated[str | None, typer.Option("--intent", help="Only lines with this id of an intent.")] = None,
    backwards: Annotated[bool, typer.Option("--reverse", help="Newest first.")] = False,
) -> int:
    """Log lines of the daemon or of one instance; with --json a list, and with -f one object per line."""
    since_ms, until_ms = span_ms(since, until, around, session.world.clock.wall_ms())
    if level is not None and level.lower() not in LEVELS:
        raise typer.BadParameter(f"--level {level!r}: expected {', '.join(LEVELS)}")
    wanted = LineFilter(
        instance=name,
        account=account,
        symbol=symbol,
        order=order,
        intent=intent,
        level=level,
        event=event,
        grep=grep,
        since_ms=since_ms,
        until_ms=until_ms,
    )
    try:
        await _log_lines(session, wanted, last, follow=follow, backwards=backwards)
    except Unreachable as error:
        if follow:
            raise
        return stale_logs(session, error, wanted, last, backwards=backwards)
    return 0


async def _log_lines(session: Session, wanted: LineFilter, last: int, *, follow: bool, backwards: bool) -> None:
    """Print lines of the running daemon, and with `follow` those that come until it is gone. Raises `Unreachable`."""
    query = {**asdict(wanted), "limit": max(last, 1)}
    async with connected(session.world.net, session.socket_path, timeout_s=session.options.timeout_s) as client:
        if follow:
            await client.call("subscribe", {"topics": ["logs"], "instance": wanted.instance})
        lines = (await client.call("log.query", query))["data"] if last else []
        lines = lines[::-1] if backwards else lines
        if session.as_json and not follow:
            print(json_text(lines))
            return
        for line in lines:
            _print_line(session, line)
        if follow:
            async for message in client.pushed():
                line = message["data"]
                if line.get("topic") == "dropped" or wanted.passes(line):
                    _print_line(session, line)
            raise Unreachable("the daemon closed the connection")


def _print_line(session: Session, line: JsonObject) -> None:
    if session.as_json:
        print(orjson.dumps(line).decode(), flush=True)
        return
    if line.get("topic") == "dropped":
        print(f"… {line['count']} lines dropped, this terminal is too slow", flush=True)
        return
    print(log_line(line), flush=True)


async def version(session: Session) -> int:
    """Version of this program and of the daemon."""
    ours: JsonObject = {"playctl": __version__, "playd": None}
    code = 0
    try:
        async with connected(session.world.net, session.socket_path, timeout_s=session.options.timeout_s) as client:
            hello = (await client.hello("playctl"))["data"]
            ours.update(playd=hello["version"], daemon_id=hello["daemon_id"], protocol=hello["protocol"])
    except Unreachable as error:
        code = error.exit_code
    session.show(ours, render_pairs([(key, "not running" if value is None else str(value)) for key, value in ours.items()]))
    return code


def completion(shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    if shell not in ("bash", "zsh", "fish"):
        raise typer.BadParameter("bash, zsh or fish")
    print(get_completion_script(prog_name="playctl", complete_var="_PLAYCTL_COMPLETE", shell=shell))
