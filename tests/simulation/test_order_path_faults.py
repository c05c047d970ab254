"""
The order path under lost answers, lost and doubled events, blind reads, vanished stops, reconnects and kills of the process.

Whatever the faults: one decision is never two orders, nothing leaves before its intent is on record, every fill reaches the
instance exactly once, and no position stays without stop beyond 10 s without something being done about it.
"""

import asyncio
import gc
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playd.core.errors import RecordError
from playd.core.ids import link_id
from playd.core.orders import Action, Intent, OrderRequest, OrderState, Side, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.fills import FillEvent, FundingEvent, OrderEnded
from playd.orders.fold import fold
from playd.orders.halts import Level, symbol_scope
from playd.orders.opened import total
from playd.orders.rows import OrderRow
from playd.venues.port import Priority, Reply
from tests.simulation.fake_venue import SYMBOL, FakeVenue
from tests.simulation.order_ending import budgets_are_their_entries
from tests.simulation.order_world import FOLLOWED, READY, OrderWorld, build, entered, entry, leave
from tests.simulation.venue_script import EventFault, Script, WriteFault
from tests.virtual_time import in_virtual_time

QUIET_S = 200.0
"""Longer than the slowest repair: 63 s to prove absence, 120 s between reconciliations, 30 s of naked ladder."""

READY_WITHIN_S = 5.0
"""Before that an entry is refused by the first gate that asks; where reads fail for longer, it may be."""

Step = tuple[str, float]


@dataclass
class Run:
    """One scenario: the script, the steps, and what was observed."""

    script: Script
    steps: list[Step]
    venue: FakeVenue = field(init=False)
    saved_n: int = 0
    bar: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    unrecorded: list[str] = field(default_factory=list)
    naked_since_s: float | None = None
    neglected: list[str] = field(default_factory=list)
    lives: int = 0
    counted: list[Decimal] = field(default_factory=list)
    """USDT opened and reserved of the week, as each life found it."""


async def play(run: Run) -> OrderWorld:
    """All lives of the daemon, then a long quiet time without faults."""
    life = build(script=run.script)
    run.venue = life.venue
    while True:
        run.lives += 1
        run.counted.append(total(life.account.desk.caps.opened(run.bar)))
        check_on_record(run, life)
        crashed = asyncio.Event()
        task = asyncio.create_task(one_life(run, life, crashed))
        waiting = asyncio.create_task(crashed.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not crashed.is_set():
            await task
            return life
        life.ledger._connection.close()
        current = asyncio.current_task()
        others = [other for other in asyncio.all_tasks() if other is not current]
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for port in life.ports:
            port.close()
        life = life.crash()


def check_on_record(run: Run, life: OrderWorld) -> None:
    """From now on every order that reaches the venue must have been inserted before the last commit."""
    ledger, book = life.ledger, life.account.desk.book
    inserted: dict[str, int] = {}
    insert_order = book.insert_order

    def insert(intent: Intent, identity: str, attempt: int, request: OrderRequest) -> OrderRow:
        inserted[request.link_id] = ledger.commits
        return insert_order(intent, identity, attempt, request)

    def look(order: OrderRequest) -> None:
        # An order without entry was inserted in an earlier life and has survived it.
        if inserted.get(order.link_id, -1) >= ledger.commits or book.find(order.link_id) is None:
            run.unrecorded.append(order.link_id)

    book.insert_order = insert  # type: ignore[method-assign]
    life.venue.before_place = look


async def one_life(run: Run, life: OrderWorld, crashed: asyncio.Event) -> None:
    async with life.running(connect=False):
        life.venue.connect()
        port = await life.register(after=run.saved_n)
        with anyio.move_on_after(READY_WITHIN_S):
            await life.account.wait_ready()
        async with anyio.create_task_group() as watching:
            watching.start_soon(watch_nakedness, run, life)
            while run.steps:
                await take_step(run, life, *run.steps.pop(0), crashed)
                take_events(run, port)
            calm(run.script)
            if not life.venue.stream_up:
                life.venue.connect()
            await anyio.sleep(QUIET_S)
            take_events(run, port)
            watching.cancel_scope.cancel()


async def take_step(run: Run, life: OrderWorld, what: str, number: float, crashed: asyncio.Event) -> None:
    venue, port = life.venue, life.ports[-1]
    run.bar += 60_000
    held = port.position().position.signed_qty
    if what == "enter" and held == 0:
        side = Side.BUY if number < 0.5 else Side.SELL
        await port.submit(entry(run.bar, side=side), READY)
    elif what == "exit" and held != 0:
        side = Side.SELL if held > 0 else Side.BUY
        await port.submit(leave(run.bar, side=side, qty=str(abs(held))), READY)
    elif what == "stop" and venue.stop_of() != 0:
        venue.hit_stop()
    elif what == "unstop" and venue.stop_of() != 0:
        venue.remove_stop()
    elif what == "drop" and venue.stream_up:
        venue.disconnect()
        await anyio.sleep(number)
        venue.connect()
    elif what == "crash":
        asyncio.get_running_loop().call_later(number / 50, crashed.set)
        return
    await anyio.sleep(number * 3)


def take_events(run: Run, port: object) -> None:
    """The instance: deals with what waits, then saves its state with the number of the last event."""
    while True:
        try:
            event = port.fills.receive_nowait()  # type: ignore[attr-defined]
        except (anyio.WouldBlock, anyio.EndOfStream):
            return
        assert isinstance(event, FillEvent | OrderEnded | FundingEvent)
        assert event.n > run.saved_n
        run.saved_n = event.n
        if isinstance(event, FillEvent):
            run.delivered[event.execution.exec_id] += 1


async def watch_nakedness(run: Run, life: OrderWorld) -> None:
    """A position without stop for more than 10 s needs a halted symbol, at least."""
    while True:
        await anyio.sleep(0.25)
        now_s = life.world.clock.mono_s()
        naked = life.venue.signed() != 0 and life.venue.stop_of() == 0
        run.naked_since_s = (run.naked_since_s if run.naked_since_s is not None else now_s) if naked else None
        if run.naked_since_s is None or now_s - run.naked_since_s <= 10.5 or not life.venue.stream_up:
            continue
        halt = life.halts.highest(symbol_scope("main", SYMBOL))
        if halt is None or halt.level < Level.HALT:
            run.neglected.append(f"naked since {run.naked_since_s} at {now_s}")


def calm(script: Script) -> None:
    """The faults end."""
    script.writes.clear()
    script.events.clear()
    script.hidden_reads = script.failing_reads = script.no_attached_stop = script.refused_stops = 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "enter", "enter", "exit", "exit", "stop", "unstop", "drop", "crash", "wait"]),
        st.floats(min_value=0.0, max_value=1.0),
    ),
    min_size=1,
    max_size=12,
)
SCRIPTS = st.builds(
    Script,
    writes=st.lists(st.sampled_from(WriteFault), max_size=8),
    events=st.lists(st.sampled_from([EventFault.NONE, EventFault.NONE, EventFault.LOST, EventFault.DOUBLED]), max_size=40),
    hidden_reads=st.integers(min_value=0, max_value=6),
    failing_reads=st.sampled_from([0, 0, 0, 3]),
    no_attached_stop=st.integers(min_value=0, max_value=2),
    refused_stops=st.sampled_from([0, 0, 1, 4]),
)


