"""What a backtest and a comparison leave for readiness: the figures it asks for, and why a run shows nothing."""

from dataclasses import replace
from decimal import Decimal
from functools import cache

from playd.cli.evidence_files import backtest_evidence, parity_evidence
from playd.core.instrument import synthetic_instrument
from playd.plays.model import Play
from playd.research.backtest import BacktestResult, run_backtest
from playd.settings.policy import Policy
from playd.supervisor.readiness import Evidence, readiness
from playd.world.real import real_world
from tests.crash.harness import HISTORY, played
from tests.unit.supervisor.test_readiness import GOOD, NOW_MS

PLAY, CANDLES = played()


def of(play: Play) -> BacktestResult:
    instrument = synthetic_instrument(play.symbol, float(CANDLES.open[0]))
    return run_backtest(play, CANDLES, instrument, start_ms=int(CANDLES.open_time_ms[HISTORY]))


@cache
def run() -> BacktestResult:
    return of(PLAY)


def test_a_backtest_says_what_readiness_asks_for_and_pays_its_costs_twice() -> None:
    again: list[Play] = []

    def doubled(play: Play) -> BacktestResult:
        again.append(play)
        return of(play)

    record = backtest_evidence(real_world(), run(), "play.yml", doubled)

    assert (record["kind"], record["play_digest"], record["eligible"]) == ("backtest", PLAY.play_hash, True)
    assert record["trades"] == run().metrics["trades"]
    assert again[0].account.taker_bps == 2 * PLAY.account.taker_bps
    assert record["profit_factor_doubled"] < record["profit_factor"]
    nets = [trade.net_pnl_usdt for trade in run().trades]
    assert abs(record["trade_mean_usdt"] - sum(nets) / len(nets)) < 1e-9
    loose = Policy(backtest_trades=1, backtest_sharpe=Decimal(0), backtest_drawdown_pct=Decimal(100))
    kept = Evidence("e" * 64, "backtest", record["eligible"], NOW_MS, NOW_MS + 1, record)
    check = next(each for each in readiness(replace(GOOD, backtest=kept), loose) if each.name == "backtest")
    assert "unknown" not in check.detail, check


def test_a_comparison_counts_whole_days_and_needs_a_decision() -> None:
    record = parity_evidence(real_world(), run(), "play.yml", same=True, decisions=3)
    nothing = parity_evidence(real_world(), run(), "play.yml", same=False, decisions=0)

    assert (record["kind"], record["days"], record["eligible"]) == ("parity", [], True)
    assert (nothing["eligible"], len(nothing["reasons"])) == (False, 2)
