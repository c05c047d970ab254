"""Refusing risk never waits for an account to be open, and allowing it again does."""

from functools import partial
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.control.context import Daemon, Progress
from playd.control.dispatch import Call
from playd.control.halt_methods import lift_halt, panic, raise_halt
from playd.control.params import LiftHalt, Panic, RaiseHalt
from playd.control.protocol import Code, RpcError
from playd.core.errors import LinkError
from playd.core.modes import Environment, Mode
from playd.orders.halts import Halts, Level
from playd.orders.ledger import Ledger
from playd.orders.panic import PanicReport, PanicScope
from playd.supervisor.accounts import OpenAccount
from playd.supervisor.states import State
from playd.world.virtual import virtual_world
from tests.simulation.order_world import MemoryJournal

pytestmark = pytest.mark.anyio

CALL = cast("Call", SimpleNamespace(actor="uid:1(me)"))
SCOPES = {"alpha": "instance:u1", "symbol:main/BTCUSDT": "symbol:main/BTCUSDT", "account:main": "account:main", "all": "all"}


def starting(environment: Environment = Environment.DEMO) -> Any:
    """A daemon whose only account waits for its venue; an instance of it holds nothing by the ledger."""
    world, journal = virtual_world(), MemoryJournal()
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    record = SimpleNamespace(uid="u1", account="main", symbol="BTCUSDT", mode=Mode.DEMO, anchor_ms=1)
    slots = {"alpha": SimpleNamespace(name="alpha", record=record, engine=None, state=State.STOPPED)}
    settings = SimpleNamespace(accounts={"main": SimpleNamespace(environment=environment, has_key=True)})
    return SimpleNamespace(
        clock=world.clock,
        journal=journal,
        halts=Halts(ledger, world.disk, world.clock, journal, PurePath("/state")),
        supervisor=SimpleNamespace(
            slots=slots, look_around=lambda: None, booked_qty=lambda _record: 0, occupies=lambda _record: False
        ),
        progress=Progress(),
        accounts=SimpleNamespace(held={"main": OpenAccount(cast("Any", None))}, find=lambda _alias: None),
        ops=SimpleNamespace(world=world, loaded=SimpleNamespace(settings=settings)),
    )


@pytest.mark.parametrize(("text", "stored"), SCOPES.items())
async def test_a_panic_is_in_force_before_the_account_is_open_and_says_that_something_may_be_left(
    text: str, stored: str
) -> None:
    daemon = starting()
    with pytest.raises(RpcError) as refused:
        await panic(daemon, Panic(request_id="r", scope=text, confirm=f"PANIC {text}"), CALL)
    assert (refused.value.code, refused.value.details["flat"]) == (Code.INCOMPLETE, False)
    assert "account is not open" in refused.value.message
    assert daemon.halts.highest(stored).level is Level.PANIC


@pytest.mark.parametrize("text", ["account:main", "symbol:main/BTCUSDT"])
async def test_a_panic_of_an_account_that_only_has_a_key_says_that_nobody_looked(text: str) -> None:
    daemon = starting()
    daemon.supervisor.slots.clear()
    daemon.accounts.held.clear()
    with pytest.raises(RpcError) as refused:
        await panic(daemon, Panic(request_id="r", scope=text, confirm=f"PANIC {text}"), CALL)
    assert (refused.value.code, refused.value.details["flat"]) == (Code.INCOMPLETE, False)


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_panic_closes_on_an_account_that_is_being_opened_once_its_key_is_known_to_be_the_right_one(
    accepted: bool,
) -> None:
    daemon, asked = starting(), list[PanicScope]()

    async def flatten(share: PanicScope, *, actor: str, reason: str) -> PanicReport:
        asked.append(share)
        return PanicReport(share, (), 0, 1.0, ())

    key = SimpleNamespace(uid="7" if accepted else "")
    daemon.accounts.held["main"].opening = SimpleNamespace(alias="main", key=key, panic=flatten)
    call = cast("Call", SimpleNamespace(actor="uid:1(me)", step=_no_step))
    panicking = panic(daemon, Panic(request_id="r", scope="symbol:main/BTCUSDT", confirm="PANIC symbol:main/BTCUSDT"), call)
    if accepted:
        assert "verified at the venue" in (await panicking)["text"]
    else:
        with pytest.raises(RpcError, match="account is not open"):
            await panicking
    assert asked == ([PanicScope(symbol="BTCUSDT")] if accepted else [])


async def _no_step(_: object) -> None:
    pass


@pytest.mark.parametrize(("ready", "works"), [(False, False), (True, True)])
async def test_a_panic_of_an_instance_whose_account_nobody_opened_yet_does_not_say_flat(ready: bool, works: bool) -> None:
    """What filled while the daemon was dead is not in the ledger, and an order that is not final may fill any moment."""
    daemon = starting()
    daemon.accounts.held.clear()
    daemon.progress.ready = ready
    daemon.supervisor.occupies = lambda _record: works
    with pytest.raises(RpcError) as refused:
        await panic(daemon, Panic(request_id="r", scope="alpha"), CALL)
    assert (refused.value.code, refused.value.details["flat"]) == (Code.INCOMPLETE, False)


