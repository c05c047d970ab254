"""
A whole `playd run` in this process, with a stopwatch at its sockets: `_traced_daemon.py CONFIG STATE ENTRIES RESULT`.

The stopwatch sits in the injected network port, outside the product: `data_received` of the connection that carries the
candles, and `write` of the connection that carries the orders. After `ENTRIES` entries the daemon gets SIGTERM, and what was
seen is written to the file `RESULT`.
"""

import asyncio
import functools
import gc
import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import _setup  # noqa: F401 - before anything that imports a kernel
import aiohttp
from aiohttp.client_proto import ResponseHandler

from playd.cli.daemon import run_daemon
from playd.cli.run_options import RunOptions
from playd.orders.budget import AccountBudget
from playd.orders.ledger import Ledger
from playd.venues.port import Priority
from playd.world.real import real_world
from playd.world.real.net import RealNet, session

CLOSED = b'"confirm":true'
CREATE = b"POST /v5/order/create"
SYMBOL = re.compile(rb'"symbol":"([A-Z0-9]+)"')
START = re.compile(rb'"start":(\d+)')
TOPIC = re.compile(rb'"topic":"kline\.\w+\.([A-Z0-9]+)"')

STARTING = 20
"""Closes that do not count: while fifty instances start, one may meet its first bar seconds after the frame came."""

WAITED_MS: ContextVar[float] = ContextVar("waited_ms", default=0.0)
"""What the order that this task is about waited for its rate token."""


class Stopwatch:
    """When each symbol's newest closed candle arrived, and how long after it the bytes of an entry were handed over."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.arrived_s: dict[bytes, float] = {}
        self.last_s: dict[int, float] = {}
        """By the open time of a bar: when the last frame with one that opened then arrived, of whatever symbol."""
        self.open_ms: dict[bytes, int] = {}
        self.written_s: list[tuple[int, float]] = []
        self.entry_ms: list[float] = []
        self.commit_ms: list[float] = []
        self.waited_ms: list[float] = []
        self._commits: list[tuple[float, float]] = []

    def received(self, data: bytes) -> None:
        if CLOSED in data:
            now_s = time.perf_counter()
            open_ms = max((int(each) for each in START.findall(data)), default=0)
            if open_ms not in self.last_s:  # a later frame of the same close may come between another's commit and its write
                self._commits.clear()
            self.last_s[open_ms] = now_s
            for symbol in TOPIC.findall(data):
                self.arrived_s[symbol], self.open_ms[symbol] = now_s, open_ms

    def written(self, data: bytes) -> None:
        if not data.startswith(CREATE) or b'"reduceOnly":true' in data:
            return
        found = SYMBOL.search(data)
        arrived_s = self.arrived_s.pop(found[1], None) if found else None
        if found is None or arrived_s is None or len(self.last_s) <= STARTING:
            return
        self.written_s.append((self.open_ms[found[1]], time.perf_counter()))
        self.entry_ms.append((time.perf_counter() - arrived_s) * 1e3)
        self.waited_ms.append(WAITED_MS.get())
        self.commit_ms.append(sum(end - begin for begin, end in self._commits if begin >= arrived_s) * 1e3)
        if len(self.entry_ms) == self.wanted:
            os.kill(os.getpid(), signal.SIGTERM)

    def committed(self, begin_s: float) -> None:
        self._commits.append((begin_s, time.perf_counter()))


class _Transport:
    """A transport that tells the stopwatch what it was given."""

    def __init__(self, inner: asyncio.Transport, stopwatch: Stopwatch) -> None:
        self._inner = inner
        self._stopwatch = stopwatch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, data: bytes) -> None:
        self._inner.write(data)
        self._stopwatch.written(data)


class _Handler(ResponseHandler):
    def __init__(self, stopwatch: Stopwatch, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._stopwatch = stopwatch

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(_Transport(transport, self._stopwatch))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        self._stopwatch.received(data)
        super().data_received(data)


class TracedNet(RealNet):
    """The machine's network; client connections carry the stopwatch."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch

    def http_session(self, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector()
        connector._factory = functools.partial(_Handler, self._stopwatch, loop=asyncio.get_running_loop())  # type: ignore[assignment]
        return session(timeout_s=timeout_s, headers=headers, connector=connector)


def trace_commits(stopwatch: Stopwatch) -> None:
    """Note every commit of the ledger that had something to sync."""
    commit = Ledger.commit

    def traced(ledger: Ledger) -> None:
        before, begin_s = ledger.commits, time.perf_counter()
        commit(ledger)
        if ledger.commits != before:
            stopwatch.committed(begin_s)

    Ledger.commit = traced  # type: ignore[method-assign, assignment]


def trace_tokens() -> None:
    """Note of each order what it waited for its token. One that waits is refused the token of the moment first."""
    take, take_now = AccountBudget.take, AccountBudget.take_now

    async def traced(budget: AccountBudget, endpoint: str, priority: Priority, *, owner: str = "") -> None:
        begin_s = time.perf_counter()
        await take(budget, endpoint, priority, owner=owner)
        WAITED_MS.set((time.perf_counter() - begin_s) * 1e3)

    def traced_now(budget: AccountBudget, endpoint: str, priority: Priority, *, owner: str = "") -> bool:
        WAITED_MS.set(0.0)
        return take_now(budget, endpoint, priority, owner=owner)

    AccountBudget.take = traced  # type: ignore[method-assign, assignment]
    AccountBudget.take_now = traced_now  # type: ignore[method-assign, assignment]


def main(config: str, state: str, entries: str, result: str) -> int:
    gc.freeze()  # as `playd run` does behind its imports
    stopwatch = Stopwatch(int(entries))
    trace_commits(stopwatch)
    trace_tokens()
    world = replace(real_world(), net=TracedNet(stopwatch))
    code = run_daemon(RunOptions(config=config, state=state), world)
    behind_last = [(at_s - stopwatch.last_s[open_ms]) * 1e3 for open_ms, at_s in stopwatch.written_s]
    found = {
        "entry_ms": stopwatch.entry_ms,
        "commit_ms": stopwatch.commit_ms,
        "waited_ms": stopwatch.waited_ms,
        "behind_last_ms": behind_last,
    }
    Path(result).write_text(json.dumps(found))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
