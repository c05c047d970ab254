"""The live status of `playd run` on a terminal: the table of `playctl status`, redrawn each second."""

from typing import Final

import anyio
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from playd.cli.log_tap import LogTap
from playd.control import rows
from playd.control.context import Daemon
from playd.control.figures import rfc3339
from playd.control.log_lines import log_line
from playd.control.tables import FILLS, STATUS, Column, say_age
from playd.orders.views import Wanted, latest_fills

EVERY_S: Final = 1.0
LAST_FILLS: Final = 8
LAST_LINES: Final = 6

_COLOUR: Final = {
    "running": "green",
    "warming": "cyan",
    "paused": "yellow",
    "degraded": "yellow",
    "failed": "red",
    "panicked": "red",
}

_LEVEL_COLOUR: Final = {"warning": "yellow", "error": "red", "critical": "bold red"}


async def live_view(daemon: Daemon, tap: LogTap) -> None:
    """Draw until cancelled; meanwhile the newest log lines stand in the view instead of running through it."""
    console = Console()
    tap.muted = True
    try:
        with Live(console=console, auto_refresh=False, screen=False, transient=False) as live:
            while True:
                await rows.learn_days(daemon)
                live.update(_frame(daemon, tap), refresh=True)
                await anyio.sleep(EVERY_S)
    finally:
        tap.muted = False


def _frame(daemon: Daemon, tap: LogTap) -> Table:
    frame = Table.grid(padding=(0, 0))
    frame.add_row(Text(_header(daemon), style="bold"))
    frame.add_row(_status(daemon))
    frame.add_row(_fills(daemon))
    for line in tap.query(limit=LAST_LINES):
        frame.add_row(
            Text(log_line(line), style=_LEVEL_COLOUR.get(str(line.get("level")), "dim"), overflow="ellipsis", no_wrap=True)
        )
    frame.add_row(
        Text(
            "Ctrl-C stops: resting entries are cancelled, positions stay protected. Second terminal: playctl status",
            style="dim",
        )
    )
    return frame


def _header(daemon: Daemon) -> str:
    market_ms = daemon.market_ms()
    up = say_age(daemon.clock.mono_s() - daemon.started_s)
    state = "READY" if daemon.progress.ready else daemon.progress.step
    return f"playd {daemon.version}  {state}  up {up}  market {rfc3339(market_ms) if market_ms else '?'}"


def _status(daemon: Daemon) -> Table:
    table = _table(STATUS)
    for slot in sorted(daemon.supervisor.slots.values(), key=lambda slot: slot.name):
        row = {**rows.status_row(daemon, slot)}
        cells = [column.cell(row) for column in STATUS if not column.wide]
        table.add_row(*(Text(cell, style=_COLOUR.get(cell, "")) for cell in cells))
    return table


def _fills(daemon: Daemon) -> Table:
    table = _table(FILLS)
    for view in latest_fills(daemon.ledger, Wanted(), limit=LAST_FILLS):
        row = {**rows.fill_row(daemon, view)}
        table.add_row(*(column.cell(row) for column in FILLS if not column.wide))
    return table


def _table(columns: tuple[Column, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        if not column.wide:
            table.add_column(column.title, justify="right" if column.right else "left", no_wrap=True)
    return table
