"""Bars that were missed, at a start or behind a gap: what an instance asks of the order path for the stop that they move."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.core.candles import Candle
from playd.core.orders import Action, Side
from playd.core.reply_codes import classify
from playd.engine.messages import Decision, EngineFill, EngineOrder, EnginePosition
from playd.market.bars import ClosedBar, Source
from playd.orders.halts import Level, symbol_scope
from playd.supervisor.instance import EngineInstance
from playd.supervisor.translate import Identity
from playd.venues.port import Reply
from tests.rows import SYMBOL
from tests.simulation.order_world import UID, OrderWorld, build, entered
from tests.unit.supervisor.test_corrections import ANCHOR, STEP
from tests.virtual_time import WALL_START_MS, in_virtual_time

TICK = Decimal("0.1")
SCOPE = symbol_scope("main", SYMBOL)


def ticks(price: str) -> int:
    return int(Decimal(price) / TICK)


def stop(price: str) -> EngineOrder:
    return EngineOrder(Action.STOP, Side.SELL, 10, ticks(price), None, 50400.0, 100.0, "sl")


REDUCES = EngineOrder(Action.REDUCE, Side.SELL, 5, None, None, 50400.0, 50.0, "signal")
LEAVES = EngineOrder(Action.EXIT, Side.SELL, 10, None, None, 50400.0, 100.0, "signal")


def at_ms(number: int) -> int:
    """When a bar opens: all of them behind the entry of the position."""
    return (WALL_START_MS // STEP + number) * STEP


def candle(number: int, low: float, high: float) -> Candle:
    return Candle(at_ms(number), low, high, low, high, 1.0)


@dataclass(frozen=True)
class Trade:
    exit_reason: str


class Acts:
    """An engine that holds ten steps from the start on and decides what its script has for the bar; and the bars."""

    cash_usdt, order_pending, leaving = 0.0, False, False

    def __init__(
        self, candles: list[Candle], script: dict[int, list[EngineOrder]], *, on_time: int = 0, every: int = 1
    ) -> None:
        """The last `on_time` bars came on time. It decides with every so many bars."""
        late = len(candles) - on_time
        self.bars = [ClosedBar(SYMBOL, each, 0.0, Source.REST, late=n < late) for n, each in enumerate(candles)][::-1]
        self.script, self.every = script, every
        self.asked_to_leave = 0
        self.trades: list[Trade] = []
        self.heard: list[str] = []
        self.position: EnginePosition | None = EnginePosition(Side.BUY, 10, 50000.0, ticks("49500"), None, 60_000)
        self.columns = SimpleNamespace(newest_bar=lambda: (0, [1.0] * 5))

    @property
    def waiting(self) -> bool:
        return bool(self.bars)

    async def receive(self) -> ClosedBar:
        if not self.bars:
            self.more = anyio.Event()
            await self.more.wait()
        return self.bars.pop()

    def take_revisions(self) -> tuple[()]:
        return ()

    async def corrected(self) -> None:
        await anyio.sleep_forever()

    async def turn(self, *, late: bool) -> None:
        return None

    async def fresh_quote(self) -> None:
        return None

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_arguments, **_named: None

    def describe(self, _orders: object) -> str:
        return "as the script says"

    def on_bar(self, candle: Candle) -> Decision | None:
        number = candle.open_time_ms // STEP - WALL_START_MS // STEP
        orders: list[EngineOrder] = self.script.get(number, []) if self.position is not None else []
        for each in orders:
            if each.action is Action.STOP and self.position is not None:
                self.position = replace(self.position, stop_ticks=each.stop_ticks)
            self.leaving = self.leaving or each.action is Action.EXIT
        if (number + 1) % self.every:
            return None
        return Decision(at_ms(number + 1), "HOLD", "", tuple(orders), {}, 1000.0)

    def on_fill(self, fill: EngineFill) -> EngineOrder | None:
        if self.position is not None and fill.side is Side.SELL:
            self.trades.append(Trade(fill.reason))
            self.heard.append(fill.reason)
            rest = self.position.qty_steps - fill.qty_steps
            self.position = replace(self.position, qty_steps=rest) if rest else None
            self.leaving = self.leaving and rest > 0
        return None

    def on_levels_refused(self) -> EngineOrder | None:
        if self.position is None:
            return None
        self.asked_to_leave += 1
        self.leaving = True
        return replace(LEAVES, qty_steps=self.position.qty_steps, reason="sl")

    def on_order_ended(self, action: Action, _reason: str) -> None:
        if action is Action.EXIT:
            self.leaving = False


@dataclass
class Seen:
    """What came of it."""

    signed: Decimal = Decimal(0)
    stop: Decimal = Decimal(0)
    engines_stop: Decimal | None = None
    halts: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Action, cause and reason of what was asked for behind the entry."""
    open: bool = False


