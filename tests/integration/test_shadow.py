"""A shadow under the supervisor: the trades of a backtest, nothing at the exchange, and one history over any death."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from playd.cli.parity import Side, TraderSide, first_difference, replace_disk, side_of, start_of
from playd.cli.runtime import Runtime
from playd.core.instrument import synthetic_instrument
from playd.core.modes import Mode
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.plays.load import load_play
from playd.plays.model import BacktestMoney
from playd.research.backtest import run_backtest
from playd.supervisor.records import InstanceRecord
from playd.world.real import real_world, run
from tests.crash.harness import DaemonProcess, ExchangeProcess, stage, wait_for
from tests.crash.story import backtest
from tests.integration.daemon_kit import ROOT, ctl, ctl_json, daemon

pytestmark = pytest.mark.slow

EMA = ROOT / "config/plays/ema_cross_rsi.yml"
BOLLINGER = ROOT / "config/plays/bollinger_reversion.yml"
MINUTES = 4_000


class ShadowSide(TraderSide):
    """The daemon's parts with the instance in shadow mode."""

    accounts: int = -1
    opened: int = -1

    def _record(self) -> InstanceRecord:
        return replace(super()._record(), mode=Mode.SHADOW, account="shadow-parity00")

    async def _trade(self, runtime: Runtime) -> Side:
        side = await super()._trade(runtime)
        assert runtime.exchange is not None
        self.accounts, self.opened = len(runtime.exchange.books.accounts), len(runtime.accounts.held)
        return side


def test_a_shadow_has_the_trades_of_a_backtest_and_the_exchange_has_none() -> None:
    play = load_play(BOLLINGER.read_text(), str(BOLLINGER))
    play = replace(play, backtest=BacktestMoney(play.deploy.capital_usdt, play.account.slippage_bps))
    feed = SyntheticFeed(8)
    candles = feed.candles(play.symbol, feed.start_ms, feed.start_ms + MINUTES * MINUTE_MS)
    instrument = synthetic_instrument(play.symbol, float(candles.open[0]))
    result = run_backtest(play, candles, instrument, start_ms=start_of(play, candles))
    shadow = ShadowSide(replace_disk(real_world()), play, candles, result)
    side = run(lambda _: shadow.run(), real_world())
    assert len(result.trades) >= 4
    assert first_difference(side_of(result), side) is None
    assert (shadow.accounts, shadow.opened) == (0, 0)


@dataclass
class ShadowDaemon(DaemonProcess):
    """The daemon of a story whose one instance is a shadow on the story's market."""

    def configure(self) -> None:
        super().configure()
        file = self.directory / "playd.toml"
        file.write_text(file.read_text().replace('mode = "paper"\naccount = "crash"', 'mode = "shadow"'))

    def executions(self) -> list[dict[str, Any]]:
        return self.rows("SELECT side, qty, price, fee, venue_ms, source FROM executions ORDER BY n")


@contextmanager
def shadow_stage(directory: Path) -> Iterator[tuple[ExchangeProcess, ShadowDaemon]]:
    with stage(directory) as (exchange, other):
        shadow = ShadowDaemon(directory, exchange, other.lives)
        shadow.configure()
        try:
            yield exchange, shadow
        finally:
            shadow.kill()


def live_to(exchange: ExchangeProcess, shadow: ShadowDaemon, moment: str, nth: int, speed: float) -> None:
    """One life: until it dies at its moment, or until the market is over and it was stopped."""
    exchange.market(held=True, speed=speed)
    shadow.start(moment, nth)
    if shadow.ready():
        exchange.market(held=False)
    wait_for(lambda: shadow.dead or shadow.said("feed.market_ended"), "death, or the end of the market")
    if not moment:
        assert shadow.stop() == 0, shadow.log.read_text()[-2000:]
    assert shadow.dead


def test_a_killed_shadow_goes_on_as_if_it_had_lived(tmp_path: Path) -> None:
    """Deaths around fills and around the writing of its state; then the whole history is the backtest's, each fill once."""
    with shadow_stage(tmp_path) as (exchange, shadow):
        for moment, nth in (("commit:execution:before", 2), ("commit:execution:after", 3), ("state:linked", 2), ("", 1)):
            live_to(exchange, shadow, moment, nth, 4_000.0)
        trades = [trade for trade in backtest().trades if trade.exit_reason != "end_of_data"]
        expected = [
            (ms, price) for t in trades for ms, price in ((t.entry_time_ms, t.entry_price), (t.exit_time_ms, t.exit_price))
        ]
        found = [(row["venue_ms"], float(Decimal(row["price"]))) for row in shadow.executions()]
        assert len(trades) >= 4
        assert found[: len(expected)] == expected
        assert {row["source"] for row in shadow.executions()} == {"shadow"}
        assert exchange.bodies("orders") == []
        assert exchange.bodies("executions") == []
        closes = [close for close, _ in shadow.verdicts()]
        assert len(closes) == len(set(closes))


def test_a_shadow_is_shown_as_one_and_obeys(tmp_path: Path) -> None:
    """Added to a running daemon: seen in every table, paused, panicked, stopped, and never at the exchange."""
    with daemon(tmp_path, "--speed", "3000") as process:
        process.wait_for("daemon.ready")
        added = ctl(tmp_path, "add", str(EMA), "--as", "ghost", "--mode", "shadow", "--json")
        assert added.returncode == 0, added.stderr
        assert ctl_json(tmp_path, "start", "ghost")[0]["state"] == "running"
        process.wait_for("fill.booked", instance="ghost", action="enter")
        row = next(row for row in ctl_json(tmp_path, "status")["instances"] if row["name"] == "ghost")
        assert (row["mode"], row["stop_at_venue"]["why"]) == ("shadow", "shadow")
        assert ctl(tmp_path, "panic", "ghost").returncode == 0
        assert not [row for row in ctl_json(tmp_path, "positions") if row["owner"] == "ghost"]
        fills = ctl_json(tmp_path, "fills", "--owner", "ghost")
        assert {(row["source"], row["price"]["source"]) for row in fills} == {("shadow", "computed")}
        assert "(shadow)" in ctl(tmp_path, "fills", "--owner", "ghost").stdout
        assert ctl(tmp_path, "resume", "ghost", "--confirm", "RESUME instance:ghost", "--reason", "seen").returncode == 0
        assert ctl_json(tmp_path, "start", "ghost")[0]["state"] == "running"
        assert ctl(tmp_path, "pause", "ghost").returncode == 0
        process.wait_for("bar.verdict", instance="ghost", verdict="HALTED")
        assert ctl(tmp_path, "stop", "ghost", "--flatten").returncode == 0
        assert ctl(tmp_path, "remove", "ghost").returncode == 0
        assert process.stop() == 0
    uid = orjson.loads(added.stdout)[0]["uid"]
    with closing(sqlite3.connect(f"file:{tmp_path}/exchange/records.sqlite?mode=ro", uri=True)) as records:
        bodies = [body for (body,) in records.execute("SELECT body FROM accounts")]
    assert bodies
    assert not [body for body in bodies if uid in body]
