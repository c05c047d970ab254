"""Who is asked for the phrase of a panic sees what it would close, also what the books add up."""

import math
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.halt_methods import _sides_in, panic
from playd.control.panic_rows import panic_rows
from playd.control.params import Panic
from playd.control.protocol import Code, RpcError
from playd.control.scopes import parse_scope
from playd.core.modes import Environment
from playd.core.orders import Side
from playd.orders.panic_report import PanicPosition, PanicReport, PanicScope
from tests.simulation.order_world import build, entered
from tests.simulation.test_order_path_hedge import HEDGED, HedgeVenue
from tests.virtual_time import LoopClock


@pytest.mark.parametrize("read", [True, False])
async def test_both_sides_of_a_symbol_in_hedge_mode_are_shown_and_a_venue_that_is_silent_keeps_nobody_from_asking(
    read: bool,
) -> None:
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


def test_an_average_price_has_no_more_digits_than_a_price_can_have() -> None:
    position = PanicPosition("BTCUSDT", Decimal(3), Decimal(3), Decimal(200_000) / 3, None, Decimal(0), None)
    report = PanicReport(PanicScope(), (position,), 0, 1.0, ())
    (row,) = panic_rows("all", [("main", report)], [])["positions"]
    assert row["avg_price"]["value"] == "66666.6666667"


async def test_a_venue_that_is_silent_hides_the_sides_of_no_other_account() -> None:
    row = SimpleNamespace(position_idx=1, signed_qty=1, side=Side.BUY, symbol=HEDGED, qty=Decimal(1), mark_price=Decimal(100))

    def of(alias: str, answers: bool) -> Any:
        async def positions(_symbol: str | None, **_given: object) -> list[Any]:
            await anyio.sleep(0.1 if answers else math.inf)
            return [row]

        account = SimpleNamespace(alias=alias, desk=SimpleNamespace(port=SimpleNamespace(positions=positions)))
        return SimpleNamespace(account=account, reachable=account)

    daemon: Any = SimpleNamespace(accounts=SimpleNamespace(held={"a": of("a", False), "b": of("b", True)}))
    assert await _sides_in(daemon, parse_scope("all", {}, ["a", "b"])) == [
        f"in hedge mode: long 1 {HEDGED}, worth 100.00 USDT at 100 on b"
    ]
