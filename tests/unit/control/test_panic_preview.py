"""Who is asked for the phrase of a panic sees what it would close, also what the books add up."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.halt_methods import panic
from playd.control.panic_rows import panic_rows
from playd.control.params import Panic
from playd.control.protocol import Code, RpcError
from playd.core.modes import Environment
from playd.orders.panic_report import PanicPosition, PanicReport, PanicScope
from tests.simulation.order_world import build, entered
from tests.simulation.test_order_path_hedge import HEDGED, HedgeVenue
from tests.virtual_time import LoopClock, in_virtual_time


@pytest.mark.parametrize("read", [True, False])
def test_both_sides_of_a_symbol_in_hedge_mode_are_shown_and_a_venue_that_is_silent_keeps_nobody_from_asking(read: bool) -> None:
    async def body() -> None:
        venue = HedgeVenue(LoopClock())
        life = build(venue)
        async with life.running():
            await entered(life)
            settings = SimpleNamespace(accounts={"main": SimpleNamespace(environment=Environment.DEMO, has_key=True)})
            daemon: Any = SimpleNamespace(
                accounts=SimpleNamespace(held={"main": SimpleNamespace(account=life.account, reachable=life.account)}),
                supervisor=SimpleNamespace(slots={}),
                halts=life.halts,
                ledger=life.ledger,
                ops=SimpleNamespace(loaded=SimpleNamespace(settings=settings)),
            )
            venue.script.failing_reads = 0 if read else 1
            with pytest.raises(RpcError) as asked:
                await panic(cast("Daemon", daemon), Panic(request_id="r", scope="account:main"), cast("Call", None))
            assert asked.value.code is Code.PHRASE_REQUIRED
            shown = [line for line in asked.value.details["preview"] if "hedge" in line]
            both = [
                f"in hedge mode: long 0.040 {HEDGED}, worth 2000.00 USDT at 50000.0 on main",
                f"in hedge mode: short 0.015 {HEDGED}, worth 750.00 USDT at 50000.0 on main",
            ]
            assert shown == (both if read else [])
            assert any("BTCUSDT" in line for line in asked.value.details["preview"])

    in_virtual_time(body)


def test_an_average_price_has_no_more_digits_than_a_price_can_have() -> None:
    position = PanicPosition("BTCUSDT", Decimal(3), Decimal(3), Decimal(200_000) / 3, None, Decimal(0), None)
    report = PanicReport(PanicScope(), (position,), 0, 1.0, ())
    (row,) = panic_rows("all", [("main", report)], [])["positions"]
    assert row["avg_price"]["value"] == "66666.6666667"
