"""What research commands read: a Play by path or stem, candles by path, both with clear refusals."""

from collections.abc import Sequence
from pathlib import PurePath

from playd.cli.values import overrides_of
from playd.core.candles import Candles
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


def candles_of(world: World, given: str, play: Play) -> Candles:
    """
    The candles of a file, taken for those of the Play's symbol: the file itself does not say whose they are.

    Raises `CandleError` when they cannot be used.
    """
    path = PurePath(given)
    absolute = path if path.is_absolute() else world.process.working_dir() / path
    return read_candles(world.disk, absolute, play.symbol)
