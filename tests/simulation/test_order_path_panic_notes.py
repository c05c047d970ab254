"""What the guardian has left word of refuses the next entry, not the one after the daemon's next look."""

import pytest

from playd.orders.halts import Level, instance_scope, symbol_scope
from playd.orders.panic_notes import leave_note
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, STATE, UID, build, entry
from tests.simulation.venue_script import Script, WriteFault


@pytest.mark.parametrize("scope", [instance_scope(UID), symbol_scope("main", SYMBOL)])
async def test_an_entry_behind_the_word_of_a_panic_is_not_sent_though_nobody_has_looked_since(scope: str) -> None:
    life = build()
    async with life.running():
        port = await life.register(UID)
        leave_note(life.world.disk, STATE, scope, reason="out", actor="me", time_ms=1)
        verdict = await port.submit(entry(), READY)
        assert not verdict.has_order
        assert verdict.refusal is not None
        assert life.venue.placed == []
        assert [(halt.scope, halt.level) for halt in life.halts.in_force()] == [(scope, Level.PANIC)]


async def test_an_entry_that_the_venue_puts_off_is_given_up_when_word_comes_meanwhile() -> None:
    life = build(script=Script(writes=[WriteFault.THROTTLED]))
    async with life.running():
        port = await life.register(UID)
        life.venue.before_place = lambda _order: left.append(
            leave_note(life.world.disk, STATE, instance_scope(UID), reason="out", actor="me", time_ms=1)
        )
        left = list[bool]()
        verdict = await port.submit(entry(), READY)
        assert (left, verdict.code) == ([True], "REJECTED")
        assert life.venue.signed() == 0
