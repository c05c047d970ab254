"""What the venue says of itself and what it lets be asked how often: system status, the RPI book, the rate of risk limits."""

from pathlib import PurePath

import anyio
import pytest

from playd.core.errors import VenueError
from playd.venues.bybit.venue import open_bybit_market_data
from playd.venues.exchange.faults.script import read_posted
from playd.world.real import real_world
from tests.fake_bybit import FreeBudget
from tests.integration.exchange_bench import Socket, bench_at, one_moment

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: PurePath) -> PurePath:
    return tmp_path / "exchange.sqlite"


async def test_maintenance_is_told_when_it_begins_and_when_it_is_over(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        url = bench.info.public_url.replace("/public/linear", "/public/misc/status")
        socket = Socket(await bench.session.ws_connect(url))
        assert (await socket.ask("subscribe", "tickers.BTCUSDT"))["success"] is False
        assert (await socket.ask("subscribe", "system.status"))["success"] is True
        bench.exchange.faults.arm(read_posted({"faults": [{"kind": "maintenance"}]}))
        bench.exchange.faults.arm(read_posted({"faults": [{"kind": "delay"}]}))
        bench.exchange.faults.heal()
        frames = [await socket.read() for _ in range(2)]
        assert [frame["topic"] for frame in frames] == ["system.status"] * 2
        (began,), (ended,) = (frame["data"] for frame in frames)
        assert (began["state"], ended["state"], began["id"]) == ("ongoing", "completed", ended["id"])


async def test_our_client_reads_of_maintenance_while_nothing_else_is_served(path: PurePath) -> None:
    world = real_world()
    async with (
        bench_at(world, path, held=True) as bench,
        open_bybit_market_data(world, bench.info.rest_url, FreeBudget(), simulated=True) as market,
    ):
        assert await market.announced() == []
        bench.exchange.faults.arm(read_posted({"faults": [{"kind": "maintenance"}]}))
        (told,) = await market.announced()
        assert (told.ongoing, told.title) == (True, "System maintenance")
        with pytest.raises(VenueError):
            await market.instruments(["BTCUSDT"])
        bench.exchange.faults.heal()
        assert await market.announced() == []
        ahead = {"kind": "maintenance", "when": {"from_s": 300, "until_s": 600}}
        bench.exchange.faults.arm(read_posted({"faults": [ahead]}))
        (told,) = await market.announced()
        assert (told.ongoing, told.end_ms - told.begin_ms) == (False, 300_000)
        assert await market.instruments(["BTCUSDT"]), "served until it begins"


async def test_the_rpi_book_has_a_third_column_and_changes_by_levels(path: PurePath) -> None:
    async with bench_at(real_world(), path, lockstep=False, speed=60.0, frame_every_s=0.02) as bench:
        socket = await bench.public("orderbook.rpi.BTCUSDT")
        snapshot, delta = await socket.read(), await socket.read()
        assert (snapshot["type"], delta["type"]) == ("snapshot", "delta")
        assert len(snapshot["data"]["b"]) == 50
        assert {len(level) for frame in (snapshot, delta) for side in "ab" for level in frame["data"][side]} == {3}
        assert {level[2] for level in snapshot["data"]["a"]} == {"0"}
        assert delta["data"]["u"] == snapshot["data"]["u"] + 1
        read = (await bench.get("/v5/market/rpi_orderbook", "category=linear&symbol=BTCUSDT&limit=3"))["result"]
        assert [len(level) for level in read["a"]] == [3, 3, 3]


async def test_an_rpi_order_is_refused_and_the_wish_to_take_them_is_shown(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        refused = await bench.order("Buy", "0.01", orderType="Limit", price="1000", timeInForce="RPI")
        assert refused["retCode"] == 10001
        assert "permission" in refused["retMsg"]
        await bench.order("Buy", "0.01", orderType="Limit", price="1000", rpiTakerAccess=True)
        row = (await bench.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT"))["result"]["list"][0]
        assert row["rpiTakerAccess"] is True


@pytest.mark.parametrize("limited", [True, False])
async def test_risk_limits_may_be_asked_five_times_a_second(path: PurePath, limited: bool) -> None:
    async with bench_at(one_moment(), path, held=True, rate_limits=limited) as bench:
        codes: list[int] = []

        async def ask() -> None:
            codes.append((await bench.get("/v5/market/risk-limit", "category=linear"))["retCode"])

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(ask)
        assert sorted(codes) == ([0] * 5 + [10006] * 3 if limited else [0] * 8)
        assert (await bench.get("/v5/market/tickers", "category=linear&symbol=BTCUSDT"))["retCode"] == 0
