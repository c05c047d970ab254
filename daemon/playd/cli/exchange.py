"""`playd exchange serve`: the local exchange alone, for whoever wants to trade against it over the wire."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import PurePath

from playd.cli.fault_file import read_fault_file
from playd.cli.upstream import say, symbols_in, upstream_data
from playd.control.figures import rfc3339
from playd.core.candles import Candles
from playd.core.canonical import digest
from playd.core.errors import OperatorError, PlaydError, SettingsError
from playd.core.timeframes import DAY_MS
from playd.market.candle_file import read_candles, symbol_in_name
from playd.market.feed import CandleFeed
from playd.market.source import MarketChoice, open_feed
from playd.market.synthetic import SYMBOLS
from playd.matching.depth import DepthProfile
from playd.supervisor.edge import first_of
from playd.venues.exchange.config import DEMO, MAINNET, ExchangeConfig
from playd.venues.exchange.exchange import ExchangeInfo
from playd.venues.exchange.faults.model import Fault
from playd.venues.exchange.frame_feed import FrameFeed
from playd.venues.exchange.frame_file import FrameFile
from playd.venues.exchange.ledger import directory_of
from playd.venues.exchange.listing import MarketTerms, RiskTier
from playd.venues.exchange.live_feed import LiveFeed
from playd.venues.exchange.other_prices import Basis, OtherPrices, Recorded
from playd.venues.exchange.serve import AccountWish, OpenedAccount, serve
from playd.venues.exchange.upstream import upstream_of
from playd.venues.exchange.words import INDEX_PRICE, MARK_PRICE
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

DEFAULT_SPEED = 60.0
PATIENT_S = 600.0
STOPPED_S = 20.0
"""A daemon in lock-step that says nothing for so long is stopped. No venue waits for it, and its guardian must not have to."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The flags of `playd exchange serve`."""

    candles: tuple[str, ...]
    synthetic: int
    speed: float
    port: int
    symbol: str
    lockstep: bool
    state: str
    depth_usdt: float = 0.0
    participation: float = 0.0
    price_band: bool = False
    risk_tiers: str = ""
    insured: bool = True
    demo: bool = False
    faults: str = ""
    basis_bps: float = 0.0
    mark_candles: tuple[str, ...] = ()
    index_candles: tuple[str, ...] = ()
    now: bool = False
    markets: int = 0
    frames: str = ""
    live: str = ""
    symbols: str = ""
    history_days: float = 1.0
    held: bool = False
    funding_rate: float = 0.0