@pytest.mark.parametrize(("ready", "anchor_ms"), [(True, 1), (False, 0)])
async def test_a_panic_of_an_instance_that_has_nothing_says_that_no_venue_was_asked(ready: bool, anchor_ms: int) -> None:
    daemon = starting()
    daemon.accounts.held.clear()
    daemon.progress.ready = ready
    daemon.supervisor.slots["alpha"].record.anchor_ms = anchor_ms
    done = await panic(daemon, Panic(request_id="r", scope="alpha"), CALL)
    assert done["flat"]
    assert "nothing is booked in it, and no venue was asked" in done["text"]


@pytest.mark.parametrize(("text", "stored"), SCOPES.items())
async def test_a_halt_is_in_force_and_cannot_be_lifted_before_anybody_knows_what_is_there(text: str, stored: str) -> None:
    daemon = cast("Daemon", starting())
    await raise_halt(daemon, RaiseHalt(request_id="r", scope=text, level="cancel"), CALL)
    halt = daemon.halts.highest(stored)
    assert halt is not None
    assert halt.level is Level.CANCEL
    if text == "all":
        return  # an account that opens later is reconciled before it may enter
    scope = f"instance:{text}" if text == "alpha" else text
    with pytest.raises(RpcError, match="account main is not open") as refused:
        await lift_halt(daemon, LiftHalt(request_id="s", scope=text, reason="seen", confirm=f"RESUME {scope}"), CALL)
    assert refused.value.reason == "not_resolved"
    assert daemon.halts.highest(stored) is halt


async def test_a_halt_for_want_of_space_is_not_lifted_before_there_is_room() -> None:
    daemon = starting()
    daemon.halts.raise_level("all", Level.HALT, "DISK", "100 MiB free")
    daemon.ops.world.disk.remove(daemon.halts.kill_file)
    lift = LiftHalt(request_id="s", scope="all", reason="seen", confirm="RESUME all")
    for text, lifted in (("100 MiB free, 256 MiB expected", False), ("", True)):
        daemon.ops.space = SimpleNamespace(refusal=lambda _level, text=text: text)
        if lifted:
            await lift_halt(daemon, lift, CALL)
        else:
            with pytest.raises(RpcError, match="all cannot be resumed: 100 MiB free"):
                await lift_halt(daemon, lift, CALL)
        assert (daemon.halts.in_force("all") == []) is lifted


@pytest.mark.parametrize("text", SCOPES)
async def test_real_money_is_halted_with_a_reason(text: str) -> None:
    daemon = starting(Environment.LIVE)
    with pytest.raises(RpcError) as refused:
        await raise_halt(daemon, RaiseHalt(request_id="r", scope=text, level="pause", reason=" "), CALL)
    assert (refused.value.reason, daemon.halts.in_force()) == ("no_reason", [])
    await raise_halt(daemon, RaiseHalt(request_id="s", scope=text, level="pause", reason="news"), CALL)
    assert [halt.text for halt in daemon.halts.in_force()] == ["news"]


async def test_who_halts_is_answered_though_the_venue_takes_no_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a ban, in which a cancel waits for ten minutes. Another account is asked meanwhile; what it raises hurts nobody."""
    daemon, asked = starting(), []

    async def cancel_entries(alias: str, **_: str) -> int:
        asked.append(alias)
        if alias == "other":
            raise LinkError("no route")
        await anyio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr("playd.control.halt_methods.ENTRIES_WITHIN_S", 0.05)
    for alias in ("main", "other"):
        account = SimpleNamespace(alias=alias, cancel_entries=partial(cancel_entries, alias))
        daemon.accounts.held[alias] = OpenAccount(cast("Any", None), account=cast("Any", account))
    with anyio.fail_after(60):
        await raise_halt(cast("Daemon", daemon), RaiseHalt(request_id="r", scope="all", level="halt"), CALL)
    assert sorted(asked) == ["main", "other"]
    assert daemon.halts.highest("all").level is Level.HALT


@pytest.mark.parametrize(
    ("lifted", "still"),
    [
        ("alpha", {"all", "account:main", "symbol:main/BTCUSDT"}),
        ("symbol:main/BTCUSDT", {"all", "account:main", "instance:alpha"}),
        ("account:main", {"all", "symbol:main/BTCUSDT", "symbol:main/ETHUSDT", "instance:alpha"}),
        ("all", {"account:main", "symbol:main/BTCUSDT", "symbol:main/ETHUSDT", "symbol:other/BTCUSDT", "instance:alpha"}),
    ],
)
async def test_whoever_lifts_a_level_hears_of_every_other_that_holds_all_of_the_scope_or_a_part_of_it(
    lifted: str, still: set[str]
) -> None:
    daemon = starting()
    for stored in (*SCOPES.values(), "symbol:main/ETHUSDT", "symbol:other/BTCUSDT"):
        daemon.halts.raise_level(stored, Level.PAUSE, "OPERATOR", "look", actor="uid:1(me)")
    answer = await lift_halt(daemon, LiftHalt(request_id="r", scope=lifted), CALL)
    assert {row["scope"] for row in answer["still_in_force"]} == still