def verify(run: Run, life: OrderWorld) -> None:
    """The promises, checked against the venue's own truth."""
    venue, desk = life.venue, life.account.desk
    links = Counter(order.link_id for order in venue.effects)
    assert max(links.values(), default=0) <= 1
    intents = Counter(desk.book.need(order.link_id).intent for order in venue.effects if not order.reduce_only)
    assert max(intents.values(), default=0) <= 1, "two orders of one decision"
    assert run.unrecorded == []
    assert run.neglected == []
    assert all(count == 1 for count in run.delivered.values()), run.delivered
    assert set(run.delivered) == {row.exec_id for row in venue.execution_rows}
    assert desk.fills.net(SYMBOL) == venue.signed()
    for share in desk.fills.shares():
        assert fold(desk.fills.executions(share.owner, share.symbol)) == share.position
    for row in desk.ledger.rows("SELECT o.link_id, o.attempt, i.* FROM orders o JOIN intents i ON i.id = o.intent"):
        assert row["link_id"] == link_id(row["instance"], row["cause"], Action(row["action"]), row["leg"], row["attempt"])
    assert desk.ledger.rows(FOLLOWED) == [], "an attempt beside one that works, or may"
    budgets_are_their_entries(life)
    assert [row.link_id for row in desk.book.live() if row.state is OrderState.UNKNOWN] == []
    assert venue.signed() == 0 or venue.stop_of() != 0
    assert desk.ledger.rows("SELECT 1 FROM incidents WHERE kind = 'CONTRADICTION'") == []


