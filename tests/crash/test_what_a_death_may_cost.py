"""What a story of deaths may lose against a run that nobody killed: no difference is excused by what did not lead to it."""

from dataclasses import replace
from typing import Any, Final

import pytest

from playd.core.timeframes import MINUTE_MS
from tests.crash.story import CANCEL, TRADE_BARS, Ending, Kill, backtest, nothing_but_time, taken_back

STOPPED: Final = [Kill("http:order/create:sent"), Kill("stop:any", 3, after_s=0.2, stops=True)]
ENTERED: Final = 5
"""The bar whose entry is taken back; the trade it would have been is held from the next one on."""


def ending(verdicts: list[str], *entries: tuple[int, bool]) -> Ending:
    bars = [((place + 1) * MINUTE_MS, verdict) for place, verdict in enumerate(verdicts)]
    taken = [(bar * MINUTE_MS, by_a_stop) for bar, by_a_stop in entries]
    return Ending(bars, [], [], {}, {}, {}, [], [], 0, taken)


UNKILLED: Final = ending(["NO_SIGNAL"] * 4 + ["ENTERED"] + ["HOLD"] * 9 + ["EXITED"] + ["NO_SIGNAL"] * 15)


def missing(place: int, *entries: tuple[int, bool]) -> Ending:
    """The same run, in which the verdict of one bar is another."""
    verdicts = [verdict for _, verdict in UNKILLED.verdicts]
    verdicts[place - 1] = "REFUSED"
    return ending(verdicts, *entries)


@pytest.mark.parametrize("behind", [1, TRADE_BARS])
def test_an_entry_that_a_stop_took_back_costs_its_trade(behind: int) -> None:
    nothing_but_time(missing(ENTERED + behind, (ENTERED, True)), UNKILLED, STOPPED)


@pytest.mark.parametrize("place", [1, ENTERED, ENTERED + TRADE_BARS + 1])
def test_a_difference_before_that_trade_or_behind_it_is_not_excused(place: int) -> None:
    with pytest.raises(AssertionError, match="differs from the run that nobody killed"):
        nothing_but_time(missing(place, (ENTERED, True)), UNKILLED, STOPPED)


@pytest.mark.parametrize(
    ("entries", "kills", "why"),
    [
        (((ENTERED, False),), STOPPED, "a life that nobody stopped"),
        (((ENTERED, True),), STOPPED[:1], "0 stops took back 1 entries"),
        (((ENTERED, True), (9, True)), STOPPED, "1 stops took back 2 entries"),
    ],
)
def test_an_entry_is_taken_back_by_a_stop_alone(entries: tuple[tuple[int, bool], ...], kills: list[Kill], why: str) -> None:
    same = [verdict for _, verdict in UNKILLED.verdicts]
    with pytest.raises(AssertionError, match=why):
        nothing_but_time(ending(same, *entries), UNKILLED, kills)


def test_what_is_taken_back_at_the_last_bar_costs_nothing() -> None:
    nothing_but_time(replace(UNKILLED, taken_back=[(UNKILLED.verdicts[-1][0], True)]), UNKILLED, [])


def test_a_death_leaves_one_order_in_doubt_and_what_comes_behind_it_may_differ() -> None:
    lost = replace(missing(20), never_sent=["one"], first_lost_ms=3 * MINUTE_MS)
    nothing_but_time(replace(lost, deaths=["commit:intent:after-1"]), UNKILLED, [])
    with pytest.raises(AssertionError, match="1 orders in doubt behind 0 deaths"):
        nothing_but_time(lost, UNKILLED, [])


def request(path: str, wall_ms: int, **params: str) -> dict[str, Any]:
    return {"kind": "request", "path": path, "wall_ms": wall_ms, "params": params}


@pytest.mark.parametrize(
    ("asked", "by_a_stop"),
    [
        (request(CANCEL, 150, orderId="venue"), True),
        (request(CANCEL, 200, orderLinkId="ours"), True),
        (request(CANCEL, 99, orderLinkId="ours"), False),
        (request(CANCEL, 201, orderId="venue"), False),
        (request(CANCEL, 150, orderLinkId="another"), False),
        (request("/v5/order/create", 150, orderLinkId="ours"), False),
    ],
)
def test_whose_cancel_it_was_is_told_by_the_exchange(asked: dict[str, Any], by_a_stop: bool) -> None:
    rows = [{"link_id": "ours", "venue_order_id": "venue", "bar_close_ms": 7}]
    assert taken_back(rows, [{"kind": "effect"}, asked], [(10, 20), (100, 200)]) == [(7, by_a_stop)]


def test_no_trade_of_this_market_lasts_longer_than_what_is_excused() -> None:
    assert max(trade.as_json()["bars_held"] for trade in backtest().trades) <= TRADE_BARS
