"""Leverage that somebody changed at the venue: what the venue will not take back is asked once, and told."""

from dataclasses import replace
from decimal import Decimal

import pytest

from playd.core.errors import OperatorError, VenueError
from playd.core.modes import Environment
from playd.core.reply_codes import ReplyClass
from playd.orders.halts import account_scope
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from playd.supervisor.edge import venue_away
from playd.venues.port import Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, build, entered, entry

KEPT = replace(
    OrderSettings.of(Environment.LOCAL),
    leverage=Decimal(3),
    leverage_kept=True,
    limits=RiskLimits(max_leverage=Decimal(5)),
)
"""Of a wallet that others may change, too."""


async def test_leverage_that_the_venue_refuses_is_told_and_not_asked_for_by_every_run() -> None:
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


async def test_an_embedded_wallet_that_cannot_have_its_plays_leverage_does_not_trade_with_another_one() -> None:
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


@pytest.mark.parametrize("answer", [ReplyClass.DOUBT, ReplyClass.LATER, ReplyClass.CLOCK, ReplyClass.BAN])
async def test_an_embedded_wallet_waits_for_a_venue_that_does_not_answer_and_is_not_ended(answer: ReplyClass) -> None:
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


@pytest.mark.parametrize(("answer", "code"), [(ReplyClass.DOUBT, None), (ReplyClass.LATER, 10006), (ReplyClass.CLOCK, 10002)])
@pytest.mark.parametrize("refused", [2, 3])
async def test_an_answer_that_says_nothing_of_the_leverage_is_asked_for_three_times_and_then_it_is_not_known(
    answer: ReplyClass, code: int | None, refused: int
) -> None:
    life = build(settings=KEPT)
    async with life.running():
        desk, asked = life.account.desk, list[Decimal]()

        async def late(symbol: str, leverage: Decimal) -> Reply:
            asked.append(leverage)
            return Reply(answer, code, "no") if len(asked) <= refused else Reply(ReplyClass.ACCEPTED, 0, "")

        life.venue.set_leverage = late  # type: ignore[method-assign]
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        assert len(asked) == 3
        if refused < 3:
            assert (verdict.code, desk.leverage[SYMBOL]) == ("SENT", Decimal(3))
            return
        assert (verdict.code, desk.leverage) == ("LEVERAGE", {})
        assert [incident.kind for incident in desk.incidents.open_ones()] == ["LEVERAGE"]
        await life.account.reconcile("test")
        assert desk.leverage == {SYMBOL: Decimal(3)}
        assert desk.incidents.open_ones() == []
        assert (await port.submit(entry(120_000), READY)).code == "SENT"


async def test_entries_are_judged_by_the_leverage_that_the_venue_shows_where_it_refuses_another_one() -> None:
    life = build(settings=replace(KEPT, leverage=Decimal(2)))
    async with life.running():

        async def refused(symbol: str, leverage: Decimal) -> Reply:
            return Reply(ReplyClass.LIMITS, 110013, "cannot set leverage due to risk limit")

        life.venue.set_leverage = refused  # type: ignore[method-assign]
        port = await life.register()
        assert life.account.desk.leverage == {SYMBOL: Decimal(3)}, "what the row of the flat symbol states"
        assert (await port.submit(entry(), READY)).code == "SENT"


async def test_entries_go_on_by_what_the_venue_shows_where_it_refuses_what_it_left_unanswered_before() -> None:
    life, answer = build(settings=replace(KEPT, leverage=Decimal(2))), Reply(ReplyClass.DOUBT, None, "time-out")

    async def set_leverage(symbol: str, leverage: Decimal) -> Reply:
        return answer

    life.venue.set_leverage = set_leverage  # type: ignore[method-assign]
    async with life.running():
        port, desk = await life.register(), life.account.desk
        assert desk.leverage == {}
        answer = Reply(ReplyClass.LIMITS, 110013, "cannot set leverage due to risk limit")
        await life.account.reconcile("test")
        assert desk.leverage == {SYMBOL: Decimal(3)}, "what the row of the flat symbol states"
        assert [incident.kind for incident in desk.incidents.open_ones()] == ["LEVERAGE"]
        assert (await port.submit(entry(120_000), READY)).code == "SENT"


async def test_a_refused_key_that_leverage_is_asked_with_halts_the_account() -> None:
    life = build(settings=KEPT)
    async with life.running():

        async def refused(symbol: str, leverage: Decimal) -> Reply:
            return Reply(ReplyClass.AUTH, 10005, "permission denied")

        life.venue.set_leverage = refused  # type: ignore[method-assign]
        await life.register()
        assert [halt.scope for halt in life.halts.in_force()] == [account_scope("main")]


async def test_at_a_start_stops_are_put_back_before_any_leverage_is_asked_for() -> None:
    life = build(settings=KEPT)
    async with life.running():
        await entered(life)
        life.venue.resting = True
        other = await life.register("efgh4567", symbol="ETHUSDT")
        resting = replace(
            entry(uid="efgh4567", symbol="ETHUSDT"), order_type="Limit", price=Decimal(50_000), time_in_force="GTC"
        )
        assert (await other.submit(resting, READY)).code == "SENT"
    life = life.crash()
    life.venue.remove_stop()
    asked: list[tuple[str, Decimal]] = []

    async def set_leverage(symbol: str, leverage: Decimal) -> Reply:
        asked.append((symbol, life.venue.book[SYMBOL].stop))
        return Reply(ReplyClass.NO_CHANGE, 110043, "")

    life.venue.set_leverage = set_leverage  # type: ignore[method-assign]
    await life.account.start()
    assert asked == [("ETHUSDT", Decimal("49500.0"))]
    assert life.account.desk.leverage["ETHUSDT"] == 3
