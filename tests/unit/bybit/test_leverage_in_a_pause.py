"""Leverage is asked for in a class that no pause of entries stops: stops and comparisons wait behind the request."""

from decimal import Decimal
from typing import Any

import pytest

from playd.core.modes import Environment
from playd.core.reply_codes import ReplyClass
from playd.core.secret import Secret
from playd.orders.budget import AddressBudget
from playd.venues.bybit.calls import Call
from playd.venues.bybit.environment import local_hosts, venue_account
from playd.venues.bybit.rest import Answer
from playd.venues.bybit.venue import BybitVenue
from playd.venues.port import Budget, Priority
from playd.world.virtual import virtual_world

pytestmark = pytest.mark.anyio
CREATE = "/v5/order/create"


class Rest:
    """Takes its token at once or not at all, and is answered."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    async def write(self, call: Call, *, priority: Priority, has_token: bool = False) -> Answer:
        assert self._budget.take_now(call.path, priority), "it would wait"
        return Answer(ReplyClass.ACCEPTED, 0, "", {}, 0)


async def test_a_pause_of_entries_does_not_keep_leverage_waiting() -> None:
    budget = AddressBudget(virtual_world().clock).for_account("main")
    account = venue_account("main", Environment.LOCAL, local_hosts(1), Secret("k"), Secret("s"))
    nobody: Any = None
    rest: Any = Rest(budget)
    venue = BybitVenue(account, rest, nobody, nobody, nobody)
    budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=10429)
    assert not budget.take_now(CREATE, Priority.ENTRY)
    assert (await venue.set_leverage("BTCUSDT", Decimal(3))).reply_class is ReplyClass.ACCEPTED
