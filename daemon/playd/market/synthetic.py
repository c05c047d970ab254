"""
An endless, lively, seeded market of several symbols that move together without moving alike.

Every day of every symbol is a function of (seed, symbol, day), so that any stretch can be drawn again at any time, after any
restart, without what came before. The logarithm of a price is the sum of two paths, one that all symbols share and one of
its own. A path goes through daily anchors (slow noise, so that prices wander but never run away); between two anchors it
passes through regimes: trends, ranges that swing, bursts, quiet hours.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from playd.core.candles import Candle, Candles, joined
from playd.core.instrument import Instrument, synthetic_instrument
from playd.core.timeframes import DAY_MS, MINUTE_MS

DAY_MINUTES: Final = DAY_MS // MINUTE_MS
HISTORY_MS: Final = 30 * DAY_MS
START_MS: Final = 1_738_281_600_000
"""2025-01-31 00:00 UTC: the same market for everybody who uses the same seed."""

_CACHED_DAYS: Final = 8
"""Days kept per path; drawing one again costs about 0.2 ms."""

_SHARED: Final = 0
"""Number of the path that all symbols share; a symbol's own is its place in the list plus one."""

_ANCHOR_OCTAVES: Final = ((2, 0.012), (7, 0.03), (30, 0.08))
"""Days between the knots of an octave of anchor noise, and its size as a logarithm of price."""


@dataclass(frozen=True, slots=True)
class SyntheticSymbol:
    """A symbol: price level, how much of the shared path it follows, size of its own path, typical volume per minute."""

    symbol: str
    base_price: float
    shared_share: float
    own_share: float
    volume: float


SYMBOLS: Final = (
    SyntheticSymbol("BTCUSDT", 60_000.0, 0.9, 0.45, 25.0),
    SyntheticSymbol("ETHUSDT", 2_500.0, 1.0, 0.6, 400.0),
    SyntheticSymbol("SOLUSDT", 150.0, 1.1, 0.8, 6_000.0),
    SyntheticSymbol("XRPUSDT", 0.6, 0.8, 0.9, 900_000.0),
    SyntheticSymbol("DOGEUSDT", 0.15, 1.0, 1.0, 4_000_000.0),
)


