"""Commands of `playctl` that hold what the daemon does against a backtest over the days that it recorded."""

from typing import Annotated, Final

import typer

from playd.cli.completing import instances
from playd.cli.options import add
from playd.cli.session import Session
from playd.control.protocol import JsonObject
from playd.control.tables import Column, age, word

COMPARED_WITHIN_S: Final = 1800.0
EXIT_DIFFERENCE: Final = 10
EXIT_FAILED: Final = 1

PARITY: Final = (
    Column("NAME", word("name")),
    Column("RESULT", word("result")),
    Column("DAYS", lambda row: " … ".join(dict.fromkeys([*row["days"][:1], *row["days"][-1:]])) if row.get("days") else "-"),
    Column("DECISIONS", word("decisions"), right=True),
    Column("HASH", word("hash")),
    Column("AGE", age("age_s"), right=True),
    Column("WHAT", word("what")),
    Column("EXPIRES", word("expires"), wide=True),
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    parity = typer.Typer(
        help="Does the daemon decide as the backtest does? `playd parity` asks the same of any candles.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(parity, name="parity")
    add(parity, "run", "playctl parity run ema-cross --date 2024-01-31")(run)
    add(parity, "show", "playctl parity show")(show)


async def run(
    session: Session,
    target: Annotated[str | None, typer.Argument(help="Name, glob or selector.", autocompletion=instances)] = None,
    date: Annotated[str | None, typer.Option("--date", metavar="DATE", help="This UTC day, such as 2024-01-31.")] = None,
    days: Annotated[
        int | None, typer.Option("--days", help="So many days to the end of --date; else the newest ones, 5.", min=1, max=60)
    ] = None,
) -> int:
    """
    Replay recorded days through backtest and daemon, decision by decision; what is found is evidence for readiness.

    Exit 0: all the same; 10: a difference, or days that show nothing; 1: something could not be compared; 4: nothing of that
    day was recorded.
    """
    params: JsonObject = {"target": target, "date": date, "days": days}
    rows = (await session.change("parity.run", params, timeout_s=COMPARED_WITHIN_S))["data"]["rows"]
    session.show_rows(rows, PARITY, empty="no instances")
    for row in rows:
        if row.get("itself_bars"):
            session.say(
                f"{row['name']} itself decided {row['itself_bars']} of those bars, {row['itself_alike']} like the backtest"
            )
    if any(row["result"] == "not_compared" for row in rows):
        return EXIT_FAILED
    return 0 if all(row["result"] == "same" for row in rows) else EXIT_DIFFERENCE


async def show(session: Session) -> int:
    """The newest comparison of each instance's Play: a certificate, or the first difference."""
    session.show_rows((await session.ask("parity.get"))["data"], PARITY, empty="no instances")
    return 0
