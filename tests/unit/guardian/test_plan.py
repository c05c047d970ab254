"""The plan says what the ledger says, survives the disk, and a damaged one is never taken for an empty one."""

from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import pytest

from playd.core.errors import StateError
from playd.core.instrument import synthetic_instrument
from playd.core.orders import Action, OrderState, Side
from playd.orders.fills import Share
from playd.orders.fold import VirtualPosition
from playd.orders.guardian.plan import Plan, PlannedExit, PlannedShare, Rules, from_payload, to_payload
from playd.orders.guardian.plan_file import PlanFile, digest_of
from playd.orders.guardian.planning import Held, account_plan, planned_halts
from playd.orders.halts import Halt, Level
from playd.orders.order_book import FOREIGN
from playd.orders.rows import OrderRow
from playd.world.virtual import virtual_world
from tests.rows import ledger_order
from tests.unit.guardian.test_judge import account, planned

UID = "abcdefgh"
STATE = PurePath("/state")
INSTRUMENT = synthetic_instrument("BTCUSDT", 60_000.0)


def share(signed: str, *, owner: str = UID, stop: str | None = "58000") -> Share:
    position = VirtualPosition(signed_qty=Decimal(signed), avg_price=Decimal(60_000), opened_ms=5)
    return Share(owner, "BTCUSDT", position, None if stop is None else Decimal(stop), None, 0)


def entry_order() -> OrderRow:
    row = ledger_order("pde-link", intent="intent", attempt=1, owner=UID, action=Action.ENTER, state=OrderState.SENT)
    return replace(row, side=Side.SELL, type="Market", tif="IOC", stop=Decimal(61_000))


def plan_of(*shares: Share, orders: tuple[OrderRow, ...] = (), halts: tuple[Halt, ...] = ()) -> Plan:
    held = Held(shares, orders, {"BTCUSDT": INSTRUMENT}, {UID: "mine"}, lambda _owner, _symbol: (7, 70))
    one = account_plan(account(), held, halts, fallback_pct=Decimal(3), flatten=True)
    return Plan(Rules(), (one,), planned_halts(halts))


def test_a_position_is_planned_with_its_owner_and_stop() -> None:
    (position,) = plan_of(share("0.5")).accounts[0].positions
    assert (position.side, position.qty, position.stop) == (Side.BUY, Decimal("0.5"), Decimal(58_000))
    assert (position.owner, position.shares, position.frozen) == (
        UID,
        (PlannedShare(UID, "mine", Decimal("0.5"), 5, 7, 70),),
        False,
    )
    assert position.fallback == Decimal(58_200)


def test_what_is_flat_or_foreign_is_not_planned() -> None:
    assert plan_of(share("0"), share("2", owner=FOREIGN)).accounts[0].positions == ()


def test_a_working_entry_is_planned_with_the_stop_it_carries() -> None:
    (position,) = plan_of(orders=(entry_order(),)).accounts[0].positions
    assert (position.side, position.qty, position.stop) == (Side.SELL, Decimal(0), Decimal(61_000))
    assert position.entry_links == ("pde-link",)
    assert position.exits == ()


def test_an_exit_that_is_under_way_is_planned_with_what_is_booked_of_it() -> None:
    leaving = replace(entry_order(), link_id="pdx-link", action=Action.EXIT, reduce_only=True, cum_qty=Decimal("0.2"))
    others = replace(leaving, link_id="pdt-link", owner=FOREIGN)
    plan = plan_of(share("0.3"), orders=(leaving, others))
    assert plan.accounts[0].positions[0].exits == (PlannedExit("pdx-link", Decimal("0.2")),)
    assert from_payload(to_payload(plan), "here") == plan


def test_a_position_of_several_is_planned_with_the_share_of_each() -> None:
    shares = share("0.5"), share("0.3", owner="other234"), share("-0.1", owner="against2"), share("4", owner=FOREIGN)
    (position,) = plan_of(*shares).accounts[0].positions
    assert (position.owner, position.qty, position.stop) == ("", Decimal("0.7"), None)
    assert {each.owner: each.qty for each in position.shares} == {UID: Decimal("0.5"), "other234": Decimal("0.3")}