MORE_SYMBOLS: Final = (
    SyntheticSymbol("BNBUSDT", 600.0, 0.9, 0.5, 600.0),
    SyntheticSymbol("ADAUSDT", 0.6, 1.0, 0.8, 600000.0),
    SyntheticSymbol("AVAXUSDT", 28.0, 1.1, 0.8, 9000.0),
    SyntheticSymbol("LINKUSDT", 15.0, 1.0, 0.7, 15000.0),
    SyntheticSymbol("DOTUSDT", 6.0, 1.0, 0.8, 30000.0),
    SyntheticSymbol("LTCUSDT", 90.0, 0.9, 0.6, 2500.0),
    SyntheticSymbol("BCHUSDT", 420.0, 0.9, 0.7, 500.0),
    SyntheticSymbol("TRXUSDT", 0.25, 0.5, 0.5, 900000.0),
    SyntheticSymbol("UNIUSDT", 9.0, 1.0, 0.9, 20000.0),
    SyntheticSymbol("ATOMUSDT", 7.0, 1.0, 0.8, 20000.0),
    SyntheticSymbol("NEARUSDT", 4.5, 1.2, 0.9, 40000.0),
    SyntheticSymbol("APTUSDT", 8.0, 1.2, 0.9, 20000.0),
    SyntheticSymbol("ARBUSDT", 0.7, 1.2, 0.9, 300000.0),
    SyntheticSymbol("OPUSDT", 1.6, 1.2, 0.9, 120000.0),
    SyntheticSymbol("SUIUSDT", 3.2, 1.2, 1.0, 80000.0),
    SyntheticSymbol("INJUSDT", 18.0, 1.2, 1.0, 8000.0),
    SyntheticSymbol("FILUSDT", 4.4, 1.1, 0.9, 35000.0),
    SyntheticSymbol("ETCUSDT", 24.0, 1.0, 0.7, 7000.0),
    SyntheticSymbol("XLMUSDT", 0.3, 0.9, 0.8, 600000.0),
    SyntheticSymbol("HBARUSDT", 0.2, 1.0, 0.9, 900000.0),
    SyntheticSymbol("ICPUSDT", 10.0, 1.1, 0.9, 12000.0),
    SyntheticSymbol("VETUSDT", 0.03, 1.0, 0.8, 6000000.0),
    SyntheticSymbol("ALGOUSDT", 0.25, 1.0, 0.8, 600000.0),
    SyntheticSymbol("AAVEUSDT", 220.0, 1.1, 0.9, 700.0),
    SyntheticSymbol("MKRUSDT", 1400.0, 0.9, 0.8, 80.0),
    SyntheticSymbol("LDOUSDT", 1.4, 1.2, 1.0, 100000.0),
    SyntheticSymbol("RUNEUSDT", 3.8, 1.2, 1.0, 40000.0),
    SyntheticSymbol("TIAUSDT", 4.2, 1.3, 1.1, 35000.0),
    SyntheticSymbol("SEIUSDT", 0.35, 1.3, 1.1, 400000.0),
    SyntheticSymbol("STXUSDT", 1.5, 1.2, 1.0, 80000.0),
    SyntheticSymbol("GALAUSDT", 0.03, 1.2, 1.1, 5000000.0),
    SyntheticSymbol("SANDUSDT", 0.45, 1.1, 1.0, 250000.0),
    SyntheticSymbol("MANAUSDT", 0.42, 1.1, 1.0, 250000.0),
    SyntheticSymbol("AXSUSDT", 5.5, 1.1, 1.0, 20000.0),
    SyntheticSymbol("CRVUSDT", 0.55, 1.2, 1.1, 250000.0),
    SyntheticSymbol("COMPUSDT", 60.0, 1.0, 0.9, 1500.0),
    SyntheticSymbol("SNXUSDT", 1.7, 1.1, 1.0, 60000.0),
    SyntheticSymbol("DYDXUSDT", 1.2, 1.2, 1.0, 90000.0),
    SyntheticSymbol("GMTUSDT", 0.13, 1.2, 1.1, 800000.0),
    SyntheticSymbol("APEUSDT", 1.0, 1.1, 1.1, 100000.0),
    SyntheticSymbol("FTMUSDT", 0.7, 1.3, 1.0, 180000.0),
    SyntheticSymbol("EGLDUSDT", 28.0, 1.0, 0.9, 4000.0),
    SyntheticSymbol("KAVAUSDT", 0.45, 0.9, 0.9, 220000.0),
    SyntheticSymbol("ZECUSDT", 45.0, 0.9, 0.9, 2500.0),
    SyntheticSymbol("DASHUSDT", 28.0, 0.9, 0.9, 4000.0),
)
"""Beside those, for whoever wants up to fifty."""


@dataclass(frozen=True, slots=True)
class _Regime:
    """Drift and noise of the logarithm of price per minute, and the swing added to it."""

    weight: float
    drift: float
    noise: float
    swing: float


_REGIMES: Final = (
    _Regime(0.18, 0.00028, 0.0006, 0.0015),  # trend up
    _Regime(0.18, -0.00028, 0.0006, 0.0015),  # trend down
    _Regime(0.44, 0.0, 0.0005, 0.0055),  # range that swings
    _Regime(0.08, 0.0, 0.0018, 0.0030),  # burst
    _Regime(0.12, 0.0, 0.0003, 0.0020),  # quiet
)
_SEGMENTS_DRAWN: Final = DAY_MINUTES // 25
_SEGMENT_MINUTES: Final = (25, 140)
_SWING_PERIOD_MINUTES: Final = (16.0, 44.0)


