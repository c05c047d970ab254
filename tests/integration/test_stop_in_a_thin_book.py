"""A stop that finds too little to sell to leaves a rest without protection: the daemon protects it again, or ends it."""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import PurePath

import anyio
import pytest

from playd.core.candles import Candle
from playd.core.modes import Environment
from playd.core.orders import Side
from playd.core.secret import Secret
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.matching.depth import DepthProfile
from playd.venues.bybit.environment import local_hosts, venue_account
from playd.venues.bybit.venue import open_bybit_venue
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.minute import close_minute, open_minute
from playd.world.real import real_world
from tests.fake_bybit import FreeBudget
from tests.integration.test_faults_and_daemon import DEADLINE_S, QUICK, UID, daemon_account, enter, order_intent

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SYMBOL = "BTCUSDT"
BOOK = MarketTerms(DepthProfile(level_usdt=600.0, growth=0.0, spread=0.0, levels=2))
"""Two levels of 0.01 each at 60,000."""


def minute(exchange: Exchange, open_: float, low: float, close: float, *, left_steps: int | None = None) -> None:
    """A minute of the market; of what there is to sell to, only `left_steps` are there when it falls."""
    books = exchange.books
    open_ms = books.time.open_ms + MINUTE_MS
    open_minute(books, open_ms, {SYMBOL: Candle(open_ms, open_, open_, low, close, 1.0)}, {})
    exchange.apply()
    if left_steps is not None:
        books.listings[SYMBOL].gone.taken[Side.SELL] = 20 - left_steps
    close_minute(books, MINUTE_MS)
    exchange.apply()


@pytest.mark.parametrize(("close", "stopped_again"), [(60_000.0, True), (50_000.0, False)])
async def test_the_rest_of_a_stop_is_protected_again_or_ended(tmp_path: PurePath, close: float, stopped_again: bool) -> None:
    world = real_world()
    config = ExchangeConfig(tmp_path / "exchange.sqlite", held=True, rate_limits=False, terms=BOOK)
    exchange = Exchange(world, SyntheticFeed(3), config)
    key, secret = exchange.create_account("thin", wallet_usdt=Decimal(100_000))
    (books,) = exchange.books.accounts.values()
    async with exchange.running() as info:
        access = venue_account("thin", Environment.LOCAL, local_hosts(info.port), Secret(key), Secret(secret))
        async with (
            open_bybit_venue(world, access, FreeBudget(), timing=QUICK, write_deadline_s=DEADLINE_S) as venue,
            daemon_account(world, venue, tmp_path / "thin", "thin") as account,
        ):
            port = await account.register(UID, "thin", SYMBOL, clock_ms=MINUTE_MS)
            exchange.books.listings[SYMBOL].last = 60_000.0
            entry = partial(order_intent, world, "thin", SYMBOL, Decimal(60_000), leaves=False)
            await enter(account, port, lambda: replace(entry(), stop=Decimal(55_000)))
            minute(exchange, 60_000.0, 60_000.0, 60_000.0)
            position = books.positions[SYMBOL]
            assert (position.steps, bool(position.stop_id)) == (10, True)
            with anyio.fail_after(DEADLINE_S):
                while account.desk.fills.net(SYMBOL) != Decimal("0.01"):  # noqa: ASYNC110 - booked by many tasks
                    await anyio.sleep(0.01)

            minute(exchange, 60_000.0, 50_000.0, close, left_steps=6)

            assert (position.steps, position.stop_id) == (4, "")
            with anyio.fail_after(DEADLINE_S):
                while not (position.stop_id or position.steps == 0):
                    await anyio.sleep(0.01)
                    if not stopped_again and any(order.reduces for order in books.orders.values()):
                        minute(exchange, close, close, close)  # an order to leave waits for the next open
            assert bool(position.stop_id) is stopped_again
            assert position.steps == (4 if stopped_again else 0)
            with anyio.fail_after(DEADLINE_S):
                while account.desk.fills.net(SYMBOL) != Decimal(position.steps) / 1000:  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            port.close()
