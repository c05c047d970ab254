"""A state is kept a moment after its bar, once a second, and never in the middle of one."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import anyio

from playd.core.canonical import Json
from playd.market.feed_watch import FeedState
from playd.supervisor.keeper import Keeper
from playd.supervisor.states import State
from playd.supervisor.surroundings import ShellAround
from playd.supervisor.turns import Pen
from playd.world.virtual.clock import ManualClock
from tests.virtual_time import LoopClock, in_virtual_time


class Shelf:
    """A keeper that notes when it kept what."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, Json]] = []
        self.clock = LoopClock()

    def save(self, payload: dict[str, Json], written_ms: int) -> bool:
        self.kept.append((round(self.clock.mono_s(), 2), payload["bar"]))
        return True


def around(shelf: Shelf, pen: Pen | None = None) -> ShellAround:
    nobody = cast("Any", None)
    given = nobody, LoopClock(), nobody, cast("Keeper", shelf), nobody, nobody, nobody, lambda: None, 0.05
    return ShellAround(*given, nobody, pen or Pen(LoopClock()))


async def test_a_state_waits_for_the_bars_of_the_others_and_the_newest_is_kept() -> None:
    shelf = Shelf()
    shell, at_rest = around(shelf), [True]
    async with anyio.create_task_group() as life:
        life.start_soon(shell.keep, lambda: at_rest[0])
        await anyio.sleep(10.0)
        shell.save(lambda: {"bar": 1}, now=False)
        await anyio.sleep(0.1)
        shell.save(lambda: {"bar": 2}, now=False)
        await anyio.sleep(0.5)
        shell.save(lambda: {"bar": 3}, now=False)
        await anyio.sleep(5.0)
        at_rest[0] = False
        shell.save(lambda: {"bar": 4}, now=False)
        await anyio.sleep(0.6)
        at_rest[0] = True
        await anyio.sleep(5.0)
        shell.save(lambda: {"bar": 5}, now=True)
        life.cancel_scope.cancel()

    assert [bar for _, bar in shelf.kept] == [2, 3, 4, 5]
    assert [at_s for at_s, _ in shelf.kept[:2]] == [10.25, 11.25]


async def test_on_a_market_without_a_pause_a_state_is_kept_at_the_end_of_a_bar() -> None:
    shelf = Shelf()
    shell = around(shelf)
    async with anyio.create_task_group() as life:
        life.start_soon(shell.keep, lambda: False)
        for bar in range(40):
            shell.save(lambda bar=bar: {"bar": bar}, now=False)  # type: ignore[misc]
            await anyio.sleep(0.1)
        life.cancel_scope.cancel()

    times = [at_s for at_s, _ in shelf.kept]
    assert len(times) == 3
    assert all(1.0 <= after - before < 1.3 for before, after in pairwise([0.0, *times]))


def test_the_first_state_of_a_life_is_told_once_it_is_kept_and_no_other() -> None:
    class Full(Shelf):
        """Without room for the first state."""

        def save(self, payload: dict[str, Json], written_ms: int) -> bool:
            super().save(payload, written_ms)
            return len(self.kept) > 1

    async def body() -> None:
        shelf, told, nobody = Full(), list[int](), cast("Any", None)
        given = nobody, LoopClock(), nobody, cast("Keeper", shelf), nobody, nobody, nobody, lambda: None, 0.05
        shell = ShellAround(*given, nobody, Pen(LoopClock()), on_first_kept=lambda: told.append(len(shelf.kept)))
        for bar in (1, 2, 3):
            shell.save(lambda bar=bar: {"bar": bar}, now=True)  # type: ignore[misc]
        assert told == [2]

    in_virtual_time(body)


def test_a_bar_that_holds_the_others_for_too_long_is_told() -> None:
    clock, told = ManualClock(), []
    slot, nobody = SimpleNamespace(last_bar_mono_s=0.0), cast("Any", None)
    shell = ShellAround(
        cast("Any", slot),
        clock,
        nobody,
        nobody,
        nobody,
        lambda *event: told.append(event),
        nobody,
        nobody,
        0.05,
        nobody,
        nobody,
    )
    for took_s in (0.05, 0.051):
        shell.bar_taken(cast("Any", SimpleNamespace(received_mono_s=1.0)))
        clock.advance(took_s)
        shell.bar_computed()

    assert told == [("bar.slow", slot, {"took_ms": 51.0, "limit": 50, "unit": "ms"})]


def test_an_entry_is_as_old_as_the_older_feed_that_its_instance_reads_and_as_the_close_of_its_bar() -> None:
    ages, states = {"BTCUSDT": 1.0, "ETHUSDT": 40.0}, {"BTCUSDT": FeedState.LIVE, "ETHUSDT": FeedState.GAP}
    hub = SimpleNamespace(
        feed_age_s=ages.__getitem__,
        feed_state=states.__getitem__,
        ticker=lambda _: None,
        quote_age_s=lambda _: None,
        since_close_s={60_000: 0.4, 0: 660.0}.__getitem__,
    )
    record = SimpleNamespace(symbol="BTCUSDT")
    nobody = cast("Any", None)
    for symbols, age_s, gap, open_ms, bar_age_s in (
        (("BTCUSDT",), 1.0, False, 60_000, 0.4),
        (("BTCUSDT", "ETHUSDT"), 40.0, True, 0, 660.0),
    ):
        bar = SimpleNamespace(received_mono_s=0.0, late=False, candle=SimpleNamespace(open_time_ms=open_ms))
        slot = SimpleNamespace(record=record, symbols=symbols, state=State.RUNNING, reason_text="", not_armed="")
        given = (
            cast("Any", slot),
            ManualClock(),
            cast("Any", hub),
            nobody,
            nobody,
            nobody,
            lambda _: None,
            nobody,
            0.05,
            nobody,
            nobody,
        )
        inputs = ShellAround(*given).gate_inputs(cast("Any", bar), ready=True, not_ready="")
        assert (inputs.feed_age_s, inputs.feed_gap, inputs.bar_age_s) == (age_s, gap, bar_age_s)


def test_the_venue_is_asked_for_a_quote_only_where_an_entry_is_priced_by_one_that_is_too_old() -> None:
    asked: list[str] = []

    async def ask(symbol: str, within_s: float) -> None:
        asked.append(symbol)

    async def body() -> None:
        nobody = cast("Any", None)
        slot = cast("Any", SimpleNamespace(record=SimpleNamespace(symbol="BTCUSDT")))
        for limit_s, age_s, times in ((2.0, 2.0, 0), (2.0, 2.1, 1), (2.0, None, 2), (None, None, 2)):
            hub = cast("Any", SimpleNamespace(quote_age_s=lambda _, age_s=age_s: age_s, ask_ticker=ask))
            given = slot, LoopClock(), hub, nobody, nobody, nobody, nobody, nobody, 0.05, nobody, nobody
            await ShellAround(*given, lambda limit_s=limit_s: limit_s).fresh_quote()  # type: ignore[misc]
            assert len(asked) == times

    in_virtual_time(body)
