"""`playd synth …`: the named synthetic markets as a list, a picture, JSON, or a file of candles."""

import sys
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import orjson

from playd.control.candle_chart import candle_chart, close_line
from playd.control.figures import rfc3339
from playd.control.render import json_text
from playd.core.candles import Candles
from playd.core.errors import RecordError, SettingsError
from playd.core.timeframes import MINUTE_MS, TIMEFRAME_MS
from playd.market.candle_file import write_candles
from playd.market.patterns.candles import synthetic_market
from playd.market.rolled import rolled
from playd.plays.findings import did_you_mean
from playd.plays.words import PATTERNS
from playd.world.real import real_world

_LISTED_BARS: Final = 200
_LINE: Final = 48
_WIDTH, _HEIGHT = 100, 20
_SYMBOL: Final = "BTCUSDT"
_MOST_MINUTES: Final = 2_000_000
"""Nearly four years, 200 MB while they are made."""


@dataclass(frozen=True, slots=True)
class SynthOptions:
    """The flags of `playd synth show`. `bars` of the timeframe `tf`; `out`: a file for the one-minute candles."""

    pattern: str
    seed: int
    bars: int
    tf: str
    symbol: str
    out: str
    as_json: bool


def list_patterns(*, as_json: bool) -> int:
    """Every pattern with the line of its closes."""
    lines = {name: close_line(_bars(name, 42, _LISTED_BARS, "15m", _SYMBOL)[1].close, _LINE) for name in PATTERNS}
    if as_json:
        print(json_text(list(lines)))
    else:
        print("\n".join(f"{name:{max(map(len, lines))}}  {line}" for name, line in lines.items()))
    return 0


def show_pattern(options: SynthOptions) -> int:
    """Draw a pattern, print its bars as JSON, or write its minutes. Raises `SettingsError`, `RecordError`."""
    if options.pattern not in PATTERNS:
        near = did_you_mean(options.pattern, PATTERNS)
        raise SettingsError(f"{options.pattern!r}: expected one of the {len(PATTERNS)} patterns of `playd synth list`{near}")
    if options.tf not in TIMEFRAME_MS:
        raise SettingsError(
            f"--tf {options.tf!r}: expected one of {', '.join(TIMEFRAME_MS)}{did_you_mean(options.tf, TIMEFRAME_MS)}"
        )
    if options.bars * TIMEFRAME_MS[options.tf] > _MOST_MINUTES * MINUTE_MS:
        most = _MOST_MINUTES * MINUTE_MS // TIMEFRAME_MS[options.tf]
        raise SettingsError(f"--bars {options.bars}: expected at most {most} bars of {options.tf}")
    minutes, bars = _bars(options.pattern, options.seed, options.bars, options.tf, options.symbol)
    if options.out:
        _write(minutes, options.out)
    if options.as_json:
        print(_json(options, bars))
    elif not options.out:
        print(f"{_head(options, bars)}\n\n{candle_chart(bars, _WIDTH, _HEIGHT)}")
    return 0


def _bars(pattern: str, seed: int, bars: int, tf: str, symbol: str) -> tuple[Candles, Candles]:
    """One-minute candles, and the bars that they make."""
    step_ms = TIMEFRAME_MS[tf]
    minutes = synthetic_market(pattern, seed=seed, exec_minutes=step_ms // MINUTE_MS, exec_bars=bars, symbol=symbol)
    return minutes, rolled(minutes, step_ms)


def _head(options: SynthOptions, bars: Candles) -> str:
    first, last = float(bars.open[0]), float(bars.close[-1])
    return (
        f"{options.pattern}, seed {options.seed}: {len(bars)} bars of {options.tf}, {first:.8g} to {last:.8g} USDT "
        f"({100 * (last / first - 1):+.1f} %), low {bars.low.min():.8g}, high {bars.high.max():.8g}"
    )


def _json(options: SynthOptions, bars: Candles) -> str:
    rows = zip(
        bars.open_time_ms.tolist(),
        *(row.tolist() for row in (bars.open, bars.high, bars.low, bars.close, bars.volume)),
        strict=True,
    )
    head = {"pattern": options.pattern, "seed": options.seed, "timeframe": options.tf, "symbol": options.symbol}
    names = ("open_time_ms", "open", "high", "low", "close", "volume")
    return orjson.dumps({**head, "bars": [dict(zip(names, row, strict=True)) for row in rows]}).decode()


def _write(minutes: Candles, out: str) -> None:
    world = real_world()
    path = world.process.working_dir() / PurePath(out)
    try:
        write_candles(world.disk, path, minutes)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    last = rfc3339(int(minutes.open_time_ms[-1]) + minutes.step_ms)
    print(f"{out}: {len(minutes)} one-minute candles to {last} written", file=sys.stderr)
