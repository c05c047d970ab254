"""The daemon's side: a lost ledger lifts no halt, what the guardian did is taken over once, real money waits for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath
from types import SimpleNamespace
from typing import cast

import anyio
import pytest

from playd import __version__
from playd.cli.guardian import JournalNumbers
from playd.control.guardian_link import GuardianLink, LinkParts
from playd.core.canonical import Json
from playd.core.modes import Environment
from playd.ops.journal import Journal, open_journal
from playd.orders.account import Account
from playd.orders.desk import Condition
from playd.orders.guardian.plan import Plan, PlannedInstance
from playd.orders.guardian.plan_file import PlanFile
from playd.orders.guardian.planning import planned_halts
from playd.orders.halts import Halts, Level
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.panic_notes import leave_note
from playd.settings import Settings
from playd.supervisor.accounts import Accounts
from playd.world.virtual import VirtualWorld, virtual_world
from tests.unit.guardian.test_judge import account, planned
from tests.virtual_time import in_virtual_time

pytestmark = pytest.mark.anyio
STATE = PurePath("/state")


@dataclass
class Side:
    """What the daemon has beside its link."""

    world: VirtualWorld
    ledger: Ledger
    halts: Halts
    link: GuardianLink
    accounts: Accounts
    bans: list[int]


@asynccontextmanager
async def daemon_side(world: VirtualWorld, ledger_name: str = "ledger.sqlite") -> AsyncIterator[Side]:
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / ledger_name)
    async with open_journal(world, STATE / "journal", JournalNumbers(), version=__version__) as (journal, _):
        halts = Halts(ledger, world.disk, world.clock, journal, STATE)
        accounts = Accounts(world.clock, world.random, lambda *_: None, lambda *_: None)
        parts = LinkParts(
            world=world,
            daemon_id="d",
            state_dir=STATE,
            run_dir=STATE / "run",
            settings=Settings(),
            places={"main": account()},
            accounts=accounts,
            ledger=ledger,
            halts=halts,
            incidents=Incidents(ledger, world.clock, journal),
            heed_ban=(bans := list[int]()).append,
        )
        yield Side(world, ledger, halts, GuardianLink(parts), accounts, bans)
    ledger.close()


@asynccontextmanager
async def guardians_journal(world: VirtualWorld) -> AsyncIterator[Journal]:
    world.disk.mkdir(STATE / "guardian")
    async with open_journal(world, STATE / "guardian" / "journal", JournalNumbers(), version=__version__) as (journal, _):
        yield journal


async def test_a_ledger_that_was_lost_gets_its_halts_back_and_a_lifted_one_stays_lifted() -> None:
    world = virtual_world()
    async with daemon_side(world) as side:
        kept = side.halts.raise_level("account:main", Level.HALT, "OPERATOR", "looking", actor="uid:1(a)")
        side.halts.lift(side.halts.raise_level("all", Level.PAUSE, "OPERATOR", "noon").id, by="uid:1(a)", note="over")
        lifted = planned_halts([kept])
        async with side.link.running():
            side.halts.lift(kept.id, by="uid:1(a)", note="looked")
    PlanFile(world.disk, STATE).save(Plan(halts=lifted), 1)
    async with daemon_side(world) as same, same.link.running():
        assert same.halts.in_force() == [], "the ledger knows that it was lifted"
    PlanFile(world.disk, STATE).save(Plan(halts=lifted), 1)
    async with daemon_side(world, "new.sqlite") as new, new.link.running():
        (found,) = new.halts.in_force()
        assert (found.scope, found.level, found.code, found.actor) == ("account:main", Level.HALT, "OPERATOR", "uid:1(a)")


async def test_positions_of_an_account_that_is_not_open_yet_stay_in_the_plan() -> None:
    world = virtual_world()
    file = PlanFile(world.disk, STATE)
    file.save(Plan(accounts=(replace(account(planned()), read_to_ms=7),)), 1)
    async with daemon_side(world) as side, side.link.running():
        found = file.load()
    assert found is not None
    assert (found.plan.accounts[0].positions, found.plan.accounts[0].read_to_ms) == ((planned(),), 7)


async def test_every_instance_that_is_not_removed_is_in_the_plan_whatever_it_holds() -> None:
    world = virtual_world()
    async with daemon_side(world) as side:
        for uid, removed in (("u1", 0), ("u2", 1)):
            side.ledger.write(
                "INSERT INTO instances (uid, name, tag, account, symbol, mode, clock_ms, created_ms, removed)"
                " VALUES (?, ?, ?, 'main', 'BTCUSDT', 'demo', 1, 1, ?)",
                (uid, f"of-{uid}", uid, removed),
            )
        side.ledger.commit()
        async with side.link.running():
            found = PlanFile(world.disk, STATE).load()
    assert found is not None
    assert found.plan.instances == (PlannedInstance("u1", "of-u1", "main", "BTCUSDT"),)


async def test_a_plan_that_could_not_be_written_is_told_until_what_stands_there_is_right_again() -> None:
    world = virtual_world()
    async with daemon_side(world) as side, side.link.running():
        world.disk.fail("replace", "*/plan.json", times=1)
        halt = side.halts.raise_level("account:main", Level.PAUSE, "OPERATOR", "noon")
        side.link.keep_plan()
        (incident,) = side.ledger.rows("SELECT kind, resolved_ms FROM incidents")
        assert (incident["kind"], incident["resolved_ms"]) == ("GUARDIAN_PLAN", None)
        side.halts.lift(halt.id, by="uid:1(a)", note="over")
        side.link.keep_plan()
        (incident,) = side.ledger.rows("SELECT resolved_ms FROM incidents")
        assert incident["resolved_ms"] is not None


async def test_what_the_guardian_did_is_taken_over_once() -> None:
    world = virtual_world()
    async with guardians_journal(world) as journal:
        journal.append("panic.step", {"step": "received", "scope": "account:main", "reason": "drill"}, actor="uid:0(root)")
        close = {"action": "close", "qty": "1", "link_id": "pdg", "reason": "it accepts no stop"}
        journal.append("order.sent", close, account="main", symbol="BTCUSDT", actor="guardian")
    async with daemon_side(world) as side, side.link.running():
        levels = {(halt.scope, halt.level) for halt in side.halts.in_force()}
        assert levels == {("account:main", Level.PANIC), ("symbol:main/BTCUSDT", Level.HALT)}
        for halt in side.halts.in_force():
            side.halts.lift(halt.id, by="uid:0(root)", note="looked")
    async with daemon_side(world) as again, again.link.running():
        assert again.halts.in_force() == []
    async with guardians_journal(world) as journal:
        journal.append("panic.step", {"step": "received", "scope": "all", "reason": ""}, actor="uid:0(root)")
    async with daemon_side(world) as later, later.link.running():
        assert [halt.scope for halt in later.halts.in_force() if halt.code == "GUARDIAN_PANIC"] == ["all"]


async def test_a_second_panic_that_could_leave_no_note_is_raised_anew() -> None:
    world = virtual_world()
    asked = list[int]()
    for _ in range(2):
        async with guardians_journal(world) as journal:
            journal.append("panic.step", {"step": "received", "scope": "account:main", "reason": "out"}, actor="uid:0(root)")
        async with daemon_side(world) as side, side.link.running():
            asked += [halt.id for halt in side.halts.in_force() if halt.level is Level.PANIC]
        world.clock.advance(1.0)
    assert len(asked) == 2
    assert asked[0] < asked[1]


async def test_a_stop_that_the_venue_did_not_take_from_the_guardian_was_not_set() -> None:
    world = virtual_world()
    taken: dict[str, Json] = {"code": 0, "answer": "", "took": True}
    refused: dict[str, Json] = {"code": 110009, "answer": "no room", "took": False}
    async with guardians_journal(world) as journal:
        for symbol, reply in (("BTCUSDT", taken), ("ETHUSDT", refused)):
            journal.append(
                "stop.repaired", {"stop": "9", "reason": "uncovered", **reply}, account="main", symbol=symbol, actor="guardian"
            )
    async with daemon_side(world) as side, side.link.running():
        told = {row["scope"]: (row["kind"], row["text"]) for row in side.ledger.rows("SELECT kind, scope, text FROM incidents")}
    assert told["symbol:main/BTCUSDT"] == ("GUARDIAN_STOP", "the guardian set the stop 9 on BTCUSDT: uncovered")
    kind, text = told["symbol:main/ETHUSDT"]
    assert (kind, "asked for the stop 9" in text, "110009: no room" in text) == ("STOP_REFUSED", True, True)


@pytest.mark.parametrize("scope", ["account:main", "all"])
async def test_a_panic_that_a_person_lifted_is_not_raised_anew_by_a_journal_that_is_read_days_later(scope: str) -> None:
    world = virtual_world()
    async with guardians_journal(world) as journal:
        journal.append("panic.step", {"step": "received", "scope": scope, "reason": "drill"}, actor="uid:0(root)")
    async with daemon_side(world) as side:
        if scope == "all":
            world.disk.write_replace(STATE / "HALT", b"", keep_previous=False)
        else:
            assert leave_note(world.disk, STATE, scope, reason="drill", actor="uid:0(root)", time_ms=1)
        side.halts.check_files()
        (halt,) = side.halts.in_force()
        world.clock.advance(60.0)
        if scope == "all":
            world.disk.remove(STATE / "HALT")
        side.halts.lift(halt.id, by="uid:0(root)", note="looked")
        world.clock.advance(86_400.0)
        async with side.link.running():
            assert side.halts.in_force() == []


@pytest.mark.parametrize("started_again", [False, True])
async def test_a_panic_that_its_guardian_cannot_end_is_carried_on_by_the_accounts(started_again: bool) -> None:
    """It is gone without a word of how it ended, or another one answers in its place."""
    world = virtual_world()
    async with daemon_side(world) as side:
        resumed: list[str] = []
        account = cast("Account", SimpleNamespace(resume_panics=lambda: resumed.append("main")))
        cast("dict[str, object]", side.accounts.held)["main"] = SimpleNamespace(account=account, running=account)
        presence = {"pid": 1, "version": "0", "uptime_s": 100.0, "journal_head": {"seq": 0}}
        side.link._answered(presence)
        leave_note(world.disk, STATE, "account:main", reason="out", actor="uid:0(root)", time_ms=1)
        side.halts.check_files()
        async with guardians_journal(world) as journal:
            journal.append("panic.step", {"step": "received", "scope": "account:main", "reason": "out"}, actor="uid:0(root)")
            seq = journal.head[0]
        side.link._answered({**presence, "journal_head": {"seq": seq}})
        side.link._note_silence("one beat was missed")
        assert resumed == [], "it is still at it"
        world.clock.advance(60.0)
        if started_again:
            side.link._answered({**presence, "uptime_s": 2.0, "journal_head": {"seq": seq}})
        for _ in range(3):
            side.link._note_silence("nobody there")
        assert resumed == ["main"], "once"


async def test_the_end_of_one_panic_of_the_guardian_carries_on_that_one_and_leaves_it_the_other() -> None:
    world = virtual_world()
    async with daemon_side(world) as side:
        begun_at: list[list[str]] = []
        account = cast("Account", SimpleNamespace(resume_panics=lambda: begun_at.append(sorted(side.halts.guardian.begun))))
        cast("dict[str, object]", side.accounts.held)["main"] = SimpleNamespace(account=account, running=account)
        for uid, name in (("abcdefgh", "one"), ("bcdefghi", "two")):
            side.ledger.write(
                "INSERT INTO instances (uid, name, tag, account, symbol, mode, clock_ms, created_ms)"
                " VALUES (?, ?, ?, 'main', 'X', 'demo', 60000, 1)",
                (uid, name, uid),
            )
        async with guardians_journal(world) as journal:
            for name in ("one", "two"):
                journal.append("panic.step", {"step": "received", "scope": f"instance:{name}", "reason": ""}, actor="me")
            journal.append("panic.result", {"scope": "instance:one", "flat": True, "text": ""})
        side.link._import_records()
        async with guardians_journal(world) as journal:
            # One that went on for longer names the instance as the ledger does.
            journal.append("panic.result", {"scope": "instance:bcdefghi", "flat": True, "text": ""}, account="main")
        side.link._import_records()

        assert begun_at == [["instance:bcdefghi"], []]
        assert {halt.scope for halt in side.halts.in_force()} == {"instance:abcdefgh", "instance:bcdefghi"}


async def test_a_panic_of_one_instance_whose_end_the_guardian_could_not_record_is_carried_on_by_the_accounts() -> None:
    world = virtual_world()
    async with daemon_side(world) as side:
        resumed: list[str] = []
        account = cast("Account", SimpleNamespace(resume_panics=lambda: resumed.append("main")))
        cast("dict[str, object]", side.accounts.held)["main"] = SimpleNamespace(account=account, running=account)
        side.halts.guardian.begun["instance:abcdefgh"] = world.clock.wall_ms()
        presence = {"uptime_s": 3600.0, "journal_head": {"seq": 0}}
        seen = []
        for after_s, closing in ((1.0, []), (10.0, ["instance:abcdefgh"]), (1.0, [])):
            world.clock.advance(after_s)
            side.link._answered({**presence, "closing": closing})
            seen.append(len(resumed))
        assert seen == [0, 0, 1]


def test_an_account_that_must_wait_for_the_guardian_says_so() -> None:
    ready = Condition(stream_up=True, reconciled=True)
    assert ready.not_ready() == ""
    assert replace(ready, guardian_missing="the guardian was never heard").not_ready() == "the guardian was never heard"


@pytest.mark.parametrize(
    ("money", "settings", "waits"),
    [
        (Environment.DEMO, {}, False),
        (Environment.DEMO, {"required_for_practice": True}, True),
        (Environment.LIVE, {}, True),
        (Environment.LIVE, {"required_for_practice": True, "required_for_live": False}, False),
    ],
)
async def test_real_money_waits_for_the_guardian_and_practice_only_where_that_is_wanted(
    money: Environment, settings: dict[str, bool], waits: bool
) -> None:
    async with daemon_side(virtual_world()) as side:
        told: list[str] = []
        opened = cast("Account", SimpleNamespace(guardian_is=told.append))
        cast("dict[str, object]", side.accounts.held)["main"] = SimpleNamespace(account=opened, running=opened)
        parts = side.link._parts
        guardian, places = parts.settings.guardian.model_copy(update=settings), {"main": replace(account(), environment=money)}
        side.link._parts = replace(parts, places=places, settings=parts.settings.model_copy(update={"guardian": guardian}))
        side.link._tell_accounts()
        assert ["never heard" in text for text in told] == [waits] * len(told)
        assert bool(told) == (waits or money is Environment.LIVE)


async def test_a_guardian_that_was_never_there_is_missing_and_says_what_to_do() -> None:
    async with daemon_side(virtual_world()) as side, side.link.running():
        assert side.link.age_s is None
        assert "playd guardian" in side.link.missing


async def test_a_ban_that_the_guardian_met_is_the_daemons_too() -> None:
    world = virtual_world()
    async with guardians_journal(world) as journal:
        journal.append("rate.ban", {"until_ms": 7}, actor="guardian")
    async with daemon_side(world) as side, side.link.running():
        assert side.bans == [7]


@pytest.mark.parametrize(("money", "heard"), [(Environment.DEMO, True), (Environment.LIVE, False), (Environment.DEMO, False)])
async def test_a_long_silence_that_no_incident_tells_of_is_a_fault_of_ours(money: Environment, heard: bool) -> None:
    async with daemon_side(virtual_world()) as side:
        side.link._parts = replace(side.link._parts, places={"main": replace(account(), environment=money)})
        if heard:
            side.link._answered({"journal_head": {"seq": 0}})
        side.world.clock.advance(31.0)
        awaited = heard or money is Environment.LIVE
        assert side.link.untold_s == (21.0 if awaited else 0.0), "one that nobody started is missed by nobody"
        side.link._note_silence("nobody there")
        assert side.link.untold_s == 0.0


@pytest.mark.parametrize("limit_s", [5, 10, 60])
async def test_nobody_is_blamed_for_a_silence_that_is_not_due_to_be_told(limit_s: int) -> None:
    async with daemon_side(virtual_world()) as side:
        parts = side.link._parts
        settings = parts.settings.model_copy(
            update={"gates": parts.settings.gates.model_copy(update={"guardian_max_age_s": limit_s})}
        )
        live = {"main": replace(account(), environment=Environment.LIVE)}
        side.link._parts = replace(parts, places=live, settings=settings)
        side.world.clock.advance(limit_s - 0.5)
        assert side.link.untold_s == 0.0
        side.world.clock.advance(1.0)
        assert side.link.untold_s == 0.5
        side.link._note_silence("nobody there")
        assert side.link.untold_s == 0.0


async def test_what_listens_to_the_guardian_and_fails_is_told_as_that() -> None:
    async with daemon_side(virtual_world()) as side:
        side.link._answered({"journal_head": {"seq": 0}})
        side.world.clock.advance(60.0)
        assert side.link.untold_s == 50.0
        side.link._parts.incidents.open("WATCHER_FAILED", "critical", "all", "guardian beats: a bug")
        assert side.link.untold_s == 0.0


async def test_a_record_of_another_guardian_is_told_and_keeps_no_next_one_unheard() -> None:
    world = virtual_world()
    async with guardians_journal(world) as journal:
        journal.append("rate.ban", {"until": "a year"}, actor="guardian")
        journal.append("rate.ban", {"until_ms": 7}, actor="guardian")
    async with daemon_side(world) as side, side.link.running():
        assert side.bans == [7]
        assert [each.kind for each in side.link._parts.incidents.open_ones()] == ["GUARDIAN_RECORDS"]


def test_a_bug_in_what_is_told_to_the_guardian_costs_a_second_and_not_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        told: list[str] = []

        def tell(self: GuardianLink) -> None:
            told.append("told")
            if len(told) == 1:
                raise KeyError("a bug of ours")

        monkeypatch.setattr(GuardianLink, "_tell_accounts", tell)
        async with daemon_side(virtual_world()) as side, side.link.running():
            await anyio.sleep(5.0)
            assert len(told) > 2
            assert [each.kind for each in side.link._parts.incidents.open_ones()] == ["WATCHER_FAILED"]

    in_virtual_time(body)


async def test_what_the_guardian_sees_of_an_account_is_said_with_its_age_and_what_it_does_not_see_too() -> None:
    world = virtual_world()
    async with daemon_side(world) as side:
        assert side.link.view_of("wallet-of-our-own-exchange") == ""
        assert "never heard" in side.link.view_of("main")
        beat = {"journal_head": {"seq": 0}, "uptime_s": 5.0, "closing": []}
        side.link._answered(beat)  # of a guardian that says nothing of its accounts
        assert side.link.view_of("main") == "the guardian has not read it"
        row = {"account": "main", "problem": "", "read_age_s": 3.0}
        held = [{"symbol": "BTCUSDT", "qty": "0.5", "stop": "49000"}, {"symbol": "ETHUSDT", "qty": "-2", "stop": None}]
        side.link._answered({**beat, "accounts": [{**row, "positions": held}]})
        expected = "the guardian saw 0.5 BTCUSDT with its stop at 49000, -2 ETHUSDT with no stop 3 s ago"
        assert side.link.view_of("main") == expected
        side.link._answered({**beat, "accounts": [{**row, "positions": []}]})
        assert side.link.view_of("main") == "the guardian saw no position 3 s ago"
        side.link._answered({**beat, "accounts": [{**row, "problem": "banned", "positions": held}]})
        assert side.link.view_of("main") == "the guardian has not read it: banned"
