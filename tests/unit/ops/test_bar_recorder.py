"""Bars that are used live are kept by day, bit for bit, and a disk that refuses costs bars and nothing else."""

import errno
from pathlib import PurePath

import anyio
import anyio.lowlevel
import orjson
import pytest

from playd.core.candles import Candle
from playd.core.errors import CandleError
from playd.core.modes import Environment
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.market.bars import ClosedBar, Source
from playd.market.candle_file import read_candles
from playd.market.recorded_days import market_of, read_said
from playd.ops import bar_recorder
from playd.ops.bar_recorder import BarRecorder
from playd.world.virtual import VirtualWorld, virtual_world

STATE, MARKET = PurePath("/state"), PurePath("/state/market/live")


def bar(open_ms: int, close: float = 1 / 3, symbol: str = "BTCUSDT") -> ClosedBar:
    return ClosedBar(symbol, Candle(open_ms, 0.4, 0.5, 0.1 + 0.2, close, 7.0), 1.5, Source.STREAM, late=False)


class Side:
    def __init__(self, keep_days: int = 2) -> None:
        self.world: VirtualWorld = virtual_world()
        self.world.disk.mkdir(STATE)
        self.room = True
        self.recorder = self.made(keep_days)
        self.day_ms = self.world.clock.wall_ms() // DAY_MS * DAY_MS

    def made(self, keep_days: int = 2) -> BarRecorder:
        return BarRecorder(self.world.disk, self.world.clock, STATE, keep_days, lambda: self.room)

    def hear(self, *bars: ClosedBar) -> None:
        for each in bars:
            self.recorder.heard("live", MINUTE_MS, each)
        self.recorder.write()


def test_a_folder_of_recorded_days_is_read_like_a_file_and_has_what_was_decided_on() -> None:
    side = Side()
    last_ms = side.day_ms + DAY_MS - MINUTE_MS
    side.hear(bar(last_ms), bar(last_ms, close=0.4), bar(last_ms + MINUTE_MS), bar(last_ms, symbol="ETHUSDT"))
    candles = read_candles(side.world.disk, MARKET, "BTCUSDT")
    assert candles.open_time_ms.tolist() == [last_ms, last_ms + MINUTE_MS]
    assert (candles.close.tolist(), candles.low.tolist()) == ([1 / 3] * 2, [0.1 + 0.2] * 2)
    (first, revised) = side.world.disk.read_bytes(MARKET / "2024-01-01" / "BTCUSDT.1m.jsonl").splitlines()
    assert orjson.loads(first) | {"received_ms": 0} == {
        "open_time_ms": last_ms, "open": 0.4, "high": 0.5, "low": 0.1 + 0.2, "close": 1 / 3, "volume": 7.0,
        "received_ms": 0, "source": "stream", "late": False,
    }  # fmt: skip
    assert orjson.loads(revised)["close"] == 0.4
    with pytest.raises(CandleError, match="no recorded bars of XRPUSDT; there are: BTCUSDT, ETHUSDT"):
        read_candles(side.world.disk, MARKET, "XRPUSDT")


def test_a_line_that_a_crash_cut_off_spoils_no_other() -> None:
    side = Side()
    side.hear(bar(side.day_ms))
    path = MARKET / "2024-01-01" / "BTCUSDT.1m.jsonl"
    torn = side.world.disk.open_append(path)
    torn.write(b'{"open_time_ms":')
    torn.close()
    side.recorder = side.made()
    side.hear(bar(side.day_ms + MINUTE_MS))
    assert len(read_candles(side.world.disk, MARKET, "BTCUSDT").open_time_ms) == 2


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"open_time_ms":1,"open":oops}', "line 2: not a recorded bar"),
        (b'{"open_time_ms":1}', "line 2: not a recorded bar: 'open'"),
        (b'{"open_time_ms":60001,"open":1,"high":1,"low":1,"close":1,"volume":1}', "60001.: is not a whole minute"),
        (b'{"open_time_ms":60000,"open":1,"high":1,"low":2,"close":1,"volume":1}', "60000.: low is above open or close"),
    ],
)
def test_recorded_bars_are_checked_as_those_of_a_file_are(line: bytes, found: str) -> None:
    side = Side()
    side.hear(bar(side.day_ms))
    appender = side.world.disk.open_append(MARKET / "2024-01-01" / "BTCUSDT.1m.jsonl")
    appender.write(line + b"\n")
    appender.close()
    with pytest.raises(CandleError, match=found):
        read_candles(side.world.disk, MARKET, "BTCUSDT")


