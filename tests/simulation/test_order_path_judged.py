"""What every gate said to an entry can be asked for afterwards, in the next life too."""

from dataclasses import replace
from decimal import Decimal

import anyio

from playd.core.modes import Environment
from playd.core.orders import Action, IntentClass
from playd.orders.judged import KEEP_EVERY_S
from playd.orders.pipeline import PIPELINE
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from tests.simulation.order_world import READY, UID, build, entry, leave
from tests.virtual_time import in_virtual_time


def test_every_gates_answer_to_an_entry_is_kept_and_not_only_the_first_refusal() -> None:
    async def body() -> None:
        capped = replace(
            OrderSettings.of(Environment.LOCAL), limits=RiskLimits(hard_order_usd=Decimal(400), fat_finger_pct=Decimal(2))
        )
        life = build(settings=capped)
        async with life.running():
            port = await life.register()
            late = replace(READY, late=True)
            assert (await port.submit(entry(60_000), late)).code == "SIGNAL_OLD"
            assert (await port.submit(entry(120_000, qty="0.005"), READY)).code == "PRICE_BAND"
            await anyio.sleep(2 + KEEP_EVERY_S)
        life = life.crash()
        judged = life.account.desk.judged
        answers = judged.find(UID, 60_000)
        assert answers is not None
        assert [name for name, _ in answers] == [step.name for step in PIPELINE]
        assert {name: said.code for name, said in answers if said} == {
            "replay": "SIGNAL_OLD",
            "order cap": "ORDER_CAP",
            "band": "PRICE_BAND",
        }
        cap = dict(answers)["order cap"]
        assert cap is not None
        assert (cap.value, cap.limit, cap.unit) == ("500.00", "400", "USD")
        assert {name for name, said in judged.find(UID, 120_000) or [] if said} == {"band"}
        assert judged.find(UID, 180_000) is None

    in_virtual_time(body)


def test_entries_of_an_hour_are_those_of_an_hour_of_the_market() -> None:
    async def body() -> None:
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

    in_virtual_time(body)


def test_a_bar_that_would_move_the_stop_of_nothing_has_its_verdict_too() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            move = replace(leave(180_000), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49700.0"))
            said = await port.submit(move, READY)
            stored = life.account.desk.verdicts.find(UID, 60_000, move.bar_close_ms)

        assert stored is not None
        assert (stored.verdict, stored.detail) == (said.code, said.text)
        assert said.code == "FLAT"

    in_virtual_time(body)
