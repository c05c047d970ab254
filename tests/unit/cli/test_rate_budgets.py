"""Rate budgets of one daemon: what wallets on paper send keeps nothing of a real account waiting."""

from types import SimpleNamespace
from typing import Any, cast

from playd.cli.rate_budgets import RateBudgets
from playd.cli.runtime_plan import EMBEDDED
from playd.orders.budget import AddressBudget
from playd.orders.rate_limits import LimitRow
from playd.venues.port import Priority
from playd.world.virtual import ManualClock


def test_the_embedded_exchange_and_the_venues_share_neither_a_limit_nor_a_ban() -> None:
    clock, nobody = ManualClock(), cast("Any", None)
    budgets = RateBudgets(AddressBudget(clock), AddressBudget(clock), lambda alias: alias == "main", nobody, nobody)
    main, data, paper, own_data = (budgets.of(alias) for alias in ("main", "", "paper-abcdefgh", EMBEDDED))
    while own_data.take_now("/v5/market/kline", Priority.EXIT):
        pass
    assert not paper.take_now("/v5/order/create", Priority.PROTECT)
    assert main.take_now("/v5/order/create", Priority.ENTRY)
    paper.banned()
    assert (main.banned_for_s, data.banned_for_s) == (0.0, 0.0)
    assert min(paper.banned_for_s, own_data.banned_for_s) > 0.0


def test_the_next_life_of_an_account_goes_on_with_what_the_one_before_it_has_sent() -> None:
    clock, nobody = ManualClock(), cast("Any", None)
    budgets = RateBudgets(AddressBudget(clock), AddressBudget(clock), lambda alias: alias == "main", nobody, nobody)
    first = budgets.of("main")
    while first.take_now("/v5/order/create", Priority.EXIT):
        pass
    assert not budgets.of("main").take_now("/v5/order/create", Priority.PROTECT)
    assert budgets.of("other").take_now("/v5/order/create", Priority.PROTECT)


def test_lines_are_made_one_by_one_of_what_was_used() -> None:
    clock, nobody = ManualClock(), cast("Any", None)
    of_day = cast(
        "Any", SimpleNamespace(row=lambda alias: LimitRow(alias, "orders since 00:00 UTC", 5, 5, 1, 0.0, 0.0, 0.0, 0))
    )
    budgets = RateBudgets(AddressBudget(clock), AddressBudget(clock), lambda _alias: True, of_day, nobody)
    first, second, _idle = (budgets.of(alias) for alias in ("first", "second", "idle"))
    first.take_now("/v5/order/create", Priority.EXIT)
    lines = budgets.rows()
    found = [next(lines)]
    second.take_now(
        "/v5/order/cancel", Priority.EXIT
    )  # behind the first line: whoever asks for a hundred accounts holds up none
    budgets.of("later")
    found += lines
    assert [(line.account, line.endpoint) for line in found] == [
        ("first", "/v5/order/create"),
        ("second", "/v5/order/cancel"),
        *((alias, "orders since 00:00 UTC") for alias in ("first", "second", "idle")),
        ("", "address"),
    ]
