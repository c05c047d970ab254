"""Leverage that somebody changed at the venue: what the venue will not take back is asked once, and told."""

from dataclasses import replace
from decimal import Decimal

import pytest

from playd.core.errors import OperatorError, VenueError
from playd.core.reply_codes import ReplyClass
from playd.supervisor.edge import venue_away
from playd.venues.port import Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import build
from tests.virtual_time import in_virtual_time


def test_leverage_that_the_venue_refuses_is_told_and_not_asked_for_by_every_run() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            await life.register()
            desk, asked = life.account.desk, list[Decimal]()

            async def refused(symbol: str, leverage: Decimal) -> Reply:
                asked.append(leverage)
                return Reply(ReplyClass.LIMITS, 110013, "cannot set leverage due to risk limit")

            life.venue.set_leverage = refused  # type: ignore[method-assign]
            desk.settings = replace(desk.settings, leverage=Decimal(50), leverage_kept=True)
            life.account.reconciler.leverage_seen(SYMBOL, Decimal(10))
            for _ in range(3):
                await life.account.reconcile("test")

            assert asked == [Decimal(50)]
            assert [incident.kind for incident in desk.incidents.open_ones()] == ["LEVERAGE"]

    in_virtual_time(body)


def test_an_embedded_wallet_that_cannot_have_its_plays_leverage_does_not_trade_with_another_one() -> None:
    async def body() -> None:
        life = build()

        async def refused(symbol: str, leverage: Decimal) -> Reply:
            return Reply(ReplyClass.LIMITS, 10001, "leverage 2.597 is not a multiple of 0.01 from 1 on")

        life.venue.set_leverage = refused  # type: ignore[method-assign]
        async with life.running():
            desk = life.account.desk
            desk.settings = replace(desk.settings, leverage=Decimal("2.597"), leverage_kept=False)
            with pytest.raises(OperatorError, match=r"leverage 2\.597 of .* was answered 10001"):
                await life.register()
            assert SYMBOL not in desk.instruments

    in_virtual_time(body)


@pytest.mark.parametrize("answer", [ReplyClass.DOUBT, ReplyClass.LATER, ReplyClass.CLOCK, ReplyClass.BAN])
def test_an_embedded_wallet_waits_for_a_venue_that_does_not_answer_and_is_not_ended(answer: ReplyClass) -> None:
    async def body() -> None:
        life = build()

        async def late(symbol: str, leverage: Decimal) -> Reply:
            return Reply(answer, None, "deadline passed")

        life.venue.set_leverage = late  # type: ignore[method-assign]
        async with life.running():
            desk = life.account.desk
            desk.settings = replace(desk.settings, leverage=Decimal(2), leverage_kept=False)
            with pytest.raises(VenueError) as caught:
                await life.register()
            assert venue_away(caught.value) is caught.value, "a life that fails so is begun again, and is no crash"
            assert SYMBOL not in desk.instruments

    in_virtual_time(body)
