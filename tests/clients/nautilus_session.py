"""
A trading session of nautilus_trader: every order that its Bybit adapter can send, reading back, a restart with a position.

Run by the interpreter that has nautilus_trader: `python -m tests.clients.nautilus_session REST_URL KEY SECRET`.
"""

import asyncio
import datetime
import sys
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import msgspec
from nautilus_trader.adapters.bybit.factories import BybitLiveDataClientFactory, BybitLiveExecClientFactory
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide, TimeInForce, TrailingOffsetType, TriggerType
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from tests.client_settings import python_of
from tests.clients.checks import comes, failed

BTC = InstrumentId.from_str("BTCUSDT-LINEAR.BYBIT")
IN_RUST = version("nautilus_trader") >= "1.222"
"""The adapter's newer core has no trailing stops, and sends the trigger of a touched purchase from where it lies: below."""

MINUTES = BarType.from_str(f"{BTC}-1-MINUTE-LAST-EXTERNAL")
BUY, SELL = OrderSide.BUY, OrderSide.SELL


class Listener(Strategy):
    """Subscribes to everything and keeps the last of each."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(strategy_id="S-001", external_order_claims=[BTC]))
        self.seen: dict[str, Any] = {}

    def on_start(self) -> None:
        self.subscribe_bars(MINUTES)
        self.subscribe_quote_ticks(BTC)
        self.subscribe_trade_ticks(BTC)
        self.subscribe_order_book_deltas(BTC, depth=50)
        self.subscribe_funding_rates(BTC)
        self.request_bars(MINUTES, start=self.clock.utc_now() - datetime.timedelta(hours=2))

    def on_stop(self) -> None:
        """Nothing of it is to be undone."""

    def on_bar(self, bar: Any) -> None:
        self.seen["bar"] = bar

    def on_historical_data(self, data: Any) -> None:
        self.seen["history"] = data

    def on_quote_tick(self, tick: Any) -> None:
        self.seen["quote"] = tick

    def on_trade_tick(self, tick: Any) -> None:
        self.seen["trade"] = tick

    def on_order_book_deltas(self, deltas: Any) -> None:
        self.seen["book"] = deltas

    def on_funding_rate(self, rate: Any) -> None:
        self.seen["funding"] = rate

    def price(self, share: float) -> Price:
        """That share of the present bid, on the tick."""
        return self.cache.instrument(BTC).make_price(float(self.seen["quote"].bid_price) * share)

    @property
    def net(self) -> Decimal:
        return self.portfolio.net_position(BTC)


async def ends(listener: Listener, order: Any, *statuses: str) -> Any:
    """Send an order and wait until it has one of these statuses."""
    listener.submit_order(order)
    kind = f"{order.type_string()} {order.side_string()} {order.tif_string()}"
    await comes(f"{kind}: {' or '.join(statuses)}", lambda: order.status_string() in statuses)
    return order


async def trade(listener: Listener) -> None:
    """Everything that can be done with a position and orders; ends with a position and a resting order."""
    for kind in ("quote", "trade", "book", "funding", "history"):
        await comes(f"heard of {kind}", lambda kind=kind: kind in listener.seen)
    make, some = listener.order_factory, Quantity.from_str("0.010")
    await ends(listener, make.market(BTC, BUY, Quantity.from_str("0.030")), "FILLED")
    await comes("a position of 0.03", lambda: listener.net == Decimal("0.030"))
    resting = await ends(listener, make.limit(BTC, BUY, some, listener.price(0.95)), "ACCEPTED")
    listener.modify_order(resting, quantity=Quantity.from_str("0.011"), price=listener.price(0.94))
    await comes("its amended quantity", lambda: resting.quantity == Quantity.from_str("0.011"))
    listener.cancel_order(resting)
    await comes("it is cancelled", lambda: resting.status_string() == "CANCELED")
    for share, tif, status in (
        *((1.005, TimeInForce.IOC, "FILLED"), (0.95, TimeInForce.IOC, "CANCELED")),
        *((1.005, TimeInForce.FOK, "FILLED"), (0.95, TimeInForce.FOK, "CANCELED")),
    ):
        await ends(listener, make.limit(BTC, BUY, some, listener.price(share), time_in_force=tif), status)
    await ends(listener, make.limit(BTC, BUY, some, listener.price(1.005), post_only=True), "REJECTED", "CANCELED")
    await ends(listener, make.limit(BTC, BUY, Quantity.from_str("0.001"), Price.from_str("100.0")), "REJECTED")
    of_last = {"trigger_type": TriggerType.LAST_PRICE}
    touched = make.market_if_touched(BTC, BUY, some, listener.price(0.95 if IN_RUST else 1.05), **of_last)
    await ends(listener, touched, "ACCEPTED", "PENDING_UPDATE", "SUBMITTED")
    listener.cancel_order(touched)
    await comes("it is cancelled", lambda: touched.status_string() == "CANCELED")
    whole = listener.cache.instrument(BTC).make_qty(listener.net)
    await asyncio.sleep(1.0)  # a user has ten orders a second
    if IN_RUST:
        await ends(listener, make.stop_market(BTC, SELL, whole, listener.price(0.9), reduce_only=True, **of_last), "ACCEPTED")
    else:
        offset = {"trailing_offset": Decimal(500), "trailing_offset_type": TrailingOffsetType.PRICE}
        await ends(listener, make.trailing_stop_market(BTC, SELL, whole, **offset, **of_last), "ACCEPTED")
    several = [make.limit(BTC, BUY, some, listener.price(share)) for share in (0.93, 0.92)]
    listener.submit_order_list(make.create_list(several))
    await comes("a list of orders", lambda: all(order.status_string() == "ACCEPTED" for order in several))
    listener.cancel_orders(several)
    await comes("they are cancelled", lambda: all(order.is_closed for order in several))
    await ends(listener, make.limit(BTC, SELL, some, listener.price(1.1), reduce_only=True), "ACCEPTED")
    listener.cancel_all_orders(BTC)
    await comes("nothing rests", lambda: not listener.cache.orders_open(instrument_id=BTC))
    await comes("a closed candle", lambda: "bar" in listener.seen, within_s=75.0)
    await ends(listener, make.limit(BTC, BUY, some, listener.price(0.9)), "ACCEPTED")


async def come_back(listener: Listener) -> None:
    """What the first life left is found, and closed."""
    await comes("the position is found", lambda: listener.net == Decimal("0.050"))
    await comes("the resting order is found", lambda: len(listener.cache.orders_open(instrument_id=BTC)) == 1)
    listener.cancel_all_orders(BTC)
    listener.close_all_positions(BTC)
    await comes("it is flat", lambda: listener.portfolio.is_flat(BTC) and not listener.cache.orders_open(instrument_id=BTC))


def live(settings: Any, story: Any) -> None:
    """One life of a node, from start to stop."""
    listener, node = Listener(), TradingNode(config=settings)
    node.trader.add_strategy(listener)
    node.add_data_client_factory("BYBIT", BybitLiveDataClientFactory)
    node.add_exec_client_factory("BYBIT", BybitLiveExecClientFactory)
    node.build()

    async def run() -> None:
        running = asyncio.create_task(node.run_async())
        if await comes("the node runs", lambda: listener.is_running and "quote" in listener.seen, within_s=60.0):
            await story(listener)
        await node.stop_async()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    node.get_event_loop().run_until_complete(run())
    node.dispose()


def main() -> None:
    rest_url, key, secret, life = sys.argv[1:5]
    heading = "nautilus_trader with its Rust core" if IN_RUST else "nautilus_trader"
    settings = python_of(heading, rest_url=rest_url, key=key, secret=secret)["NODE"]
    quiet = msgspec.structs.replace(settings, logging=LoggingConfig(log_level="ERROR", log_colors=False))
    live(quiet, trade if life == "first" else come_back)
    sys.exit(len(failed()))


main()
