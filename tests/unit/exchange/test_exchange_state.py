"""Whatever users and the market do: orders, positions and money agree, and no order comes back from its end."""

from collections import defaultdict
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from playd.matching.depth import DepthProfile
from playd.venues.exchange import arrivals, modes
from playd.venues.exchange.added_margin import add_margin, set_auto_margin
from playd.venues.exchange.amends import amend
from playd.venues.exchange.changes import Changes
from playd.venues.exchange.listing import ENDLESS, MarketTerms
from playd.venues.exchange.model import Account, Order, Position, place_of
from playd.venues.exchange.other_prices import Basis
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.saved import dump, load
from playd.venues.exchange.text import exact_sum
from playd.venues.exchange.trading_stop import set_trading_stop
from playd.venues.exchange.words import CROSS, ISOLATED, SMP_TYPES, TRIGGER_PRICES
from tests.exchange_kit import SYMBOL, Market

SHALLOW = MarketTerms(DepthProfile(level_usdt=4_000.0, gap_bps=1.0, levels=8), participation=0.3, price_band=True)
APART = MarketTerms(DepthProfile(level_usdt=4_000.0, gap_bps=1.0, levels=8), prices=Basis(30.0))
WALLET = Decimal(20_000)
FIRST, SECOND = 1001, 1002

ALIVE = {"New", "PartiallyFilled", "Untriggered", "Triggered"}
MAY_FOLLOW = {
    "": {"New", "Untriggered", "PartiallyFilled", "Filled", "Cancelled", "Rejected"},
    "New": {"New", "PartiallyFilled", "Filled", "Cancelled"},
    "PartiallyFilled": {"PartiallyFilled", "Filled", "Cancelled"},
    "Untriggered": {"Untriggered", "Triggered", "Deactivated", "PartiallyFilled", "Filled", "Cancelled"},
    "Triggered": {"New", "PartiallyFilled", "Filled", "Cancelled"},
}
"""States told of one order, one after the other; from every other state nothing follows."""

_SIDES = st.sampled_from(["Buy", "Sell"])
_OFFSETS = st.integers(-400, 400)
_MINUTE = st.none() | st.tuples(st.integers(-300, 300), st.integers(-800, 800), st.integers(0, 500), st.integers(0, 500))
"""Gap, move, and how far the extremes reach beyond open and close."""

_LEVELS = st.sampled_from(["", "full", "partial", "stop"])


