"""Captured public frames as a market: the candles that they tell, with the way that trades and tickers took."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from playd.core.candles import Candle, Candles, as_candles
from playd.core.errors import CandleError, Doubtful
from playd.core.instrument import Instrument, synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.market.feed import RecordedFeed
from playd.market.walk import WalkedCandle
from playd.venues.bybit.heard_market import INDEX, MARK, HeardMarket
from playd.venues.exchange.frame_file import FrameFile
from playd.venues.exchange.other_prices import Recorded

_KINDS: Final = (MARK, INDEX)
_LAG_MS: Final = 2 * MINUTE_MS
"""A candle is put away so long after its end: nothing more is heard of it."""


class FrameFeed(RecordedFeed):
    """
    A `CandleFeed` of one-minute candles. What the heading brings is history; the market begins with the first frame.

    `prices` are mark and index as they were heard. A candle that the capture did not hear to its end is left out; of a symbol
    of which it has no candle at all, those of the trades count as heard when a later minute was.
    """

    def __init__(self, file: FrameFile, symbols: Sequence[str] = ()) -> None:
        """Reads the file; `symbols` names those to take, else all. Raises `CandleError`."""
        heading = file.heading
        self._walked: dict[str, dict[int, WalkedCandle]] = {}
        heard = self._listen(file, symbols, simulated=heading.simulated)
        self._walked = {symbol: walked for symbol, walked in self._walked.items() if walked}
        if not self._walked:
            raise CandleError(f"{file.path}: no candle of {', '.join(symbols) or 'any symbol'} was heard to its end")
        self._digest = file.digest
        earlier = {symbol: heading.candles.get(symbol, ()) for symbol in self._walked}
        super().__init__(
            [_series(symbol, earlier[symbol], self._walked[symbol]) for symbol in self._walked],
            history_ms=0,
            instruments={
                symbol: _rules(heading.instruments.get(symbol), symbol, self._walked[symbol]) for symbol in self._walked
            },
            funding_rates={
                symbol: {
                    **heading.funding_rates.get(symbol, {}),
                    **{stamp_ms: rate for (each, stamp_ms), rate in heard.rates.items() if each == symbol},
                }
                for symbol in self._walked
            },
        )
        self._start_ms = min(min(walked) for walked in self._walked.values())
        self.prices = Recorded(
            {(symbol, kind): _beside(symbol, kind, walked) for symbol, walked in self._walked.items() for kind in _KINDS}
        )

    @property
    def identity(self) -> str:
        return f"frames {self._digest} of {', '.join(self.symbols)}"

    def opening_at(self, open_ms: int) -> dict[str, Candle]:
        return {symbol: self._walked[symbol].get(open_ms, candle) for symbol, candle in super().opening_at(open_ms).items()}

    def _listen(self, file: FrameFile, symbols: Sequence[str], *, simulated: bool) -> HeardMarket:
        heard = HeardMarket(symbols, MINUTE_MS, simulated=simulated)
        put_away_ms = 0
        for frame in file.frames():
            try:
                heard.hear(frame)
            except Doubtful as error:
                raise file.refuse(error) from None
            if heard.now_ms >= put_away_ms + _LAG_MS + MINUTE_MS:
                put_away_ms = heard.now_ms - heard.now_ms % MINUTE_MS - _LAG_MS
                self._put_away(heard, put_away_ms)
        self._put_away(heard, heard.now_ms - heard.now_ms % MINUTE_MS)
        for symbol in heard.symbols:  # the last one, if the capture ended behind its end
            self._put_away_closed(heard, symbol)
        return heard

    def _put_away(self, heard: HeardMarket, before_ms: int) -> None:
        """Keep the candles before that in little room, those without a last word only where none was told of any."""
        for symbol in heard.symbols:
            kept = self._walked.setdefault(symbol, {})
            for open_ms in heard.opens(symbol):
                walked = heard.walked(symbol, open_ms) if open_ms < before_ms else None
                if walked is not None and (heard.is_closed(symbol, open_ms) or not heard.tells_candles(symbol)):
                    kept[open_ms] = _packed(walked)
        heard.forget(before_ms)

    def _put_away_closed(self, heard: HeardMarket, symbol: str) -> None:
        for open_ms in heard.opens(symbol):
            walked = heard.walked(symbol, open_ms)
            if walked is not None and heard.is_closed(symbol, open_ms):
                self._walked[symbol][open_ms] = _packed(walked)


def _packed(walked: WalkedCandle) -> WalkedCandle:
    """The same in arrays: a trade takes 25 bytes."""
    return replace(
        walked,
        fractions=array("d", walked.fractions),
        prices=array("d", walked.prices),
        volumes=array("d", walked.volumes),
        bought=bytes(walked.bought),
        beside={kind: _packed(each) for kind, each in walked.beside.items() if isinstance(each, WalkedCandle)},
    )


def _series(symbol: str, earlier: Sequence[Candle], walked: dict[int, WalkedCandle]) -> Candles:
    found: dict[int, Candle] = {candle.open_time_ms: candle for candle in earlier} | dict(walked)
    return as_candles(symbol, MINUTE_MS, [found[open_ms] for open_ms in sorted(found)])


def _beside(symbol: str, kind: str, walked: dict[int, WalkedCandle]) -> Candles:
    found = [walked[open_ms].beside[kind] for open_ms in sorted(walked) if kind in walked[open_ms].beside]
    return as_candles(symbol, MINUTE_MS, found)


def _rules(listed: Instrument | None, symbol: str, walked: dict[int, WalkedCandle]) -> Instrument:
    """The rules of the heading, or those of a market without a list."""
    return listed or synthetic_instrument(symbol, walked[min(walked)].open)