def test_a_position_of_several_falls_back_to_the_stop_that_is_reached_first() -> None:
    (position,) = plan_of(share("0.5"), share("0.3", owner="other234", stop="58900")).accounts[0].positions
    assert (position.stop, position.fallback) == (None, Decimal(58_900))
    (position,) = plan_of(share("-0.5", stop="61000"), share("-0.3", owner="other234", stop=None)).accounts[0].positions
    assert (position.stop, position.fallback) == (None, Decimal(61_000))


@pytest.mark.parametrize("scope", [f"instance:{UID}", "symbol:main/BTCUSDT", "account:main", "all"])
def test_a_frozen_scope_freezes_what_stands_in_it(scope: str) -> None:
    frozen = Halt(1, scope, Level.FREEZE, "OPERATOR", "", "uid:0(root)", 1)
    (position,) = plan_of(share("0.5"), halts=(frozen,)).accounts[0].positions
    assert position.frozen
    (position,) = plan_of(share("0.5"), halts=(replace(frozen, level=Level.PANIC),)).accounts[0].positions
    assert not position.frozen


def test_a_panic_behind_a_freeze_thaws_the_plan() -> None:
    frozen = Halt(1, "account:main", Level.FREEZE, "OPERATOR", "", "uid:0(root)", 1)
    panic = replace(frozen, id=2, level=Level.PANIC)
    (one,) = plan_of(share("0.5"), halts=(panic, frozen)).accounts
    assert (one.frozen, one.positions[0].frozen) == (False, False)
    (one,) = plan_of(share("0.5"), halts=(replace(panic, scope="symbol:main/BTCUSDT"), frozen)).accounts
    assert (one.frozen, one.positions[0].frozen) == (True, False)


def test_a_plan_comes_back_from_the_disk_as_it_was() -> None:
    halt = Halt(3, "all", Level.HALT, "OPERATOR", "why", "uid:0(root)", 7)
    plan = plan_of(share("-0.5"), orders=(entry_order(),), halts=(halt, replace(halt, id=0, code="KILL_FILE")))
    file = PlanFile(virtual_world().disk, STATE)
    assert file.load() is None
    file.save(plan, 42)
    found = file.load()
    assert found is not None
    assert (found.plan, found.digest, found.written_ms, found.damage) == (plan, digest_of(plan), 42, "")
    assert [each.code for each in found.plan.halts] == ["OPERATOR"], "the kill file is its own record"


def test_a_damaged_plan_gives_way_to_the_one_before_and_never_to_nothing() -> None:
    disk = virtual_world().disk
    file = PlanFile(disk, STATE)
    old, new = Plan(accounts=(account(),)), Plan(accounts=(account(planned()),))
    file.save(old, 1)
    file.save(new, 2)
    disk.write_replace(file.path, disk.read_bytes(file.path).replace(b'"95"', b'"96"'), keep_previous=False)
    found = file.load()
    assert found is not None
    assert found.plan == old
    assert "digest" in found.damage
    disk.write_replace(file.path.with_name("plan.json.prev"), b"{}", keep_previous=False)
    with pytest.raises(StateError, match="digest"):
        file.load()


def test_a_payload_that_is_no_plan_is_refused_by_name() -> None:
    payload = to_payload(Plan(accounts=(account(planned()),)))
    assert from_payload(payload, "x") == Plan(accounts=(account(planned()),))
    with pytest.raises(StateError, match="plan of the guardian"):
        from_payload({**payload, "rules": {"unknown": 1}}, "here")


def test_a_plan_of_before_that_lets_a_key_move_funds_is_read_without_that() -> None:
    plan = plan_of(share("0.5"))
    payload: Any = to_payload(plan)
    payload["accounts"][0]["allow_withdrawal_key"] = True
    assert from_payload(payload, "plan.json") == plan


def test_what_changes_from_fill_to_fill_is_no_other_place_so_that_the_guardian_goes_on_watching() -> None:
    halt = Halt(1, "account:main", Level.FREEZE, "OPERATOR", "x", "me", 0)
    for held in (
        Held((share("0.5"),), (), {"BTCUSDT": INSTRUMENT}, {}, lambda _owner, _symbol: (7, 70), read_to_ms=99),
        Held((), (entry_order(),), {"BTCUSDT": INSTRUMENT}, {}, lambda _owner, _symbol: (7, 70), read_to_ms=100),
    ):
        made = account_plan(account(), held, (halt,), fallback_pct=Decimal(3), flatten=True)
        assert made != account()
        assert made.place == account().place
    assert replace(account(), rest="https://elsewhere").place != account().place
