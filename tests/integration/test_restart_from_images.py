"""Running instances that keep little of their columns: the trades of a backtest, also over starts that go on from images."""

from dataclasses import replace
from typing import Any

import anyio.lowlevel
import pytest

from playd.cli.parity import Side, TraderSide, first_difference, replace_disk, side_of, start_of
from playd.cli.runtime import Runtime
from playd.core.instrument import synthetic_instrument
from playd.core.modes import Mode
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.plays.keep import Keep
from playd.plays.load import load_play
from playd.plays.model import BacktestMoney
from playd.research.backtest import run_backtest
from playd.supervisor import column_keeper, life, surroundings
from playd.supervisor.records import InstanceRecord
from playd.world.real import real_world, run
from tests.integration.daemon_kit import ROOT

pytestmark = pytest.mark.slow

BOLLINGER = ROOT / "config/plays/bollinger_reversion.yml"
MINUTES = 4_000
KEPT = 300
STARTS = 4


class RestartedShadow(TraderSide):
    """A shadow that is stopped and started a few times on its way."""

    dropped: int = 0

    def _record(self) -> InstanceRecord:
        return replace(super()._record(), mode=Mode.SHADOW, account="shadow-parity00")

    async def _trade(self, runtime: Runtime) -> Side:
        assert runtime.exchange is not None
        slot = runtime.supervisor.add(self._record())
        first_ms = self._result.candles.open_time_ms[0]
        for start in range(1, STARTS + 1):
            runtime.supervisor.start(slot, runtime.admit, "test")
            await slot.settled.wait()
            assert slot.engine is not None, slot.reason_text
            runtime.exchange.release()
            until_ms = first_ms + start * MINUTES // STARTS * MINUTE_MS
            while slot.engine.last_open_ms < until_ms and "market_ended" not in slot.facts.causes:
                await anyio.lowlevel.checkpoint()
            runtime.exchange.hold()
            self.dropped = max(self.dropped, slot.engine.engine.columns.dropped(0))
            await runtime.supervisor.stop(slot, "test")
        return Side(self._verdicts, [trade.as_json() for trade in self._trades])


@pytest.fixture
def keeps_little(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Keep(KEPT, 20)
    monkeypatch.setattr(column_keeper, "KEPT_BASE_BARS", KEPT)
    monkeypatch.setattr(life, "KEEP", keep)
    monkeypatch.setattr(surroundings, "KEEP", keep)


@pytest.mark.usefixtures("keeps_little")
def test_a_shadow_started_again_from_images_has_the_trades_of_a_backtest(monkeypatch: pytest.MonkeyPatch) -> None:
    play = load_play(BOLLINGER.read_text(), str(BOLLINGER))
    play = replace(play, backtest=BacktestMoney(play.deploy.capital_usdt, play.account.slippage_bps))
    feed = SyntheticFeed(8)
    candles = feed.candles(play.symbol, feed.start_ms, feed.start_ms + MINUTES * MINUTE_MS)
    result = run_backtest(
        play, candles, synthetic_instrument(play.symbol, float(candles.open[0])), start_ms=start_of(play, candles)
    )
    asked: list[Any] = []
    load = column_keeper.ColumnKeeper.load
    monkeypatch.setattr(column_keeper.ColumnKeeper, "load", lambda self, ms: asked.append(load(self, ms)) or asked[-1])
    shadow = RestartedShadow(replace_disk(real_world()), play, candles, result)
    side = run(lambda _: shadow.run(), real_world())
    assert len(result.trades) >= 4
    assert first_difference(side_of(result), side) is None
    assert shadow.dropped > KEPT
    assert [image is not None for image in asked] == [True] * (STARTS - 1)
