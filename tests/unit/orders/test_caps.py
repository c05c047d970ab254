"""What entries opened is counted by the hour: a day is a UTC day, a week its last 168 hours."""

from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath
from random import Random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.core.ids import link_id
from playd.core.orders import OrderRequest, Side
from playd.core.timeframes import DAY_MS
from playd.orders.caps import Caps
from playd.orders.ledger import Ledger
from playd.orders.opened import HOUR_MS, WEEK_MS, of_day, total
from playd.orders.order_book import OrderBook
from playd.orders.rows import OrderRow
from playd.world.virtual import virtual_world
from tests.simulation.order_world import build, entry
from tests.simulation.test_order_path_doubt import DEMO, QUOTED
from tests.unit.orders.test_fold import traded

NOON_MS = 20_000 * DAY_MS + DAY_MS // 2


def opened_ledger() -> tuple[Ledger, OrderBook]:
    world = virtual_world()
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    return ledger, OrderBook(ledger, world.clock, "main")


@pytest.fixture
def ledger() -> Ledger:
    return opened_ledger()[0]


@pytest.fixture
def caps(ledger: Ledger) -> Caps:
    return Caps(ledger, "main")


def test_a_week_ends_with_the_hour_that_is_168_hours_old_and_not_with_its_day(caps: Caps) -> None:
    caps.reserve(replace(entry(), bar_close_ms=NOON_MS))  # 500 USDT

    end_ms = NOON_MS + HOUR_MS + WEEK_MS
    assert total(caps.opened(NOON_MS + WEEK_MS)) == 500
    assert total(caps.opened(end_ms - 1)) == 500
    assert total(caps.opened(end_ms)) == 0


def test_a_day_begins_and_ends_at_utc_midnight(caps: Caps) -> None:
    midnight_ms = NOON_MS + DAY_MS // 2
    for close_ms in (midnight_ms - 1, midnight_ms, midnight_ms + DAY_MS - 1):
        caps.reserve(replace(entry(), bar_close_ms=close_ms))

    days = [of_day(caps.opened(at_ms), at_ms) for at_ms in (midnight_ms - 1, midnight_ms, midnight_ms + DAY_MS)]
    assert days == [500, 1000, 0]
    assert [caps.orders(at_ms) for at_ms in (midnight_ms - 1, midnight_ms)] == [1, 2]


def test_days_that_an_older_program_counted_bound_until_their_last_hour_is_a_week_old(ledger: Ledger, caps: Caps) -> None:
    day_ms = NOON_MS - NOON_MS % DAY_MS
    ledger.write("INSERT INTO budgets VALUES ('account:main','day_usd',?,'','100','200','USD')", (day_ms,))

    assert of_day(caps.opened(NOON_MS), NOON_MS) == Decimal(300)
    assert total(caps.opened(day_ms + DAY_MS + WEEK_MS - 1)) == 300
    assert total(caps.opened(day_ms + DAY_MS + WEEK_MS)) == 0


@pytest.mark.parametrize(("is_filled", "beside"), [(True, False), (False, False), (False, True)])
async def test_what_an_older_program_reserved_is_used_or_given_back_where_it_was_reserved(
    is_filled: bool, beside: bool
) -> None:
    life = build(settings=DEMO)
    async with life.running():
        caps = life.account.desk.caps
        life.venue.resting = True
        port = await life.register()
        close_ms = 3 * HOUR_MS
        limit = replace(entry(close_ms), order_type="Limit", price=Decimal("50000.0"), time_in_force="GTC")
        assert (await port.submit(limit, QUOTED)).code == "SENT"
        # As it wrote it: by the day.
        life.ledger.write("UPDATE budgets SET kind = 'day_usd', window_start_ms = 0 WHERE kind = 'hour_usd'")
        assert total(caps.opened(close_ms)) == 500
        if beside:
            caps.reserve(entry(close_ms + HOUR_MS))
        if is_filled:
            life.venue.fill_resting()
        else:
            await life.account.cancel_entries()
        await anyio.sleep(1.0)
        assert total(caps.opened(close_ms)) == 500 * is_filled + 500 * beside
        kinds = life.ledger.rows("SELECT kind FROM budgets WHERE kind LIKE '%_usd' AND reserved <> '0'")
        assert [row["kind"] for row in kinds] == ["hour_usd"] * beside


