"""A feed that is not believed may be right, and what is known of the symbol old."""

import pytest

from playd.market.feed_watch import FeedState
from tests.unit.supervisor.test_supervisor import Desk, house, steady

pytestmark = pytest.mark.anyio


async def test_a_feed_that_becomes_doubtful_has_the_rules_read_again_once() -> None:
    async with house() as home:
        desk = home.accounts.given = Desk()
        slot = home.add("a", steady)
        home.start(slot)
        await slot.settled.wait()
        asked = []
        for state in (FeedState.STALE, FeedState.DOUBTFUL, FeedState.DOUBTFUL, FeedState.LIVE, FeedState.DOUBTFUL):
            home.hub.bad = {"BTCUSDT": state}
            desk.desk.rules_doubted = False
            home.supervisor.look_around()
            asked.append(desk.desk.rules_doubted)
        assert asked == [False, True, False, False, True]
