"""Results of a moment are the fold of everything up to it, whatever mark they are folded from."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import PurePath
from random import Random

import pytest

from playd.core.orders import Execution, Side
from playd.core.timeframes import DAY_MS
from playd.orders.fills import Fills
from playd.orders.fold import VirtualPosition, add
from playd.orders.ledger import Ledger
from playd.orders.results import Results
from playd.world.virtual import virtual_world
from tests.rows import execution

DAYS, PER_DAY = 5, 12


def traded(n: int, side: Side, time_ms: int, price: int, *, funding: bool) -> Execution:
    more = {"symbol": ("BTCUSDT", "ETHUSDT")[n % 2], "exec_type": "Funding" if funding else "Trade"}
    fee = Decimal(n % 7) / 100
    return execution(f"e-{n}", side, Decimal("0.01"), Decimal(price), fee=fee, seq=n, time_ms=time_ms, **more)


@pytest.fixture(params=[True, False], ids=["some booked late", "all in order"])
def booked(request: pytest.FixtureRequest) -> Iterator[tuple[Ledger, Fills, list[tuple[str, Execution]]]]:
    """Days of executions of two owners, on request some that were booked long after they happened."""
    world, random = virtual_world(), Random(7)
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    fills, rows = Fills(ledger, world.clock, "main"), []
    for n in range(DAYS * PER_DAY):
        late_ms = DAY_MS if request.param and n % 11 == 10 else 0
        time_ms = n * DAY_MS // PER_DAY + 1_000 - late_ms
        side = Side.BUY if random.random() < 0.5 else Side.SELL
        one = traded(n, side, time_ms, random.randrange(90, 110), funding=n % 5 == 4)
        owner = ("a", "b")[n % 3 == 0]
        fills.book(one, link=None, owner=owner, source="stream")
        rows.append((owner, one))
    yield ledger, fills, rows
    ledger.close()


def plainly(rows: list[tuple[str, Execution]], time_ms: int) -> Decimal:
    shares: dict[tuple[str, str], VirtualPosition] = {}
    for owner, one in rows:
        if one.time_ms <= time_ms:
            key = owner, one.symbol
            shares[key] = add(shares.get(key, VirtualPosition()), one)
    return sum((held.realised - held.fees - held.funding for held in shares.values()), Decimal(0))


Booked = tuple[Ledger, Fills, list[tuple[str, Execution]]]


def test_every_moment_is_the_plain_fold_in_whatever_order_they_are_asked_for(booked: Booked) -> None:
    ledger, fills, rows = booked
    times = [n * DAY_MS // 7 for n in range(7 * DAYS + 1)]
    Random(3).shuffle(times)
    results = Results(ledger, fills, by_receipt=False)

    assert [results.until(time_ms) for time_ms in times] == [plainly(rows, time_ms) for time_ms in times]
    assert results.at(times) == [plainly(rows, time_ms) for time_ms in times]
    assert results.at([]) == []


def test_a_later_life_goes_on_from_the_mark_and_reads_only_what_is_behind_it(booked: Booked) -> None:
    ledger, fills, rows = booked
    moment_ms = DAYS * DAY_MS - 1
    Results(ledger, fills, by_receipt=False).until(moment_ms)
    results = Results(ledger, fills, by_receipt=False)
    asked: list[int] = []
    read = ledger.rows

    def counted(sql: str, values: object = ()) -> object:
        found = read(sql, values)  # type: ignore[arg-type]
        asked.append(len(found))
        return found

    ledger.rows = counted  # type: ignore[method-assign, assignment]

    assert results.until(moment_ms) == plainly(rows, moment_ms)
    assert sum(asked) <= 2 * PER_DAY < len(rows)
