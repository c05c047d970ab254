"""The flags of `playd exchange serve` and `record` that name a market: which go together, and which market comes of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playd.cli.exchange import ServeOptions, _opened_feed, serve_exchange
from playd.cli.upstream import symbols_in
from playd.core.candles import Candles
from playd.core.errors import CandleError, SettingsError
from playd.core.timeframes import MINUTE_MS
from playd.market.candle_file import write_candles
from playd.venues.exchange.upstream import upstream_of
from playd.world.real import real_world

OPTIONS = ServeOptions(candles=(), synthetic=-1, speed=0.0, port=0, symbol="", lockstep=False, state="")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "give one of"),
        ({"synthetic": 1, "live": "mainnet"}, "give one of"),
        ({"candles": ("a.parquet",), "frames": "b.jsonl"}, "give one of"),
        ({"candles": ("a.parquet",), "markets": 5}, "--markets goes with --synthetic"),
        ({"synthetic": 1, "symbols": "BTCUSDT"}, "--symbols goes with"),
        ({"live": "mainnet", "symbols": "BTCUSDT", "speed": 60.0}, "--live goes without"),
        ({"live": "mars", "symbols": "BTCUSDT"}, "found 'mars' as a source"),
    ],
)
def test_flags_that_do_not_fit_together_are_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        serve_exchange(replace(OPTIONS, **given))  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_fifty_symbols_may_be_drawn_and_candles_come_a_file_for_each(tmp_path: Path) -> None:
    world = real_world()
    async with _opened_feed(world, replace(OPTIONS, synthetic=3, markets=50)) as drawn:
        assert len(set(drawn.symbols)) == 50
        assert len(drawn.opening_at(drawn.start_ms)) == 50
    async with _opened_feed(world, replace(OPTIONS, synthetic=3)) as usual:
        assert usual.symbols == drawn.symbols[:5]
        assert usual.opening_at(usual.start_ms).items() <= drawn.opening_at(drawn.start_ms).items()

    names = []
    for symbol, price in (("BTCUSDT", 50_000.0), ("ETHUSDT", 2_500.0)):
        rows = np.full(40, price)
        times = np.arange(40, dtype=np.int64) * MINUTE_MS + MINUTE_MS
        names.append(str(tmp_path / f"{symbol}-1m.parquet"))
        write_candles(world.disk, tmp_path / f"{symbol}-1m.parquet", Candles("", MINUTE_MS, times, *[rows] * 5))
    async with _opened_feed(world, replace(OPTIONS, candles=tuple(names))) as recorded:
        assert recorded.symbols == ("BTCUSDT", "ETHUSDT")
    with pytest.raises(CandleError, match="was given for 2 candle files"):
        async with _opened_feed(world, replace(OPTIONS, candles=tuple(names), symbol="BTCUSDT")):
            pass


def test_sources_are_the_venue_by_name_or_another_local_exchange() -> None:
    assert upstream_of("mainnet").hosts.public == "wss://stream.bybit.com/v5/public/linear"
    assert upstream_of("tr").hosts.rest == "https://api.bybit.tr"
    assert not upstream_of("testnet").simulated
    local = upstream_of("http://127.0.0.1:9700")
    assert (local.hosts.public, local.simulated) == ("ws://127.0.0.1:9700/v5/public/linear", True)
    for wrong in ("http://10.0.0.1:9700", "https://api.bybit.com", "http://127.0.0.1"):
        with pytest.raises(SettingsError, match="expected mainnet"):
            upstream_of(wrong)
    assert symbols_in("BTCUSDT, ETHUSDT,,BTCUSDT") == ("BTCUSDT", "ETHUSDT")