class Order:
    """An entry of 0.010 coins with a reserve of its own, at 50 000 decided and `sent` at."""

    def __init__(self, caps: Caps, book: OrderBook, uid: str, sent: Decimal | None) -> None:
        self.caps, self.book = caps, book
        intent = entry(NOON_MS, uid=uid)
        self.identity = book.insert_intent(intent, b"{}")
        link = link_id(uid, intent.cause, intent.action, intent.leg, 0)
        request = OrderRequest(link, intent.symbol, intent.side, intent.qty, order_type="Limit", price=sent)
        self.row: OrderRow = book.insert_order(intent, self.identity, 0, request)
        self.used = Decimal(0)
        caps.reserve(intent, sent)

    @property
    def is_open(self) -> bool:
        intent = self.book.intent(self.identity)
        return intent is not None and not intent.outcome

    @property
    def counted(self) -> Decimal:
        """What it is to count for: what it opened, and while it works what it may open still."""
        left = max(Decimal(0), self.row.qty - self.row.cum_qty) if self.is_open else Decimal(0)
        return self.used + left * max(Decimal(50_000), self.row.price or Decimal(0))

    def execute(self, qty: Decimal, price: Decimal) -> None:
        self.caps.consume(self.row, traded(Side.BUY, str(qty), str(price)))
        self.row, self.used = replace(self.row, cum_qty=self.row.cum_qty + qty), self.used + qty * price

    def end(self) -> None:
        if self.is_open:
            self.caps.release(self.row)
            self.book.close_intent(self.identity, "cancelled")

    def resize(self, qty: Decimal, price: Decimal) -> None:
        if self.is_open:
            self.caps.resize(self.row, qty, price)
            self.row = replace(self.row, qty=qty, price=price)


THOUSANDTHS = st.integers(1, 12).map(lambda count: Decimal(count) / 1000)
DOLLARS = st.sampled_from([Decimal(49_000), Decimal(50_000), Decimal(50_100)])
EVENTS = st.tuples(st.integers(0, 2), st.sampled_from(["execute", "execute", "end", "resize"]), THOUSANDTHS, DOLLARS)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.none(), DOLLARS), min_size=3, max_size=3), st.lists(EVENTS, max_size=12))
def test_what_one_order_does_takes_nothing_from_what_another_has_reserved(
    sent: list[Decimal | None], events: list[tuple[int, str, Decimal, Decimal]]
) -> None:
    """More than it asked for, and behind its end, too: every order counts for what it opened and may open, at any moment."""
    ledger, book = opened_ledger()
    caps = Caps(ledger, "main")
    orders = [Order(caps, book, uid, price) for uid, price in zip(("abcd2345", "efgh6789", "jkmn2345"), sent, strict=True)]
    assert total(caps.opened(NOON_MS)) == sum(order.counted for order in orders)
    for place, what, qty, price in events:
        order = orders[place]
        if what == "execute":
            order.execute(qty, price)
        elif what == "end":
            order.end()
        else:
            order.resize(qty, price)
        assert total(caps.opened(NOON_MS)) == sum(order.counted for order in orders)


@pytest.mark.slow
def test_thousands_of_entries_leave_nothing_reserved() -> None:
    """Filled, filled in parts and cancelled, changed by hand, and executed behind their end, many of them at once."""
    ledger, book = opened_ledger()
    caps, random = Caps(ledger, "main"), Random(1)
    working, used, most = list[Order](), Decimal(0), Decimal(0)
    for number in range(3000):
        working.append(Order(caps, book, f"uid{number:05}", random.choice([None, Decimal(49_000), Decimal(50_100)])))
        for order in random.sample(working, random.randrange(len(working) + 1)):
            order.execute(Decimal(random.randint(1, 6)) / 1000, Decimal(random.randint(49_000, 50_500)))
            order.resize(Decimal(random.randint(5, 15)) / 1000, Decimal(random.randint(49_000, 50_500)))
        for order in random.sample(working, len(working) - random.randrange(min(8, len(working) + 1))):
            order.end()
            used += order.used
            working.remove(order)
        most = max(most, total(caps.opened(NOON_MS)) - used - sum(order.used for order in working))
    for order in working:
        order.end()
        used += order.used

    assert most > 1000
    assert total(caps.opened(NOON_MS)) == used
    assert {row["reserved"] for row in ledger.rows("SELECT reserved FROM budgets")} == {"0"}
