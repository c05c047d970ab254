"""Results by day, Play and symbol are the same executions, only summed otherwise, and add up to the ledger's own fold."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from playd.control.results import By, Results
from playd.core.orders import Side
from playd.core.timeframes import DAY_MS
from playd.orders.fold import fold
from playd.orders.views import FillView
from tests.unit.orders.test_fold import traded

TRADE = traded(Side.BUY, "1", "1", fee="0.1")


def view(n: int, owner: str, symbol: str, side: Side, qty: int, price: int, at_ms: int) -> FillView:
    made = replace(TRADE, exec_id=f"e{n}", symbol=symbol, side=side, qty=Decimal(qty), price=Decimal(price), time_ms=at_ms)
    return FillView(n, "main", owner, at_ms, "stream", made)


def taken(views: list[FillView], by: By, from_ms: int = 0) -> Results:
    results = Results(by, str.upper)
    for each in views:
        results.take(each, counted=each.execution.time_ms >= from_ms)
    return results


def test_a_trade_belongs_to_the_day_on_which_it_ended() -> None:
    views = [
        view(1, "a", "BTCUSDT", Side.BUY, 1, 100, 0),
        view(2, "a", "BTCUSDT", Side.SELL, 1, 110, DAY_MS),
        view(3, "a", "BTCUSDT", Side.SELL, 1, 100, DAY_MS + 1),
        view(4, "a", "BTCUSDT", Side.BUY, 2, 105, DAY_MS + 2),
    ]
    days = taken(views, "day").buckets
    assert [(key, each.trades, each.wins, each.realised) for key, each in days.items()] == [
        ("1970-01-01", 0, 0, Decimal(0)),
        ("1970-01-02", 2, 1, Decimal(5)),
    ]
    assert days["1970-01-02"].drawdown > 5
    assert [*taken(views, "play").buckets] == ["A"]
    later = taken(views, "symbol", from_ms=DAY_MS).buckets["BTCUSDT"]
    assert (later.realised, later.fees) == (Decimal(5), Decimal("0.3"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from(["BTCUSDT", "ETHUSDT"]),
            st.sampled_from([*Side]),
            st.integers(1, 5),
            st.integers(90, 110),
        ),
        max_size=30,
    )
)
def test_every_way_to_sum_gives_what_the_ledger_folds(drawn: list[tuple[str, str, Side, int, int]]) -> None:
    views = [view(n, *each, n * DAY_MS // 4) for n, each in enumerate(drawn)]
    shares = {(each.owner, each.execution.symbol) for each in views}
    folded = [fold(v.execution for v in views if (v.owner, v.execution.symbol) == share) for share in shares]
    for by in ("day", "play", "symbol"):
        buckets = taken(views, by).buckets.values()
        assert sum(each.realised for each in buckets) == sum(each.realised for each in folded)
        assert sum(each.fees for each in buckets) == sum(each.fees for each in folded)
