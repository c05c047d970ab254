"""`playctl explain`: why a running instance acted or did not."""

from typing import Annotated

import typer

from playd.cli.moments import time_ms
from playd.cli.options import add
from playd.cli.session import Session
from playd.control.explain_text import BARS, GATES, explanation_text, statistics_text
from playd.control.protocol import JsonObject
from playd.control.render import Output, render_pairs, render_rows
from playd.core.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add(app, "explain", "playctl explain ema-cross --last 20")(explain)


async def explain(
    session: Session,
    name: Annotated[str, typer.Argument(help="Instance. One that does not run has no conditions, and its last entry.")],
    at: Annotated[
        str, typer.Option("--at", metavar="T", help="The last bar that had closed at T of market time; default: the newest.")
    ] = "",
    last: Annotated[
        int, typer.Option("-n", "--last", help="A line for each of the newest bars; with --stats, over so many.", min=0)
    ] = 0,
    stats: Annotated[
        bool, typer.Option("--stats", help="Count verdicts, and for each clause how often only it was missing.")
    ] = False,
) -> int:
    """Why an instance acted at a bar, or did not: verdict, conditions with their values, the clause or gate that stopped it."""
    if at and (last or stats):
        raise typer.BadParameter("--at names one bar, --last and --stats are about the newest: give one of them")
    params = {"name": name, "at_ms": _time_ms(at), "last": last or None, "stats": stats}
    data = (await session.ask("explain.get", params))["data"]
    if last and not stats:
        session.show_rows(data["bars"], BARS, empty="no bar has closed yet")
    elif session.as_json:
        session.print_json(data)
    else:
        print(_text(data))
    return 0


def _text(data: JsonObject) -> str:
    on = f"{data['symbol']}, {data['timeframe']}" if data["timeframe"] else data["symbol"]
    head = f"{data['instance']} ({data['play']}) on {on}"
    if data["no_columns"] is not None:
        judged = data["judged"]
        because = f"{judged['verdict']}: {judged['detail']}" if judged["detail"] else str(judged["verdict"])
        pairs = [("bar", f"{head}, closed {judged['time']}"), ("verdict", because), ("conditions", data["no_columns"])]
        return "\n\n".join([render_pairs(pairs), *_gates(data)])
    if data["explanation"] is None:
        counted = data["statistics"]
        return "no bar was decided yet" if counted is None else statistics_text(head, counted)
    gate = data["last_gate"]
    said = "none yet" if gate is None else f"{gate['said']}, {gate['detail'] or gate['verdict']}, at {gate['time']}"
    text = f"{explanation_text(head, data['explanation'])}\n\n{render_pairs([('gates, last entry', said)])}"
    return "\n\n".join([text, *_gates(data)])


def _gates(data: JsonObject) -> list[str]:
    """What every gate says to the entry of the bar, and where that is not what was said then."""
    judged, table = data["judged"], data["gates"]
    return [
        *([] if table is None else [render_rows(table, GATES, Output.TABLE)]),
        *([judged["note"]] if judged is not None and judged["note"] else []),
    ]


def _time_ms(text: str) -> int | None:
    """A time of the command line; refused before anything is asked."""
    try:
        return time_ms(text, "--at")
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
