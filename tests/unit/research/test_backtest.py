"""Backtests: windows, endings, funding, what is kept and what is refused."""

import io
import json
import re

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.errors import CandleError, PlayError
from playd.market.rates import Funding
from playd.plays.load import load_play
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.saved_columns import columns_npz
from tests.engine_desk import BTC, MINUTE_MS, START_MS, candles_of, flat_candles, play_of
from tests.unit.plays.plays_of import play_text

ONCE = "entry_long: {all: [[close, '>', 50000]]}"
STOP = "{type: fixed_points, value: 4000}"
ACCOUNT = "{max_leverage: 10, slippage_bps: 0, fee_model: {taker_bps: 5.5}}"


def risk(stop: str = "none", target: str = "{type: fixed_points, value: 9000}", notional: int = 50_000) -> str:
    return f"risk_model: {{stop_loss: {stop}, take_profit: {target}, sizing: {{model: fixed_usdt, value: {notional}}}}}"


def run(closes: list[float], **parts: str) -> BacktestResult:
    play = play_of(actions=ONCE, **{"account": ACCOUNT, "risk": risk(), **parts})
    return run_backtest(play, flat_candles(closes), BTC)


def test_open_position_is_closed_at_the_last_close() -> None:
    """3.5: and that closing updates the last equity point."""
    result = run([50_000.0, 50_001.0, 50_001.0, 50_101.0])
    assert [(t.exit_reason, t.entry_price, t.exit_price) for t in result.trades] == [("end_of_data", 50_001.0, 50_101.0)]
    assert len(result.equity_usdt) == 4
    assert result.equity_usdt[-1] == result.final_equity_usdt
    assert result.trades[0].exit_time_ms == START_MS + 3 * MINUTE_MS


def test_liquidation_ends_the_run() -> None:
    """10.7: 1 at 50 000, leverage 10: −5 000 − 24.75 − entry fee 27.5."""
    play = play_of(actions="entry_long: {all: [[close, '>=', 50000]]}", account=ACCOUNT, risk=risk())
    result = run_backtest(play, flat_candles([50_000.0, 50_000.0, 45_000.0, 50_000.0]), BTC)
    assert result.ended == "liquidated"
    assert result.trades[0].exit_price == 45_000.0
    assert result.final_equity_usdt == pytest.approx(10_000 - 5_000 - 24.75 - 27.5, abs=1e-9)
    assert len(result.equity_usdt) == 2


def test_drawdown_rule_ends_the_run() -> None:
    account = "{max_leverage: 10, slippage_bps: 0, max_drawdown_pct: 5}"
    result = run([50_001.0, 50_001.0, 49_000.0, 49_000.0, 50_001.0, 50_001.0], account=account)
    assert result.ended == "max_drawdown_hit"
    assert [trade.exit_reason for trade in result.trades] == ["max_drawdown"]


def test_who_holds_before_the_stamp_pays_funding() -> None:
    """10.8: an entry that fills at the stamp does not pay."""
    play = play_of(actions=ONCE, account=ACCOUNT, risk=risk())
    candles = flat_candles([50_001.0, 50_001.0, 50_001.0, 50_001.0])
    stamps = np.array([START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS], np.int64)
    result = run_backtest(play, candles, BTC, funding=Funding(stamps, np.array([0.5, 0.0001])))
    trade = result.trades[0]
    assert trade.funding_usdt == pytest.approx(trade.qty * 50_001.0 * 0.0001, abs=1e-12)
    assert trade.net_pnl_usdt == trade.gross_pnl_usdt - trade.fees_usdt - trade.funding_usdt


def test_the_mark_price_decides_liquidation_worth_and_funding() -> None:
    """10.7, 10.8: the last price never nears the liquidation price of 45 226.13."""
    play = play_of(actions="entry_long: {all: [[close, '>=', 50000]]}", account=ACCOUNT, risk=risk())
    last = flat_candles([50_000.0] * 6)
    mark = flat_candles([50_000.0, 50_000.0, 49_000.0, 48_000.0, 45_000.0, 50_000.0])
    stamps = np.array([START_MS + 3 * MINUTE_MS], np.int64)
    result = run_backtest(play, last.with_mark(mark), BTC, funding=Funding(stamps, np.array([0.001])))
    assert result.ended == "liquidated"
    qty, fee = result.trades[0].qty, 50_000.0 * 0.00055 * result.trades[0].qty
    assert result.trades[0].funding_usdt == pytest.approx(qty * mark.open[3] * 0.001)
    assert result.equity_usdt[2] == pytest.approx(10_000 - fee - qty * 1_000)
    assert result.as_json()["mark_candles"] is True
    assert run_backtest(play, last, BTC).ended == "end_of_data"


def test_where_the_mark_has_no_candle_the_last_price_stands_in() -> None:
    last, mark = flat_candles([50_000.0] * 3), flat_candles([49_000.0] * 3)
    both = last.with_mark(mark.between(START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS))
    assert both.mark is not None
    assert both.mark.close.tolist() == [50_000.0, 49_000.0, 50_000.0]
    candle = both.at(1)
    assert candle.mark is not None
    assert (candle.close, candle.mark.close, candle.funding_rate) == (50_000.0, 49_000.0, None)


