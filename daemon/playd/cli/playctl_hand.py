"""Commands of `playctl` for one position or one state: close it, build it anew."""

from typing import Annotated

import typer

from playd.cli.options import add
from playd.cli.playctl_change import ConfirmOption, NameArgument
from playd.cli.session import Session
from playd.control.protocol import Code, JsonObject, RpcError
from playd.control.tables import LIFECYCLE, Column, number, word

CLOSED = (
    Column("ACCOUNT", word("account")),
    Column("SYMBOL", word("symbol")),
    Column("OWNER", word("owner")),
    Column("BEFORE", number("before"), right=True),
    Column("WANTED", number("wanted"), right=True),
    Column("REMAINING", number("remaining"), right=True),
    Column("REFUSED", word("refused")),
    Column("CLOSED", number("closed"), right=True),
    Column("AVG_PRICE", number("avg_price"), right=True),
    Column("SLIPPAGE_BPS", number("slippage_bps", 1), right=True),
    Column("STOP@VENUE", number("stop"), right=True),
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    position = typer.Typer(help="Single positions.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(position, name="position")
    add(position, "close", "playctl position close main/BTCUSDT --pct 50")(close)
    add(app, "reset-state", "playctl reset-state ema-cross")(reset_state)


async def close(
    session: Session,
    where: Annotated[str, typer.Argument(metavar="ACCOUNT/SYMBOL", help="As in `playctl positions`.")],
    pct: Annotated[str, typer.Option("--pct", help="How much of it, in percent.")] = "100",
    confirm: ConfirmOption = "",
) -> int:
    """
    Close what instances hold of a symbol, reduce-only; they go on deciding. Exit 11 while some of it may remain.

    On a terminal it says first what it will close, unless --yes is there; with real money it takes the phrase.
    """
    account, slash, symbol = where.partition("/")
    if not slash or not account or not symbol:
        raise typer.BadParameter(f"{where!r}: expected ACCOUNT/SYMBOL, as in `playctl positions`")
    params = {"account": account, "symbol": symbol, "pct": pct, "confirm": confirm, "preview": session.asks}
    try:
        data = (await session.change("position.close", params))["data"]
    except RpcError as error:
        if error.code is Code.INCOMPLETE and "positions" in error.details:
            _show(session, error.details)
        raise
    _show(session, data)
    return 0


def _show(session: Session, data: JsonObject) -> None:
    if session.as_json:
        session.print_json(data)
    else:
        session.show_rows(data["positions"], CLOSED, empty="")


async def reset_state(session: Session, name: NameArgument, confirm: ConfirmOption = "") -> int:
    """Set an instance's state aside and clear its failure; the next start builds it from its anchor and the ledger."""
    data = (await session.change("instance.reset_state", {"name": name, "confirm": confirm}))["data"]
    session.show_rows([data], LIFECYCLE, empty="")
    for copy in data["set_aside"]:
        session.say(f"set aside as {copy}")
    return 0
