"""Every kind of record has its golden line, the lines are a whole chain, and a field more or less is seen."""

from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.core.canonical import Json
from playd.core.modes import Mode
from playd.core.orders import OrderState
from playd.ops.chain import GENESIS, whole_until
from playd.ops.kinds import KINDS
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.machine import Contradiction, OrderEvent
from playd.orders.sights import Sights
from playd.settings.limits_model import Arming as ArmingSettings
from playd.supervisor.arming_records import Armings
from playd.supervisor.arming_watch import ArmingWatch
from playd.world.virtual import virtual_world
from tests.records import GOLDEN, OPEN, check_record, golden_records
from tests.simulation.order_world import MemoryJournal
from tests.unit.supervisor.test_arming import DRAFT

CONTEXT = {"account", "actor", "cause", "instance", "mode", "symbol"}
FIELDS = {"data", "hash", "kind", "mono_ms", "prev", "seq", "ts_ms", "v"} | CONTEXT


def test_every_kind_has_a_line_and_no_line_is_of_another_kind() -> None:
    assert {record["kind"] for record in golden_records()} == KINDS


def test_the_lines_are_a_whole_chain_of_records_with_the_promised_fields() -> None:
    data = GOLDEN.read_bytes()
    records = golden_records()
    assert whole_until(data, 0, GENESIS)[:2] == (len(data), len(records))
    assert [record for record in records if record.keys() != FIELDS] == []
    assert [record["kind"] for record in records if any(isinstance(value, float) for value in _inner(record))] == []


def _inner(value: Json) -> list[Json]:
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [*items, *(deep for item in items for deep in _inner(item))]


@pytest.mark.parametrize("record", golden_records(), ids=lambda record: f"{record['seq']}-{record['kind']}")
def test_a_field_more_or_less_is_no_form_of_that_kind(record: dict[str, Any]) -> None:
    kind, data = record["kind"], record["data"]
    check_record(kind, data)
    if kind in OPEN:
        with pytest.raises(AssertionError, match="golden lines have"):
            check_record(kind, data.keys() - OPEN[kind])
        return
    with pytest.raises(AssertionError, match="golden lines have"):
        check_record(kind, {*data, "one_more"})


def test_what_no_other_test_has_written_is_written_so() -> None:
    """The journal of these tests holds each record against the golden lines; here it is seen that they come."""
    world, journal = virtual_world(), MemoryJournal()
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    incidents = Incidents(ledger, world.clock, journal)
    incidents.open("BOOKS_DIFFER", "warning", "account:main", "they differ")
    incidents.note(incidents.open_ones()[0], "uid:1000(me)", "a transfer")

    armings = Armings(ledger, world.clock, journal)
    armings.create(DRAFT)
    slot: Any = SimpleNamespace(name="mine", record=SimpleNamespace(uid=DRAFT.instance_uid, mode=Mode.LIVE, account="main"))
    watch = ArmingWatch(armings, incidents, journal, cast("Any", None), ArmingSettings, world.clock)
    watch.look(slot)

    nothing = cast("Any", SimpleNamespace(account="main", halts=[]))
    sights = Sights(ledger, nothing, nothing, nothing, incidents, journal, nothing)
    row: Any = SimpleNamespace(link_id="pde-link", symbol="BTCUSDT")
    sights.contradicted(row, Contradiction(OrderState.FILLED, OrderEvent.SEEN_OPEN))
    kinds = [kind for kind, _ in journal.records]
    assert {"incident.note", "arm.expired", "order.contradiction"} <= set(kinds)