def serve_exchange(options: ServeOptions) -> int:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError`, `CandleError`, `StateError`, `OperatorError`."""
    sources = [bool(options.candles), options.synthetic >= 0, bool(options.frames), bool(options.live)]
    if sum(sources) != 1:
        raise SettingsError("give one of --candles FILE, --synthetic SEED, --frames FILE, --live SOURCE")
    if options.markets and options.synthetic < 0:
        raise SettingsError("--markets goes with --synthetic; other sources say themselves what they have")
    if options.funding_rate and options.synthetic < 0:
        raise SettingsError("--funding-rate goes with --synthetic; other sources say themselves what was stamped")
    if options.symbols and not (options.live or options.frames):
        raise SettingsError("--symbols goes with --live or --frames")
    if options.live and (options.speed or options.lockstep):
        raise SettingsError("--live goes without --speed and --lockstep: such a market has a pace of its own")
    if options.now and (options.synthetic < 0 or options.lockstep or options.speed not in (0.0, 1.0)):
        raise SettingsError("--now goes with --synthetic and --speed 1, without --lockstep: market time is the machine's then")
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
    directory = (here / options.state if options.state else here / "state") / "exchange"
    faults = read_fault_file(world, here / options.faults) if options.faults else ()
    async with _opened_feed(world, options) as feed:
        terms = _terms(options, _prices(world, options, feed))
        world.disk.mkdir(directory)
        config = ExchangeConfig(
            records_path=directory / f"serve-{digest(feed.identity)[:8]}.sqlite",
            port=options.port,
            speed=options.speed or (1.0 if options.now or options.live else DEFAULT_SPEED),
            on_clock=options.now,
            lockstep=options.lockstep,
            lockstep_silence_s=PATIENT_S if options.lockstep else STOPPED_S,
            held=options.held,
            terms=terms,
            environment=DEMO if options.demo else MAINNET,
            faults=faults,
        )

        def ready(info: ExchangeInfo, opened: Sequence[OpenedAccount]) -> None:
            print(_welcome(feed, info, opened[0], config.records_path, config.faults), flush=True)

        try:
            await serve(world, feed, config, (AccountWish("default", slippage_bps=2.0),), ready)
        except OSError as error:
            raise OperatorError(f"127.0.0.1:{options.port}: {error.strerror or error}") from error
    print("exchange stopped; accounts, orders and positions are kept", file=sys.stderr)
    return 0


@asynccontextmanager
async def _opened_feed(world: World, options: ServeOptions) -> AsyncIterator[CandleFeed]:
    """The market that the flags name, with what it needs while it is served."""
    here, symbols = world.process.working_dir(), symbols_in(options.symbols)
    if options.live:
        upstream = upstream_of(options.live)
        async with upstream_data(world, upstream) as source:
            history_ms = round(options.history_days * DAY_MS)
            yield await LiveFeed.open(world, upstream, source, symbols, history_ms=history_ms, tell=say)
    elif options.frames:
        yield FrameFeed(FrameFile(world.disk, here / options.frames), symbols)
    else:
        files = tuple(here / name for name in options.candles)
        seed, markets = max(options.synthetic, 0), options.markets or len(SYMBOLS)
        entered_ms = world.clock.wall_ms() if options.now else None
        choice = MarketChoice(files, options.symbol, seed, entered_ms=entered_ms, markets=markets)
        yield open_feed(world.disk, replace(choice, funding_rate=options.funding_rate or None))


def _terms(options: ServeOptions, prices: OtherPrices | None) -> MarketTerms:
    """How deep the market is; without flags as deep as that of a backtest."""
    depth = DepthProfile(options.depth_usdt, seed=max(options.synthetic, 0)) if options.depth_usdt else None
    tiers = read_tiers(options.risk_tiers)
    return MarketTerms(depth, options.participation, options.price_band, tiers, options.insured, prices)


def _prices(world: World, options: ServeOptions, feed: CandleFeed) -> OtherPrices | None:
    """Mark and index, None where they are the last price. Raises `SettingsError`, `CandleError`."""
    files = [(MARK_PRICE, name) for name in options.mark_candles] + [(INDEX_PRICE, name) for name in options.index_candles]
    if isinstance(feed, FrameFeed | LiveFeed):
        if files or options.basis_bps:
            raise SettingsError(
                "--basis-bps, --mark-candles, --index-candles: frames and live markets bring their mark and index"
            )
        return feed.prices
    if files and options.basis_bps:
        raise SettingsError("give either --basis-bps or recorded candles of mark and index")
    if not files:
        return Basis(options.basis_bps, max(options.synthetic, 0)) if options.basis_bps else None
    found: dict[tuple[str, str], Candles] = {}
    for kind, name in files:
        path = world.process.working_dir() / name
        symbol = feed.symbols[0] if len(feed.symbols) == 1 else symbol_in_name(path)
        if symbol not in feed.symbols:
            raise SettingsError(f"{name}: its name begins with no symbol of this market, expected {' or '.join(feed.symbols)}")
        series = read_candles(world.disk, path, symbol)
        if series.step_ms != feed.step_ms:
            raise SettingsError(f"{name}: candles of {series.step_ms} ms, those of {symbol} have {feed.step_ms} ms")
        found[symbol, kind] = series
    return Recorded(found)


def read_tiers(text: str) -> tuple[RiskTier, ...]:
    """
    Risk tiers from `LIMIT:RATE:LEVERAGE,...`, e.g. `2000000:0.005:100,2600000:0.0056:90`. Raises `SettingsError` unless limits
    and rates rise and leverage falls.
    """
    tiers = tuple(_tier(word) for word in text.split(",") if word)
    for lower, upper in pairwise(tiers):
        if not (
            lower.limit_usdt < upper.limit_usdt and lower.mm_rate <= upper.mm_rate and lower.max_leverage >= upper.max_leverage
        ):
            raise SettingsError(f"--risk-tiers {text!r}: limits and rates must rise and leverage must fall from tier to tier")
    return tiers


def _tier(word: str) -> RiskTier:
    try:
        limit, rate, leverage = (Decimal(part) for part in word.split(":"))
    except (InvalidOperation, ValueError):
        raise SettingsError(f"--risk-tiers: found {word!r}, expected LIMIT:RATE:LEVERAGE such as 2000000:0.005:100") from None
    if not (limit > 0 and 0 < rate < 1 and leverage >= 1):
        raise SettingsError(
            f"--risk-tiers: {word!r} needs a limit above 0, a rate between 0 and 1 and a leverage of at least 1"
        )
    return RiskTier(float(limit), float(rate), leverage)


def _welcome(feed: CandleFeed, info: ExchangeInfo, account: OpenedAccount, records: PurePath, faults: tuple[Fault, ...]) -> str:
    return "\n".join(
        (
            f"exchange    {', '.join(feed.symbols)} from {rfc3339(feed.start_ms)}",
            f"REST        {info.rest_url}",
            f"public      {info.public_url}",
            f"private     {info.private_url}",
            f"api key     {account.key}",
            f"api secret  {account.secret}",
            f"accounts    POST {info.rest_url}/playd/accounts with header X-Playd-Token: {info.admin_token}",
            *([f"faults      {len(faults)} on command"] if faults else []),
            f"records     {records}",
            f"ledger      {directory_of(records)}",
        )
    )
