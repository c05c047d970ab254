"""What the exchange keeps over a restart, at every instant at which it could be killed."""

import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

import pytest

from playd.core.errors import LockError, RecordError, StateError
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.ops.ballast import Ballast
from playd.ops.drills.failing_disk import FailingDisk
from playd.venues.exchange import arrivals
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.ledger import directory_of, read
from playd.venues.exchange.minute import close_minute, open_minute
from playd.venues.exchange.model import Order
from playd.venues.exchange.records import Records
from playd.venues.exchange.saved import load
from playd.world.ports import World
from playd.world.real import RealDisk
from playd.world.virtual import VirtualWorld, virtual_world

CONFIG = ExchangeConfig(PurePath("/exchange.sqlite"))


def _floor(world: VirtualWorld, seed: int = 5) -> Floor:
    return Floor(world, SyntheticFeed(seed), CONFIG)


def _again(floor: Floor) -> Floor:
    """The exchange after the death of its process."""
    floor.records.close()
    return _floor(floor.world)  # type: ignore[arg-type]


def _open(floor: Floor) -> None:
    open_ms = floor.feed.next_open_ms(floor.books.time.open_ms + MINUTE_MS)
    assert open_ms is not None
    open_minute(floor.books, open_ms, floor.feed.opening_at(open_ms), {})
    floor.apply()


def _close(floor: Floor) -> None:
    close_minute(floor.books, MINUTE_MS)
    floor.apply()


def _create(floor: Floor, **wish: Any) -> None:
    account = floor.books.accounts[1001]
    request = {"category": "linear", "symbol": "ETHUSDT", "orderType": "Market", **wish}
    arrivals.create(floor.books, account, request, floor.records.link_used)
    floor.apply()


def _state(floor: Floor) -> dict[str, Any]:
    prices = {symbol: listing.last for symbol, listing in floor.books.listings.items()}
    accounts = {uid: asdict(account) for uid, account in floor.books.accounts.items()}
    for account in accounts.values():
        for thing in (*account["orders"].values(), *account["positions"].values()):
            del thing["tested_open_ms"], thing["tested_to"]  # a candle in progress is met again from its open
    return {"accounts": accounts, "time": floor.books.time, "counter": floor.books.counter, "prices": prices}


def test_a_restart_at_any_instant_finds_everything_as_it_was() -> None:
    floor = _floor(virtual_world())
    key, secret = floor.create_account("paper", wallet_usdt=Decimal(10_000), slippage_bps=1.5)
    last = floor.books.listings["ETHUSDT"].last
    stop, target = f"{last * 0.98:.2f}", f"{last * 1.02:.2f}"
    steps = (
        lambda floor: _create(floor, side="Buy", qty="0.5", stopLoss=stop, takeProfit=target, orderLinkId="a"),
        _open,
        _close,
        lambda floor: _create(floor, side="Buy", qty="0.1", orderType="Limit", price=f"{last * 0.9:.2f}"),
        _open,
        _close,
        lambda floor: _create(floor, side="Sell", qty="0.2", reduceOnly=True),
        _open,
        _close,
    )
    for step in steps:
        before = _state(floor)
        floor = _again(floor)
        assert _state(floor) == before
        step(floor)

    assert floor.create_account("paper", wallet_usdt=Decimal(1)) == (key, secret)
    assert floor.books.accounts[1001].wallet != 10_000
    assert floor.records.link_used(1001, "a")
    assert len(floor.records.executions(1001, {"symbol": "ETHUSDT"}, (), 10, "").bodies) == 2


def test_a_vip_pays_less_unless_the_fees_are_given() -> None:
    floor = _floor(virtual_world())
    wishes: tuple[dict[str, Any], ...] = ({}, {"vip": 2}, {"vip": 9}, {"vip": 2, "maker_bps": -1.0})
    for number, wish in enumerate(wishes):
        floor.create_account(f"user {number}", wallet_usdt=Decimal(1), **wish)
    fees = [(account.taker_bps, account.maker_bps) for account in floor.books.accounts.values()]
    assert fees == [(5.5, 2.0), (3.75, 1.6), (3.0, 0.0), (3.75, -1.0)]


