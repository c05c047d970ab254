"""The flags of `playd run`, and what they come to: settings, a market of its own, faults on command, a place for its state."""

from dataclasses import dataclass, replace

from playd.cli.declared import symbols_of_plays
from playd.cli.fault_file import read_fault_file
from playd.core.canonical import digest
from playd.core.errors import SettingsError
from playd.core.modes import Environment
from playd.market.feed import CandleFeed
from playd.market.source import MarketChoice, open_feed
from playd.settings import Loaded, MainText, load
from playd.settings.model import MarketSource
from playd.venues.exchange.faults.model import Fault
from playd.world.ports import World


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The flags of `playd run`; empty and zero mean: what the settings say."""

    candles: str = ""
    reference: str = ""
    speed: float = 0.0
    symbol: str = ""
    config: str = ""
    state: str = ""
    faults: str = ""
    as_declared: bool = False
    """One candle file stands for every symbol that the declared Plays trade."""


def settings_of(world: World, options: RunOptions, before: Loaded | None = None, instead: MainText | None = None) -> Loaded:
    """The settings with the flags on top; at a reload `before` is what was loaded last. `instead`: see `load`."""
    flags: dict[str, tuple[str, str]] = {}
    here = world.process.working_dir()
    if options.candles:
        flags["market.source"] = ("--candles", MarketSource.RECORDED)
        flags["market.recorded_file"] = ("--candles", str(here / options.candles))
    if options.reference:
        flags["market.recorded_reference_file"] = ("--reference-candles", str(here / options.reference))
    if options.speed:
        flags["market.speed"] = ("--speed", f"{options.speed:g}")
    if options.state:
        flags["daemon.state_dir"] = ("--state", str(here / options.state))
    return load(world, flags=flags, config=options.config or None, before=before, instead=instead)


def feed_of(world: World, loaded: Loaded, options: RunOptions) -> CandleFeed | None:
    """
    Candles of the embedded exchange. A file without a symbol is played under every symbol the declared Plays name, with
    `as_declared` any file.

    None when a local account names an exchange that is served elsewhere: that one has its own candles.
    """
    accounts = loaded.settings.accounts.values()
    if any(account.environment is Environment.LOCAL and account.has_key for account in accounts):
        return None
    market = loaded.settings.market
    recorded = (market.recorded_file, market.recorded_reference_file) if market.source is MarketSource.RECORDED else ()
    files = tuple(world.process.working_dir() / file for file in recorded if file is not None)
    wanted = symbols_of_plays(world, loaded)
    choice = MarketChoice(files, options.symbol, market.synthetic_seed, wanted, as_wanted=options.as_declared)
    return open_feed(world.disk, choice)


def faults_of(world: World, feed: CandleFeed | None, options: RunOptions) -> tuple[Fault, ...]:
    """What the embedded exchange does wrong on command. No other venue takes a script. Raises `SettingsError`."""
    if not options.faults:
        return ()
    if feed is None:
        raise SettingsError(f"--faults {options.faults}: found no embedded exchange, expected paper accounts on one of our own")
    return read_fault_file(world, world.process.working_dir() / options.faults)


def own_state_of(loaded: Loaded, feed: CandleFeed | None, options: RunOptions) -> Loaded:
    """
    A recording has a state directory of its own below the usual one, unless --state names one.

    Positions of one market mean nothing on another, and the exchange refuses to mix them. The control socket stays where
    `playctl` looks for it.
    """
    if feed is None or loaded.settings.market.source is not MarketSource.RECORDED or options.state:
        return loaded
    places = loaded.locations
    own = places.state_dir / f"recorded-{digest(feed.identity)[:8]}"
    return replace(loaded, locations=replace(places, state_dir=own))
