from decimal import Decimal
import anyio, pytest
from tests.simulation.order_world import READY, build, entered, entry, leave
from tests.simulation.test_order_path_restore import back_up, bar, restored
from tests.simulation.venue_rows import SYMBOL
from tests.virtual_time import in_virtual_time
from playd.core.timeframes import MINUTE_MS

@pytest.mark.parametrize("entry_too", [False, True])
def test_goes_on(entry_too) -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            if entry_too: back_up(life)
            await port.submit(entry(bar(life) - MINUTE_MS), READY)
            await anyio.sleep(1.0)
            if not entry_too: back_up(life)
            life.venue.fill_share = Decimal("0.4")
            await port.submit(leave(bar(life)), READY)
        life = restored(life)
        life.venue.fill_share = Decimal(1)
        async with life.running():
            await life.register(after=0)
            await anyio.sleep(60.0)
            print("G", entry_too, life.venue.signed(), life.account.desk.fills.net(SYMBOL), [(r["id"],r["outcome"],r["gates"]) for r in life.ledger.rows("select * from intents")])
    in_virtual_time(body)