def test_on_a_full_disk_the_ballast_makes_room_once_and_nothing_is_lost(tmp_path: Path) -> None:
    world = virtual_world()
    disk = FailingDisk(RealDisk(tmp_path), PurePath("command.json"))
    machine = World(world.clock, disk, world.net, world.random, world.env, world.process)
    ballast = Ballast(disk, PurePath(), 4096)
    floor = Floor(machine, SyntheticFeed(5), ExchangeConfig(PurePath("exchange.sqlite")), ballast.release)
    floor.create_account("paper", wallet_usdt=Decimal(10_000))
    assert ballast.hold(1 << 30, 0)
    for number, step in enumerate((lambda: _create(floor, side="Buy", qty="0.5"), lambda: _open(floor))):
        (tmp_path / "command.json").write_text('{"kind": "no_space"}')
        step()
        assert not ballast.held
        (tmp_path / "command.json").unlink()
        assert ballast.hold(1 << 30, 0), "there is space again"
        numbers = [entry["n"] for entry in read(disk, directory_of(floor.config.records_path))]
        assert numbers == [*range(1, len(numbers) + 1)], "no half entry"
        assert len(numbers) > number
    before = _state(floor)
    floor.close()
    again = Floor(machine, SyntheticFeed(5), floor.config)
    assert _state(again) == before
    (tmp_path / "command.json").write_text('{"kind": "no_space"}')
    with pytest.raises(RecordError, match="full"):
        _close(again)
    (tmp_path / "command.json").unlink()
    again.close()


def test_ids_differ_between_two_sets_of_records_of_the_same_market() -> None:
    ids = []
    for world in (virtual_world(seed=1), virtual_world(seed=2)):
        floor = _floor(world)
        floor.create_account("paper", wallet_usdt=Decimal(10_000))
        _create(floor, side="Buy", qty="0.5")
        ids.append(next(iter(floor.books.accounts[1001].orders)))
    assert ids[0] != ids[1]


def test_pages_follow_one_another_without_overlap() -> None:
    floor = _floor(virtual_world())
    floor.create_account("paper", wallet_usdt=Decimal(10_000))
    for number in range(7):
        _create(floor, side="Buy", qty="0.01", orderLinkId=f"n{number}")
    _open(floor)
    found, cursor = [], ""
    while True:
        page = floor.records.executions(1001, {}, (), 3, cursor)
        found += page.bodies
        cursor = page.next_cursor
        if not cursor:
            break
        assert "%3D" in cursor
    assert len(found) == len(set(found)) == 7


def test_records_of_another_market_are_refused() -> None:
    world = virtual_world()
    _floor(world, seed=5).records.close()
    with pytest.raises(StateError, match="another market"):
        _floor(world, seed=6)


def test_a_file_that_is_no_database_is_refused() -> None:
    world = virtual_world()
    world.disk.write_replace(CONFIG.records_path, b"this is not a database, and long enough to tell" * 50)
    with pytest.raises(StateError, match="not readable"):
        _floor(world)


def test_what_cannot_be_kept_is_not_told() -> None:
    floor = _floor(virtual_world())
    floor.create_account("paper", wallet_usdt=Decimal(10_000))
    floor.records.close()
    with pytest.raises(RecordError, match="cannot be written"):
        _create(floor, side="Buy", qty="0.5")


def _seen(floor: Floor) -> list[Any]:
    """Orders of ETHUSDT and the position as users count them."""
    listing, account = floor.books.listings["ETHUSDT"], floor.books.accounts[1001]
    page = floor.records.closed_orders(1001, {}, (), 50, "", ended=(0, 0))
    orders = [*account.orders.values(), *(load(Order, body) for body in page.bodies)]
    told = [(each.link_id, listing.qty_decimal(each.qty_steps), listing.price_decimal(each.price_ticks)) for each in orders]
    recent = sorted(listing.qty_decimal(each.qty_steps) for each in floor.closed.of_user(1001))
    return [sorted(told), listing.qty_decimal(account.positions["ETHUSDT"].steps), recent]


