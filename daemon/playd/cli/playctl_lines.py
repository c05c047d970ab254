"""Commands of `playctl` that print lines: the daemon's log, and the records of its journal. Both need no daemon."""

from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Final

import orjson
import typer

from playd.cli.completing import instances
from playd.cli.moments import span_ms
from playd.cli.options import add
from playd.cli.session import Session
from playd.cli.stale_view import stale_events, stale_logs
from playd.control.client import Unreachable
from playd.control.figures import rfc3339
from playd.control.log_lines import LEVELS, LineFilter, bare_line, log_line
from playd.control.protocol import JsonObject
from playd.control.record_filter import RecordFilter, bare_record
from playd.control.render import Output
from playd.control.tables import EVENTS, LOGS
from playd.ops.events import EVENTS as LOG_EVENTS
from playd.ops.kinds import KINDS
from playd.supervisor.names import nearest


class Form(StrEnum):
    """How lines are printed."""

    SHORT = "short"
    CAT = "cat"
    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


AS_LINES: Final = (Form.SHORT, Form.CAT)

NameArgument = Annotated[str | None, typer.Argument(help="Only this instance.", autocompletion=instances)]
FollowOption = Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes from now on.")]
KindOption = Annotated[str | None, typer.Option("--kind", "--event", help="Only kinds of this glob, such as 'order.*'.")]
AccountOption = Annotated[str | None, typer.Option("--account", help="Only this account.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Only this symbol.")]
OrderOption = Annotated[str | None, typer.Option("--order", help="Only what holds this id of an order.")]
IntentOption = Annotated[str | None, typer.Option("--intent", help="Only what holds this id of an intent.")]
GrepOption = Annotated[str | None, typer.Option("--grep", help="Only what contains this text.")]
SinceOption = Annotated[str, typer.Option("--since", metavar="T", help="From T on: 15m, 2h, 3d ago, or a UTC time.")]
UntilOption = Annotated[str, typer.Option("--until", metavar="T", help="Before T.")]
AroundOption = Annotated[str, typer.Option("--around", metavar="T", help="A minute before T and a minute behind it.")]
ReverseOption = Annotated[bool, typer.Option("--reverse", help="Newest first.")]
FormOption = Annotated[Form, typer.Option("-o", "--output", help="Form of the lines; cat leaves time and level or number out.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    add(app, "logs", "playctl logs -f ema-cross")(logs)
    add(app, "events", "playctl events --kind 'order.*' --since 1h")(events)


async def logs(
    session: Session,
    name: NameArgument = None,
    follow: FollowOption = False,
    last: Annotated[int, typer.Option("-n", "--last", help="Lines from the past.", min=0, max=10_000)] = 20,
    level: Annotated[str | None, typer.Option("--level", help="This level and above.")] = None,
    event: KindOption = None,
    grep: GrepOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    around: AroundOption = "",
    account: AccountOption = None,
    symbol: SymbolOption = None,
    order: OrderOption = None,
    intent: IntentOption = None,
    backwards: ReverseOption = False,
    output: FormOption = Form.SHORT,
) -> int:
    """Log lines of the daemon or of one instance; with --json a list, and with -f one object per line. Without a daemon too."""
    since_ms, until_ms = span_ms(since, until, around, session.world.clock.wall_ms())
    if level is not None and level.lower() not in LEVELS:
        raise typer.BadParameter(f"--level {level!r}: expected {', '.join(LEVELS)}")
    _refuse_unknown(event, LOG_EVENTS)
    wanted = LineFilter(name, account, symbol, order, intent, level, event, grep, since_ms, until_ms)
    text = bare_line if _takes_form(session, output) is Form.CAT else log_line
    try:
        await _log_lines(session, wanted, last, text, follow=follow, backwards=backwards)
    except Unreachable as error:
        if follow:
            raise
        return stale_logs(session, error, wanted, last, text, backwards=backwards)
    return 0


async def events(
    session: Session,
    name: NameArgument = None,
    follow: FollowOption = False,
    last: Annotated[int, typer.Option("-n", "--last", help="Records from the past.", min=0, max=5000)] = 20,
    kind: KindOption = None,
    account: AccountOption = None,
    symbol: SymbolOption = None,
    order: OrderOption = None,
    intent: IntentOption = None,
    grep: GrepOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    around: AroundOption = "",
    backwards: ReverseOption = False,
    output: FormOption = Form.SHORT,
) -> int:
    """Records of the journal, oldest first: what was decided, commanded, repaired and breached. Works without a daemon."""
    since_ms, until_ms = span_ms(since, until, around, session.world.clock.wall_ms())
    _refuse_unknown(kind, KINDS)
    wanted = RecordFilter(kind, None, account, symbol, order, intent, grep, since_ms, until_ms)
    cat = _takes_form(session, output) is Form.CAT
    try:
        await _events(session, wanted, name, last, follow=follow, backwards=backwards, cat=cat)
    except Unreachable as error:
        if follow:
            raise
        return stale_events(session, error, wanted, name, last, backwards=backwards, cat=cat)
    return 0


def _takes_form(session: Session, form: Form) -> Form:
    """The form of the lines; what the common options know is taken over by them."""
    if session.as_json:  # --json
        return Form.JSON
    if form not in AS_LINES:
        session.options = replace(session.options, output=Output(form.value))
    return form


def _refuse_unknown(glob: str | None, names: Collection[str]) -> None:
    """A kind that nothing is ever called would be waited for for ever. Raises `typer.BadParameter`."""
    if glob is None or any(fnmatchcase(name, glob) for name in names):
        return
    near = nearest(glob, [*names, *sorted({f"{name.partition('.')[0]}.*" for name in names})])
    known = f"did you mean {near!r}?" if near else f"there are: {', '.join(sorted(names))}"
    raise typer.BadParameter(f"--event {glob!r} is nothing that is ever written; {known}")


# --- log lines ------------------------------------------------------------------------------------------------------------


async def _log_lines(
    session: Session, wanted: LineFilter, last: int, text: Callable[[JsonObject], str], *, follow: bool, backwards: bool
) -> None:
    """Print lines of the running daemon, and with `follow` those that come until it is gone. Raises `Unreachable`."""
    query = {**asdict(wanted), "limit": max(last, 1)}
    async with session.connected() as client:
        if follow:
            await client.call("subscribe", {"topics": ["logs"], "instance": wanted.instance})
        result = await client.call("log.query", query)
        session.warn(result)
        lines = result["data"] if last else []
        lines = lines[::-1] if backwards else lines
        if session.options.output is not Output.TABLE and not follow:
            session.show_rows(lines, LOGS, empty="")
            return
        for line in lines:
            _print_line(session, line, text)
        if follow:
            async for message in client.pushed():
                line = message["data"]
                if line.get("topic") == "dropped":
                    session.say(f"… {line['count']} lines dropped, this terminal is too slow")
                elif wanted.passes(line):
                    _print_line(session, line, text)
            raise Unreachable("the daemon closed the connection")


def _print_line(session: Session, line: JsonObject, text: Callable[[JsonObject], str]) -> None:
    print(orjson.dumps(line).decode() if session.as_json else text(line), flush=True)


# --- records of the journal -------------------------------------------------------------------------------------------------


async def _events(
    session: Session, wanted: RecordFilter, name: str | None, last: int, *, follow: bool, backwards: bool, cat: bool
) -> None:
    """Print records of the running daemon, and with `follow` those that come until it is gone. Raises `Unreachable`."""
    query = {**asdict(wanted), "instance": name, "limit": max(last, 1)}
    async with session.connected() as client:
        if follow:
            await client.call("subscribe", {"topics": ["events"], "instance": name})
        result = await client.call("event.query", query)
        session.warn(result)
        rows = result["data"] if last else []
        shown = rows[::-1] if backwards else rows
        if cat:
            for row in shown:
                print(bare_record(row), flush=True)
        elif rows or not follow:
            session.show_rows(shown, EVENTS, empty="no records")
        if not follow:
            return
        shown_seq = rows[-1]["seq"] if rows else 0  # written between subscription and query, it comes by both
        async for message in client.pushed():
            record = message["data"]
            if record.pop("topic") == "dropped":
                session.say(f"… {record['count']} records dropped, this terminal is too slow")
            elif record["seq"] > shown_seq and wanted.passes(record):
                _print_record(session, record, cat=cat)
        raise Unreachable("the daemon closed the connection")


def _print_record(session: Session, record: JsonObject, *, cat: bool) -> None:
    row = {**record, "time": rfc3339(record["ts_ms"])}
    if session.as_json:
        print(orjson.dumps(row).decode(), flush=True)
    else:
        print(bare_record(row) if cat else "  ".join(column.cell(row) for column in EVENTS), flush=True)