def test_rates_are_known_to_a_guard_and_need_not_be_paid() -> None:
    """7.2, 10.8: the rate of the next stamp is known from the stamp before; `--no-funding` changes money, not knowledge."""
    policy = "{mode: long_only, exit_mode: sl_tp_only, funding_guard: {max_rate_pct: 0.05, within_min: 480}}"
    play = play_of(actions="entry_long: {all: [[close, '>=', 50000]]}", account=ACCOUNT, risk=risk(stop=STOP), policy=policy)
    candles = flat_candles([50_000.0] * 1000)
    stamps = np.arange(START_MS, START_MS + 4 * 480 * MINUTE_MS, 480 * MINUTE_MS)
    funding = Funding(stamps, np.array([0.0, 0.0006, 0.0004, 0.0004]))
    paid, free = (run_backtest(play, candles, BTC, funding=funding, charge_funding=one) for one in (True, False))
    assert paid.metrics["entries_refused"] == {"funding": 479}
    assert paid.trades[0].entry_time_ms == START_MS + 480 * MINUTE_MS
    assert paid.trades[0].funding_usdt == pytest.approx(50_000.0 * 0.0004 * paid.trades[0].qty)
    assert free.trades[0].funding_usdt == 0.0
    assert free.trades[0].entry_time_ms == paid.trades[0].entry_time_ms
    assert free.as_json()["funding"] == {"stamps": 3, "charged": False}
    assert free.hashes["run_hash"] != paid.hashes["run_hash"]


def test_excursions_of_the_exit_minute_end_at_the_exit_price() -> None:
    result = run([50_001.0, 50_001.0, 50_500.0, 49_800.0, 40_000.0], risk=risk(stop="{type: fixed_points, value: 501}"))
    trade = result.trades[0]
    assert trade.exit_reason == "sl"
    assert trade.mae_pct == pytest.approx((50_001 - 49_500) / 50_001 * 100)
    assert trade.mfe_pct == pytest.approx((50_500 - 50_001) / 50_001 * 100)


def test_decisions_start_in_the_window_and_history_only_warms() -> None:
    play = play_of(actions=ONCE, account=ACCOUNT, risk=risk())
    candles = flat_candles([50_001.0] * 10)
    result = run_backtest(play, candles, BTC, start_ms=START_MS + 5 * MINUTE_MS, end_ms=START_MS + 8 * MINUTE_MS)
    assert result.trades[0].decided_ms == START_MS + 6 * MINUTE_MS
    assert len(result.candles) == 3
    assert result.close_times_ms.tolist() == [START_MS + i * MINUTE_MS for i in (6, 7, 8)]


def test_no_candle_in_the_window_is_refused() -> None:
    play = play_of()
    with pytest.raises(CandleError, match="no candle"):
        run_backtest(play, flat_candles([1.0, 2.0]), BTC, start_ms=0, end_ms=MINUTE_MS)
    empty = Candles("BTCUSDT", MINUTE_MS, np.zeros(0, np.int64), *(np.zeros(0) for _ in range(5)))
    with pytest.raises(CandleError, match="no candle"):
        run_backtest(play, empty, BTC)


@pytest.mark.parametrize("step_ms", [5 * MINUTE_MS, 45_000])
def test_clock_that_candles_cannot_make_is_refused(step_ms: int) -> None:
    candles = flat_candles([1.0, 2.0], step_ms=step_ms, start_ms=0)
    with pytest.raises(PlayError, match="bars of 1m"):
        run_backtest(play_of(), candles, BTC)


def test_room_for_trades_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playd.research.backtest._FIRST_ROOM", 4)
    result = run(
        [50_001.0, 50_100.0, 50_001.0] * 40, risk=risk("{type: fixed_points, value: 20}", "{type: fixed_points, value: 10}")
    )
    assert len(result.trades) > 20
    assert [trade.trade_id for trade in result.trades] == list(range(1, len(result.trades) + 1))


def test_result_is_json_with_the_promised_keys() -> None:
    result = run([50_000.0, 50_001.0, 50_001.0, 50_101.0] * 10)
    value = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert {"play", "symbol", "bars", "first_bar_ms", "last_bar_ms", "trades", "final_equity_usdt", "metrics", "hashes"} <= set(
        value
    )
    assert set(value["hashes"]) == {"play_hash", "data_hash", "run_hash", "result_hash", "source_hash"}
    assert value["bars"] == 40


def test_saved_columns_name_their_clock() -> None:
    result = run([50_000.0, 50_001.0, 50_001.0, 50_101.0])
    with np.load(io.BytesIO(columns_npz(result))) as arrays:
        assert arrays["1m/close"].tolist() == [50_000.0, 50_001.0, 50_001.0, 50_101.0]
        assert arrays["1m/open_time_ms"][0] == START_MS
        assert arrays["1m/actions.entry_long.all[0]"].tolist() == [0.0, 1.0, 1.0, 1.0]