def test_what_was_counted_under_other_rules_is_the_same_after_a_restart() -> None:
    floor = _floor(virtual_world())
    floor.create_account("paper", wallet_usdt=Decimal(10_000))
    last = floor.books.listings["ETHUSDT"].last
    _open(floor)
    _create(floor, side="Buy", qty="0.53", stopLoss=f"{last * 0.9:.2f}", orderLinkId="filled")
    _create(floor, side="Buy", qty="0.107", orderType="Limit", price=f"{last * 0.8:.2f}", orderLinkId="rests")
    _create(floor, side="Buy", qty="0.1", orderType="Limit", price="1000", timeInForce="IOC", orderLinkId="gone")

    before = _seen(floor)
    rules = floor.books.listings["ETHUSDT"].instrument
    for tick, step in (("0.004", "0.0005"), ("0.5", "0.1")):
        floor.books.change_rules(replace(rules, tick=Decimal(tick), step=Decimal(step)))
        floor.apply()
        assert _seen(floor) == before
    again = _again(floor)
    assert _seen(again)[:2] == before[:2]
    assert again.books.listings["ETHUSDT"].instrument == rules, "the change itself is forgotten, as a fault is"
    _create(again, side="Sell", qty="0.53", reduceOnly=True)
    assert again.books.accounts[1001].positions["ETHUSDT"].steps == 0


def test_a_restart_under_other_rules_changes_no_quantity_and_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = _floor(virtual_world())
    floor.create_account("paper", wallet_usdt=Decimal(10_000))
    last = floor.books.listings["ETHUSDT"].last
    _open(floor)
    _create(floor, side="Buy", qty="0.53", stopLoss=f"{last * 0.9:.2f}", orderLinkId="filled")
    _create(floor, side="Buy", qty="0.107", orderType="Limit", price=f"{last * 0.8:.2f}", orderLinkId="rests")
    before, listed = _seen(floor)[:2], SyntheticFeed.instrument
    for tick, step in (("0.5", "0.1"), ("0.004", "0.0005"), ("1", "0.03")):
        rules = {"tick": Decimal(tick), "step": Decimal(step)}
        monkeypatch.setattr(
            SyntheticFeed, "instrument", lambda feed, symbol, rules=rules: replace(listed(feed, symbol), **rules)
        )
        for _ in range(2):
            floor = _again(floor)
            assert _seen(floor)[:2] == before
        assert floor.books.listings["ETHUSDT"].instrument.step == rules["step"]


@pytest.mark.parametrize("page", [1, 5, 16])
def test_damaged_records_are_refused_when_they_are_opened_and_not_by_the_first_order(page: int, tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    Records.open(RealDisk(), path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: page * 4096] + b"\xff" * 4096 + whole[(page + 1) * 4096 :])
    with pytest.raises(
        StateError, match=r"not readable as .*; put a copy back, or remove records\.sqlite\* and records-ledger in"
    ):
        Records.open(RealDisk(), path)


def test_records_that_another_program_holds_are_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    Records.open(RealDisk(), path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO meta VALUES ('held', 'by another')")
        with pytest.raises(LockError, match="nothing is damaged"):
            Records.open(RealDisk(), path)
    Records.open(RealDisk(), path).close()


@pytest.mark.parametrize("kind", ["wal", "shm"])
def test_what_stands_in_the_place_of_the_log_of_records_is_named_and_is_no_disk_that_refuses(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "records.sqlite"
    Records.open(RealDisk(), path).close()
    path.with_name(f"{path.name}-{kind}").mkdir()
    with pytest.raises(StateError, match=rf"records\.sqlite-{kind}: cannot be opened"):
        Records.open(RealDisk(), path, lambda: pytest.fail("the ballast would not mend it"))


class _Refusing:
    """A connection whose check finds no room."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.close = connection.close

    def execute(self, *_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error


@pytest.mark.parametrize("has_room", [True, False])
def test_records_on_a_full_disk_are_not_called_damaged_and_room_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_room: bool
) -> None:
    path, asked = tmp_path / "records.sqlite", list[str]()
    Records.open(RealDisk(), path).close()
    whole = RealDisk.open_sqlite

    def full(disk: RealDisk, *where: Any, **how: Any) -> Any:
        opened = whole(disk, *where, **how)
        return opened if asked and has_room else _Refusing(opened)

    def make_room() -> bool:
        asked.append("room")
        return True

    monkeypatch.setattr(RealDisk, "open_sqlite", full)
    if has_room:
        Records.open(RealDisk(), path, make_room).close()
    else:
        with pytest.raises(RecordError, match="says nothing of the file"):
            Records.open(RealDisk(), path, make_room)
    assert asked == ["room"]
