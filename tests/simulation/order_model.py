"""
A random life of one account, rule by rule: two instances on two symbols, a venue that misbehaves, hands in the app, deaths,
and the guardian beside it all.

`OrderModel` is a Hypothesis state machine over the real order path in virtual time. After every rule what must always hold is
checked, at the end what must hold a while after all faults have ended. `python -m tests.simulation.order_model 300` plays three
hundred lives and prints which pairs of (state, event) of orders, positions and halts they went through.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from playd.core.errors import LinkError
from playd.core.ids import link_id
from playd.core.orders import Action, IntentClass, Side
from playd.orders.fills import FillEvent, FundingEvent, OrderEnded
from playd.orders.fold import fold
from playd.orders.halts import Level, account_scope, instance_scope, symbol_scope
from playd.orders.instance_port import InstancePort
from playd.orders.order_book import FOREIGN
from playd.orders.panic import PanicScope
from playd.orders.strangers import StrangerRefused
from playd.venues.port import ExecutionUpdate
from tests.simulation.guardian_beside import GuardianBeside
from tests.simulation.order_ending import check_ending
from tests.simulation.order_pairs import HALT_PAIRS, POSITION_PAIRS, all_printed
from tests.simulation.order_world import FOLLOWED, READY, OrderWorld, build, entry, leave
from tests.simulation.seen_by_drills import Created, note_creates, violations
from tests.simulation.venue_script import EventFault, Script, WriteFault
from tests.virtual_time import JumpingLoop

PLACES = {"alfa2345": "BTCUSDT", "beta2345": "ETHUSDT"}
"""Instances and their symbols."""

PLAY = "digest of a Play"
QUIET_S = 200.0
"""Longer than the slowest repair: 63 s to prove absence, 120 s between reconciliations, 30 s of naked ladder."""

CODES = (110007, 110017, 110003, 110009, 110020, 110074, 110028, 10006, 10010, 110001, 999999)
STOP_FAULTS = (WriteFault.NONE, WriteFault.LOST_BEFORE, WriteFault.LOST_AFTER, WriteFault.THROTTLED)
OWNERS, SIDES = st.sampled_from(sorted(PLACES)), st.sampled_from(Side)
SECONDS = st.sampled_from([0.0, 0.02, 0.6, 3.0, 20.0])


def is_open(model: "OrderModel") -> bool:
    """Whether the venue holds anything."""
    return any(model.life.venue.signed(symbol) for symbol in PLACES.values())


def is_foreign(model: "OrderModel") -> bool:
    """Whether somebody else holds anything by the ledger."""
    return any(model.life.account.desk.fills.position(FOREIGN, symbol).signed_qty for symbol in PLACES.values())


class OrderModel(RuleBasedStateMachine):
    """One account from its first start to a quiet end."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=JumpingLoop)
        self.saved_n = dict.fromkeys(PLACES, 0)
        self.told: Counter[str] = Counter()
        self.bar = 0
        self.commands = 0
        self.life: OrderWorld
        self.created: Created = []
        self.guardian: GuardianBeside
        self.ports: dict[str, InstancePort] = {}
        self.up: asyncio.Task[None] | None = None
        self.run(self.begin)

    def run(self, body: Callable[[], Awaitable[Any]]) -> Any:
        async def awaited() -> Any:
            return await body()

        return self.runner.run(awaited())

    # -- lives -------------------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        self.life = build(script=Script())
        self.created = note_creates(self.life)
        self.guardian = GuardianBeside(self.life)
        await self.come_up()

    async def come_up(self) -> None:
        ready = asyncio.Event()

        async def live() -> None:
            async with self.life.running(connect=False):
                self.life.venue.connect()
                for uid, symbol in PLACES.items():
                    self.ports[uid] = await self.life.register(uid, symbol=symbol, after=self.saved_n[uid])
                self.guardian.daemon_lives(self.life)
                ready.set()
                await anyio.sleep_forever()

        self.up = asyncio.create_task(live())
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([self.up, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=300)
        waiting.cancel()
        if self.up.done():
            self.up.result()
        with anyio.move_on_after(10):
            await self.life.account.wait_ready()

    async def die(self) -> None:
        """The process is gone between two instructions: nothing is closed, nothing is committed."""
        self.guardian.daemon_died()
        self.life.ledger._connection.close()
        beside = asyncio.current_task(), self.guardian.task
        others = [task for task in asyncio.all_tasks() if task not in beside]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for port in self.ports.values():
            port.close()
        self.life = self.life.crash()

    # -- what an instance does ---------------------------------------------------------------------------------------------

    @initialize(sides=st.lists(SIDES, max_size=2), by_hand=st.booleans())
    def begin_with(self, sides: list[Side], by_hand: bool) -> None:
        """Positions to begin with: most of what can go wrong needs one."""
        for owner, side in zip(sorted(PLACES), sides, strict=False):
            self.enter(owner, side, rests=False, seconds=0.6)
        if by_hand:
            self.opened_by_hand(sorted(PLACES)[-1])

    @rule(owner=OWNERS, side=SIDES, rests=st.booleans(), seconds=SECONDS)
    def enter(self, owner: str, side: Side, rests: bool, seconds: float) -> None:
        async def body() -> None:
            self.bar += 60_000
            self.life.venue.resting = rests
            intent = replace(entry(self.bar, side=side, uid=owner, symbol=PLACES[owner]), play_digest=PLAY)
            await self.ports[owner].submit(intent, READY)
            self.life.venue.resting = False
            await anyio.sleep(seconds)

        self.step("enter", owner, body)

    @precondition(is_open)
    @rule(owner=OWNERS, part=st.booleans(), seconds=SECONDS)
    def leave(self, owner: str, part: bool, seconds: float) -> None:
        async def body() -> None:
            held = self.ports[owner].position().position.signed_qty
            self.bar += 60_000
            side, qty = (Side.SELL if held > 0 else Side.BUY), "0.004" if part else str(abs(held) or "0.010")
            await self.ports[owner].submit(replace(leave(self.bar, side=side, qty=qty, uid=owner), symbol=PLACES[owner]), READY)
            await anyio.sleep(seconds)

        self.step("leave", owner, body)

    @precondition(is_open)
    @rule(owner=OWNERS, nearer=st.integers(1, 40))
    def move_stop(self, owner: str, nearer: int) -> None:
        async def body() -> None:
            share = self.ports[owner].position()
            if share.stop is not None and share.position.signed_qty:
                self.bar += 60_000
                stop = share.stop + (nearer if share.position.signed_qty > 0 else -nearer)
                move = replace(leave(self.bar, uid=owner), symbol=PLACES[owner], action=Action.STOP)
                await self.ports[owner].submit(replace(move, intent_class=IntentClass.PROTECT, stop=stop))

        self.step("move_stop", owner, body)

    @precondition(is_open)
    @rule(owner=OWNERS, away=st.integers(1, 3), seconds=SECONDS)
    def target_rests(self, owner: str, away: int, seconds: float) -> None:
        async def body() -> None:
            held = self.ports[owner].position().position.signed_qty
            price = 50_000 + away * (100 if held > 0 else -100)
            wanted = leave(0, side=Side.SELL if held > 0 else Side.BUY, qty=str(abs(held) or "0.010"), uid=owner)
            wanted = replace(wanted, symbol=PLACES[owner], cause=f"target:{price}:{held}", action=Action.TARGET)
            wanted = replace(wanted, order_type="Limit", price=Decimal(price), target=Decimal(price), time_in_force="GTC")
            await self.ports[owner].submit(wanted)
            await anyio.sleep(seconds)

        self.step("target_rests", owner, body)

    @rule(owner=OWNERS)
    def cancel(self, owner: str) -> None:
        async def body() -> None:
            self.bar += 60_000
            intent = replace(leave(self.bar, uid=owner), symbol=PLACES[owner], action=Action.CANCEL)
            await self.ports[owner].submit(replace(intent, intent_class=IntentClass.CANCEL), READY)

        self.step("cancel", owner, body)

    # -- what the venue does -----------------------------------------------------------------------------------------------

    @precondition(is_open)
    @rule(owner=OWNERS)
    def stop_fires(self, owner: str) -> None:
        async def body() -> None:
            if self.life.venue.stop_of(PLACES[owner]) and self.life.venue.signed(PLACES[owner]):
                self.life.venue.hit_stop(PLACES[owner])

        self.step("stop_fires", owner, body)

    @rule(part=st.booleans())
    def resting_fills(self, part: bool) -> None:
        async def body() -> None:
            working = [
                order for order in self.life.venue.orders.values() if order.status == "New" and order.qty > Decimal("0.004")
            ]
            if part and working:
                self.life.venue.fill_part(Decimal("0.004"))
            elif not part:
                self.life.venue.fill_resting()

        self.step("resting_fills", "", body)

    @precondition(is_open)
    @rule(owner=OWNERS, fee=st.sampled_from(["0.25", "-0.1"]))
    def funding(self, owner: str, fee: str) -> None:
        async def body() -> None:
            rows = [row for row in self.life.venue.execution_rows if row.exec_type != "Funding"]
            if rows and rows[-1].symbol == PLACES[owner]:
                self.life.venue.pay_funding(Decimal(fee))

        self.step("funding", owner, body)

    @precondition(is_open)
    @rule(owner=OWNERS, kind=st.sampled_from(["BustTrade", "AdlTrade", "Delivery"]))
    def forced_close(self, owner: str, kind: str) -> None:
        async def body() -> None:
            venue, symbol = self.life.venue, PLACES[owner]
            if venue.signed(symbol):
                was_up, venue.stream_up = venue.stream_up, False
                venue.close_by_hand(symbol)
                venue.stream_up = was_up
                venue.execution_rows[-1] = replace(venue.execution_rows[-1], exec_type=kind)
                venue._tell(ExecutionUpdate(venue.execution_rows[-1], 0))
                venue._tell_position(symbol)

        self.step("forced_close", owner, body)

    # -- what hands do -----------------------------------------------------------------------------------------------------

    @precondition(is_open)
    @rule(owner=OWNERS)
    def closed_by_hand(self, owner: str) -> None:
        async def body() -> None:
            if self.life.venue.signed(PLACES[owner]):
                self.life.venue.close_by_hand(PLACES[owner])

        self.step("closed_by_hand", owner, body)

    @precondition(is_open)
    @rule(owner=OWNERS)
    def stop_removed(self, owner: str) -> None:
        async def body() -> None:
            if self.life.venue.stop_of(PLACES[owner]):
                self.life.venue.remove_stop(PLACES[owner])

        self.step("stop_removed", owner, body)

    @rule(owner=OWNERS, qty=st.sampled_from(["0.003", "-0.003", "0.030", "-0.030"]))
    def opened_by_hand(self, owner: str, qty: str = "0.003") -> None:
        async def body() -> None:
            self.life.venue.open_foreign(Decimal(qty), PLACES[owner])

        self.step("opened_by_hand", owner, body)

    @precondition(is_foreign)
    @rule(owner=OWNERS)
    def adopted(self, owner: str) -> None:
        async def body() -> None:
            self.commands += 1
            with suppress(StrangerRefused, LinkError):
                await self.life.account.strangers.adopt(PLACES[owner], owner, stop=None, key=f"c{self.commands}", actor="me")

        self.step("adopted", owner, body)

    @precondition(is_foreign)
    @rule(owner=OWNERS)
    def foreign_closed(self, owner: str) -> None:
        async def body() -> None:
            self.commands += 1
            with suppress(StrangerRefused, LinkError):
                await self.life.account.strangers.close(PLACES[owner], key=f"c{self.commands}")

        self.step("foreign_closed", owner, body)

    @rule(owner=OWNERS, level=st.sampled_from([Level.PAUSE, Level.HALT, Level.CANCEL]))
    def halted(self, owner: str, level: Level) -> None:
        async def body() -> None:
            self.life.halts.raise_level(symbol_scope("main", PLACES[owner]), level, "OPERATOR", "test", actor="me")

        self.note_halt(owner, f"raise {level.name.lower()}")
        self.step("halted", owner, body)

    @rule(owner=OWNERS, whole=st.booleans())
    def panicked(self, owner: str, whole: bool) -> None:
        async def body() -> None:
            scope = PanicScope() if whole else PanicScope(instance_uid=owner)
            await self.life.account.panic(scope, actor="me", reason="test")

        self.note_halt(owner, "panic")
        self.step("panicked", owner, body)

    @precondition(lambda self: self.life.halts.in_force())
    @rule()
    def resumed(self) -> None:
        async def body() -> None:
            for halt in self.life.halts.in_force():
                self.life.halts.lift(halt.id, by="uid:me", note="test")

        for owner in PLACES:
            self.note_halt(owner, "lift")
        self.step("resumed", "", body)

    # -- what goes wrong ---------------------------------------------------------------------------------------------------

    @rule(faults=st.lists(st.sampled_from(WriteFault), min_size=1, max_size=3))
    def writes_fail(self, faults: list[WriteFault]) -> None:
        self.life.venue.script.writes += faults

    @rule(codes=st.lists(st.sampled_from(CODES), min_size=1, max_size=2))
    def orders_refused(self, codes: list[int]) -> None:
        self.life.venue.script.codes += codes

    @rule(faults=st.lists(st.sampled_from(EventFault), min_size=1, max_size=8))
    def events_fail(self, faults: list[EventFault]) -> None:
        self.life.venue.script.events += faults

    @rule(
        hidden=st.integers(0, 4),
        failing=st.integers(0, 4),
        naked=st.integers(0, 1),
        refused=st.integers(0, 3),
        lagging=st.integers(0, 3),
    )
    def reads_fail(self, hidden: int, failing: int, naked: int, refused: int, lagging: int) -> None:
        script = self.life.venue.script
        script.hidden_reads, script.failing_reads, script.lagging_lists = hidden, failing, lagging
        script.no_attached_stop, script.refused_stops = naked, refused

    @rule(faults=st.lists(st.sampled_from(STOP_FAULTS), max_size=4))
    def stops_fail(self, faults: list[WriteFault]) -> None:
        self.life.venue.script.stops += faults

    @precondition(lambda self: self.life.venue.stream_up)
    @rule(seconds=SECONDS)
    def stream_drops(self, seconds: float) -> None:
        async def body() -> None:
            self.life.venue.disconnect()
            await anyio.sleep(seconds)
            self.life.venue.connect()
            await anyio.sleep(0.5)

        self.step("stream_drops", "", body)

    @rule(busy=st.booleans(), owner=OWNERS, dead_s=st.sampled_from([0.0, 20.0, 80.0]), bare=st.booleans())
    def killed(self, busy: bool, owner: str, dead_s: float, bare: bool) -> None:
        """Behind ten seconds of silence the guardian acts alone, on a position whose stop may be gone."""

        async def body() -> None:
            if busy:
                self.bar += 60_000
                intent = replace(entry(self.bar, uid=owner, symbol=PLACES[owner]), play_digest=PLAY)
                sending = asyncio.create_task(self.ports[owner].submit(intent, READY))
                await anyio.sleep(0.003)
                await self.die()
                with suppress(BaseException):
                    await sending
            else:
                await self.die()
            if bare and self.life.venue.stop_of(PLACES[owner]):
                self.life.venue.remove_stop(PLACES[owner])
            await anyio.sleep(dead_s)
            await self.come_up()

        self.step("killed", owner, body)

    @rule(seconds=st.sampled_from([1.0, 15.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.step("time_passes", "", lambda: anyio.sleep(seconds))

    # -- what must hold ----------------------------------------------------------------------------------------------------

    def step(self, what: str, owner: str, body: Callable[[], Awaitable[Any]]) -> None:
        for uid in [owner] if owner else PLACES:
            POSITION_PAIRS[self.position_state(uid), what] += 1
        self.run(body)
        self.always()

    def position_state(self, uid: str) -> str:
        """What the venue and the ledger say of the symbol of an instance, in one word."""
        symbol, fills = PLACES[uid], self.life.account.desk.fills
        held, foreign = fills.position(uid, symbol).signed_qty, fills.position(FOREIGN, symbol).signed_qty
        if fills.net(symbol) != self.life.venue.signed(symbol):
            return "unseen"
        if held and foreign:
            return "shared"
        if foreign:
            return "foreign"
        if not held:
            return "flat"
        return "covered" if self.life.venue.stop_of(symbol) else "naked"

    def note_halt(self, uid: str, event: str) -> None:
        scopes = instance_scope(uid), symbol_scope("main", PLACES[uid]), account_scope("main")
        halt = self.life.halts.highest(*scopes)
        HALT_PAIRS[halt.level.name.lower() if halt is not None else "open", event] += 1

    def always(self) -> None:
        """After every rule, whatever is broken at the moment."""
        venue, desk = self.life.venue, self.life.account.desk
        links = Counter(order.link_id for order in venue.effects)
        assert max(links.values(), default=0) <= 1, "one link id, two orders"
        entries = Counter(desk.book.need(order.link_id).intent for order in venue.effects if not order.reduce_only)
        assert max(entries.values(), default=0) <= 1, "two orders of one decision"
        for row in desk.ledger.rows(
            "SELECT o.link_id, o.attempt, o.state, o.qty, o.cum_qty, i.* FROM orders o JOIN intents i ON i.id = o.intent"
        ):
            assert row["link_id"] == link_id(row["instance"], row["cause"], Action(row["action"]), row["leg"], row["attempt"])
        assert violations(self.life, self.created) == []
        assert desk.ledger.rows(FOLLOWED) == [], "an attempt beside one that works, or may"
        for share in desk.fills.shares():
            assert fold(desk.fills.executions(share.owner, share.symbol)) == share.position
        for uid, port in self.ports.items():
            self.take_events(uid, port)

    def take_events(self, uid: str, port: InstancePort) -> None:
        while True:
            try:
                event = port.fills.receive_nowait()
            except (anyio.WouldBlock, anyio.EndOfStream, anyio.ClosedResourceError):
                return
            assert event.n > self.saved_n[uid]
            self.saved_n[uid] = event.n
            if not isinstance(event, OrderEnded):
                assert isinstance(event, FillEvent | FundingEvent)
                self.told[event.execution.exec_id] += 1

    def teardown(self) -> None:
        """The faults end, time passes, and then everything must be in order."""
        try:
            script = self.life.venue.script
            script.writes, script.events, script.codes, script.cancels, script.stops = [], [], [], [], []
            script.hidden_reads = script.failing_reads = script.no_attached_stop = script.refused_stops = 0
            script.lagging_lists = 0

            async def quiet() -> None:
                if not self.life.venue.stream_up:
                    self.life.venue.connect()
                await anyio.sleep(QUIET_S)

            self.run(quiet)
            self.always()
            check_ending(self.life, self.told, PLACES)
        finally:
            self.guardian.task.cancel()
            self.run(self.die)
            self.life.venue.close_stream()
            self.life.ledger._connection.close()
            self.runner.close()


def play(lives: int, steps: int = 25) -> None:
    """Play random lives. Raises what they find, with the shortest life that shows it."""
    rules = settings(max_examples=lives, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(OrderModel, settings=rules)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    play(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
    print(all_printed())
