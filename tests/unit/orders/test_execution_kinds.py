"""Whose doing an execution was that no order here asked for."""

from dataclasses import replace

import pytest

from playd.core.orders import Side
from playd.orders.execution_kinds import is_liquidation, reason_of
from tests.unit.orders.test_fold import traded

SOLD = traded(Side.SELL, "1", "100")


@pytest.mark.parametrize(
    ("create_type", "reason"),
    [
        ("CreateByUser", "manual"),
        ("CreateByTWAP", "manual"),
        ("CreateByIceBerg", "manual"),
        ("CreateByFGridBot", "manual"),
        ("CloseByMartingaleBot", "manual"),
        ("CreateByBlock_PassThrough", "manual"),
        ("CreateByLiq", "liquidation"),
        ("CreateByAdminClosing", "liquidation"),
        ("CreateBySomethingNew", "liquidation"),
    ],
)
def test_what_a_person_lets_run_is_the_persons_and_a_word_that_nobody_knows_the_venues(create_type: str, reason: str) -> None:
    sold = replace(SOLD, create_type=create_type)

    assert reason_of(sold) == reason
    assert is_liquidation(sold) is (reason == "liquidation")
