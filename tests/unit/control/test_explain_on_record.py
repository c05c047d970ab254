"""An instance that does not run has no columns: what is on record of its last entry is told without them."""

from collections.abc import Iterator
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

import pytest

from playd.cli.explain_running import _text
from playd.control.explain_methods import explain
from playd.control.params import Explain
from playd.control.protocol import JsonObject
from playd.orders.judged import PASSED, Judged
from playd.orders.ledger import Ledger
from playd.orders.on_record import OnRecord
from playd.orders.pipeline import PIPELINE
from playd.orders.verdicts import Verdicts
from playd.supervisor.errors import NotRunning
from playd.world.virtual import virtual_world
from tests.simulation.order_world import UID
from tests.unit.orders.test_gates import OPEN

ENTRY_MS = OPEN.intent.bar_close_ms
LATER_MS = ENTRY_MS + 600_000


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """An entry that was let through, and bars without one behind it."""
    world = virtual_world()
    world.disk.mkdir(PurePath("/state"))
    found = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    verdicts, judged = Verdicts(found, world.clock), Judged(found, OnRecord(found))
    verdicts.record(UID, 60_000, ENTRY_MS, "ENTERED", "because")
    judged.keep(judged.told(OPEN, PASSED))
    for close_ms in range(ENTRY_MS + 60_000, LATER_MS + 1, 60_000):
        verdicts.record(UID, 60_000, close_ms, "NO_SIGNAL", "")
    yield found
    found.close()


async def told(ledger: Ledger, at_ms: int | None) -> JsonObject:
    record = SimpleNamespace(uid=UID, clock_ms=60_000, symbol="BTCUSDT", play_path="/plays/cross.yaml")
    slot = SimpleNamespace(name="cross", state="stopped", engine=None, record=record)
    daemon: Any = SimpleNamespace(ledger=ledger, supervisor=SimpleNamespace(find=lambda name: slot))
    call: Any = None
    return await explain(daemon, Explain(name="cross", at_ms=at_ms), call)


@pytest.mark.anyio
@pytest.mark.parametrize("at_ms", [None, ENTRY_MS])
async def test_the_last_entry_is_told_whatever_bars_came_behind_it(ledger: Ledger, at_ms: int | None) -> None:
    data = await told(ledger, at_ms)

    assert [row["gate"] for row in data["gates"]] == [step.name for step in PIPELINE]
    assert (data["judged"]["verdict"], data["judged"]["said"], data["explanation"]) == ("ENTERED", "passed", None)
    text = _text(data)
    assert "ENTERED: because" in text
    assert "cross is stopped; its columns exist while it runs: playctl start cross" in text
    assert all(step.name in text for step in PIPELINE)


@pytest.mark.anyio
async def test_a_bar_without_an_entry_is_not_told_by_that_of_another_one(ledger: Ledger) -> None:
    with pytest.raises(NotRunning, match="its columns exist while it runs"):
        await told(ledger, LATER_MS)
