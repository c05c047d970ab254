"""Which keys an account is opened with, and what becomes of one whose key changes or runs out."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from playd.core.errors import CredentialError, LinkError, OperatorError, Refused
from playd.core.modes import Environment
from playd.core.orders import OrderRequest, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.core.timeframes import DAY_MS
from playd.orders.account import Account
from playd.orders.halts import Level, account_scope
from playd.orders.key_watch import LOOK_EVERY_S, REFUSED_EVERY_S, forget_standings
from playd.supervisor.accounts import AccountPlan, Accounts
from playd.venues.port import AccountInfo, KeyInfo, Priority, Reply
from tests.simulation.fake_venue import FakeVenue
from tests.simulation.order_world import READY, OrderWorld, build, entry, leave
from tests.simulation.test_order_path_doubt import DEMO, QUOTED
from tests.virtual_time import LoopClock

GOOD = KeyInfo("7", read_only=False, can_trade=True, can_withdraw=False, bound_to_addresses=True, days_left=None)


def account_of(
    life: OrderWorld, venue: FakeVenue, alias: str = "main", *, uid: str = "", unbound: bool = False, margin_mode: str = ""
) -> Account:
    return Account(
        life.world,
        alias,
        Environment.LIVE if uid else Environment.LOCAL,
        venue,
        life.ledger,
        life.budget,
        life.settings,
        life.journal,
        life.halts,
        expected_uid=uid,
        allow_unbound_key=unbound,
        margin_mode=margin_mode,
    )


class OfMode(FakeVenue):
    """A venue that says what its account is."""

    info = AccountInfo("ISOLATED_MARGIN", 5)

    async def account_info(self) -> AccountInfo:
        return self.info


@pytest.mark.parametrize(
    ("info", "wanted", "words"),
    [
        (AccountInfo("ISOLATED_MARGIN", 5), "", ""),
        (AccountInfo("ISOLATED_MARGIN", 5), "isolated", ""),
        (AccountInfo("ISOLATED_MARGIN", 5), "cross", "its margin mode is ISOLATED_MARGIN, accounts.X.margin_mode says cross"),
        (AccountInfo("PORTFOLIO_MARGIN", 5), "isolated", "PORTFOLIO_MARGIN"),
        (AccountInfo("REGULAR_MARGIN", 1), "", "classic account"),
    ],
)
async def test_an_account_that_is_not_as_configured_is_refused(info: AccountInfo, wanted: str, words: str) -> None:
    venue = OfMode(LoopClock())
    venue.info = info
    life = build(venue)
    with pytest.raises(CredentialError, match=words) if words else contextlib.nullcontext():
        await account_of(life, venue, margin_mode=wanted).key.accept()
    row = life.ledger.row("SELECT * FROM accounts")
    assert row is not None
    assert row["state"] == ("refused" if words else "accepted")
    venue.close_stream()


class Hedged(FakeVenue):
    """A venue where somebody has switched every symbol to hedge mode."""

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> list[VenuePosition]:
        rows = await super().positions(symbol, priority=priority)
        return [replace(row, position_idx=side) for row in rows for side in (1, 2)]


async def test_a_symbol_in_hedge_mode_is_halted_before_an_order_is_refused() -> None:
    life = build(Hedged(LoopClock()))
    async with life.running():
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        assert verdict.code == "HALTED"
        assert "switch it to one-way" in verdict.text
        assert life.venue.placed == []


async def test_a_symbol_that_could_not_be_looked_at_is_looked_at_in_the_next_life() -> None:
    life = build(Hedged(LoopClock()))
    async with life.running():
        life.venue.script.failing_reads = 1
        with pytest.raises(LinkError):
            await life.register()
        verdict = await (await life.register()).submit(entry(), READY)
        assert (verdict.code, life.venue.placed) == ("HALTED", [])


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (replace(GOOD, uid="8"), "belongs to uid 8"),
        (replace(GOOD, read_only=True), "read-only"),
        (replace(GOOD, can_trade=False), "lacks"),
        (replace(GOOD, can_withdraw=True), "move funds"),
        (replace(GOOD, bound_to_addresses=False, days_left=90), "not bound"),
    ],
)
async def test_a_key_that_is_not_as_configured_is_refused_before_anything_else_is_asked(key: KeyInfo, words: str) -> None:
    life = build()
    life.venue.key = key
    life.venue.script.failing_reads = 1
    with pytest.raises(CredentialError, match=words):
        await account_of(life, life.venue, uid="7").start()
    assert life.venue.script.failing_reads == 1
    row = life.ledger.row("SELECT * FROM accounts")
    assert row is not None
    assert (row["state"], row["uid"]) == ("refused", key.uid)
    assert words in row["reason"]
    life.venue.close_stream()


async def test_an_unbound_live_key_is_taken_when_the_settings_allow_it() -> None:
    life = build()
    life.venue.key = replace(GOOD, bound_to_addresses=False, days_left=90, fingerprint="0123abcd")
    await account_of(life, life.venue, uid="7", unbound=True).start()
    row = life.ledger.row("SELECT * FROM accounts")
    assert row is not None
    assert row["state"] == "accepted"
    assert (row["rights"], row["margin_mode"], row["key_fingerprint"]) == ("read trade", "ISOLATED_MARGIN", "0123abcd")
    assert row["key_expires_ms"] - row["checked_ms"] == 90 * DAY_MS
    life.venue.close_stream()


async def test_nothing_is_started_with_a_key_on_its_last_day() -> None:
    life = build()
    life.venue.key = replace(GOOD, bound_to_addresses=False, days_left=1)
    async with life.running():
        with pytest.raises(CredentialError, match="1 days left"):
            await life.register()
        assert [incident.kind for incident in life.account.desk.incidents.open_ones()] == ["KEY_EXPIRES"]


async def test_a_key_that_loses_its_right_to_trade_opens_nothing_any_more() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.key = replace(GOOD, read_only=True)
        await anyio.sleep(LOOK_EVERY_S + 300.0)
        verdict = await port.submit(entry(), READY)
        assert (verdict.code, "the key is read-only" in verdict.text) == ("HALTED", True)
        assert life.venue.placed == []


async def test_a_key_that_is_refused_for_a_while_trades_again_when_a_person_lifts_the_halt() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.script.codes = [33004]
        assert (await port.submit(entry(), READY)).code == "REJECTED"
        (halt,) = life.halts.in_force(account_scope("main"))
        assert (halt.level, halt.code) == (Level.HALT, "ACCOUNT_REFUSED")
        await anyio.sleep(REFUSED_EVERY_S + 5.0)
        assert life.account.desk.incidents.open_ones() == []
        assert (await port.submit(entry(120_000), READY)).code == "HALTED", "what was halted waits for a person"
        life.halts.lift(halt.id, by="me", note="a new key")
        assert (await port.submit(entry(180_000), READY)).code == "SENT"


async def test_an_exit_that_the_key_keeps_back_is_sent_by_itself_at_two_paces_and_at_the_first_tolerance() -> None:
    life = build(settings=DEMO)
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(), QUOTED)).code == "SENT"
        await anyio.sleep(0.1)
        before = len(life.venue.placed)
        life.venue.script.codes = [10005] * 100
        await port.submit(leave(), READY)
        (halt,) = life.halts.in_force(account_scope("main"))
        assert (halt.level, halt.code) == (Level.HALT, "ACCOUNT_REFUSED")
        await anyio.sleep(27.0)
        assert len(life.venue.placed) - before == 6
        await anyio.sleep(300.0)
        assert 6 + 10 <= len(life.venue.placed) - before <= 6 + 20, "not sixty: the key is read meanwhile"
        assert "EXIT_UNFINISHED" in {each.kind for each in life.account.desk.incidents.open_ones()}
        life.venue.script.codes = []
        await anyio.sleep(REFUSED_EVERY_S + 5.0)
        assert life.venue.signed() == 0
        assert "EXIT_UNFINISHED" not in {each.kind for each in life.account.desk.incidents.open_ones()}
        exits = life.venue.placed[before:]
        assert {order.slippage_tolerance_pct for order in exits} == {life.settings.exit_tolerance_pct[0]}


async def test_an_exit_whose_key_is_refused_by_the_status_alone_climbs_no_ladder_and_slows_down() -> None:
    life, exits = build(settings=DEMO), list[OrderRequest]()

    async def refused(order: OrderRequest) -> Reply:
        exits.append(order)
        return Reply(ReplyClass.AUTH, None, "HTTP 401")

    async with life.running():
        port = await life.register()
        await port.submit(entry(), QUOTED)
        await anyio.sleep(0.1)
        life.venue.place = refused  # type: ignore[method-assign]
        await port.submit(leave(), READY)
        await anyio.sleep(327.0)
        assert 6 + 10 <= len(exits) <= 6 + 20, "not sixty: the key is read meanwhile"
        assert {order.slippage_tolerance_pct for order in exits} == {life.settings.exit_tolerance_pct[0]}


class Ending(FakeVenue):
    """A venue that takes the key until it is over."""

    over = False

    async def key_info(self) -> KeyInfo:
        self._ask()
        return await super().key_info()

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> list[VenuePosition]:
        self._ask()
        return await super().positions(symbol, priority=priority)

    def _ask(self) -> None:
        if self.over:
            raise Refused("Your api key has expired. (auth, code 33004)", code=33004)


async def test_a_key_that_ends_while_it_is_used_is_told_within_minutes_and_not_taken_for_a_silent_venue() -> None:
    venue = Ending(LoopClock())
    life = build(venue)
    async with life.running():
        port = await life.register()
        venue.over = True
        await anyio.sleep(life.settings.recon_orders_s + 2 * REFUSED_EVERY_S)
        (told,) = life.account.desk.incidents.open_ones()
        assert (told.kind, told.severity) == ("ACCOUNT_REFUSED", "critical")
        assert "expired" in (await port.submit(entry(), READY)).text
        venue.over = False
        await anyio.sleep(2 * REFUSED_EVERY_S)
        assert life.account.desk.incidents.open_ones() == []
        assert (await port.submit(entry(120_000), READY)).code == "HALTED", "what was halted waits for a person"
        (halt,) = life.halts.in_force(account_scope("main"))
        life.halts.lift(halt.id, by="me", note="a new key")
        assert (await port.submit(entry(180_000), READY)).code == "SENT"


async def test_a_refused_account_stays_refused_and_another_one_runs() -> None:
    life = build()
    other = FakeVenue(life.world.clock)
    other.key = replace(GOOD, can_withdraw=True)
    lost: list[str] = []
    accounts = Accounts(
        life.world.clock, life.world.random, lambda _alias, _event, _text: None, lambda alias, _text: lost.append(alias)
    )
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        with pytest.raises(OperatorError, match="move funds"):
            await accounts.ready(_plan("bad", account_of(life, other, "bad"), other))
        good = await accounts.ready(_plan("main", life.account, life.venue))
        await anyio.sleep(600.0)
        assert accounts.find("main") is good
        assert accounts.find("bad") is None
        assert "move funds" in accounts.held["bad"].refused
        assert lost == ["bad"]
        group.cancel_scope.cancel()
    life.venue.close_stream()
    other.close_stream()


async def test_a_venue_that_is_away_for_long_is_waited_for_and_refuses_nothing() -> None:
    life = build()
    life.venue.script.failing_reads = 150
    waited: list[str] = []
    accounts = Accounts(
        life.world.clock, life.world.random, lambda _alias, event, _text: waited.append(event), lambda _alias, _text: None
    )
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        with anyio.fail_after(3600.0):
            account = await accounts.ready(_plan("main", life.account, life.venue))
        assert anyio.current_time() > 300.0
        assert (account, waited[-1]) == (life.account, "account.ready")
        assert accounts.held["main"].refused == ""
        group.cancel_scope.cancel()
    life.venue.close_stream()


def _plan(alias: str, account: Account, venue: FakeVenue) -> AccountPlan:
    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Account, Callable[[], Awaitable[None]]]]:
        async def run() -> None:
            await account.run(venue.events)

        yield account, run

    return AccountPlan(alias, Environment.LOCAL, opened)


async def test_a_second_account_of_one_user_is_refused_until_a_start_has_forgotten_the_first() -> None:
    venue = FakeVenue(LoopClock())
    life = build(venue)
    await account_of(life, venue, "first").key.accept()
    with pytest.raises(CredentialError, match="account again: its key belongs to uid 1, as that of account first"):
        await account_of(life, venue, "again").key.accept()
    await account_of(life, venue, "first").key.accept()
    forget_standings(life.ledger)  # the account has another name in the settings of the next start
    await account_of(life, venue, "again").key.accept()
    venue.close_stream()


async def test_an_account_whose_stream_came_up_while_nothing_could_be_read_is_ready_behind_the_next_clean_run() -> None:
    venue = Blind(LoopClock())
    life = build(venue)
    async with life.running(connect=False):
        venue.away = True
        venue.connect()
        await anyio.sleep(5.0)
        assert life.account.desk.condition.not_ready()
        venue.away = False
        with anyio.fail_after(60):
            await life.account.wait_ready()


class Blind(FakeVenue):
    """A venue whose lists cannot be read for a while."""

    away = False

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> list[VenuePosition]:
        if self.away:
            raise LinkError("HTTP 503")
        return [*await super().positions(symbol, priority=priority)]
