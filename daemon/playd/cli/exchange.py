"""`playd exchange serve`: the local exchange alone, for whoever wants to trade against it over the wire."""

import sys
from dataclasses import dataclass
from pathlib import PurePath

from playd.cli.market_source import MarketChoice, open_feed
from playd.control.figures import rfc3339
from playd.core.canonical import digest
from playd.core.errors import OperatorError, PlaydError, SettingsError
from playd.market.feed import CandleFeed
from playd.supervisor.edge import first_of
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange, ExchangeInfo
from playd.world.ports import Signal, World
from playd.world.real import real_world
from playd.world.real import run as run_loop


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The flags of `playd exchange serve`."""

    candles: str
    synthetic: int
    speed: float
    port: int
    symbol: str
    lockstep: bool
    state: str


def serve_exchange(options: ServeOptions) -> int:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError`, `CandleError`, `StateError`, `OperatorError`."""
    if bool(options.candles) == (options.synthetic >= 0):
        raise SettingsError("give either --candles FILE or --synthetic SEED")
    world = real_world()
    try:
        return run_loop(lambda given: _serve(given, options), world)
    except BaseExceptionGroup as group:
        known = first_of(group, PlaydError)
        if known is None:
            raise
        raise known from group


async def _serve(world: World, options: ServeOptions) -> int:
    here = world.process.working_dir()
    file = here / options.candles if options.candles else None
    feed = open_feed(world.disk, MarketChoice(file, options.symbol, max(options.synthetic, 0)))
    directory = (here / options.state if options.state else here / "state") / "exchange"
    world.disk.mkdir(directory)
    config = ExchangeConfig(
        records_path=directory / f"serve-{digest(feed.identity)[:8]}.sqlite",
        port=options.port,
        speed=options.speed,
        lockstep=options.lockstep,
    )
    exchange = Exchange(world, feed, config)
    with world.process.signals() as signals:
        try:
            async with exchange.running() as info:
                print(_welcome(feed, info, config.records_path), flush=True)
                async for received in signals:
                    if received is not Signal.HUP:
                        break
        except OSError as error:
            raise OperatorError(f"127.0.0.1:{options.port}: {error.strerror or error}") from error
    print("exchange stopped; accounts, orders and positions are kept", file=sys.stderr)
    return 0


def _welcome(feed: CandleFeed, info: ExchangeInfo, records: PurePath) -> str:
    return "\n".join(
        (
            f"exchange    {', '.join(feed.symbols)} from {rfc3339(feed.start_ms)}",
            f"REST        {info.rest_url}",
            f"public      {info.public_url}",
            f"private     {info.private_url}",
            f"accounts    POST {info.rest_url}/playd/accounts with header X-Playd-Token: {info.admin_token}",
            f"records     {records}",
        )
    )
