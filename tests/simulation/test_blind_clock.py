"""Nobody reads an account that is not open, or whose address is banned: what may be open there has its levels all the same."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import anyio
import pytest

from playd.core.errors import LinkError
from playd.core.modes import Environment
from playd.core.orders import OrderState, VenuePosition
from playd.orders.account import Account
from playd.orders.halts import Level, account_scope
from playd.supervisor.accounts import ACCOUNT_BUDGET, REST_S, AccountPlan, Accounts
from playd.venues.port import Priority
from tests.rows import SYMBOL
from tests.simulation.fake_venue import FakeVenue
from tests.simulation.order_world import READY, OrderWorld, build, entered, entry
from tests.simulation.test_order_path_unlisted import unlist
from tests.simulation.venue_script import WriteFault

SCOPE = account_scope("main")
FOR_EVER = 1_000_000


def blind(life: OrderWorld) -> list[Level]:
    return sorted(halt.level for halt in life.halts.in_force(SCOPE) if halt.code == "BLIND")


def told(life: OrderWorld) -> str:
    found = [each.text for each in life.account.desk.incidents.open_ones() if (each.kind, each.scope) == ("BLIND", SCOPE)]
    return found[0] if found else ""


@asynccontextmanager
async def kept(life: OrderWorld, run: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[Accounts]:
    """The account as the daemon keeps it; `run` in the place of its loops."""
    venue: FakeVenue = life.venue

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Account, Callable[[], Awaitable[None]]]]:
        async def loops() -> None:
            await life.account.run(venue.events)

        yield life.account, run or loops

    accounts = Accounts(life.world.clock, life.world.random, lambda *_: None, lambda *_: None)
    accounts.guardians_view = lambda alias: f"the guardian saw {alias}"
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        accounts.ensure(AccountPlan("main", Environment.LOCAL, opened))
        yield accounts
        group.cancel_scope.cancel()
    venue.close_stream()


async def with_a_position() -> OrderWorld:
    """The next life of a daemon that has a position, before anything is read."""
    life = build()
    async with life.running():
        await entered(life)
    return life.crash()


async def test_a_position_on_an_account_that_does_not_open_is_paused_then_halted_and_told_and_read_every_two_seconds() -> None:
    life, asked = await with_a_position(), list[float]()
    read = life.venue.positions

    async def counted(*given: object, **more: object) -> object:
        asked.append(anyio.current_time())
        return await read(*given, **more)  # type: ignore[arg-type]

    life.venue.positions = counted  # type: ignore[method-assign, assignment]
    life.venue.new_stream()
    life.venue.script.failing_reads = FOR_EVER
    async with kept(life) as accounts:
        await anyio.sleep(14.0)
        assert blind(life) == []
        await anyio.sleep(2.0)
        assert (blind(life), told(life)) == ([Level.PAUSE], "")
        await anyio.sleep(45.0)
        assert blind(life) == [Level.PAUSE, Level.HALT]
        assert "0.010 BTCUSDT" in told(life)
        assert "the account is not open: start barrier: instrument rules: read failed" in told(life)
        assert told(life).endswith("the guardian saw main")
        assert max(after - before for before, after in pairwise(asked)) <= 2.01
        life.venue.script.failing_reads = 0
        with anyio.fail_after(60):
            await accounts.held["main"].ready.wait()
        await anyio.sleep(2.0)
        assert (blind(life), told(life)) == ([Level.HALT], ""), "the halt is a person's to lift"


async def test_an_account_without_anything_open_may_stay_away_for_long_without_a_level() -> None:
    life = build()
    life.venue.new_stream()
    life.venue.script.failing_reads = FOR_EVER
    async with kept(life):
        await anyio.sleep(300.0)
        assert (life.halts.in_force(), told(life)) == ([], "")


async def test_a_start_that_can_read_ends_the_clock_that_began_with_it() -> None:
    life = await with_a_position()
    life.venue.new_stream()
    async with kept(life):
        await anyio.sleep(300.0)
        assert (blind(life), life.account.blind.for_s) == ([], 0.0)


def slowed(life: OrderWorld, answer_s: float) -> None:
    """Every answer comes, late."""
    answer = life.venue._read

    async def late() -> None:
        await anyio.sleep(answer_s)
        await answer()

    life.venue._read = late  # type: ignore[method-assign]


async def test_a_start_whose_reads_all_succeed_slowly_pauses_and_never_halts() -> None:
    life = await with_a_position()
    life.venue.new_stream()
    read = life.venue.executions

    async def many_pages(*given: object, **more: object) -> object:
        await anyio.sleep(80.0)
        return await read(*given, **more)  # type: ignore[arg-type]

    life.venue.executions = many_pages  # type: ignore[method-assign, assignment]
    async with kept(life) as accounts:
        await anyio.sleep(70.0)
        assert (blind(life), told(life)) == ([Level.PAUSE], "")
        notes = [halt.text for halt in life.halts.in_force(SCOPE)]
        assert "orders or positions are read for the first time, which has taken 15 s, open by the ledger" in notes[0]
        with anyio.fail_after(200):
            await accounts.held["main"].ready.wait()
        await anyio.sleep(2.0)
        assert blind(life) == []


async def test_a_reading_that_fails_in_a_slow_start_begins_the_minute_of_the_halt() -> None:
    life = await with_a_position()
    life.venue.new_stream()
    slowed(life, 8.0)
    async with kept(life):
        await anyio.sleep(30.0)
        assert blind(life) == [Level.PAUSE]
        life.venue.script.failing_reads = FOR_EVER
        await anyio.sleep(34.0)
        assert blind(life) == [Level.PAUSE], "the reading that fails was not the first"
        await anyio.sleep(46.0)
        assert blind(life) == [Level.PAUSE, Level.HALT]


async def test_symbols_that_were_traded_once_are_read_behind_what_may_be_open() -> None:
    life = await with_a_position()
    for n in range(40):
        life.ledger.write(
            "INSERT INTO virtual_positions (account, instance, symbol, position_idx, signed_qty, avg_price, realised, fees,"
            " funding, opened_ms) VALUES ('main', 'abcd2345', ?, 0, '0', '0', '0', '0', '0', 0)",
            (f"S{n}USDT",),
        )
    life.ledger.commit()
    unlist(life)  # nothing: the venue lists whatever it is asked for
    life.venue.new_stream()
    slowed(life, 0.25)
    asked, read = list[tuple[float, str | None]](), life.venue.positions

    async def positions(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        asked.append((anyio.current_time(), symbol))
        return await read(symbol, priority=priority)

    life.venue.positions = positions  # type: ignore[method-assign]
    async with kept(life) as accounts:
        with anyio.fail_after(60):
            await accounts.held["main"].ready.wait()
        assert life.halts.in_force() == []
        assert {symbol for _, symbol in asked} == {None, SYMBOL}
        await anyio.sleep(600.0)
        assert {f"S{n}USDT" for n in range(40)} < {symbol for _, symbol in asked}, "behind the start, one after the other"


async def test_the_clock_counts_from_when_the_account_was_wanted_though_its_connections_did_not_open() -> None:
    life = await with_a_position()
    life.venue.new_stream()
    life.venue.script.failing_reads = FOR_EVER
    tries = 0

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Account, Callable[[], Awaitable[None]]]]:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise RuntimeError("no connection opens")
        yield life.account, anyio.sleep_forever

    accounts = Accounts(life.world.clock, life.world.random, lambda *_: None, lambda *_: None)
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        accounts.ensure(AccountPlan("main", Environment.LOCAL, opened))
        await anyio.sleep(15.6)
        assert (tries, blind(life)) == (3, [Level.PAUSE])
        group.cancel_scope.cancel()
    life.venue.close_stream()


async def test_between_two_lives_of_an_account_the_clock_goes_on() -> None:
    life, lives, rests = await with_a_position(), list[float](), anyio.Event()

    async def boom() -> None:
        lives.append(anyio.current_time())
        if len(lives) > ACCOUNT_BUDGET.restart_max:
            rests.set()
        raise RuntimeError("boom")

    life.venue.new_stream()
    async with kept(life, boom):
        with anyio.fail_after(600):
            await rests.wait()
        assert blind(life) in ([], [Level.PAUSE])
        await anyio.sleep(lives[-1] + REST_S - 1.0 - anyio.current_time())
        assert blind(life) == [Level.PAUSE]
        await anyio.sleep(2.0)
        life.account.blind.look()
        assert life.account.blind.for_s < 3.0, "the reading of the next start was whole"


async def test_a_ban_forbids_every_reading_and_the_clock_counts_all_the_same() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.account.desk.port.open_orders = unanswered  # type: ignore[method-assign, assignment]
        life.budget.ban_s = 600.0
        await anyio.sleep(17.0)
        assert blind(life) == [Level.PAUSE]
        await anyio.sleep(46.0)
        assert blind(life) == [Level.PAUSE, Level.HALT]
        assert "0.010 BTCUSDT" in told(life)


async def unanswered(*_given: object, **_more: object) -> None:
    await anyio.sleep(600.0)
    raise LinkError("the ban is over, the link was not")


@pytest.mark.parametrize("fault", [WriteFault.NONE, WriteFault.LOST_BEFORE])
async def test_an_entry_that_works_or_is_in_doubt_may_be_a_position(fault: WriteFault) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.resting, life.venue.script.writes = True, [fault]
        if fault is WriteFault.LOST_BEFORE:  # nobody can look it up either
            life.venue.script.failing_reads = FOR_EVER
        limit = replace(entry(), order_type="Limit", price=Decimal(50_000), time_in_force="GTC")
        verdict = await port.submit(limit, READY)
        await anyio.sleep(20.0)
        life.venue.script.failing_reads = FOR_EVER
        assert (await life.account.reconcile("test")).result == "blind"
        await anyio.sleep(14.0)
        assert life.account.desk.book.need(verdict.link_id).state in (OrderState.OPEN, OrderState.UNKNOWN)
        assert f"entry {verdict.link_id}" in life.account.blind.at_risk
        await anyio.sleep(3.0)
        assert blind(life) == [Level.PAUSE]


async def test_a_reading_of_one_position_that_fails_begins_the_clock_and_a_full_one_ends_it_within_seconds() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=20.0)  # the runs of the start are through
        life.venue.script.failing_reads = 1
        life.account.desk.on_look(SYMBOL, "test")
        await anyio.sleep(1.0)
        assert life.venue.script.failing_reads == 0
        assert life.account.blind.for_s > 0
        await anyio.sleep(4.0)
        assert life.account.blind.for_s == 0
