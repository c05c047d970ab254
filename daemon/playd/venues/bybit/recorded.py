"""What the venue's public records say of a symbol beside its candles: funding stamps and open interest."""

from typing import Final

import numpy as np

from playd.core.timeframes import MINUTE_MS
from playd.market.rates import USUAL_INTERVAL_MS, Funding, OpenInterest
from playd.venues.bybit.calls import CALLS
from playd.venues.bybit.numbers import decimal, integer
from playd.venues.bybit.rest import RestClient
from playd.venues.port import Priority

_ROWS_MAX: Final = 200
_INTEREST_EVERY_MS: Final = 5 * MINUTE_MS


async def recorded_funding(rest: RestClient, symbol: str, start_ms: int, end_ms: int) -> Funding:
    """Stamps from before `start_ms` to the one after `end_ms`; that one's rate, if it is still to come, is the ticker's."""
    first_ms, last_ms = start_ms - USUAL_INTERVAL_MS, end_ms + USUAL_INTERVAL_MS
    found: dict[int, float] = {}
    while last_ms >= first_ms:  # newest page first; both ends are inclusive
        call = CALLS.get_funding_rate_history(
            category="linear", symbol=symbol, startTime=first_ms, endTime=last_ms, limit=_ROWS_MAX
        )
        rows = (await rest.read(call, priority=Priority.DATA)).rows
        found |= {integer(row, "fundingRateTimestamp"): float(decimal(row, "fundingRate")) for row in rows}
        if len(rows) < _ROWS_MAX:
            break
        last_ms = min(found) - 1
    rows = (await rest.read(CALLS.get_tickers(category="linear", symbol=symbol), priority=Priority.DATA)).rows
    if rows and rows[0].get("fundingRate") and (stamp_ms := integer(rows[0], "nextFundingTime")):
        found.setdefault(stamp_ms, float(decimal(rows[0], "fundingRate")))
    times = sorted(found)
    return Funding(np.array(times, np.int64), np.array([found[time_ms] for time_ms in times], np.float64))


async def recorded_open_interest(rest: RestClient, symbol: str, start_ms: int, end_ms: int) -> OpenInterest:
    """The values from `start_ms` to `end_ms`, and the one before."""
    call = CALLS.get_open_interest(
        category="linear",
        symbol=symbol,
        intervalTime="5min",
        startTime=start_ms - 2 * _INTEREST_EVERY_MS,
        endTime=end_ms,
        limit=_ROWS_MAX,
    )
    rows = await rest.read_pages(call, priority=Priority.DATA)
    found = {integer(row, "timestamp"): float(decimal(row, "openInterest")) for row in rows}
    times = sorted(found)
    return OpenInterest(np.array(times, np.int64), np.array([found[time_ms] for time_ms in times], np.float64))
