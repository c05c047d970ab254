"""A sample of the random lives of `order_model`; `make order-model` plays hundreds and prints the pairs they went through."""

import gc

import pytest

from tests.simulation.order_model import play
from tests.simulation.order_pairs import COVER_PAIRS, HALT_PAIRS, ORDER_PAIRS, POSITION_PAIRS, Pair, printed


# A killed process closes nothing. What its lives leave open is collected here, and is not a finding.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.slow
def test_whatever_happens_to_an_account_its_orders_are_single_and_its_books_are_the_venues() -> None:
    play(10, steps=20)
    gc.collect()

    assert min(len(pairs) for pairs in (ORDER_PAIRS, COVER_PAIRS, POSITION_PAIRS, HALT_PAIRS)) > 0


def test_pairs_are_printed_as_a_table_of_states_by_events() -> None:
    pairs: dict[Pair, int] = {("SENT", "ack"): 3, ("OPEN", "seen_filled"): 1}

    assert printed("orders", pairs).splitlines() == [
        "orders: 2 pairs",
        "                       OPEN          SENT",
        "  ack                     -             3",
        "  seen_filled             1             -",
    ]
