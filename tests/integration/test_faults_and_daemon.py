"""
The daemon's order path over the Bybit adapter and real sockets, against an exchange that misbehaves on command.

One exchange, one account for each story, all at once: what they wait for is mostly time. However a story goes, it must end with
what the exchange's own books say: at most one order for a decision, the same open orders and position, the stop in place,
nothing in doubt.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import PurePath
from typing import Any, Final

import anyio
import anyio.lowlevel
import orjson
import pytest

from playd.core.errors import LinkError
from playd.core.modes import Environment
from playd.core.orders import Action, Intent, IntentClass, OrderState, Side
from playd.core.secret import Secret
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import START_MS, SyntheticFeed
from playd.orders.account import Account
from playd.orders.halts import Halts
from playd.orders.instance_port import InstancePort
from playd.orders.ledger import Ledger
from playd.orders.settings import OrderSettings
from playd.venues.bybit.environment import local_hosts, venue_account
from playd.venues.bybit.socket import SocketTiming
from playd.venues.bybit.venue import BybitVenue, open_bybit_venue
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.venues.exchange.faults.script import read_posted
from playd.venues.exchange.ledger import directory_of, read
from playd.venues.exchange.model import Account as Books
from playd.venues.exchange.words import StopKind
from playd.world.ports import World
from playd.world.real import real_world
from tests.fake_bybit import FreeBudget
from tests.simulation.order_world import READY, MemoryJournal

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

UID: Final = "abcd2345"
QTY: Final = Decimal("0.010")
DEADLINE_S: Final = 120.0
QUIET_S: Final = 0.5
LOOK_EVERY_S: Final = 0.05
"""A story is over when nothing was wrong with it in so many looks; a pause of the machine is no look."""

QUICK: Final = SocketTiming(ping_every_s=0.9, dead_after_s=3.0, backoff_first_s=0.05, backoff_max_s=0.2)
SETTINGS: Final = replace(
    OrderSettings.of(Environment.LOCAL),
    never_arrived_after_s=1.0,
    acked_quiet_s=1.0,
    fill_check_s=1.0,
    naked_repair_s=0.3,
    naked_halt_s=3.0,
    recon_orders_s=2.0,
    recon_positions_s=2.0,
    poll_s=1.0,
    request_timeout_s=DEADLINE_S,
)
CREATE: Final = {"path": "/v5/order/create"}
STOPS: Final = {"path": "/v5/position/trading-stop"}
TIME: Final = {"path": "/v5/market/time"}


def fault(kind: str, where: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "where": where or {}, **{name.rstrip("_"): each for name, each in more.items()}}


SOON_CUT: Final = fault("cut", {"socket": "private"}, when={"from_s": 0.1})
PRIVATE_CUT: Final = fault("cut", {**CREATE, "socket": "private"})
LOOK_UPS_FAIL: Final = fault("answer", {"path": "/v5/order/[rh]*"}, times=4, with_={"http": 502})
POSITIONS_FAIL: Final = fault("answer", {"path": "/v5/position/list"}, times=4, with_={"code": 10016})


@dataclass(frozen=True)
class Story:
    """
    Faults that are armed before an entry, and the position that must be there in the end (None: whatever the exchange says).

    Faults of `then` are armed once the position stands; with `leaves` it is closed behind them. What must hit is not bounded
    by time, which also passes while nobody may run; so `answer_within_s`, after which a request counts as not answered, is
    short only where an answer never comes.
    """

    faults: list[dict[str, Any]]
    end: Decimal | None = QTY
    then: list[dict[str, Any]] = field(default_factory=list)
    leaves: bool = False
    symbol: str = "BTCUSDT"
    answer_within_s: float = DEADLINE_S


STORIES: Final = {
    "nothing": Story([]),
    "reply-lost": Story([fault("drop_reply", CREATE)]),
    "reply-lost-in-silence": Story([fault("drop_reply", CREATE, with_={"silent_s": 3600})], answer_within_s=5.0),
    "never-arrived": Story([fault("drop_request", CREATE)], end=Decimal(0)),
    "late": Story([fault("delay", CREATE, with_={"delay_s": 1.0})]),
    "frames-before-reply": Story([fault("delay_reply", CREATE, with_={"delay_s": 1.0})]),
    "twice": Story([fault("duplicate", CREATE)]),
    "twice-second-reply": Story([fault("duplicate", CREATE, with_={"reply": "second"})]),
    "throttled": Story([fault("answer", CREATE, with_={"code": 10006})]),
    "clock": Story([fault("answer", CREATE, with_={"code": 10002})]),
    "busy": Story([fault("answer", CREATE, with_={"code": 10429})], end=None),
    "timeout-with-effect": Story([fault("answer", CREATE, with_={"code": 10000, "effect": True})]),
    "timeout-without": Story([fault("answer", CREATE, with_={"code": 10000})], end=None),
    "server-error-with-effect": Story([fault("answer", CREATE, with_={"code": 10016, "effect": True})]),
    "http-503-with-effect": Story([fault("answer", CREATE, with_={"http": 503, "effect": True})]),
    "forbidden": Story([fault("answer", CREATE, with_={"http": 403, "text": "access too frequent"})], end=Decimal(0)),
    "http-500": Story([fault("answer", CREATE, with_={"http": 500})], end=None),
    "reads-fail": Story(
        [fault("drop_reply", CREATE), fault("answer", {"path": "/v5/order/[rh]*"}, times=4, with_={"http": 502})]
    ),
    "reads-slow": Story(
        [fault("drop_reply", CREATE), fault("delay_reply", {"path": "/v5/order/[rh]*"}, times=3, with_={"delay_s": 1.0})]
    ),
    "order-not-found": Story([fault("drop_reply", CREATE), fault("order_not_found", {"path": "/v5/order/realtime"}, times=2)]),
    "closed-forgotten": Story([fault("drop_reply", CREATE), fault("forget_closed", {"path": "/v5/order/[rh]*"}, times=8)]),
    "history-late": Story([fault("drop_reply", CREATE), fault("missed_fill"), fault("late_history")]),
    "history-late-behind-a-cut": Story([PRIVATE_CUT, fault("late_history")]),
    "cut-after-create": Story([fault("cut", {**CREATE, "socket": "private"})]),
    "cut-before-fill": Story([fault("cut", {"topic": "execution*", "socket": "private"})]),
    "cut-with-goodbye": Story([fault("cut", {**CREATE, "socket": "private"}, with_={"goodbye": True})]),
    "half-open": Story([fault("half_open", {"socket": "private"}, times=12)]),
    "slow": Story([fault("slow", {"socket": "private"}, times=8, with_={"delay_s": 0.3})]),
    "missed-fill": Story([fault("missed_fill")]),
    "missed-fill-and-order": Story([fault("missed_fill"), fault("drop_frame", {"topic": "order*"}, times=2)]),
    "repeated-fill": Story([fault("repeated_fill", times=3)]),
    "position-lost": Story([fault("drop_frame", {"topic": "position*"}, times=0)]),
    "order-behind": Story([fault("reorder_frames", {"topic": "execution*"}), fault("reorder_frames", {"topic": "order*"})]),
    "closed-by-hand": Story([], Decimal(0), [fault("manual_close")]),
    "closed-by-hand-at-once": Story([fault("manual_close", CREATE)], end=Decimal(0)),
    "half-closed-by-hand": Story([], QTY / 2, [fault("manual_close", with_={"share": 0.5})]),
    "opened-by-hand": Story([], None, [fault("manual_open", with_={"qty": "0.005"})]),
    "stop-removed": Story([], QTY, [fault("remove_stop")]),
    "stop-removed-at-once": Story([fault("remove_stop", CREATE)]),
    "all-cancelled": Story([], QTY, [fault("cancel_all")]),
    "leverage": Story([], QTY, [fault("change_leverage", with_={"leverage": 5})]),
    "money-taken-out": Story([], QTY, [fault("transfer", with_={"usdt": -5000})]),
    "filled-in-part": Story([fault("part_fill", with_={"share": 0.4})], QTY * Decimal("0.4")),
    "liquidated": Story([], Decimal(0), [fault("liquidate")]),
    "deleveraged": Story([], QTY / 2, [fault("deleverage", with_={"share": 0.5})]),
    "exit-reply-lost": Story([], Decimal(0), [fault("drop_reply", CREATE)], leaves=True),
    "exit-never-arrived": Story([], Decimal(0), [fault("drop_request", CREATE)], leaves=True),
    "exit-throttled": Story([], Decimal(0), [fault("answer", CREATE, times=3, with_={"code": 10006})], leaves=True),
    "exit-503": Story([], Decimal(0), [fault("answer", CREATE, with_={"http": 503})], leaves=True),
    "exit-fill-missed": Story([], Decimal(0), [fault("missed_fill")], leaves=True),
    "maintenance": Story([fault("maintenance", times=5)], end=None),
    "key-expired": Story([SOON_CUT, fault("expire_key", times=5)], end=None),
    "signature-refused": Story([SOON_CUT, fault("refuse_authentication", times=5)], end=None),
    "subscription-refused": Story([PRIVATE_CUT, fault("refuse_subscription", times=3)]),
    "delisted": Story([], Decimal(0), [fault("delist", {"symbol": "ETHUSDT"})], symbol="ETHUSDT"),
    "exit-cut": Story([], Decimal(0), [fault("cut", {**CREATE, "socket": "private"})], leaves=True),
    "reply-and-fill-lost-and-look-ups-blind": Story(
        [fault("drop_reply", CREATE), fault("missed_fill"), LOOK_UPS_FAIL, fault("drop_frame", {"topic": "[op]*"}, times=3)]
    ),
    "exit-reply-lost-behind-a-cut-and-history-late": Story(
        [], Decimal(0), [fault("drop_reply", CREATE), PRIVATE_CUT, fault("late_history")], leaves=True
    ),
    "stop-removed-while-throttled-and-cut": Story(
        [], QTY, [fault("answer", STOPS, times=3, with_={"code": 10006}), SOON_CUT, fault("remove_stop")]
    ),
    "closed-by-hand-while-blind": Story([], Decimal(0), [SOON_CUT, POSITIONS_FAIL, fault("manual_close")]),
    "liquidated-while-half-open": Story(
        [], Decimal(0), [fault("half_open", {"socket": "private"}, times=6), fault("liquidate")]
    ),
}
FOR_EVERYBODY: Final = {
    "clock-refused-and-not-to-be-read": Story(
        [fault("answer", CREATE, times=2, with_={"code": 10002}), fault("answer", TIME, with_={"http": 503})]
    ),
    "clock-ahead": Story([fault("skew_clock", times=8, with_={"by_ms": 60_000})], end=None),
    "connections-refused": Story([fault("cut", {"socket": "private"}), fault("refuse_connection", times=3)]),
    "rules-finer": Story([fault("change_rules", CREATE, with_={"tick": 0.02, "step": 0.0004})]),
    "rules-coarser": Story(
        [fault("change_rules", CREATE, with_={"tick": 2.5, "step": 0.003})],
        Decimal("0.001"),  # what lies below a step is left under its stop
        leaves=True,
    ),
    "rules-back": Story([fault("change_rules", with_={"tick": 0.1, "step": 0.001})], end=None),
    "rules-changed": Story([fault("change_rules", CREATE, with_={"min_qty": 1, "min_notional_usdt": 1000})]),
}
"""What an account of its own does not keep from the others."""

AT_A_STAMP: Final = {"funding-spike": Story([fault("funding_spike", with_={"rate": 0.01})])}
"""What needs a time of funding."""


def order_intent(world: World, name: str, symbol: str, price: Decimal, *, leaves: bool) -> Intent:
    now_ms = world.clock.wall_ms()
    return Intent(
        instance_uid=UID,
        instance=name,
        account=name,
        symbol=symbol,
        cause=str(120_000 if leaves else 60_000),
        action=Action.EXIT if leaves else Action.ENTER,
        leg=0,
        intent_class=IntentClass.EXIT if leaves else IntentClass.ENTRY,
        side=Side.SELL if leaves else Side.BUY,
        qty=QTY,
        price_ref=price,
        bar_close_ms=now_ms,
        expires_ms=now_ms + 30_000,
        reason="signal",
        stop=None if leaves else price * Decimal("0.9") // 10 * 10,  # a price by all rules
    )


@dataclass
class Life:
    """One story under way: the daemon's account, and the exchange's books of it."""

    name: str
    story: Story
    exchange: Exchange
    account: Account
    books: Books
    port: InstancePort

    def findings(self) -> list[str]:
        """What is wrong as it stands now."""
        desk, position = self.account.desk, self.books.positions.get(self.story.symbol)
        ours = desk.fills.net(self.story.symbol)
        theirs = self.exchange.books.listings[self.story.symbol].qty_decimal(position.steps if position else 0)
        stop = bool(position and position.stop_id)
        open_links = {
            order.link_id for order in self.books.orders.values() if order.stop_kind in (StopKind.NONE, StopKind.CONDITIONAL)
        }
        live = {row.link_id for row in desk.book.live() if not row.link_id.startswith("v:")}
        doubts = [row.link_id for row in desk.book.live() if row.state is OrderState.UNKNOWN]
        idle = [
            row["name"] for row in self.exchange.faults.rows() if row["name"].startswith(f"{self.name}/") and not row["hits"]
        ]
        unpaid = self.name in AT_A_STAMP and not desk.ledger.rows("SELECT 1 FROM executions WHERE exec_type = 'Funding'")
        expected = self.story.end if self.story.end is not None else theirs
        return [
            *([f"faults that hit nothing: {idle}"] if idle else []),
            *([f"in doubt: {doubts}"] if doubts else []),
            *([f"position here {ours}, there {theirs}"] if ours != theirs else []),
            *([f"position {theirs}, expected {expected}"] if theirs != expected else []),
            *([f"live orders here {live}, there {open_links}"] if live != open_links else []),
            *(["no funding booked"] if unpaid else []),
            *(["no stop"] if theirs and not stop else []),
        ]

    async def settled(self) -> list[str]:
        """What is still wrong at the deadline, nothing as soon as all has been well for a while."""
        well = 0
        with anyio.move_on_after(DEADLINE_S):
            while well * LOOK_EVERY_S < QUIET_S:
                await anyio.sleep(LOOK_EVERY_S)
                well = 0 if self.findings() else well + 1
            return []
        return self.findings()

    def arm(self, faults: list[dict[str, Any]]) -> None:
        mine = {} if self.name in (*FOR_EVERYBODY, *AT_A_STAMP) else {"account": self.name}
        named = [{**each, "name": f"{self.name}/{each['kind']}", "where": {**each["where"], **mine}} for each in faults]
        self.exchange.faults.arm(read_posted({"faults": named}))


async def enter(
    account: Account, port: InstancePort, intent: Callable[[], Intent], arm: Callable[[], None] = lambda: None
) -> None:
    """
    Arm faults and send an entry while the account takes one: a pause of the machine may have cut its stream.

    Nobody else runs between the look, the faults and the gates, so the entry is never refused there.
    """
    with anyio.fail_after(DEADLINE_S):
        while account.desk.condition.not_ready():  # noqa: ASYNC110 - made true by many tasks
            await anyio.sleep(0.02)
    arm()
    verdict = await port.submit(intent(), READY)
    assert verdict.has_order, verdict


async def registered(account: Account, name: str, symbol: str) -> InstancePort:
    """The instance of a story, asked for again where reading the rules has met a pause of the machine."""
    with anyio.fail_after(DEADLINE_S):
        while True:
            with contextlib.suppress(LinkError):
                return await account.register(UID, name, symbol, clock_ms=60_000)


@asynccontextmanager
async def daemon_account(world: World, venue: BybitVenue, directory: PurePath, name: str) -> AsyncIterator[Account]:
    """The order path of one account, running, with its private stream up."""
    journal = MemoryJournal()
    world.disk.mkdir(directory)
    ledger = Ledger.open(world.disk, world.clock, directory / "ledger.sqlite")
    halts = Halts(ledger, world.disk, world.clock, journal, directory)
    account = Account(world, name, Environment.LOCAL, venue, ledger, FreeBudget(), SETTINGS, journal, halts)
    await account.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(venue.stream.run)
        tasks.start_soon(account.run, venue.stream.events)
        await account.wait_ready()
        yield account
        tasks.cancel_scope.cancel()
    ledger.close()


async def tell(world: World, exchange: Exchange, port_number: int, directory: PurePath, name: str) -> list[str]:
    """One story from its account's start; what is wrong in the end."""
    story = {**STORIES, **FOR_EVERYBODY, **AT_A_STAMP}[name]
    key, secret = exchange.create_account(name, wallet_usdt=Decimal(100_000))
    books = next(each for each in exchange.books.accounts.values() if each.alias == name)
    access = venue_account(name, Environment.LOCAL, local_hosts(port_number), Secret(key), Secret(secret))
    async with (
        open_bybit_venue(world, access, FreeBudget(), timing=QUICK, write_deadline_s=story.answer_within_s) as venue,
        daemon_account(world, venue, directory / name, name) as account,
    ):
        port = await registered(account, name, story.symbol)
        life = Life(name, story, exchange, account, books, port)
        price = Decimal(repr(exchange.books.listings[story.symbol].last)).quantize(Decimal("0.1"))
        if story.leaves or story.then:
            life.story = replace(story, end=QTY)
        entry = partial(order_intent, world, name, story.symbol, price, leaves=False)
        await enter(account, port, entry, partial(life.arm, story.faults))
        found = await life.settled()
        if life.story is not story and not found:
            life.story = story
            life.arm(story.then)
            if story.leaves:
                await port.submit(order_intent(world, name, story.symbol, price, leaves=True))
            found = await life.settled()
        port.close()
    return found