@pytest.mark.anyio
async def test_others_have_a_turn_between_two_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_recorder, "WRITE_EVERY_S", 0.0)
    side, seen = Side(), set[int]()
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    for symbol in symbols:
        side.recorder.heard("live", MINUTE_MS, bar(side.day_ms, symbol=symbol))

    def made() -> int:
        day = MARKET / "2024-01-01"
        return len(side.world.disk.list(day)) if side.world.disk.exists(day) else 0

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(side.recorder.run)
        with anyio.fail_after(60):
            while made() < len(symbols):
                seen.add(made())
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert {1, 2} <= seen


def test_without_room_nothing_is_written_and_a_disk_that_refuses_is_no_error() -> None:
    side = Side()
    side.room = False
    side.hear(bar(side.day_ms))
    assert not side.world.disk.exists(STATE / "market")
    side.room = True
    side.world.disk.fail("write", code=errno.ENOSPC)
    side.hear(bar(side.day_ms))
    side.world.disk.heal()
    side.hear(bar(side.day_ms + MINUTE_MS))
    assert read_candles(side.world.disk, MARKET, "BTCUSDT").open_time_ms.tolist() == [side.day_ms + MINUTE_MS]


def test_days_go_when_they_are_old_and_none_is_recorded_when_none_is_to_be_kept() -> None:
    side = Side()
    for day in range(4):
        side.hear(bar(side.day_ms + day * DAY_MS))
    side.world.clock.advance(3 * DAY_MS / 1000)
    side.recorder.tidy()
    assert side.world.disk.list(MARKET) == ["2024-01-02", "2024-01-03", "2024-01-04"]
    off = Side(keep_days=0)
    off.hear(bar(off.day_ms))
    assert not off.world.disk.exists(STATE / "market")


def test_demo_follows_the_real_market() -> None:
    assert (market_of(Environment.DEMO), market_of(Environment.LIVE), market_of(Environment.TESTNET)) == (
        "live",
        "live",
        "testnet",
    )


def test_what_was_used_beside_bars_is_read_back_bit_for_bit_and_what_was_not_is_missing() -> None:
    side = Side()
    first_ms = side.day_ms + DAY_MS - 2 * MINUTE_MS
    opens = [first_ms + number * MINUTE_MS for number in range(3)]
    side.hear(*(bar(open_ms) for open_ms in opens))
    candles = read_candles(side.world.disk, MARKET, "BTCUSDT")
    names = ("mark", "funding_rate", "open_interest")
    assert read_said(side.world.disk, MARKET, candles, names) is candles, "no day has any of it"

    mark = Candle(opens[0], 0.4, 0.1 + 0.2 + 0.3, 0.1, 1 / 3, 0.0)
    side.recorder.told("live", MINUTE_MS, "BTCUSDT", opens[0], {"mark": mark, "funding_rate": 0.1 + 0.2})
    side.recorder.told("live", MINUTE_MS, "BTCUSDT", opens[0], {"open_interest": 1 / 7, "funding_rate": 0.9})
    side.recorder.told("live", MINUTE_MS, "BTCUSDT", opens[2], {"funding_rate": None, "open_interest": 12.5})
    side.recorder.write()
    found = read_said(side.world.disk, MARKET, candles, names)
    assert found.mark is not None
    assert (found.mark.high.tolist(), found.mark.low.tolist()) == ([0.1 + 0.2 + 0.3, 0.5, 0.5], [0.1, 0.1 + 0.2, 0.1 + 0.2])
    assert found.funding_rate is not None
    assert found.funding_rate[0] == 0.1 + 0.2, "what was used first"
    assert [value != value for value in found.funding_rate] == [False, True, True]
    assert found.open_interest is not None
    assert [found.open_interest[0], found.open_interest[2]] == [1 / 7, 12.5]
    assert read_said(side.world.disk, MARKET, candles, ("funding_rate",)).mark is None, "the Play does not read it"

    path = MARKET / "2024-01-01" / "BTCUSDT.1m.said.jsonl"
    side.world.disk.write_replace(path, b'{"open_time_ms": 60000, "mark": [1, 2]}\n{"cut off')
    with pytest.raises(CandleError, match="line 1: not what was said beside a bar"):
        read_said(side.world.disk, MARKET, candles, names)
