"""The exchange's minutes are matching's minutes: the same fills, to the last bit."""

from hypothesis import given, settings
from hypothesis import strategies as st

from playd.matching.book import submit_entry, submit_exit
from playd.matching.minute import match_minute
from playd.matching.records import ENTERED, EXITED, SIGNAL, new_book, new_fills, new_terms
from tests.exchange_kit import BTC, Market

_MINUTE = st.tuples(st.integers(-900, 900), st.integers(0, 900), st.integers(0, 900), st.integers(-200, 200))
_DECISION = st.tuples(
    st.sampled_from(["none", "long", "short", "exit"]), st.integers(1, 900), st.integers(20, 900), st.integers(20, 900)
)


def _minutes(drawn: list[tuple[int, int, int, int]]) -> list[tuple[float, float, float, float]]:
    """Candles on the tick grid; the last number of each is the gap to the next open."""
    candles, ticks = [], 500_000
    for move, up, down, gap in drawn:
        close = ticks + move
        candles.append((ticks / 10, (max(ticks, close) + up) / 10, (min(ticks, close) - down) / 10, close / 10))
        ticks = close + gap
    return candles


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(_MINUTE, _DECISION), min_size=1, max_size=20))
def test_the_exchange_fills_as_match_minute_does(
    drawn: list[tuple[tuple[int, int, int, int], tuple[str, int, int, int]]],
) -> None:
    market = Market(wallet="2000", slippage_bps=2.0)
    terms = new_terms(BTC, taker_bps=5.5, maker_bps=2.0, slippage_bps=2.0, leverage=10.0, mm_rate=0.005, mm_deduction_usdt=0.0)
    book, fills = new_book(), new_fills()
    expected: list[tuple[int, int, float]] = []
    last = 500_000
    for candle, (_, (kind, qty, stop, target)) in zip(_minutes([minute for minute, _ in drawn]), drawn, strict=True):
        if kind in ("long", "short") and market.position.steps == 0:
            sign = 1 if kind == "long" else -1
            levels = last - sign * stop, last + sign * target
            submit_entry(book, sign, qty, *levels)
            texts = {"stopLoss": f"{levels[0] / 10:.1f}", "takeProfit": f"{levels[1] / 10:.1f}"}
            market.order("Buy" if sign > 0 else "Sell", f"{qty / 1000:.3f}", **texts)
        elif kind == "exit" and market.position.steps:
            submit_exit(book, abs(market.position.steps), SIGNAL)
            side = "Sell" if market.position.steps > 0 else "Buy"
            market.order(side, f"{abs(market.position.steps) / 1000:.3f}", reduceOnly=True)
        count = match_minute(
            book,
            terms,
            *candle[:3],
            *candle[:3],
            float(market.account.wallet),
            fills,
        )
        expected += [
            (int(fill["price_ticks"]), int(fill["qty"]), float(fill["fee_usdt"]))
            for fill in fills[:count]
            if fill["event"] in (ENTERED, EXITED)
        ]
        market.minute(*candle)
        last = round(candle[3] * 10)

    got = [
        (round(float(row["execPrice"]) * 10), round(float(row["execQty"]) * 1000), float(row["execFee"]))
        for row in market.executions
    ]
    assert got == expected
    assert market.position.steps == int(book[0]["dir"]) * int(book[0]["qty"])
