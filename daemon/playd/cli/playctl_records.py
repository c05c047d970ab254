"""Commands of `playctl` that tell a story from the ledger: why an order is what it is, and what was earned."""

from enum import StrEnum
from typing import Annotated

import typer

from playd.cli.completing import instances
from playd.cli.moments import moment_ms
from playd.cli.options import add
from playd.cli.session import Session
from playd.control.render import render_pairs
from playd.control.tables import PNL, STEPS


class By(StrEnum):
    """What results are summed by."""

    DAY = "day"
    PLAY = "play"
    SYMBOL = "symbol"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    add(app, "why", "playctl why pdezldnyy-axzhrv222auhxbveybjt2sm3")(why)
    add(app, "pnl", "playctl pnl --by play --since 7d")(pnl)


async def why(session: Session, order: Annotated[str, typer.Argument(help="Link id of an order, or the venue's id.")]) -> int:
    """The story of one order: bar, clause, intent, requests, fills, checks, with the milliseconds between them."""
    data = (await session.ask("explain.order", {"link_id": order}))["data"]
    if session.as_json:
        session.show(data, "")
        return 0
    head = [(key, str(value)) for key, value in data.items() if key != "steps" and value not in (None, "")]
    print(render_pairs(head) + "\n")
    session.show_rows(data["steps"], STEPS, empty="nothing is on record about it")
    return 0


async def pnl(
    session: Session,
    target: Annotated[str | None, typer.Argument(help="Only these: name, glob or selector.", autocompletion=instances)] = None,
    by: Annotated[By, typer.Option("--by", help="What to sum by: day (UTC, of the market), play or symbol.")] = By.DAY,
    since: Annotated[str, typer.Option("--since", metavar="T", help="From T of the market: 7d ago, or a UTC time.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="T", help="Before T of the market.")] = "",
    account: Annotated[str | None, typer.Option("--account", help="Only this account.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only this symbol.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only this instance.")] = None,
) -> int:
    """Results in USDT from the executions, exact: realised, fees, funding, trades, and what is open now."""
    now_ms = session.world.clock.wall_ms()
    query = {
        **({} if target is None else {"target": target}),  # an older daemon knows no such word
        "by": by.value,
        "from_ms": moment_ms(since, "--since", now_ms),
        "to_ms": moment_ms(until, "--until", now_ms),
        "account": account,
        "symbol": symbol,
        "owner": owner,
    }
    session.show_rows((await session.ask("pnl.get", query))["data"], PNL, empty="no executions")
    return 0