def orders_of_a_decision(exchange: Exchange, uid: int) -> list[str]:
    """Link ids of orders with one that could open a position, by the exchange's ledger: those of its one decision."""
    entries = read(exchange.world.disk, directory_of(exchange.config.records_path), kind="effect", uid=uid)
    rows = {row["orderId"]: row for entry in entries for row in entry["orders"] if row["uid"] == uid}
    return [row["orderLinkId"] for row in rows.values() if row["orderLinkId"] and not row["reduceOnly"]]


async def test_whatever_goes_wrong_the_daemon_ends_with_what_the_exchange_says(tmp_path: PurePath) -> None:
    world = real_world()
    config = ExchangeConfig(tmp_path / "exchange.sqlite", speed=1.0, rate_limits=False, frame_every_s=5.0)
    exchange = Exchange(world, SyntheticFeed(3), config)
    told: dict[str, list[str]] = {}

    async def one(name: str, port: int) -> None:
        told[name] = await tell(world, exchange, port, tmp_path, name)

    async with exchange.running() as info:
        while not exchange.books.time.inside:
            await anyio.lowlevel.checkpoint()
        async with anyio.create_task_group() as tasks:
            for name in STORIES:
                tasks.start_soon(one, name, info.port)
        for name in FOR_EVERYBODY:
            await one(name, info.port)
            exchange.faults.heal()  # what has not hit yet is not for the next one
        for account in exchange.books.accounts.values():
            sent = orders_of_a_decision(exchange, account.uid)
            if len(sent) > 1:
                told[account.alias].append(f"orders of one decision: {sent}")
    assert {name: found for name, found in told.items() if found} == {}