def test_saved_columns_have_what_no_rule_refers_to_and_the_run_does_not() -> None:
    features = "{unused: {indicator: bbands, params: {length: 2}}, slow: {indicator: sma, params: {length: 2}, tf: 3m}}"
    swing = "structures: {exec: [{type: swing, key: sw, params: {left: 1, right: 1}}]}"
    text = play_text('[close, ">", 1]', features=features, more=swing)
    result = run_backtest(load_play(text, "saved.yml"), flat_candles([50_000.0, 50_010.0, 50_020.0, 50_010.0] * 3), BTC)
    with np.load(io.BytesIO(columns_npz(result))) as arrays:
        assert arrays["1m/unused.middle"][1] == 50_005.0
        assert len(arrays["3m/slow"]) == 4
        assert len(arrays["1m/sw.high_level"]) == 12
    assert not {"unused", "slow", "sw.high_level"} & set(result.program.names)


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "said"),
    [
        (START_MS - 120_000, START_MS - 60_000, "expected a window among the candles, which open from 20"),
        (START_MS + 60_000, START_MS, "expected a start before the end"),
        (10**17, None, f"found no candle that opens from {10**17} ms"),
    ],
)
def test_a_window_without_candles_is_told_in_times_that_people_read(start_ms: int, end_ms: int | None, said: str) -> None:
    play = play_of(actions="entry_long: {all: [[close, '>=', 50000]]}", account=ACCOUNT, risk=risk())
    with pytest.raises(CandleError, match=re.escape(said)):
        run_backtest(play, flat_candles([50_000.0] * 3), BTC, start_ms=start_ms, end_ms=end_ms)


def test_exposure_is_marked_at_the_closes_held() -> None:
    """1 at 50 000 with leverage 10 on 10 000: five times equity at the entry, 9.5 % above liquidation at the mark."""
    play = play_of(actions="entry_long: {all: [[close, '>=', 50000]]}", account=ACCOUNT, risk=risk())
    metrics = run_backtest(play, flat_candles([50_000.0] * 3), BTC).metrics
    assert metrics["max_exposure_pct"] == pytest.approx(50_000 / (10_000 - 27.5) * 100)
    assert metrics["closest_liquidation_pct"] == pytest.approx((1 - 45_226.13 / 50_000) * 100, abs=1e-4)
    assert metrics["min_margin_ratio"] == pytest.approx((5_000 + 24.75) / (250 + 24.75))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{order_type: LIMIT, time_in_force: IOC, limit_offset_pct: 1}", "ioc_unfilled"),
        ("{order_type: LIMIT, time_in_force: PostOnly}", "post_only_would_take"),
        ("{order_type: MARKET}", "insufficient_margin"),
    ],
)
@pytest.mark.parametrize("anchor", ["signal", "fill"])
def test_an_entry_that_the_venue_refuses_is_counted_by_its_reason(entry: str, reason: str, anchor: str) -> None:
    """9.1, 10.2, 11: `entries_refused` has every reason, whoever refused."""
    closes = [50_000.0, 50_001.0, 50_001.0]
    candles = flat_candles(closes)
    if reason == "insufficient_margin":  # the open is far above the close that the size was made for
        candles = candles_of([(50_000.0, 50_000.0, 50_000.0, 50_000.0), (50_001.0,) * 4, (80_000.0,) * 4])
    sized = f"risk_model: {{stop_loss: none, take_profit: {{type: fixed_points, value: 9000}}, anchor: {anchor}, "
    play = play_of(actions=ONCE, account=ACCOUNT, entry=entry, risk=sized + "sizing: {model: percent_equity, value: 100}}")
    result = run_backtest(play, candles, BTC)
    assert result.trades == []
    assert result.metrics["entries_refused"] == {reason: 1}


@pytest.mark.parametrize(("anchor", "trades"), [("fill", 1), ("signal", 0)])
def test_a_limit_may_lie_beyond_the_stop_of_the_signal_where_levels_come_from_the_fill(anchor: str, trades: int) -> None:
    """8.4: bought 1 % lower, the stop half a percent away from the fill; the signal's own stop would be above the limit."""
    risk_text = f"risk: {{stop_loss_pct: 0.5, take_profit_pct: 1, basis: price, max_position_pct: 10, anchor: {anchor}}}"
    play = play_of(actions=ONCE, account="{max_leverage: 2}", entry="{order_type: LIMIT, limit_offset_pct: 1}", risk=risk_text)
    result = run_backtest(play, flat_candles([50_000.0, 50_001.0, 49_400.0, 49_600.0]), BTC)
    found = [(trade.entry_price, trade.stop_loss, trade.exit_reason) for trade in result.trades]
    assert found == [(49_500.9, 49_253.4, "end_of_data")][:trades]
    assert (result.metrics["entries_refused"] == {}) == bool(trades)
