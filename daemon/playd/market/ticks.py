"""Price steps of the symbols that a hub follows, traded or not: bars of all of them are judged (`market.quality`)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NoReturn, Protocol

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.instrument import Instrument
from playd.market.feed_watch import FeedState
from playd.market.hub import MarketHub
from playd.world.ports import Clock

LOOK_EVERY_S: Final = 5.0
READ_EVERY_S: Final = 3600.0
AGAIN_AFTER_S: Final = 60.0
"""Time between two readings of a step that could not be read, or whose bars are not believed: it may have become finer."""


class Rules(Protocol):
    """The part of a venue's market data that is needed here."""

    async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        """Rules of the symbols that the venue lists; unknown ones are absent."""
        ...


class Ticks:
    """`run` until cancelled; `of` answers at any time."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock = clock
        self._rules = rules
        self._ticks: dict[str, float] = {}
        self._asked_s: dict[str, float] = {}

    def of(self, symbol: str) -> float | None:
        """The step of a symbol's prices in quote coin, None while it is unknown."""
        return self._ticks.get(symbol)

    async def run(self, hub: MarketHub) -> NoReturn:
        """Know the steps of all symbols of a hub, each read again every hour."""
        while True:
            await self._read([symbol for symbol in hub.symbols if self._is_due(symbol, hub.feed_state(symbol))])
            await anyio.sleep(LOOK_EVERY_S)

    def _is_due(self, symbol: str, state: FeedState) -> bool:
        asked_s = self._asked_s.get(symbol)
        if asked_s is None:
            return True
        soon = symbol not in self._ticks or state is FeedState.DOUBTFUL
        return self._clock.mono_s() - asked_s >= (AGAIN_AFTER_S if soon else READ_EVERY_S)

    async def _read(self, symbols: Sequence[str]) -> None:
        if not symbols:
            return
        self._asked_s |= dict.fromkeys(symbols, self._clock.mono_s())
        try:
            self._take(await self._rules.instruments(symbols))
        except (VenueError, LinkError):
            # One that cannot be read must not cost the others their step; nothing is judged by one that nobody knows.
            for symbol in symbols if len(symbols) > 1 else ():
                with suppress(VenueError, LinkError):
                    self._take(await self._rules.instruments([symbol]))

    def _take(self, found: Mapping[str, Instrument]) -> None:
        self._ticks |= {symbol: float(rules.tick) for symbol, rules in found.items()}
