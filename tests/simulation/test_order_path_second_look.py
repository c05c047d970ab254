"""What gates let through is held against the ledger again: an entry that should not be there halts its symbol."""

import anyio
import pytest

from playd.core.orders import Side
from playd.orders.halts import Level, account_scope, symbol_scope
from playd.orders.second_look import LOOK_EVERY_S
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, OrderWorld, build, entry, leave
from tests.virtual_time import in_virtual_time

TWO_LOOKS_S = 2 * LOOK_EVERY_S + 1


def found(life: OrderWorld) -> list[str]:
    return [halt.text for halt in life.halts.in_force(symbol_scope("main", SYMBOL)) if halt.code == "INVARIANT"]


def test_entries_that_the_gates_let_through_are_found_right() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            for cause in (60_000, 180_000):
                assert (await port.submit(entry(cause), READY)).code == "SENT"
                await anyio.sleep(TWO_LOOKS_S)
                assert (await port.submit(leave(cause + 60_000))).code == "SENT"
                await anyio.sleep(TWO_LOOKS_S)
            halt = life.halts.raise_level(account_scope("main"), Level.PAUSE, "OPERATOR", "look", actor="me")
            await anyio.sleep(TWO_LOOKS_S)
            life.halts.lift(halt.id, by="me", note="looked")
            assert (await port.submit(entry(300_000), READY)).code == "SENT"
            await anyio.sleep(TWO_LOOKS_S)
            assert life.halts.in_force() == []

    in_virtual_time(body)


def test_an_entry_during_a_halt_is_told_and_its_symbol_halted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            life.halts.raise_level(account_scope("main"), Level.PAUSE, "OPERATOR", "look", actor="me")
            await anyio.sleep(TWO_LOOKS_S)
            monkeypatch.setattr("playd.orders.gateway.judge", lambda _: None)
            assert (await port.submit(entry(side=Side.BUY), READY)).code == "SENT"
            await anyio.sleep(TWO_LOOKS_S)
            (text,) = found(life)
            assert "account:main was at level 1 for OPERATOR (INV-18)" in text
            assert [row["severity"] for row in life.ledger.rows("SELECT * FROM incidents WHERE kind = 'INVARIANT'")] == [
                "critical"
            ]

    in_virtual_time(body)
