"""The guardian's share of the limits: never more than its slice, and a burst for a panic. In virtual time."""

import asyncio

from playd.orders.guardian.share import (
    BAN_S,
    READS_MAX,
    READS_WINDOW_S,
    WRITES_MAX,
    WRITES_WINDOW_S,
    AddressBan,
    GuardianShare,
    Shares,
)
from playd.venues.port import Priority
from tests.virtual_time import WALL_START_MS, LoopClock

CREATE = "/v5/order/create"
POSITIONS, ORDERS = "/v5/position/list", "/v5/order/realtime"


async def times_of(share: GuardianShare, endpoints: list[str]) -> list[float]:
    """When each of these requests may leave, asked for one after the other."""
    found = []
    for endpoint in endpoints:
        await share.take(endpoint, Priority.PROTECT)
        found.append(asyncio.get_running_loop().time())
    return found


async def test_no_window_holds_more_than_its_share() -> None:
    share = GuardianShare(LoopClock())
    writes = await times_of(share, [CREATE] * 7)
    assert writes[:WRITES_MAX] == [writes[0]] * WRITES_MAX, "two at once"
    for first, later in zip(writes, writes[WRITES_MAX:], strict=False):
        assert later - first >= WRITES_WINDOW_S - 1e-9
    reads = await times_of(share, [POSITIONS, ORDERS] * 12)
    assert reads[READS_MAX - 1] == reads[0], "a burst of reads at once"
    for first, later in zip(reads, reads[READS_MAX:], strict=False):
        assert later - first >= READS_WINDOW_S - 1e-9


async def test_a_refusal_for_haste_pauses_and_a_ban_stops_everything() -> None:
    share = GuardianShare(LoopClock())
    share.learn(CREATE, limit=10, left=0, reset_ms=None, code=10006)
    assert not share.take_now(CREATE, Priority.EXIT)
    assert share.take_now(POSITIONS, Priority.PROTECT)
    (later,) = await times_of(share, [CREATE])
    assert later >= 1.0
    share.banned()
    assert not share.take_now(POSITIONS, Priority.PROTECT)
    (after_ban,) = await times_of(share, [CREATE])
    assert after_ban >= later + 600


async def test_a_ban_of_one_account_stops_every_other_one_also_when_it_is_opened_anew() -> None:
    told: list[int] = []
    ban = AddressBan(LoopClock(), told.append)
    first, second = GuardianShare(LoopClock(), ban), GuardianShare(LoopClock(), ban)
    first.banned()
    assert not second.take_now(POSITIONS, Priority.PROTECT)
    assert GuardianShare(LoopClock(), ban).banned_for_s == BAN_S
    second.heed(WALL_START_MS + 700_000)
    assert first.banned_for_s == 700
    assert told == [WALL_START_MS + 600_000]
    first.banned()  # by an answer to what had left before
    assert (second.banned_for_s, told[1:]) == (700, [WALL_START_MS + 700_000])
    longer = AddressBan(LoopClock(), told.append, lambda: 900.0)  # by the settings of the plan
    longer.begin()
    assert (longer.left_s, told[2:]) == (900, [WALL_START_MS + 900_000])


async def test_an_account_that_is_opened_again_goes_on_with_what_was_sent_for_it() -> None:
    shares = Shares(LoopClock(), AddressBan(LoopClock()))
    while shares.of("main").take_now(CREATE, Priority.PROTECT):
        pass
    assert not shares.of("main").take_now(CREATE, Priority.PROTECT)
    assert shares.of("other").take_now(CREATE, Priority.PROTECT)
