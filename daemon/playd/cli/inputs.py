"""What research commands read: a Play by path or stem, candles by path, both with clear refusals."""

from collections.abc import Sequence
from pathlib import PurePath

from playd.cli.values import overrides_of
from playd.core.candles import Candles
from playd.core.errors import CandleError, SettingsError
from playd.core.timeframes import NAME_OF_MS
from playd.market.candle_file import read_candles
from playd.plays.load import on_symbol
from playd.plays.model import Play
from playd.supervisor.plays import find_play, read_play
from playd.world.ports import World

PLAYS_DIR = PurePath("config/plays")


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
    the file of the second symbol, for a Play that reads one, empty for others.

    Raises `CandleError` when they cannot be used, `SettingsError` for a second file too few or too many.
    """
    candles = _read(world, given, play.symbol)
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


def _read(world: World, given: str, symbol: str) -> Candles:
    path = PurePath(given)
    absolute = path if path.is_absolute() else world.process.working_dir() / path
    return read_candles(world.disk, absolute, symbol)