async def test_a_funding_spike_is_booked_as_what_the_exchange_has_taken(tmp_path: PurePath) -> None:
    world = real_world()
    stamp_ms = START_MS + 8 * 60 * MINUTE_MS
    feed = SyntheticFeed(3, start_ms=stamp_ms - MINUTE_MS)
    config = ExchangeConfig(tmp_path / "exchange.sqlite", speed=1.0, rate_limits=False)
    exchange = Exchange(world, feed, config)

    async def hurry() -> None:
        """The minute before the stamp lasts until there is a position to pay for, and the next stamp is far away."""
        accounts = exchange.books.accounts
        while not any(each.steps for account in accounts.values() for each in account.positions.values()):  # noqa: ASYNC110
            await anyio.sleep(0.01)
        exchange.market.pace.speed = 600.0
        while exchange.books.time.now_ms < stamp_ms:  # noqa: ASYNC110
            await anyio.sleep(0.01)
        exchange.market.pace.speed = 1.0

    async with exchange.running() as info, anyio.create_task_group() as tasks:
        while not exchange.books.time.inside:
            await anyio.lowlevel.checkpoint()
        tasks.start_soon(hurry)
        assert await tell(world, exchange, info.port, tmp_path, "funding-spike") == []
        (books,) = exchange.books.accounts.values()
        page = exchange.records.log(books.uid, {"type": "SETTLEMENT"}, (), 10, "")
    taken = [-Decimal(orjson.loads(row)["change"]) for row in page.bodies]
    ledger = Ledger.open(world.disk, world.clock, tmp_path / "funding-spike" / "ledger.sqlite")
    booked = [Decimal(row["fee"]) for row in ledger.rows("SELECT fee FROM executions WHERE exec_type = 'Funding'")]
    ledger.close()
    assert booked == taken
    assert taken[0] > 0
