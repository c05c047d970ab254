"""A local exchange in a thread of its own, for clients that block."""

import contextlib
import gc
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from anyio.from_thread import start_blocking_portal

from playd.market.synthetic import SyntheticFeed
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.world.real import real_world

DEADLINE_S = 60.0


class Server:
    """Where a running exchange is reached, and one account of 100 000 USDT on it."""

    def __init__(self, exchange: Exchange, rest_url: str, admin_token: str, key: str, secret: str) -> None:
        self.exchange = exchange
        self.rest_url = rest_url
        self.admin_token = admin_token
        self.access = {"rest_url": rest_url, "key": key, "secret": secret}

    def wait_for_listeners(self, *topics: str) -> None:
        """Return when somebody listens to each of the topics."""
        pause, until_s = threading.Event(), time.monotonic() + DEADLINE_S
        while not all(self.exchange.topics.clients(topic) for topic in topics):
            assert time.monotonic() < until_s, f"nobody listens to all of {topics}"
            pause.wait(0.01)


@contextlib.contextmanager
def exchange_server(directory: PurePath, **config: Any) -> Iterator[Server]:
    """Serve a synthetic market at the speed of the clock, so that orders meet a price that hardly moves."""
    gc.collect()  # what earlier tests left must not be collected by the server's thread: SQLite objects are bound to theirs
    with start_blocking_portal() as portal:
        exchange = portal.call(
            Exchange, real_world(), SyntheticFeed(3), ExchangeConfig(directory / "exchange.sqlite", **config)
        )
        with portal.wrap_async_context_manager(exchange.running()) as info:
            key, secret = portal.call(lambda: exchange.create_account("client", wallet_usdt=Decimal(100_000)))
            yield Server(exchange, info.rest_url, info.admin_token, key, secret)