class SyntheticFeed:
    """A `CandleFeed` of one-minute candles that never ends. Thirty days of history lie before `start_ms`."""

    def __init__(
        self,
        seed: int,
        *,
        symbols: Sequence[SyntheticSymbol] = SYMBOLS,
        start_ms: int = START_MS,
        entered_anywhere: bool = False,
        funding_rate: float | None = None,
    ) -> None:
        """
        `seed` is not negative; `start_ms` is rounded down to a minute and must be at least 30 days after 1970. `funding_rate`
        is stamped of every symbol every time; without one nothing ever is.

        `entered_anywhere` makes it the same market whatever its start: records of one life go on in the next, which begins
        later.
        """
        self._seed = seed
        self._entered_anywhere = entered_anywhere
        self._funding_rate = funding_rate
        self._symbols = {spec.symbol: (number, spec) for number, spec in enumerate(symbols, start=1)}
        self._start_ms = start_ms - start_ms % MINUTE_MS
        if seed < 0 or self._start_ms < HISTORY_MS:
            raise ValueError(f"seed {seed} and start {start_ms} must not be negative, with 30 days before the start")
        self._instruments = {spec.symbol: synthetic_instrument(spec.symbol, spec.base_price) for spec in symbols}
        self._paths: OrderedDict[tuple[int, int], _DayPath] = OrderedDict()
        self._days: OrderedDict[tuple[str, int], Candles] = OrderedDict()

    @property
    def identity(self) -> str:
        entered = "entered anywhere" if self._entered_anywhere else f"from {self._start_ms}"
        funding = "" if self._funding_rate is None else f", funding {self._funding_rate!r}"
        return f"synthetic seed {self._seed} {entered}{funding}: {', '.join(self._symbols)}"

    @property
    def step_ms(self) -> int:
        return MINUTE_MS

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._symbols)

    @property
    def first_ms(self) -> int:
        return self._start_ms - HISTORY_MS

    @property
    def start_ms(self) -> int:
        return self._start_ms

    def instrument(self, symbol: str) -> Instrument:
        return self._instruments[symbol]

    def candles(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        start_ms = max(start_ms, self.first_ms)
        days = range(start_ms // DAY_MS, max(-(-end_ms // DAY_MS), start_ms // DAY_MS + 1))
        return joined([self._day(symbol, day).between(start_ms, end_ms) for day in days])

    def next_open_ms(self, time_ms: int) -> int | None:
        return -(-max(time_ms, self.first_ms) // MINUTE_MS) * MINUTE_MS

    def opening_at(self, open_ms: int) -> dict[str, Candle]:
        day, rest_ms = divmod(open_ms, DAY_MS)
        minute = rest_ms // MINUTE_MS
        self._draw_ahead(day + 1, DAY_MINUTES - minute)
        return {symbol: self._day(symbol, day).at(minute) for symbol in self._symbols}

    def funding_rate(self, symbol: str, time_ms: int) -> float | None:
        return self._funding_rate

    def _draw_ahead(self, day: int, minutes_left: int) -> None:
        """A symbol of the next day in each of the last minutes before it: fifty at once would keep its first minute waiting."""
        if minutes_left <= len(self._symbols):
            self._day(self.symbols[minutes_left - 1], day)

    def _day(self, symbol: str, day: int) -> Candles:
        key = (symbol, day)
        found = self._days.get(key)
        if found is None:
            number, spec = self._symbols[symbol]
            shared, own = self._path(_SHARED, day), self._path(number, day)
            found = self._days[key] = _draw_candles(self._seed, number, spec, self._instruments[symbol], day, shared, own)
            if len(self._days) > _CACHED_DAYS * len(self._symbols):
                self._days.popitem(last=False)
        else:
            self._days.move_to_end(key)
        return found

    def _path(self, number: int, day: int) -> "_DayPath":
        key = (number, day)
        found = self._paths.get(key)
        if found is None:
            found = self._paths[key] = _draw_path(self._seed, number, day)
            if len(self._paths) > _CACHED_DAYS * (len(self._symbols) + 1):
                self._paths.popitem(last=False)
        else:
            self._paths.move_to_end(key)
        return found


@dataclass(frozen=True, slots=True)
class _DayPath:
    """A path over one day: its value when the day opens and at the close of every minute, and the noise of each minute."""

    before: float
    closes: NDArray[np.float64]
    noise: NDArray[np.float64]


def _generator(*key: int) -> Generator:
    return Generator(PCG64(SeedSequence(key)))


def _anchor(seed: int, number: int, day: int) -> float:
    """Value of a path when a day opens: smooth noise of several octaves between knots that are drawn one by one."""
    value = 0.0
    for octave, (days, size) in enumerate(_ANCHOR_OCTAVES):
        knot, rest = divmod(day, days)
        left = _generator(seed, number, 1, octave, knot).standard_normal()
        right = _generator(seed, number, 1, octave, knot + 1).standard_normal()
        share = rest / days
        smooth = share * share * (3.0 - 2.0 * share)
        value += size * (left + (right - left) * smooth)
    return value


def _draw_path(seed: int, number: int, day: int) -> _DayPath:
    """Regimes one after the other, tilted so that the day ends at the next day's anchor."""
    random = _generator(seed, number, 2, day)
    lengths = random.integers(*_SEGMENT_MINUTES, size=_SEGMENTS_DRAWN, endpoint=True)
    kinds = random.choice(len(_REGIMES), size=_SEGMENTS_DRAWN, p=[regime.weight for regime in _REGIMES])
    periods = random.uniform(*_SWING_PERIOD_MINUTES, size=_SEGMENTS_DRAWN)
    sizes = random.uniform(0.6, 1.4, size=_SEGMENTS_DRAWN)
    shocks = random.standard_normal(DAY_MINUTES)

    segment = np.repeat(np.arange(_SEGMENTS_DRAWN), lengths)[:DAY_MINUTES]
    begins = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    minute = np.arange(DAY_MINUTES) - begins[segment]
    drift, noise, swing = (
        np.array([getattr(regime, name) for regime in _REGIMES])[kinds[segment]] for name in ("drift", "noise", "swing")
    )
    angle = 2.0 * np.pi / periods[segment]
    size = sizes[segment]
    steps = drift * size + noise * shocks + swing * size * (np.sin(angle * (minute + 1)) - np.sin(angle * minute))

    before, after = _anchor(seed, number, day), _anchor(seed, number, day + 1)
    drawn = np.cumsum(steps)
    tilt = (after - before - drawn[-1]) / DAY_MINUTES
    closes = before + drawn + tilt * np.arange(1, DAY_MINUTES + 1)
    closes[-1] = after
    return _DayPath(before, closes, noise)


def _draw_candles(
    seed: int, number: int, spec: SyntheticSymbol, instrument: Instrument, day: int, shared: _DayPath, own: _DayPath
) -> Candles:
    """Prices of one symbol on the tick grid: a minute opens where the last one closed."""
    random = _generator(seed, number, 3, day)
    wicks = np.abs(random.standard_normal((2, DAY_MINUTES)))
    crowd = random.standard_normal(DAY_MINUTES)

    before = spec.shared_share * shared.before + spec.own_share * own.before
    closes = spec.shared_share * shared.closes + spec.own_share * own.closes
    noise = np.hypot(spec.shared_share * shared.noise, spec.own_share * own.noise)
    path = spec.base_price * np.exp(np.concatenate(([before], closes)))
    num, den = instrument.tick_fraction
    ticks = np.rint(path / (num / den))
    open_ticks, close_ticks = ticks[:-1], ticks[1:]
    reach = 0.6 * noise * path[1:] / (num / den)
    high_ticks = np.maximum(open_ticks, close_ticks) + np.rint(wicks[0] * reach)
    low_ticks = np.maximum(np.minimum(open_ticks, close_ticks) - np.rint(wicks[1] * reach), 1.0)
    move = np.abs(np.diff(np.concatenate(([before], closes)))) / noise
    volume = np.round(spec.volume * np.exp(0.5 * crowd) * (1.0 + move), 3)
    times = day * DAY_MS + np.arange(DAY_MINUTES, dtype=np.int64) * MINUTE_MS
    open_, high, low, close = (count * num / den for count in (open_ticks, high_ticks, low_ticks, close_ticks))
    return Candles(spec.symbol, MINUTE_MS, times, open_, high, low, close, volume)
