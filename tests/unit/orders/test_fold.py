"""Virtual positions are folds: exact, and independent of anything but the executions."""

from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath

from hypothesis import given
from hypothesis import strategies as st

from playd.core.orders import MOVES_POSITION, Execution, Side
from playd.orders.fills import Fills
from playd.orders.fold import VirtualPosition, add, fold, moves_position
from playd.orders.ledger import Ledger
from playd.world.virtual import virtual_world
from tests.rows import execution


def traded(side: Side, qty: str, price: str, *, exec_type: str = "Trade", fee: str = "0", time_ms: int = 1) -> Execution:
    name = f"{side}{qty}{price}{exec_type}{time_ms}"
    return execution(name, side, Decimal(qty), Decimal(price), exec_type=exec_type, fee=Decimal(fee), time_ms=time_ms)


def figures(*values: Decimal | int | str) -> list[Decimal]:
    return [Decimal(value) for value in values]


def test_a_round_trip_realises_the_difference_and_ends_flat() -> None:
    position = fold([traded(Side.BUY, "2", "100", fee="0.1"), traded(Side.SELL, "2", "110", fee="0.2")])

    assert [position.signed_qty, position.realised, position.fees] == figures(0, 20, "0.3")
    assert position.opened_ms == 0


def test_a_fee_in_another_coin_takes_nothing_from_the_result() -> None:
    opening = replace(traded(Side.BUY, "2", "100", fee="0.05"), fee_currency="MNT")

    assert fold([opening, traded(Side.SELL, "2", "110", fee="0.2")]).fees == Decimal("0.2")


def test_adding_averages_and_reducing_keeps_the_average() -> None:
    opened = fold([traded(Side.SELL, "1", "100"), traded(Side.SELL, "3", "104")])
    reduced = add(opened, traded(Side.BUY, "2", "103"))

    assert [opened.signed_qty, opened.avg_price] == figures(-4, 103)
    assert [reduced.signed_qty, reduced.avg_price, reduced.realised] == figures(-2, 103, 0)


def test_a_flip_opens_the_rest_at_its_own_price() -> None:
    position = fold([traded(Side.BUY, "1", "100", time_ms=5), traded(Side.SELL, "3", "90", time_ms=9)])

    assert [position.signed_qty, position.avg_price, position.realised] == figures(-2, 90, -10)
    assert position.opened_ms == 9


def test_funding_and_unknown_types_move_money_at_most() -> None:
    opened = fold([traded(Side.BUY, "1", "100")])
    funded = add(opened, traded(Side.BUY, "1", "100", exec_type="Funding", fee="-0.5"))

    assert [funded.signed_qty, funded.funding] == figures(1, "-0.5")
    assert add(opened, traded(Side.SELL, "1", "100", exec_type="Settle")) == opened
    assert add(opened, traded(Side.SELL, "1", "100", exec_type="NewThing")) == opened


def test_delivery_closes_whatever_is_open() -> None:
    assert fold([traded(Side.BUY, "3", "100"), traded(Side.SELL, "1", "99", exec_type="Delivery")]).signed_qty == 0


ROWS = st.lists(
    st.builds(
        traded,
        st.sampled_from(Side),
        st.integers(min_value=1, max_value=9).map(str),
        st.integers(min_value=90, max_value=110).map(str),
        exec_type=st.sampled_from([*sorted(MOVES_POSITION), "Funding", "Settle"]),
        fee=st.integers(min_value=-9, max_value=9).map(str),
    ),
    max_size=30,
)


@given(ROWS)
def test_quantity_is_the_sum_of_what_moves_and_folding_in_parts_is_folding_at_once(rows: list[Execution]) -> None:
    signed = sum((row.qty if row.side is Side.BUY else -row.qty for row in rows if moves_position(row)), Decimal(0))
    at_once, in_parts = fold(rows), VirtualPosition()
    for row in rows:
        in_parts = add(in_parts, row)

    assert at_once == in_parts
    assert at_once.signed_qty == signed
    assert at_once.fees == sum((row.fee for row in rows if moves_position(row)), Decimal(0))


@given(ROWS)
def test_profit_realised_and_open_is_what_the_cash_flows_say(rows: list[Execution]) -> None:
    """Realised + open result at any mark = mark × position − cash paid, within the rounding of averages."""
    position, mark = fold(rows), Decimal(100)
    cash = sum((row.qty * row.price * (-1 if row.side is Side.BUY else 1) for row in rows if moves_position(row)), Decimal(0))
    open_result = (mark - position.avg_price) * position.signed_qty

    assert abs(position.realised + open_result - (cash + mark * position.signed_qty)) < Decimal("1e-18")


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(1, 9_999)), max_size=30), st.integers(0, 30))
def test_the_share_on_record_is_the_fold_whoever_reads_it(fills: list[tuple[Side, int, int]], restart: int) -> None:
    """Booked by one process and gone on with by the next, which reads no execution again."""
    world = virtual_world()
    ledger = Ledger.open(world.disk, world.clock, PurePath("/ledger.sqlite"))
    done = [traded(side, f"{qty}e-3", f"{price}e-1", fee="0.013", time_ms=n) for n, (side, qty, price) in enumerate(fills, 1)]
    book = Fills(ledger, world.clock, "main")
    for n, one in enumerate(done):
        if n == restart:
            book = Fills(ledger, world.clock, "main")
        book.book(replace(one, exec_id=str(n)), link=None, owner="alpha", source="stream")
    assert book.position("alpha", "BTCUSDT") == fold(done)
    assert Fills(ledger, world.clock, "main").position("alpha", "BTCUSDT") == fold(done)
    ledger.close()


def test_the_newest_execution_of_a_share_is_the_venues_newest_whenever_it_was_booked() -> None:
    world = virtual_world()
    ledger = Ledger.open(world.disk, world.clock, PurePath("/ledger.sqlite"))
    book = Fills(ledger, world.clock, "main")
    for seq in (1, 3, 2):
        one = replace(traded(Side.BUY, "1", "100", time_ms=seq * 10), seq=seq)
        book.book(one, link=None, owner="alpha", source="stream")
    for reader in (book, Fills(ledger, world.clock, "main")):
        assert reader.newest_booked("alpha", "BTCUSDT") == (3, 30)
        assert reader.newest_booked("beta", "BTCUSDT") == (0, 0)
    ledger.close()