def lived(life: OrderWorld, engine: Any) -> EngineInstance:
    rules = life.account.desk.instruments[SYMBOL]
    identity = Identity(UID, "test", "main", "d", rules, STEP, 30_000)
    port = cast("Any", life.ports[0])
    return EngineInstance(identity, engine, port, engine, anchor_ms=ANCHOR, last_open_ms=at_ms(3), event_n=0)


def beyond_is_refused(life: OrderWorld) -> None:
    """The venue takes no stop of a long position that the market is below."""
    real = life.venue.set_stops

    async def judged(symbol: str, **given: Any) -> Reply:
        if given.get("stop") is not None and given["stop"] >= life.venue.price:
            return Reply(classify(10001), 10001, "StopLoss should be lower than base_price")
        return await real(symbol, **given)

    cast("Any", life.venue).set_stops = judged


def played(stage: Acts, missed_until: int, now_price: str, *, thawed_after_s: float | None = None) -> Seen:
    """The bars are lived through while the market stands at `now_price`; bars up to `missed_until` were missed at the start."""
    seen, engine = Seen(), cast("Any", stage)

    async def body() -> None:
        life = build()
        async with life.running():
            await entered(life)
            life.venue.price = Decimal(now_price)
            beyond_is_refused(life)
            if thawed_after_s is not None:
                frozen = life.halts.raise_level(SCOPE, Level.FREEZE, "OPERATOR", "look", actor="me")
            instance = lived(life, engine)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(instance.run, engine, missed_until_ms=missed_until and at_ms(missed_until)))
                if thawed_after_s is not None:
                    await anyio.sleep(thawed_after_s)
                    life.halts.lift(frozen.id, by="me", note="seen")
                    stage.bars.append(ClosedBar(SYMBOL, candle(20, 50300, 50400), 0.0, Source.STREAM, late=False))
                    stage.more.set()
                await anyio.sleep(60.0)
                tasks.cancel_scope.cancel()
            seen.signed, seen.stop = life.venue.signed(), life.venue.stop_of()
            seen.engines_stop = None if stage.position is None else (stage.position.stop_ticks or 0) * TICK
            seen.halts = [row["code"] for row in life.ledger.rows("SELECT code FROM halts WHERE code <> 'OPERATOR'")]
            rows = life.ledger.rows("SELECT * FROM intents WHERE class <> 'entry' ORDER BY created_ms")
            seen.asked = [(row["action"], row["cause"], row["reason"]) for row in rows]
            seen.open = not instance.at_rest

    in_virtual_time(body)
    return seen


TRAILS = {4: [stop("49900")]}
TOUCHES = (candle(4, 50300, 50400), candle(5, 49600, 50000), candle(6, 49650, 49750))


@pytest.mark.parametrize("until", [6, 0], ids=["at a start", "behind a gap"])
@pytest.mark.parametrize("now_price", ["49700", "50300"], ids=["beyond it", "back again"])
@pytest.mark.parametrize("on_time", [0, 2])
def test_a_missed_bar_that_touches_a_stop_which_moved_ends_the_position(until: int, now_price: str, on_time: int) -> None:
    seen = played(Acts([*TOUCHES], TRAILS, on_time=on_time), until, now_price)

    assert not seen.signed
    assert (seen.halts, seen.open) == ([], False)
    assert seen.asked == [("exit", str(at_ms(6)), "catch_up: sl")]


