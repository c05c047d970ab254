"""
A story in a thin market: limit entries are filled in part, over minutes, stops follow the price, and the daemon is killed
meanwhile.

A backtest knows no such market, so nothing is compared with one: after each start the books must say what the venue says, and
every invariant must hold over the ledgers of both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playd.ops.drills.plays import with_limit_entries, with_trailing_stop
from tests.crash.harness import PLAY, DaemonProcess, ExchangeProcess, stage, wait_for
from tests.crash.story import Kill, check_invariants, check_protected, live

DEPTH_USDT = 20_000.0
PARTICIPATION = 0.0002


@contextmanager
def thin_stage(directory: Path) -> Iterator[tuple[ExchangeProcess, DaemonProcess]]:
    """As `stage`, with a market that gives a resting order a part of what it wants."""
    play = directory / "thin.yml"
    play.write_text(with_trailing_stop(with_limit_entries(PLAY.read_text())))
    with stage(directory, play=play, depth_usdt=DEPTH_USDT, participation=PARTICIPATION) as both:
        yield both


def tell_thin(directory: Path, kills: list[Kill]) -> tuple[list[str], int]:
    """Play one story to its end; the deaths, and how many entries were executed in part when they ended."""
    with thin_stage(directory) as (exchange, daemon):
        deaths = live(exchange, daemon, kills, check)
        wait_for(lambda: b"market_ended" in daemon.log.read_bytes(), "the last bar")
        check(exchange, daemon)
        assert daemon.stop() == 0, daemon.log.read_text()[-2000:]
        parts = daemon.rows("SELECT 1 FROM orders WHERE NOT reduce_only AND state = 'CANCELLED' AND cum_qty + 0 > 0")
        return deaths, len(parts)


def check(exchange: ExchangeProcess, daemon: DaemonProcess) -> None:
    """At any quiet moment: a position has its stop, and all else holds too."""
    wait_for(lambda: not exchange.market()["inside_candle"], "the end of the minute")
    check_protected(exchange)
    check_invariants(exchange, daemon)
