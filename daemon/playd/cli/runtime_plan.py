"""What a daemon runs on: its settings, the candles of the embedded exchange, its accounts with a key, and who hears of what."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.core.candles import Candles
from playd.core.modes import Mode
from playd.market.bars import ClosedBar
from playd.market.feed import CandleFeed
from playd.market.told import Values
from playd.orders.account import Account
from playd.plays.model import Play
from playd.settings import Settings
from playd.supervisor.loading import Turn
from playd.supervisor.records import InstanceRecord
from playd.venues.bybit.environment import VenueAccount
from playd.venues.exchange.faults.model import Fault
from playd.venues.port import Budget

EMBEDDED: Final = "embedded exchange"
"""Whose budget the public data of the embedded exchange takes; no account can have this name."""

OnMarketTold = Callable[[str, int, str, int, Values], None]
"""Hears of a market, the length of its bars, and what `market.told.OnTold` does."""


@dataclass(slots=True)
class RuntimePlan:
    """
    What to run on. A reload replaces `settings` whole; nothing else ever changes.

    Attributes:
        feed: Candles of the embedded exchange; None when no instance needs it.
        speed: Market minutes per real minute, `AS_FAST_AS_POSSIBLE` for no pacing.
        exchange_records: File of the embedded exchange's accounts; its directory exists.
        key_accounts: Accounts with a key of their own, by alias; local ones are on an exchange that is served elsewhere.
        budget_of: The rate budget of an account; the empty alias is public data of venues, `EMBEDDED` that of our own exchange.
        play_of: The Play of a record as it is now; `read_play` reads it in steps, a turn taken before each of them, so that
            `play_of` then has it at once. Both raise `PlayError`.
        compile_for: Sees that the kernels of a Play are compiled, without holding the loop.
        on_account: Hears of every account that is opened, before it starts.
        on_bar: Hears of every closed bar of a venue's market; the embedded exchange has its own candles.
        on_told: Hears of what was used beside these bars.
        told: Candles with what was recorded beside them, which then holds instead of what the embedded exchange says.
        make_room: Asked when the disk is full: whether trying again can help.
        faults: What the embedded exchange does wrong on command.
        unrecorded: Why records of the journal wait, empty while they do not: nothing new is risked then.
    """

    settings: Settings
    feed: CandleFeed | None
    speed: float
    exchange_records: PurePath
    instances_dir: PurePath
    ceiling: Mode
    key_accounts: dict[str, VenueAccount]
    refused_accounts: dict[str, str]
    budget_of: Callable[[str], Budget]
    play_of: Callable[[InstanceRecord], Play]
    read_play: Callable[[InstanceRecord, Turn], Awaitable[Play]]
    compile_for: Callable[[Play], Awaitable[None]]
    on_account: Callable[[Account], None] = lambda _account: None
    on_bar: Callable[[str, int, ClosedBar], None] = lambda _market, _step_ms, _bar: None
    on_told: OnMarketTold = lambda _market, _step_ms, _symbol, _open_ms, _values: None
    told: Candles | None = None
    make_room: Callable[[], bool] = lambda: False
    rate_limits: bool = True
    faults: tuple[Fault, ...] = ()
    unrecorded: Callable[[], str] = lambda: ""
