"""`playd emergency-flatten` waits for the end of a ban that is on record, says where it looks, and waits for nobody else's."""

import pytest

from playd.cli.emergency_flatten import FlattenOptions, _behind_a_ban
from playd.orders.bans import Bans
from playd.orders.ledger import Ledger
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.simulation.order_world import MemoryJournal
from tests.virtual_time import LoopClock

OPTIONS = FlattenOptions("live", "", "", "", "global", "", "kept", yes=True, as_json=False)


@pytest.mark.parametrize("ban_s", [0, 1200, 3000])
async def test_a_ban_of_any_length_that_can_be_set_is_waited_for(ban_s: int, capsys: pytest.CaptureFixture[str]) -> None:
    virtual = virtual_world()
    clock = LoopClock()
    world = World(clock, virtual.disk, virtual.net, virtual.random, virtual.env, virtual.process)
    state = world.process.working_dir() / "kept"
    world.disk.mkdir(state)
    ledger = Ledger.open(world.disk, clock, state / "ledger.sqlite")
    if ban_s:
        Bans(ledger, MemoryJournal()).keep(clock.wall_ms() + ban_s * 1000)
    ledger.commit()
    ledger.close()
    began_s = clock.mono_s()
    await _behind_a_ban(world, OPTIONS)
    assert clock.mono_s() - began_s == pytest.approx(ban_s, abs=1.0)
    assert f"looked for in {state}; --state names" in capsys.readouterr().err
