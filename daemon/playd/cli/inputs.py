"""What research commands read: a Play by path or stem, candles by path, both with clear refusals."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from playd.cli.values import overrides_of
from playd.core.candles import Candles
from playd.core.errors import CandleError, SettingsError
from playd.core.instrument import Instrument, synthetic_instrument
from playd.core.timeframes import MINUTE_MS, NAME_OF_MS
from playd.market.candle_file import read_candles
from playd.market.rates import NO_FUNDING, Funding, read_funding, read_open_interest
from playd.market.recorded_days import read_said
from playd.plays.compile import compile_program
from playd.plays.load import on_symbol
from playd.plays.model import Play
from playd.supervisor.plays import find_play, read_play
from playd.world.ports import World

PLAYS_DIR = PurePath("config/plays")


@dataclass(frozen=True, slots=True)
class BesideFiles:
    """Files of what a venue says beside candles of the last price; empty for none. `charged` False: funding is not paid."""

    mark_candles: str = ""
    funding: str = ""
    open_interest: str = ""
    charged: bool = True

    @property
    def any(self) -> str:
        """The option of one that is given, or nothing."""
        given = {"--mark-candles": self.mark_candles, "--funding": self.funding, "--open-interest": self.open_interest}
        return next((option for option, file in given.items() if file), "")


@dataclass(frozen=True, slots=True)
class Market:
    """What a Play is run over."""

    candles: Candles
    instrument: Instrument
    funding: Funding = NO_FUNDING
    charge_funding: bool = True


def play_of(world: World, given: str, overrides: Sequence[str], symbol: str = "") -> Play:
    """The Play that a command names, run on `symbol` instead of its own if one is given. Raises `PlayError`."""
    play = read_play(world.disk, play_path(world, given), overrides_of(overrides))
    return on_symbol(play, symbol) if symbol and symbol != play.symbol else play


def play_path(world: World, given: str) -> PurePath:
    """The Play file that a command names, by path or by its stem in `config/plays`. Raises `PlayError`."""
    here = world.process.working_dir()
    return find_play(world.disk, given, here / PLAYS_DIR, here)


def candles_of(world: World, given: str, reference: str, play: Play) -> Candles:
    """
    The candles of a file, taken for those of the Play's symbol: the file itself does not say whose they are. `reference` names
    the file of the second symbol, for a Play that reads one, empty for others. Beside candles of recorded days stands what was
    used, of what the Play reads.

    Raises `CandleError` when they cannot be used, `SettingsError` for a second file too few or too many.
    """
    candles = _with_said(world, given, _read(world, given, play.symbol), play)
    if play.reference is None:
        if reference:
            raise SettingsError(f"--reference-candles {reference}: {play.name} reads no second symbol, expected no such file")
        return candles
    if not reference:
        raise SettingsError(f"{play.name} reads {play.reference} too, expected --reference-candles FILE with candles of it")
    other = _read(world, reference, play.reference)
    if other.step_ms != candles.step_ms:
        found, wanted = NAME_OF_MS[other.step_ms], NAME_OF_MS[candles.step_ms]
        raise CandleError(f"{reference}: found candles of {found}, expected candles of {wanted} like those of {play.symbol}")
    both = candles.beside(other)
    if not len(both.apart()[1]):
        raise CandleError(f"{reference}: no candle opens at the time of one of {given}, expected candles of the same time")
    return both


def market_of(world: World, candles: Candles, files: BesideFiles) -> Market:
    """
    Candles with what the files say beside them, and the rules of a symbol whose list is not known.

    Raises `CandleError` for files that cannot be used.
    """
    instrument = synthetic_instrument(candles.symbol, float(candles.open[0]))
    if files.mark_candles:
        mark = read_candles(world.disk, _absolute(world, files.mark_candles), candles.symbol, traded=False)
        if mark.step_ms != candles.step_ms:
            found, wanted = NAME_OF_MS[mark.step_ms], NAME_OF_MS[candles.step_ms]
            raise CandleError(f"{files.mark_candles}: found candles of {found}, expected candles of {wanted} like the others")
        _refuse_elsewhere(files.mark_candles, mark, candles)
        candles = candles.with_mark(mark)
    if files.open_interest:
        interest = read_open_interest(world.disk, _absolute(world, files.open_interest))
        candles = replace(candles, open_interest=interest.known_at(candles.open_time_ms + candles.step_ms))
    _tell_of_parts(candles, files)
    if not files.funding:
        return Market(candles, instrument, charge_funding=files.charged)
    funding = read_funding(world.disk, _absolute(world, files.funding))
    interval_min = max(1, funding.interval_ms // MINUTE_MS)
    candles = replace(candles, funding_rate=None)  # what is given goes before what was recorded, in conditions as in payments
    return Market(candles, replace(instrument, funding_interval_min=interval_min), funding, files.charged)


def _refuse_elsewhere(given: str, other: Candles, candles: Candles) -> None:
    """Candles of which none belongs to one of these are of another time."""
    if not np.isin(other.open_time_ms, candles.open_time_ms).any():
        raise CandleError(f"{given}: no candle opens at the time of one of the others, expected candles of the same time")


def _tell_of_parts(candles: Candles, files: BesideFiles) -> None:
    """Say of which recorded series only a part of the bars has a value: conditions on it are unknown at the others."""
    recorded = (
        ("--funding", files.funding, candles.funding_rate),
        ("--open-interest", files.open_interest, candles.open_interest),
    )
    for option, file, values in recorded:
        missing = 0 if file or values is None else int(np.isnan(values).sum())
        if missing:
            word = option.removeprefix("--").replace("-", " ")
            found = f"{missing} of {len(candles)} bars have no recorded {word}, and conditions on it are unknown there"
            print(f"{found}; {option} FILE says it of all", file=sys.stderr)


def _read(world: World, given: str, symbol: str) -> Candles:
    return read_candles(world.disk, _absolute(world, given), symbol)


def _with_said(world: World, given: str, candles: Candles, play: Play) -> Candles:
    path = _absolute(world, given)
    if not world.disk.stat(path).is_dir:
        return candles
    names = compile_program(play, candles.step_ms).reads_market
    return read_said(world.disk, path, candles, names) if names else candles


def _absolute(world: World, given: str) -> PurePath:
    path = PurePath(given)
    return path if path.is_absolute() else world.process.working_dir() / path