class Accounts(RuleBasedStateMachine):
    """
    Two accounts on one symbol, of one price or of three, with an end or without; every rule asks what a user might, wrongly or
    not.
    """

    @initialize(terms=st.sampled_from([ENDLESS, SHALLOW, APART]))
    def start(self, terms: MarketTerms) -> None:
        self.market = Market(wallet=str(WALLET), taker_bps=5.7, maker_bps=-0.3, slippage_bps=1.3, terms=terms)
        self.market.join(SECOND, str(WALLET))
        self.ticks = 500_000
        self.orders: dict[str, Order] = {}
        self.executions: list[tuple[int, dict[str, Any]]] = []
        self.log: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.closed: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
        self.told: dict[str, str] = {}

    # What users do

    @rule(
        second=st.booleans(),
        side=_SIDES,
        steps=st.integers(1, 400),
        kind=st.sampled_from(["market", "limit", "conditional", "conditional limit", "reduce"]),
        tif=st.sampled_from(["GTC", "IOC", "FOK", "PostOnly"]),
        offset=_OFFSETS,
        levels=_LEVELS,
        other_place=st.booleans(),
        smp=st.sampled_from(SMP_TYPES),
        then=_MINUTE,
    )
    def create(
        self,
        second: bool,
        side: str,
        steps: int,
        kind: str,
        tif: str,
        offset: int,
        levels: str,
        other_place: bool,
        smp: str,
        then: tuple[int, ...] | None,
    ) -> None:
        account, last = self.account(second), self.last_ticks()
        wish: dict[str, Any] = {"side": side, "qty": f"{steps / 1000:.3f}", "orderType": "Market", "smpType": smp}
        if SYMBOL in account.hedged:
            wish["positionIdx"] = (2 if side == "Buy" else 1) if other_place else (1 if side == "Buy" else 2)
        if kind.endswith("limit"):
            wish |= {"orderType": "Limit", "price": self.text(last + offset), "timeInForce": tif}
        if kind.startswith("conditional") and offset:
            trigger = last + offset * 2
            wish |= {"triggerPrice": self.text(trigger), "triggerDirection": 1 if trigger > last else 2}
        if kind == "reduce":
            wish |= {"reduceOnly": True}
            if tif == "GTC":
                wish |= {"orderType": "Limit", "price": self.text(last + offset)}
        sign = 1 if side == "Buy" else -1
        if kind == "reduce" or other_place:
            levels = ""
        if levels:
            wish["stopLoss"] = self.text(last - sign * (500 + abs(offset)))
            wish["slTriggerBy"] = TRIGGER_PRICES[steps % 3]
        if levels in ("full", "partial"):
            wish["takeProfit"] = self.text(last + sign * (900 + abs(offset)))
        if levels == "partial":
            limit = self.text(last + sign * (950 + abs(offset)))
            wish |= {"tpslMode": "Partial", "tpOrderType": "Limit", "tpLimitPrice": limit}
        self.ask(lambda books, request: arrivals.create(books, account, request, lambda *_: False), wish)
        if then is not None:
            self.pass_minute(*then)

    @rule(second=st.booleans(), which=st.integers(0, 20), what=st.sampled_from(["price", "qty", "triggerPrice"]), to=_OFFSETS)
    def change(self, second: bool, which: int, what: str, to: int) -> None:
        account = self.account(second)
        if account.orders:
            order = [*account.orders.values()][which % len(account.orders)]
            text = f"{abs(to) / 1000:.3f}" if what == "qty" else self.text(self.last_ticks() + to)
            self.ask(lambda books, request: amend(books, account, request), {"orderId": order.order_id, what: text})

    @rule(second=st.booleans(), which=st.integers(0, 20))
    def cancel(self, second: bool, which: int) -> None:
        account = self.account(second)
        if account.orders:
            order = [*account.orders.values()][which % len(account.orders)]
            self.ask(lambda books, request: arrivals.cancel(books, account, request), {"orderId": order.order_id})

    @rule(
        second=st.booleans(),
        wish=st.sampled_from([{}, {"orderFilter": "Order"}, {"orderFilter": "StopOrder", "stopOrderType": "Stop"}]),
    )
    def cancel_all(self, second: bool, wish: dict[str, str]) -> None:
        account = self.account(second)
        self.ask(lambda books, request: arrivals.cancel_all(books, account, request), wish)

    @rule(
        second=st.booleans(),
        stop=st.integers(-1, 600),
        trail=st.integers(-1, 300),
        partial=st.booleans(),
        idx=st.integers(0, 2),
    )
    def protect(self, second: bool, stop: int, trail: int, partial: bool, idx: int) -> None:
        account = self.account(second)
        position = account.positions.get(place_of(SYMBOL, idx))
        if position is None or not position.steps:
            return
        wish: dict[str, Any] = {"positionIdx": idx, "tpslMode": "Partial" if partial else "Full"}
        if stop >= 0:
            wish |= {"stopLoss": self.text(self.last_ticks() - position.direction * stop) if stop else "0", "slSize": "0.001"}
        if trail >= 0:
            wish["trailingStop"] = f"{trail / 10:.1f}"
        self.ask(lambda books, request: set_trading_stop(books, account, request), wish)

    @rule(second=st.booleans(), idx=st.integers(0, 2), margin=st.integers(-500, 2_000), auto=st.sampled_from(["", "0", "1"]))
    def put_margin(self, second: bool, idx: int, margin: int, auto: str) -> None:
        account, wish = self.account(second), {"positionIdx": idx, "margin": str(margin), "autoAddMargin": auto}
        act = set_auto_margin if auto else add_margin
        self.ask(lambda books, request: act(books, account, request), wish)

    @rule(
        second=st.booleans(), wish=st.sampled_from(["hedge", "one way", "cross", "isolated", "leverage"]), to=st.integers(1, 50)
    )
    def choose(self, second: bool, wish: str, to: int) -> None:
        account = self.account(second)
        if wish in ("cross", "isolated"):
            request = {"setMarginMode": CROSS if wish == "cross" else ISOLATED}
            self.ask(lambda books, request: modes.set_margin_mode(books, account, request), request)
        elif wish == "leverage":
            both = {"buyLeverage": str(to), "sellLeverage": str(to)}
            self.ask(lambda books, request: modes.set_leverage(books, account, request), both)
        else:
            self.ask(lambda books, request: modes.switch_mode(books, account, request), {"mode": 3 if wish == "hedge" else 0})

    # What the market does

    @precondition(lambda self: not self.market.books.time.inside)
    @rule(minute=_MINUTE.filter(bool), funding=st.sampled_from([None, None, 0.0003, -0.0005]))
    def open(self, minute: tuple[int, ...], funding: float | None) -> None:
        self.open_minute(*minute, funding=funding)

    @precondition(lambda self: self.market.books.time.inside)
    @rule(to=st.floats(0.0, 1.0), followed=st.booleans())
    def move(self, to: float, followed: bool) -> None:
        fraction = max(to, self.market.books.time.fraction)
        if followed:
            self.market.follow(fraction)
        else:
            self.market.move(fraction)

    @precondition(lambda self: self.market.books.time.inside)
    @rule()
    def close(self) -> None:
        self.market.close()

    def pass_minute(self, *minute: int) -> None:
        """The rest of the minute in progress, and a whole one after it."""
        if self.market.books.time.inside:
            self.market.close()
        self.open_minute(*minute, funding=None)
        self.market.close()

    def open_minute(self, gap: int, move: int, up: int, down: int, *, funding: float | None) -> None:
        begin, end = self.ticks + gap, self.ticks + gap + move
        high, low = max(begin, end) + up, min(begin, end) - down
        self.market.open(begin / 10, high / 10, low / 10, end / 10, funding=funding, volume=(up + down) / 1000)
        self.ticks = end

    # What must hold

    @invariant()
    def what_was_told_agrees(self) -> None:
        changes = self.market.take_all()
        for each in changes:
            self.read(each)
        by_order: dict[str, int] = defaultdict(int)
        places: dict[tuple[int, str], int] = defaultdict(int)
        for uid, row in self.executions:
            if row["execType"] == "Funding":
                continue
            order, steps = self.orders[row["orderId"]], round(float(row["execQty"]) * 1000)
            by_order[order.order_id] += steps
            places[uid, place_of(SYMBOL, order.position_idx)] += steps if row["side"] == "Buy" else -steps
        for order in self.orders.values():
            assert by_order[order.order_id] == order.filled_steps <= order.qty_steps
            is_open = order.order_id in self.market.books.accounts[order.uid].orders
            assert order.status.open is is_open, order
            assert is_open is (self.told.get(order.order_id, "New") in ALIVE), order
        for account in self.market.books.accounts.values():
            for position in account.positions.values():
                assert position.steps == places[account.uid, position.place]
                self.check_position(account, position)
            assert account.wallet == exact_sum(WALLET, *(Decimal(row["change"]) for row in self.log[account.uid]))
            self.check_profit(account)

    def check_position(self, account: Account, position: Position) -> None:
        orders = [order for order in account.orders.values() if order.position_idx == position.idx]
        held = abs(position.steps)
        assert position.extra_margin >= 0
        assert held or not position.extra_margin
        assert position.idx == 0 or position.direction in (0, 1 if position.idx == 1 else -1)
        for order in orders:
            if order.stop_kind.whole and order.waits_for_trigger:
                assert order.order_id in (position.stop_id, position.target_id, position.trailing_id)
                assert order.qty_steps == held
            if order.stop_kind.protects:
                assert held
                assert order.side is not position.side
            if order.sibling_id:
                assert account.orders[order.sibling_id].sibling_id == order.order_id
        assert sum(order.left_steps for order in orders if order.reduces and _rests(order)) <= held
        assert load(Position, dump(position)) == position
        assert all(load(Order, dump(order)) == order for order in orders)

    def check_profit(self, account: Account) -> None:
        """Of a flat account the wallet is its deposit, its closed profit and its funding."""
        if any(position.steps for position in account.positions.values()):
            return
        closed = (Decimal(row["closedPnl"]) for row in self.closed[account.uid].values())
        funding = (Decimal(row["funding"]) for row in self.log[account.uid] if row["funding"])
        assert account.wallet == exact_sum(WALLET, *closed, *funding)

    def read(self, changes: Changes) -> None:
        self.orders |= changes.orders
        self.executions += changes.executions
        for uid, row in changes.log:
            self.log[uid].append(row)
        for number, (uid, row) in changes.closed_pnl.items():
            self.closed[uid][number] = row
        for frame in changes.frames:
            for row in frame.data if frame.topic == "order" else ():
                before = self.told.get(row["orderId"], "")
                assert row["orderStatus"] in MAY_FOLLOW.get(before, ()), (before, row)
                self.told[row["orderId"]] = row["orderStatus"]
            for row in frame.data if frame.topic == "execution" else ():
                self.check_execution(row)

    def check_execution(self, row: dict[str, Any]) -> None:
        if row["execType"] == "Funding":
            return
        order = self.orders[row["orderId"]]
        if order.reduces:
            assert row["closedSize"] == row["execQty"]
        if row["orderType"] == "Limit":
            sign = 1 if row["side"] == "Buy" else -1
            assert sign * (Decimal(row["execPrice"]) - Decimal(row["orderPrice"])) <= 0

    # Helpers

    def account(self, second: bool) -> Account:
        return self.market.books.accounts[SECOND if second else FIRST]

    def last_ticks(self) -> int:
        return round(self.market.books.listings[SYMBOL].last * 10)

    def ask(self, call: Any, wish: dict[str, Any]) -> None:
        with suppress(Refusal):
            call(self.market.books, {"category": "linear", "symbol": SYMBOL, **wish})

    @staticmethod
    def text(ticks: int) -> str:
        return f"{ticks / 10:.1f}"


def _rests(order: Order) -> bool:
    return not (order.is_market or order.due or order.waits_for_trigger)


TestAccounts = pytest.mark.slow(Accounts.TestCase)
TestAccounts.settings = settings(max_examples=30, stateful_step_count=35, deadline=None)
