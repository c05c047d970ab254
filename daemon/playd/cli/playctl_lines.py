"""Commands of `playctl` that print lines: the daemon's log, and the records of its journal. Both need no daemon."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Final

import orjson
import typer

from playd.cli.completing import instances
from playd.cli.moments import span_ms
from playd.cli.options import add
from playd.cli.session import Session, UsageError
from playd.cli.stale_view import Line, stale_events, stale_logs
from playd.control.client import Unreachable
from playd.control.figures import rfc3339
from playd.control.log_lines import LEVELS, LineFilter, bare_line, log_line
from playd.control.ops_tables import EVENTS, LOGS
from playd.control.record_filter import RecordFilter, bare_record, record_line
from playd.control.render import Output, pick
from playd.control.tables import Column
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
AS_OBJECTS: Final = (Form.JSON, Form.JSONL)

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
    form = _takes_form(session, output, follow=follow)
    said = _SAID_LINE.get(form)
    try:
        await _log_lines(session, wanted, last, form, follow=follow, backwards=backwards)
    except Unreachable as error:
        if follow:
            raise
        return stale_logs(session, error, wanted, last, said, backwards=backwards)
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
    output: FormOption = Form.TABLE,
) -> int:
    """Records of the journal, oldest first: what was decided, commanded, repaired and breached. Works without a daemon."""
    since_ms, until_ms = span_ms(since, until, around, session.world.clock.wall_ms())
    _refuse_unknown(kind, KINDS)
    wanted = RecordFilter(kind, None, account, symbol, order, intent, grep, since_ms, until_ms)
    form = _takes_form(session, output, follow=follow)
    try:
        await _events(session, wanted, name, last, form, follow=follow, backwards=backwards)
    except Unreachable as error:
        if follow:
            raise
        return stale_events(session, error, wanted, name, last, _SAID_RECORD.get(form), backwards=backwards)
    return 0


def _takes_form(session: Session, form: Form, *, follow: bool) -> Form:
    """
    The form of the lines; what the common options know is taken over by them, and what they name of a table makes one of lines.

    Raises `UsageError` for what does not go together.
    """
    options = session.options
    if session.as_json:  # --json
        return Form.JSON
    if form is Form.SHORT and (options.columns or options.sort):
        form = Form.TABLE
    if form is Form.CAT and (options.columns or options.sort):
        raise UsageError("-o cat has no columns: found --columns or --sort, expected them with -o table, wide or csv")
    if follow and (form is Form.CSV or options.sort):
        what = "--sort" if options.sort else "-o csv"
        raise UsageError(f"-f prints what comes when it comes: found {what}, which needs all rows; leave one of the two out")
    if form not in AS_LINES:
        session.options = replace(options, output=Output(form.value))
    return form


def _said(session: Session, form: Form, columns: tuple[Column, ...], lines: Mapping[Form, Line]) -> Line:
    """How one row is printed alone. Raises `UsageError` for a column that there is not."""
    if form in AS_OBJECTS:
        return lambda row: orjson.dumps(row).decode()
    try:
        shown = pick(columns, session.options.columns) if session.options.columns else columns
    except KeyError as error:
        raise UsageError(str(error.args[0])) from None
    return lines.get(form) or (lambda row: "  ".join(column.cell(row) for column in shown))


def _refuse_unknown(glob: str | None, names: Collection[str]) -> None:
    """A kind that nothing is ever called would be waited for for ever. Raises `typer.BadParameter`."""
    if glob is None or any(fnmatchcase(name, glob) for name in names):
        return
    near = nearest(glob, [*names, *sorted({f"{name.partition('.')[0]}.*" for name in names})])
    known = f"did you mean {near!r}?" if near else f"there are: {', '.join(sorted(names))}"
    raise typer.BadParameter(f"--event {glob!r} is nothing that is ever written; {known}")


# --- log lines ------------------------------------------------------------------------------------------------------------


_SAID_LINE: Final[Mapping[Form, Line]] = {Form.SHORT: log_line, Form.CAT: bare_line}


async def _log_lines(session: Session, wanted: LineFilter, last: int, form: Form, *, follow: bool, backwards: bool) -> None:
    """Print lines of the running daemon, and with `follow` those that come until it is gone. Raises `Unreachable`."""
    said = _said(session, form, LOGS, _SAID_LINE)
    async with session.connected() as client:
        if follow:
            await client.call("subscribe", {"topics": ["logs"], "instance": wanted.instance})
        lines = await session.newest(client, "log.query", asdict(wanted), last, "n")
        lines = lines[::-1] if backwards else lines
        if form not in AS_LINES and not follow:
            session.show_rows(lines, LOGS, empty="no lines")
            return
        for line in lines:
            print(said(line), flush=True)
        if follow:
            async for message in client.pushed():
                line = message["data"]
                if line.get("topic") == "dropped":
                    session.say(f"… {line['count']} lines dropped, this terminal is too slow")
                elif wanted.passes(line):
                    print(said(line), flush=True)
            raise Unreachable("the daemon closed the connection")


# --- records of the journal -------------------------------------------------------------------------------------------------

_SAID_RECORD: Final[Mapping[Form, Line]] = {Form.SHORT: record_line, Form.CAT: bare_record}


async def _events(
    session: Session, wanted: RecordFilter, name: str | None, last: int, form: Form, *, follow: bool, backwards: bool
) -> None:
    """Print records of the running daemon, and with `follow` those that come until it is gone. Raises `Unreachable`."""
    query = {**asdict(wanted), "instance": name}
    said = _said(session, form, EVENTS, _SAID_RECORD)
    async with session.connected() as client:
        if follow:
            await client.call("subscribe", {"topics": ["events"], "instance": name})
        rows = await session.newest(client, "event.query", query, last, "seq")
        shown = rows[::-1] if backwards else rows
        if form in AS_LINES or (follow and form in AS_OBJECTS):
            for row in shown:
                print(said(row), flush=True)
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
                print(said({**record, "time": rfc3339(record["ts_ms"])}), flush=True)
        raise Unreachable("the daemon closed the connection")
