"""A symbol that the venue does not list is refused: a mistyped one is flat at once, and the position that was meant is open."""

from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.cli.emergency_flatten import FlattenOptions, _is_known
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.guardian_methods import GuardianMethods
from playd.control.halt_methods import panic, raise_halt
from playd.control.params import Panic, RaiseHalt
from playd.control.protocol import Code, Request, RpcError
from playd.core.errors import LinkError
from playd.core.instrument import Instrument
from playd.core.modes import Environment
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.plan import Plan
from playd.orders.guardian.share import GuardianShare
from playd.orders.halts import Level
from playd.orders.panic_report import PanicReport, PanicScope
from playd.world.virtual import virtual_world
from tests.rows import SYMBOL
from tests.simulation.fake_venue import FakeVenue
from tests.simulation.order_world import STATE, OrderWorld, build, entered
from tests.unit.guardian.test_judge import account
from tests.virtual_time import LoopClock, in_virtual_time

MISTYPED = ("BTCUST", "btcusdt")


class Listing(FakeVenue):
    """Lists one symbol; says nothing while it is `silent`."""

    silent = False

    async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        if self.silent:
            raise LinkError("no answer")
        return await super().instruments([symbol for symbol in symbols if symbol == SYMBOL])


def daemon_of(life: OrderWorld) -> Daemon:
    settings = SimpleNamespace(accounts={"main": SimpleNamespace(environment=Environment.DEMO, has_key=True)})
    held = SimpleNamespace(account=life.account, reachable=life.account)
    return cast(
        "Daemon",
        SimpleNamespace(
            accounts=SimpleNamespace(held={"main": held}, find={"main": life.account}.get),
            supervisor=SimpleNamespace(slots={}, look_around=lambda: None),
            halts=life.halts,
            ledger=life.ledger,
            journal=life.journal,
            clock=life.world.clock,
            ops=SimpleNamespace(world=life.world, loaded=SimpleNamespace(settings=settings)),
        ),
    )


async def _no_step(_: object) -> None:
    pass


CALL = cast("Call", SimpleNamespace(actor="uid:1(me)", step=_no_step))


def told(body: Callable[[OrderWorld, Daemon, Listing], Awaitable[None]]) -> None:
    async def run() -> None:
        venue = Listing(LoopClock())
        life = build(venue)
        async with life.running():
            await entered(life)
            await body(life, daemon_of(life), venue)

    in_virtual_time(run)


@pytest.mark.parametrize("symbol", MISTYPED)
def test_the_daemon_names_the_nearest_symbol_and_raises_no_level(symbol: str) -> None:
    async def body(life: OrderWorld, daemon: Daemon, _venue: Listing) -> None:
        scope = f"symbol:main/{symbol}"
        for asked in (
            panic(daemon, Panic(request_id="r", scope=scope, confirm=f"PANIC {scope}"), CALL),
            raise_halt(daemon, RaiseHalt(request_id="r", scope=scope, level="halt", reason="why"), CALL),
        ):
            with pytest.raises(RpcError, match=f"did you mean '{SYMBOL}'") as refused:
                await asked
            assert refused.value.code is Code.NOT_FOUND
        assert life.halts.in_force() == []
        assert life.venue.signed() != 0

    told(body)


def test_where_the_venue_does_not_say_what_it_lists_nobody_says_flat_of_it_and_the_level_is_in_force() -> None:
    async def body(life: OrderWorld, daemon: Daemon, venue: Listing) -> None:
        venue.silent, scope = True, "symbol:main/BTCUST"
        with pytest.raises(RpcError, match="whether there is such a symbol") as left:
            await panic(daemon, Panic(request_id="r", scope=scope, confirm=f"PANIC {scope}"), CALL)
        assert (left.value.code, left.value.details["flat"]) == (Code.INCOMPLETE, False)
        assert [(halt.scope, halt.level) for halt in life.halts.in_force()] == [(scope, Level.PANIC)]

    told(body)


def test_a_symbol_that_is_held_is_asked_of_nobody() -> None:
    async def body(life: OrderWorld, daemon: Daemon, venue: Listing) -> None:
        venue.silent, scope = True, f"symbol:main/{SYMBOL}"
        report = await panic(daemon, Panic(request_id="r", scope=scope, confirm=f"PANIC {scope}"), CALL)
        assert report["flat"]
        assert life.venue.signed() == 0

    told(body)


@pytest.mark.parametrize(("silent", "ends_with"), [(False, Code.NOT_FOUND), (True, Code.INCOMPLETE)])
async def test_the_guardian_never_says_flat_of_a_symbol_that_nobody_lists(silent: bool, ends_with: Code) -> None:
    world, venue = virtual_world(), Listing(LoopClock())
    world.disk.mkdir(STATE)
    venue.silent = silent
    hands = Hands(venue, GuardianShare(venue.clock), ())

    async def flat(scope: PanicScope, _step: object) -> PanicReport:
        return PanicReport(scope, (), 0, 1.0, ())

    watch = SimpleNamespace(seen=await hands.read(), panic=flat)
    kept = SimpleNamespace(watch=watch, hands=hands, unfinished={})
    guardian: Any = SimpleNamespace(plan=Plan(accounts=(account(),)), kept={"main": kept}, read=None)
    voice: Any = SimpleNamespace(head=(0, ""), record=lambda *_: None, say=print)
    session: Any = SimpleNamespace(peer=SimpleNamespace(actor="uid:1(a)"))
    asked = {"scope": "symbol:main/BTCUST", "confirm": "PANIC symbol:main/BTCUST"}
    with pytest.raises(RpcError) as refused:
        await GuardianMethods(cast("Any", world), "0", guardian, STATE, voice).call(
            Request(1, "panic", cast("Any", asked)), session
        )
    assert refused.value.code is ends_with
    assert "no such symbol" in refused.value.message or "whether there is such a symbol" in refused.value.message
    venue.close_stream()


@pytest.mark.parametrize(
    ("symbol", "silent", "known"), [(SYMBOL, False, True), ("BTCUST", False, False), ("BTCUST", True, None), ("", True, True)]
)
async def test_what_needs_only_the_key_asks_the_venue_for_the_symbol_too(symbol: str, silent: bool, known: bool | None) -> None:
    venue = Listing(LoopClock())
    venue.silent = silent
    options = FlattenOptions("demo", "", symbol, "", "global", "", "", yes=True, as_json=False)
    with anyio.fail_after(30):
        assert await _is_known(Hands(venue, GuardianShare(venue.clock), ()), options) is known
    venue.close_stream()
