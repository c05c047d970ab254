"""What the gates had before them at an entry is kept with it, and they can be asked again, in the next life too."""

import zlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import orjson
import pytest

from playd import __version__
from playd.core.modes import Environment
from playd.core.orders import Action, IntentClass
from playd.orders import judged as kept
from playd.orders.flat_values import flat
from playd.orders.judged import Again, Judged
from playd.orders.ledger import Ledger
from playd.orders.on_record import LIMITS, OnRecord
from playd.orders.pipeline import PIPELINE
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from tests.simulation.order_world import READY, STATE, UID, OrderWorld, build, entry, leave

CAPPED = replace(OrderSettings.of(Environment.LOCAL), limits=RiskLimits(hard_order_usd=Decimal(400), fat_finger_pct=Decimal(2)))


def asked_again(life: OrderWorld, close_ms: int) -> Again:
    """As a program does that has never seen the entry: from the ledger alone."""
    found = Judged(life.ledger, OnRecord(life.ledger)).find(UID, close_ms)
    assert found is not None
    return found


async def test_a_refused_entrys_gates_are_asked_again_in_the_next_life_and_not_only_the_first_refusal() -> None:
    life = build(settings=CAPPED)
    async with life.running():
        port = await life.register()
        late = replace(READY, late=True)
        assert (await port.submit(entry(60_000), late)).code == "SIGNAL_OLD"
        assert (await port.submit(entry(120_000, qty="0.005"), READY)).code == "PRICE_BAND"
        await anyio.sleep(2.0)
    life = life.crash()
    again = asked_again(life, 60_000)
    assert again.answers is not None
    assert [name for name, _ in again.answers] == [step.name for step in PIPELINE]
    assert {name: said.code for name, said in again.answers if said} == {
        "replay": "SIGNAL_OLD",
        "order cap": "ORDER_CAP",
        "band": "PRICE_BAND",
    }
    cap = dict(again.answers)["order cap"]
    assert cap is not None
    assert (cap.value, cap.limit, cap.unit) == ("500.00", "400", "USD")
    assert (again.program, again.said, again.note) == (__version__, "SIGNAL_OLD", "")
    assert {name for name, said in asked_again(life, 120_000).answers or [] if said} == {"band"}
    assert Judged(life.ledger, OnRecord(life.ledger)).find(UID, 180_000) is None


async def test_an_entrys_case_is_on_record_before_its_bytes_leave() -> None:
    life = build()
    seen: list[Again] = []

    def look(_: object) -> None:
        other = Ledger.open(life.world.disk, life.world.clock, STATE / "ledger.sqlite")
        found = Judged(other, OnRecord(other)).find(UID, 60_000)
        other._connection.close()
        seen.extend([found] if found is not None else [])

    life.venue.before_place = look
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(60_000), READY)).code == "SENT"

    (again,) = seen
    assert (again.said, again.note) == ("", "")
    assert {said for _, said in again.answers or []} == {None}


async def test_gates_of_another_program_say_that_they_would_have_answered_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(60_000), READY)).code == "SENT"
        await anyio.sleep(1.0)
        monkeypatch.setattr(kept, "__version__", "9.9.9")
        stricter = tuple(replace(step, gate=_never) if step.name == "band" else step for step in PIPELINE)
        monkeypatch.setattr("playd.orders.pipeline.PIPELINE", stricter)
        again = asked_again(life, 60_000)

    assert again.note == f"playd {__version__} said passed, playd 9.9.9 says PRICE_BAND"
    assert again.said == ""


def _never(_: object) -> object:
    return kept.Refusal("PRICE_BAND", "never")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": {**flat(READY), "wind": 3}}, "GateInputs: found other fields than expected: wind"),
        ({"inputs": []}, "GateInputs: found list, expected fields"),
        ({"facts": None}, "AccountFacts: found NoneType, expected fields"),
        ({"inputs": {**flat(READY), "bar_age_s": "soon"}}, "could not convert"),
        ({"intent": {**flat(entry(60_000)), "bar_close_ms": "noon"}}, "not all arguments converted"),
    ],
)
async def test_a_case_that_this_program_cannot_read_is_said_to_be_one(changes: dict[str, Any], said: str) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(60_000), replace(READY, late=True))
        await anyio.sleep(1.0)
        (row,) = life.ledger.rows("SELECT body FROM judged")
        other = {**kept.unpacked(row["body"]), "program": "9.9.9", **changes}
        life.ledger.write("UPDATE judged SET body = ?", (zlib.compress(orjson.dumps(other)),))
        again = asked_again(life, 60_000)

    assert (again.said, again.answers) == ("SIGNAL_OLD", None)
    assert again.note.startswith(f"kept by playd 9.9.9 in form 2; playd {__version__} cannot read it: {said}")


