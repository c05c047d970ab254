"""When the target of a position is asked for: at once, or with the bar's close where a candle decides about the minute."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.candles import Candle
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.engine.messages import EngineFill
from playd.engine.play_engine import PlayEngine
from playd.orders.fills import FillEvent
from playd.orders.gateway import Verdict
from playd.plays.compile import compile_program
from playd.supervisor.resting_target import RestingTarget
from playd.supervisor.translate import Identity, intent_of_target
from tests.engine_desk import MINUTE_MS, START_MS, play_of
from tests.rows import BTC, execution

PAPER = Identity("abcdefgh", "alpha", "a", "d" * 64, BTC, MINUTE_MS, 30_000, rests_target=True, judged_by_candle=True)
LIVE = replace(PAPER, judged_by_candle=False)
OPEN_MS = START_MS + MINUTE_MS


def entered(engine: PlayEngine, qty: int, time_ms: int, *, maker: bool) -> FillEvent:
    """The engine has bought so many steps; the execution as its instance heard of it."""
    engine.on_fill(EngineFill(Action.ENTER, Side.BUY, qty, 500_000, 1.0, time_ms, "entry", maker))
    more = {"venue_order_id": "v1", "fee": Decimal(1), "is_maker": maker, "time_ms": time_ms}
    row = execution("x1", Side.BUY, qty * BTC.step, Decimal(50_000), **more)
    return FillEvent(1, row, Action.ENTER, "entry", "", order_done=True)


@pytest.mark.parametrize(
    ("identity", "maker", "after_ms", "share", "asked"),
    [
        (PAPER, False, 0, 1.0, [True, False]),  # at the open, for the rest of the minute
        (PAPER, True, 0, 1.0, [True, False]),  # a limit that the open was beyond
        (PAPER, True, 30_000, 1.0, [False, True]),  # inside a minute: the next one is the first that may end it
        (LIVE, True, 30_000, 1.0, [True, False]),
        (LIVE, False, 70, 0.5, [False, True]),  # more of it may come in the next moment
        (replace(LIVE, rests_target=False), False, 70, 1.0, [False, False]),
    ],
)
@pytest.mark.anyio
async def test_a_target_is_asked_for_once(
    identity: Identity, maker: bool, after_ms: int, share: float, asked: list[bool]
) -> None:
    play = play_of()
    engine, sent = PlayEngine(compile_program(play, MINUTE_MS), play, BTC, 10_000.0), list[Intent]()
    decision = engine.on_bar(Candle(START_MS, 50_000.0, 50_000.0, 50_000.0, 50_000.0, 1.0))
    assert decision is not None

    async def submit(intent: Intent) -> Verdict:
        await anyio.lowlevel.checkpoint()
        sent.append(intent)
        return Verdict("SENT")

    target = RestingTarget(identity, engine, submit)
    target.note_fill(entered(engine, int(decision.orders[0].qty_steps * share), OPEN_MS + after_ms, maker=maker))
    counts = []
    for bar_closed in (False, True):
        await target.bring(bar_closed=bar_closed)
        counts.append(len(sent))
    await target.bring(bar_closed=True)
    assert [counts[0] == 1, counts[1] > counts[0]] == asked
    assert len(sent) == counts[1]
    if sent:
        position = engine.position
        assert position is not None
        assert sent == [intent_of_target(identity, position)]
        assert (sent[0].action, sent[0].intent_class, sent[0].side) == (Action.TARGET, IntentClass.EXIT, Side.SELL)
        assert (sent[0].price, sent[0].order_type) == ((position.target_ticks or 0) * BTC.tick, "Limit")


@pytest.mark.parametrize(("identity", "asked_after_s"), [(LIVE, 2.0), (PAPER, None)])
async def test_what_an_entry_has_filled_so_far_has_its_target_within_seconds_where_no_candle_is_judged(
    identity: Identity, asked_after_s: float | None
) -> None:
    play = play_of()
    engine, sent = PlayEngine(compile_program(play, MINUTE_MS), play, BTC, 10_000.0), list[Intent]()
    decision = engine.on_bar(Candle(START_MS, 50_000.0, 50_000.0, 50_000.0, 50_000.0, 1.0))
    assert decision is not None
    qty = decision.orders[0].qty_steps

    async def submit(intent: Intent) -> Verdict:
        sent.append(intent)
        return Verdict("SENT")

    target = RestingTarget(identity, engine, submit)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(target.run)
        for part, done in ((qty // 2, 0), (qty // 4, 1)):
            target.note_fill(entered(engine, part, OPEN_MS + 30_000, maker=True))
            await target.bring(bar_closed=False)
            assert len(sent) == (done if asked_after_s else 0)
            await anyio.sleep(5.0)
        assert [intent.qty / BTC.step for intent in sent] == ([qty // 2, qty // 2 + qty // 4] if asked_after_s else [])
        task_group.cancel_scope.cancel()