@pytest.mark.parametrize("until", [5, 0], ids=["at a start", "behind a gap"])
def test_a_market_that_is_beyond_the_stop_with_the_last_missed_bar_ends_the_position_and_halts_nothing(until: int) -> None:
    seen = played(Acts([candle(4, 50300, 50400), candle(5, 50000, 50400)], TRAILS), until, "49700")

    assert not seen.signed
    assert (seen.halts, seen.open) == ([], False)
    assert [each[0] for each in seen.asked] == ["stop", "exit"]


@pytest.mark.parametrize("until", [6, 0], ids=["at a start", "behind a gap"])
@pytest.mark.parametrize("other", [[REDUCES], []])
def test_what_nothing_touched_is_told_to_the_venue_also_behind_a_partial_exit(until: int, other: list[EngineOrder]) -> None:
    candles = [candle(number, 50400, 50500) for number in (4, 5, 6)]
    for script in ({4: [stop("50100")], 5: other}, {4: [stop("50100"), *other]}):
        seen = played(Acts(candles, script), until, "50500")

        assert seen.stop == seen.engines_stop == Decimal("50100")
        assert [each[0] for each in seen.asked].count("stop") == 1


def test_a_partial_exit_does_not_take_the_touch_of_a_stop_away() -> None:
    seen = played(Acts([candle(4, 50300, 50400), *TOUCHES[1:]], {4: [stop("49900"), REDUCES], 5: [REDUCES]}), 6, "49700")

    assert not seen.signed
    assert not seen.halts


def test_a_position_that_is_being_left_is_not_left_a_second_time() -> None:
    candles = [candle(4, 50300, 50400), candle(5, 50300, 50400), candle(6, 49600, 50000), candle(7, 49600, 50000)]
    stage = Acts(candles, {4: [LEAVES], 5: [stop("49900")]})
    seen = played(stage, 7, "49700")

    assert not seen.signed
    assert not seen.halts
    assert not stage.asked_to_leave
    assert seen.asked == [("exit", str(at_ms(5)), "catch_up: signal")]


def test_an_exit_that_a_freeze_refused_is_decided_again_until_it_may_go() -> None:
    seen = played(Acts([*TOUCHES], TRAILS), 6, "49700", thawed_after_s=5.0)

    assert not seen.signed
    assert not seen.halts
    assert seen.asked == [("exit", str(at_ms(6)), "catch_up: sl")]


@pytest.mark.parametrize("last", [6, 8])
def test_a_touched_stop_has_one_exit_in_whichever_life_it_is_decided(last: int) -> None:
    """Bar 5 moves the stop and bar 6 touches it: decided with bar 8, the next that decides, or at the end of them."""
    candles = [candle(n, 49600 if n == 6 else 50300, 50400) for n in range(4, last + 1)]
    seen = played(Acts(candles, {5: [stop("49900")]}, every=3), last, "50300")

    assert not seen.signed
    assert seen.asked == [("exit", str(at_ms(7)), "catch_up: sl")]


def test_an_exit_that_was_due_meanwhile_says_so_to_people_and_its_rule_to_the_engine() -> None:
    bars = [candle(4, 50300, 50400), candle(5, 50300, 50400)]
    late, in_time = Acts(bars, {4: [REDUCES]}), Acts(bars, {5: [LEAVES]}, on_time=1)
    asked = played(late, 5, "50300").asked, played(in_time, 4, "50300").asked

    assert [each[2] for found in asked for each in found] == ["catch_up: signal", "signal"]
    assert [trade.exit_reason for stage in (late, in_time) for trade in stage.trades] == ["catch_up: signal", "signal"]
    assert late.heard == in_time.heard == ["signal"]
