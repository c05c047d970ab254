"""A local exchange as a child process that counts no requests: `python bench/_exchange.py SYMBOLS SPEED FRAME_EVERY_S`."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from _setup import REPO, scratch

from playd.market.synthetic import SyntheticFeed, SyntheticSymbol
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.world.ports import Signal, World
from playd.world.real import real_world, run

SEED = 3


@dataclass(frozen=True)
class Access:
    """Where a running exchange is reached, and one account on it."""

    port: int
    key: str
    secret: str


def market(symbols: int) -> SyntheticFeed:
    """The same market in both processes."""
    specs = [SyntheticSymbol(f"S{number:02}USDT", 100.0 + number, 0.9, 0.5, 1_000.0) for number in range(symbols)]
    return SyntheticFeed(SEED, symbols=specs)


async def serve(world: World, symbols: int, speed: float, frame_every_s: float, directory: Path) -> None:
    """Serve until SIGTERM; the first line of the output says where."""
    config = ExchangeConfig(directory / "exchange.sqlite", speed=speed, frame_every_s=frame_every_s, rate_limits=False)
    exchange = Exchange(world, market(symbols), config)
    with world.process.signals() as signals:
        async with exchange.running() as info:
            key, secret = exchange.create_account("bench", wallet_usdt=Decimal(1_000_000))
            print(json.dumps({"port": info.port, "key": key, "secret": secret}), flush=True)
            async for signal in signals:
                if signal is Signal.TERM:
                    return


@contextmanager
def exchange_process(symbols: int, *, speed: float = 1.0, frame_every_s: float = 0.25) -> Iterator[Access]:
    """One in a process of its own while the block lasts, on records of its own."""
    with tempfile.TemporaryDirectory(dir=scratch()) as directory:
        command = [sys.executable, __file__, str(symbols), str(speed), str(frame_every_s), directory]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPO) as process:
            assert process.stdout is not None
            try:
                line = process.stdout.readline()
                if not line:
                    raise SystemExit("the exchange did not start")
                yield Access(**json.loads(line))
            finally:
                process.terminate()
                process.wait(30)


if __name__ == "__main__":
    count, pace, every, place = sys.argv[1:]
    chosen = real_world()
    run(lambda world: serve(world, int(count), float(pace), float(every), Path(place)), chosen)
