"""What research commands read: a Play by path or stem, candles by path, both with clear refusals."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from playd.cli.values import overrides_of
from playd.core.candles import Candles
from playd.core.errors import CandleError
from playd.market.candle_file import read_candles
from playd.plays.model import Play
from playd.supervisor.plays import find_play, read_play
from playd.world.ports import World

PLAYS_DIR = PurePath("config/plays")


def play_of(world: World, given: str, overrides: Sequence[str]) -> Play:
    """The Play that a command names. Raises `PlayError`."""
    here = world.process.working_dir()
    path = find_play(world.disk, given, here / PLAYS_DIR, here)
    return read_play(world.disk, path, overrides_of(overrides))


def candles_of(world: World, given: str, symbol: str, play: Play) -> Candles:
    """
    The candles of a file, named after the Play's symbol.

    Raises `CandleError` when the file or `symbol` says that they are of another one: a Play trades its own symbol.
    """
    path = PurePath(given)
    absolute = path if path.is_absolute() else world.process.working_dir() / path
    candles = read_candles(world.disk, absolute, symbol)
    if symbol and symbol != play.symbol:
        raise CandleError(f"{given}: --symbol {symbol} was given, the Play trades {play.symbol}")
    return replace(candles, symbol=play.symbol)
