from decimal import Decimal
import anyio, pytest
from tests.simulation.order_world import READY, build, entered, entry, leave
from tests.simulation.test_order_path_restore import back_up, bar, restored
from tests.simulation.venue_rows import SYMBOL
from tests.virtual_time import in_virtual_time
from playd.core.timeframes import MINUTE_MS

@pytest.mark.parametrize("entry_too", [False, True])
def test_recovered(entry_too) -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            if entry_too: back_up(life)
            await port.submit(entry(bar(life) - MINUTE_MS), READY)
            await anyio.sleep(1.0)
            if not entry_too: back_up(life)
            life.venue.fill_share = Decimal("0.4")

            async def beside() -> None:
                while life.account.desk.fills.net(SYMBOL) == Decimal("0.010"):
                    await anyio.sleep(0.001)
                life.venue.fill_share = Decimal(1)
                life.venue.hit_stop()

            async with anyio.create_task_group() as group:
                group.start_soon(beside)
                await port.submit(leave(bar(life)), READY)
            await anyio.sleep(120.0)
            assert life.venue.signed() == 0
            await port.submit(entry(bar(life)), READY)
            await anyio.sleep(10.0)
            sent = len(life.venue.placed)
        life = restored(life)
        async with life.running():
            await life.register(after=0)
            await anyio.sleep(60.0)
            print("R", entry_too, life.venue.signed(), life.account.desk.fills.net(SYMBOL), len(life.venue.placed) - sent, [(r["id"],r["outcome"],r["gates"]) for r in life.ledger.rows("select * from intents")])
    in_virtual_time(body)
