"""Funding stamps and open interest from the venue's public records: every page, and what is known when."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from playd.core.reply_codes import ReplyClass
from playd.venues.bybit.calls import Call
from playd.venues.bybit.recorded import recorded_funding, recorded_open_interest
from playd.venues.bybit.rest import Answer, RestClient
from playd.venues.port import Priority

HOUR_MS = 3_600_000
NOW_MS = 1_000 * 8 * HOUR_MS + HOUR_MS
"""An hour behind a stamp."""


def answer(*rows: dict[str, Any]) -> Answer:
    return Answer(ReplyClass.ACCEPTED, 0, "OK", {"list": list(rows)}, NOW_MS)


@dataclass
class Records:
    """Stamps every eight hours up to now, newest first and 200 to a page, as the venue gives them; the k-th has rate k/10⁶."""

    asked: list[Call] = field(default_factory=list)

    async def read(self, call: Call, *, priority: Priority) -> Answer:
        self.asked.append(call)
        if call.path.endswith("tickers"):
            return answer({"fundingRate": "0.0009", "nextFundingTime": str(1_001 * 8 * HOUR_MS)})
        first, last = int(call.query["startTime"]), min(int(call.query["endTime"]), NOW_MS)
        stamps = range(last // (8 * HOUR_MS), -(-first // (8 * HOUR_MS)) - 1, -1)
        rows = [{"fundingRate": f"{k / 1e6:.6f}", "fundingRateTimestamp": str(k * 8 * HOUR_MS)} for k in stamps]
        return answer(*rows[: int(call.query["limit"])])

    async def read_pages(self, call: Call, *, priority: Priority) -> list[dict[str, str]]:
        self.asked.append(call)
        first, last = int(call.query["startTime"]), int(call.query["endTime"])
        return [{"openInterest": f"{ms}.5", "timestamp": str(ms)} for ms in range(last // 300_000 * 300_000, first, -300_000)]


@pytest.mark.anyio
async def test_every_stamp_of_a_long_stretch_is_found_and_the_next_one_is_the_tickers() -> None:
    records = Records()
    funding = await recorded_funding(cast(RestClient, records), "BTCUSDT", NOW_MS - 500 * 8 * HOUR_MS, NOW_MS)
    assert [call.path.rpartition("/")[2] for call in records.asked] == ["history", "history", "history", "tickers"]
    assert funding.time_ms.tolist() == [k * 8 * HOUR_MS for k in range(500, 1_002)]
    assert funding.interval_ms == 8 * HOUR_MS
    known = funding.known_at(np.array([NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS, NOW_MS], np.int64))
    assert known.tolist() == pytest.approx([0.001, 0.0009, 0.0009])


@pytest.mark.anyio
async def test_open_interest_reaches_back_behind_the_first_candle() -> None:
    interest = await recorded_open_interest(cast(RestClient, Records()), "BTCUSDT", NOW_MS, NOW_MS + HOUR_MS)
    assert interest.time_ms[0] < NOW_MS
    known = interest.known_at(np.array([NOW_MS + 60_000], np.int64))
    assert known.tolist() == [NOW_MS + 0.5]