async def test_a_case_of_an_older_program_with_a_position_and_an_order_in_it_is_asked_again() -> None:
    life = build(settings=replace(CAPPED, limits=RiskLimits(gross_pct=Decimal(100))))
    async with life.running():
        port = await life.register()
        life.venue.open_foreign(Decimal("0.020"), "ETHUSDT")
        life.venue.resting = True
        resting = replace(entry(60_000), order_type="Limit", price=Decimal(49_600), time_in_force="GTC")
        assert (await port.submit(resting, READY)).code == "SENT"
        await anyio.sleep(1.0)
        said = (await port.submit(entry(120_000), READY)).code
        await anyio.sleep(1.0)
        (row,) = life.ledger.rows("SELECT body FROM judged WHERE close_ms = 120000")
        case = kept.unpacked(row["body"])
        assert [case["facts"][name] for name in ("holdings", "working")].count([]) == 0
        for each in (*case["facts"]["holdings"], *case["facts"]["working"]):
            del each["position_idx"]
        old = zlib.compress(orjson.dumps({**case, "v": 1}))
        life.ledger.write("UPDATE judged SET body = ? WHERE close_ms = 120000", (old,))
        again = asked_again(life, 120_000)

    assert (again.said, again.note) == (said, "")
    assert again.answers is not None


@pytest.mark.parametrize("stored", ['{"v":1}', b"\x00", zlib.compress(b"[]"), zlib.compress(b"{}")])
async def test_a_row_that_holds_no_case_is_said_to_hold_none(stored: str | bytes) -> None:
    life = build()
    async with life.running():
        life.ledger.write("INSERT INTO judged VALUES (?,60000,1,?)", (UID, stored))
        again = asked_again(life, 60_000)

    assert again.answers is None
    assert f"playd {__version__} cannot read it" in again.note


async def test_a_refusals_case_stands_in_no_transaction_of_an_order() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(60_000), READY)).code == "SENT"
        await anyio.sleep(1.25)
        seen: list[int] = []
        life.venue.before_place = lambda _: seen.append(len(life.ledger.rows("SELECT 1 FROM judged WHERE entered = 0")))
        assert (await port.submit(entry(120_000), replace(READY, late=True))).code == "SIGNAL_OLD"
        assert (await port.submit(leave(180_000), READY)).code == "SENT"
        assert seen == [0]
        await anyio.sleep(1.0)
        assert life.ledger.waiting_s is None
        assert asked_again(life, 120_000).said == "SIGNAL_OLD"


async def test_a_bar_whose_entry_is_refused_behind_its_verdict_keeps_no_case_of_it() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.account.desk.verdicts.record(UID, 60_000, 60_000, "NO_SIGNAL", "x")
        assert (await port.submit(entry(60_000), READY)).code == "REPLAY"
        await anyio.sleep(2.0)
        assert Judged(life.ledger, OnRecord(life.ledger)).find(UID, 60_000) is None


async def test_every_intent_names_the_limits_that_held_for_it() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(60_000), READY)).code == "SENT"
        await anyio.sleep(1.0)
        move = replace(leave(120_000), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49700.0"))
        assert (await port.submit(move, READY)).code == "AMENDED"
        assert (await port.submit(leave(180_000), READY)).code == "SENT"
        await anyio.sleep(1.0)
        keys = [orjson.loads(row["gates"])["limits"] for row in life.ledger.rows("SELECT gates FROM intents")]

        assert len(keys) == 3
        assert set(keys) == {life.account.desk.limits_key(UID)}
        assert OnRecord(life.ledger).read(OrderSettings, keys[0]) == life.account.desk.settings_of(UID)
        assert keys[0].startswith(f"{LIMITS}:")


async def test_a_bar_that_moves_the_stop_and_leaves_has_left() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(60_000), READY)).code == "SENT"
        await anyio.sleep(1.0)
        move = replace(leave(120_000), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49700.0"))
        assert (await port.submit(move, READY)).code == "AMENDED"
        first = life.account.desk.verdicts.find(UID, 60_000, 120_000)
        assert (await port.submit(leave(120_000), READY)).code == "SENT"
        stored = life.account.desk.verdicts.find(UID, 60_000, 120_000)
        (bar,) = life.ledger.rows("SELECT intents FROM bars WHERE close_ms = 120000")

    assert first is not None
    assert stored is not None
    assert (first.verdict, stored.verdict, bar["intents"]) == ("AMENDED", "EXITED", f"{UID}/120000/exit/0")


async def test_entries_of_an_hour_are_those_of_an_hour_of_the_market() -> None:
    capped = replace(OrderSettings.of(Environment.LOCAL), limits=RiskLimits(entries_per_hour_instance=1))
    life = build(settings=capped)
    async with life.running():
        port = await life.register()
        said, later = {}, set()
        for cause in (60_000, 120_000, 3_600_000, 3_660_000):  # within seconds of ours
            answer = await port.submit(entry(cause), READY)
            said[cause] = answer.code
            later.add(answer.refusal and answer.refusal.next_ms)
            await anyio.sleep(1)
            await port.submit(leave(cause + 1))
            await anyio.sleep(1)
        assert said == {60_000: "SENT", 120_000: "CHURN", 3_600_000: "CHURN", 3_660_000: "SENT"}
        assert later == {None, 3_660_000}


async def test_a_bar_that_would_move_the_stop_of_nothing_has_its_verdict_too() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        move = replace(leave(180_000), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49700.0"))
        said = await port.submit(move, READY)
        stored = life.account.desk.verdicts.find(UID, 60_000, move.bar_close_ms)

    assert stored is not None
    assert (stored.verdict, stored.detail) == (said.code, said.text)
    assert said.code == "FLAT"
