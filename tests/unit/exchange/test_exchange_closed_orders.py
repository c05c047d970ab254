"""Orders that are over: how long they are shown, and where."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import pytest

from playd.core.timeframes import DAY_MS
from playd.market.synthetic import SyntheticFeed
from playd.venues.exchange import desk
from playd.venues.exchange.config import DEMO, MAINNET, ExchangeConfig
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.retention import forget
from playd.world.virtual import virtual_world

CONFIG = ExchangeConfig(PurePath("/exchange.sqlite"), rate_limits=False)
BTC = {"category": "linear", "symbol": "BTCUSDT"}


class Desk:
    """One account at an exchange whose market stands still, inside a candle."""

    def __init__(self, environment: str = MAINNET) -> None:
        self.floor = Floor(virtual_world(), SyntheticFeed(3), replace(CONFIG, environment=environment))
        self.floor.create_account("one", wallet_usdt=Decimal(1_000_000))
        self._look()

    def _look(self) -> None:
        (account,) = self.floor.books.accounts.values()
        (key,) = self.floor.keys.of_user(account.uid)
        self._caller = desk.Caller(account, key, "127.0.0.1")
        open_ms = self.floor.books.time.open_ms
        listing = self.floor.books.listings["BTCUSDT"]
        listing.candle = self.floor.feed.opening_at(open_ms)["BTCUSDT"]

    def restart(self) -> None:
        """The exchange ends and starts on the same records."""
        self.floor.close()
        self.floor = Floor(self.floor.world, SyntheticFeed(3), self.floor.config)
        self._look()

    def ask(self, path: str, **params: Any) -> desk.Answer:
        return desk.serve(self.floor, path, {**BTC, **params}, self._caller)

    def order(self, name: str, **more: Any) -> None:
        wish = {"side": "Buy", "orderType": "Market", "qty": "0.01", "orderLinkId": name, **more}
        answer = self.ask("/v5/order/create", **wish)
        assert answer.code == 0, answer

    def shown(self, path: str, **params: Any) -> list[str]:
        return [row["orderLinkId"] for row in self.ask(path, **params).result["list"]]

    def pass_ms(self, span_ms: int) -> None:
        self.floor.books.time.now_ms += span_ms


REALTIME, HISTORY = "/v5/order/realtime", "/v5/order/history"


def three(environment: str = MAINNET) -> Desk:
    """Filled, cancelled without a fill, and open."""
    market = Desk(environment)
    market.order("filled")
    market.order("cancelled", orderType="Limit", price="1000")
    market.order("open", orderType="Limit", price="1000")
    market.ask("/v5/order/cancel", orderLinkId="cancelled")
    return market


def test_the_newest_are_found_among_the_open_ones_until_a_restart_and_in_the_history_after_it() -> None:
    market = three()
    assert market.shown(REALTIME) == ["open"]
    assert market.shown(REALTIME, openOnly=1) == ["cancelled", "filled"]
    for name in ("filled", "cancelled", "open"):
        assert market.shown(REALTIME, orderLinkId=name) == [name]

    market.restart()

    assert market.shown(REALTIME) == ["open"] == market.shown(REALTIME, orderLinkId="open")
    assert market.shown(REALTIME, openOnly=1) == [] == market.shown(REALTIME, orderLinkId="filled")
    assert market.shown(HISTORY) == ["cancelled", "filled"]
    assert market.shown(HISTORY, orderLinkId="filled") == ["filled"]


def test_only_so_many_are_kept_with_the_open_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playd.venues.exchange.closed_orders.CACHED", 2)
    market = Desk()
    for number in range(4):
        market.order(f"n{number}")
    assert market.shown(REALTIME, openOnly=1) == ["n3", "n2"]
    assert len(market.shown(HISTORY)) == 4


@pytest.mark.parametrize(("environment", "kept_days"), [(MAINNET, 730), (DEMO, 7)])
def test_without_a_fill_a_day_with_one_for_long(environment: str, kept_days: int) -> None:
    market = three(environment)

    def by_name() -> Mapping[str, list[str]]:
        return {name: market.shown(HISTORY, orderLinkId=name) for name in ("filled", "cancelled")}

    market.pass_ms(DAY_MS)
    assert by_name() == {"filled": ["filled"], "cancelled": ["cancelled"]}
    market.pass_ms(1)
    assert by_name() == {"filled": ["filled"], "cancelled": []}
    assert market.shown(HISTORY) == ["filled"]
    market.pass_ms((kept_days - 1) * DAY_MS - 1)
    assert by_name()["filled"] == ["filled"]
    market.pass_ms(1)
    assert by_name()["filled"] == []
    assert market.ask("/v5/order/create", side="Buy", orderType="Market", qty="0.01", orderLinkId="filled").code == 110072


def test_what_is_no_longer_shown_is_dropped_and_its_link_id_stays_taken() -> None:
    """Else the records of an exchange that runs for weeks hold every order that ever was."""
    market = three()
    records = market.floor.records
    market.order("short", side="Sell", reduceOnly=True)

    def kept() -> tuple[int, ...]:
        tables = ("orders", "executions", "closed_pnl", "log")
        return tuple(records._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)

    def forget(after_ms: int) -> None:
        market.pass_ms(after_ms)
        records.forget(market.floor.books.time.now_ms, market.floor.filled_kept_ms)

    assert kept() == (4, 2, 1, 3)
    forget(DAY_MS)
    assert kept() == (4, 2, 1, 3)
    forget(1)
    assert kept() == (3, 2, 1, 3)
    assert market.shown(HISTORY) == ["short", "filled"]
    forget(729 * DAY_MS)
    assert kept() == (1, 0, 0, 0)  # the open one
    market.restart()
    assert market.shown(REALTIME) == ["open"]
    for name in ("filled", "cancelled", "open"):
        assert market.ask("/v5/order/create", side="Buy", orderType="Market", qty="0.01", orderLinkId=name).code == 110072


def test_a_link_id_counts_from_the_moment_it_is_used_also_within_one_batch() -> None:
    market = Desk()
    wish = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01", "orderLinkId": "same"}
    answer = market.ask("/v5/order/create-batch", request=[wish, wish])
    assert [each["code"] for each in answer.extra["list"]] == [0, 110072]


def test_orders_that_had_a_trigger_are_stop_orders_in_the_history_too() -> None:
    market = Desk()
    market.order("entry", stopLoss="1000")
    market.order("exit", side="Sell", reduceOnly=True)
    assert market.shown(HISTORY, orderFilter="Order") == ["exit", "entry"]
    (stop,) = market.ask(HISTORY, orderFilter="StopOrder").result["list"]
    assert (stop["stopOrderType"], stop["orderStatus"]) == ("StopLoss", "Deactivated")


def test_a_step_forgets_so_much_at_most() -> None:
    market = Desk()
    for number in range(5):
        market.order(f"n{number}", orderType="Limit", price="1000")
        market.ask("/v5/order/cancel", orderLinkId=f"n{number}")
    connection, later_ms = market.floor.records._connection, market.floor.books.time.now_ms + 2 * DAY_MS
    assert [forget(connection, later_ms, rows_max=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_page_goes_on_behind_its_last_row_though_rows_before_it_are_gone() -> None:
    market = Desk()
    for number in range(5):
        market.order(f"n{number}", orderType="Limit", price="1000")
    page = market.ask(REALTIME, limit=2).result
    market.ask("/v5/order/cancel", orderLinkId="n4")
    assert market.shown(REALTIME, limit=2, cursor=page["nextPageCursor"]) == ["n2", "n1"]