# A killed process closes nothing. What its lives leave open is collected here, and is not a finding.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.usefixtures("old_objects_left_alone")
@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=SCRIPTS, steps=STEPS)
def test_whatever_fails_orders_are_single_recorded_told_once_and_protected(script: Script, steps: list[Step]) -> None:
    async def body() -> None:
        run = Run(replace(script, writes=[*script.writes], events=[*script.events]), [*steps])
        with suppress(RecordError, sqlite3.ProgrammingError):
            life = await play(run)
        verify(run, life)
        life.venue.close_stream()

    in_virtual_time(body)
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.usefixtures("old_objects_left_alone")
@pytest.mark.parametrize(
    ("fault", "dies_s", "opened"),
    [
        (WriteFault.NONE, 0.0, 0),  # on record, and no byte has left
        (WriteFault.NONE, 0.002, 0),
        (WriteFault.DELAYED, 0.007, 500),  # on its way
        (WriteFault.SLOW, 0.010, 500),  # there, and not answered
        (WriteFault.LOST_BEFORE, 0.010, 0),  # in doubt, and never there
        (WriteFault.NONE, 0.010, 500),
    ],
)
def test_what_an_entry_reserved_outlives_a_death_until_it_is_used_or_given_back(
    fault: WriteFault, dies_s: float, opened: int
) -> None:
    async def body() -> None:
        run = Run(Script(writes=[fault]), [("crash", dies_s * 50), ("enter", 0.0)])
        with suppress(RecordError, sqlite3.ProgrammingError):
            life = await play(run)
        assert run.counted == [0, 500]
        assert total(life.account.desk.caps.opened(run.bar)) == opened
        verify(run, life)
        life.venue.close_stream()

    in_virtual_time(body)
    gc.collect()


@pytest.mark.parametrize("fault", [WriteFault.NONE, WriteFault.LOST_AFTER])
async def test_a_position_of_which_nothing_is_told_has_its_stop_back_within_seconds(fault: WriteFault) -> None:
    life = build(script=Script(writes=[fault], events=[EventFault.LOST] * 50, no_attached_stop=1))
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        await anyio.sleep(2.5)

        assert life.venue.stop_of() == entry().stop
        assert port.position().position.signed_qty == entry().qty
        assert 1.9 < life.account.desk.naked_seconds[SYMBOL] < 2.5


async def test_an_entry_without_an_answer_is_covered_while_its_answer_is_waited_for() -> None:
    life = build(script=Script(events=[EventFault.LOST] * 50, no_attached_stop=1))
    async with life.running():
        port = await life.register()
        place = life.venue.place

        async def silent(order: OrderRequest) -> Reply:
            await place(order)
            await anyio.sleep(5.0)
            return Reply(ReplyClass.DOUBT, None, "time-out")

        life.venue.place = silent  # type: ignore[method-assign]
        async with anyio.create_task_group() as sending:
            sending.start_soon(port.submit, entry(), READY)
            await anyio.sleep(2.5)

            assert life.venue.stop_of() == entry().stop


async def test_an_entry_that_arrives_behind_a_look_at_a_flat_account_is_looked_at_again_once_it_is_seen() -> None:
    """A reading by anybody found nothing and ended the check; then the order arrives, and its fill is not told."""
    told = [EventFault.NONE, *[EventFault.LOST] * 50]
    life = build(script=Script(writes=[WriteFault.DELAYED], events=told, hidden_reads=6, no_attached_stop=1))
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        await life.account.reconcile("test")
        assert not life.venue.signed()
        await anyio.sleep(4.0)
        assert life.venue.signed(), "it is there by now"
        await anyio.sleep(2.5)

        assert life.venue.stop_of() == entry().stop


async def test_a_stream_that_works_costs_no_reading_of_the_position() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await anyio.sleep(1.0)
        read, asked = life.venue.positions, []

        async def counted(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
            asked.extend([symbol] if symbol else [])  # not the look at all positions every half minute
            return await read(symbol, priority=priority)

        life.venue.positions = counted  # type: ignore[method-assign]
        await port.submit(entry(), READY)
        await anyio.sleep(20.0)

        assert asked == []


async def test_reads_that_fail_while_exposed_pause_the_account_then_halt_it_and_never_count_as_agreement() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.5)
        life.venue.script.failing_reads = 1_000_000
        assert (await life.account.reconcile("test")).result == "blind"
        await anyio.sleep(17.0)
        assert [(halt.code, halt.level) for halt in life.halts.in_force()] == [("BLIND", Level.PAUSE)]
        await anyio.sleep(45.0)
        highest = life.halts.in_force()[0]
        assert (highest.code, highest.level) == ("BLIND", Level.HALT)
        assert "BLIND" in {each.kind for each in life.account.desk.incidents.open_ones()}
        life.venue.script.failing_reads = 0
        await anyio.sleep(5.0)
        assert "BLIND" not in {each.kind for each in life.account.desk.incidents.open_ones()}
        assert life.halts.in_force()[0].code == "BLIND", "that is a person's to lift"


async def test_blindness_is_over_seconds_after_the_venue_can_be_read_again_whoever_found_it() -> None:
    life = build()
    async with life.running():
        await anyio.sleep(20.0)  # the runs of a start are through, and the timer's next is two minutes away
        life.venue.script.failing_reads = 1_000_000
        assert (await life.account.reconcile("command")).result == "blind"
        await anyio.sleep(5.0)
        life.venue.script.failing_reads = 0
        await anyio.sleep(3.0)
        assert life.account.desk.condition.not_ready() == ""
