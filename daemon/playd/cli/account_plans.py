"""How each kind of account is opened: a wallet per paper instance on the local exchange, a key of its own elsewhere."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

import anyio

from playd.cli.universe import Universe
from playd.core.errors import OperatorError
from playd.core.modes import Environment
from playd.core.record import Recorder
from playd.core.secret import Secret
from playd.orders.account import Account
from playd.orders.halts import Halts
from playd.orders.ledger import Ledger
from playd.orders.settings import OrderSettings
from playd.plays.model import Play
from playd.supervisor.accounts import AccountPlan
from playd.supervisor.records import InstanceRecord
from playd.venues.bybit.environment import VenueAccount, venue_account
from playd.venues.bybit.venue import BybitVenue, open_bybit_venue
from playd.venues.exchange.exchange import Exchange
from playd.venues.port import Budget
from playd.world.ports import World

Opened = AbstractAsyncContextManager[tuple[Account, Callable[[], Awaitable[None]]]]

Numbers = Callable[[], OrderSettings]
"""The order path's numbers as they are when an account is opened: a reload may have changed them since it was planned."""


@dataclass(frozen=True, slots=True)
class Books:
    """What all accounts of the daemon share."""

    world: World
    ledger: Ledger
    journal: Recorder
    halts: Halts
    budget_of: Callable[[str], Budget]
    on_account: Callable[[Account], None]
    ports: dict[str, BybitVenue]
    """The venue of every account that is open, by alias."""


def paper_plan(
    books: Books, universe: Universe, exchange: Exchange, record: InstanceRecord, play: Play, settings: Numbers
) -> AccountPlan:
    """A wallet on the embedded exchange with the Play's equity, fees and slippage; found again after a restart."""

    def opened() -> Opened:
        key, secret = exchange.create_account(
            record.account,
            wallet_usdt=Decimal(record.capital_usd),
            taker_bps=play.account.taker_bps,
            maker_bps=play.account.maker_bps,
            slippage_bps=play.account.slippage_bps,
        )
        account = _wallet(universe, record.account, key, secret)
        own = replace(settings(), leverage=Decimal(repr(play.account.max_leverage)), leverage_kept=False)
        return open_account(books, universe, account, own)

    return AccountPlan(record.account, Environment.LOCAL, opened)


def _wallet(universe: Universe, alias: str, key: str, secret: str) -> VenueAccount:
    """An account of the embedded exchange."""
    hosts, lock_step = universe.plan.hosts, universe.plan.lock_step
    return venue_account(alias, Environment.LOCAL, hosts, Secret(key), Secret(secret), lock_step=lock_step)


def watch_plan(books: Books, universe: Universe, exchange: Exchange, record: InstanceRecord, settings: Numbers) -> AccountPlan:
    """
    The wallet of an instance whose Play is not to be had: as it was left, with the rates and the leverage it has.

    Opening it raises `OperatorError` when the exchange has no such wallet.
    """

    def opened() -> Opened:
        found = exchange.credentials(record.account)
        if found is None:
            raise OperatorError(f"the local exchange has no account {record.account}")
        key, secret = found
        account = _wallet(universe, record.account, key, secret)
        return open_account(books, universe, account, replace(settings(), leverage=None, leverage_kept=False))

    return AccountPlan(record.account, Environment.LOCAL, opened)


def key_plan(books: Books, universe: Universe, account: Callable[[], VenueAccount], settings: Numbers) -> AccountPlan:
    """An account of a real key, which may be another one in its next life."""
    first = account()
    return AccountPlan(first.alias, first.environment, lambda: open_account(books, universe, account(), settings()))


@asynccontextmanager
async def open_account(
    books: Books, universe: Universe, venue: VenueAccount, settings: OrderSettings
) -> AsyncIterator[tuple[Account, Callable[[], Awaitable[None]]]]:
    """The account over its venue, and what runs both; connections are closed when the block ends."""
    budget = books.budget_of(venue.alias)
    opened = open_bybit_venue(
        books.world,
        venue,
        budget,
        step_ms=universe.plan.base_step_ms,
        timing=universe.plan.socket_timing,
        limiter=universe.limiter,
        venue_clock=universe.clock,
        write_deadline_s=settings.request_timeout_s,
    )
    async with opened as port:
        account = Account(
            books.world,
            venue.alias,
            venue.environment,
            port,
            books.ledger,
            budget,
            settings,
            books.journal,
            books.halts,
            expected_uid=venue.expected_uid,
            allow_unbound_key=venue.allow_unbound_key,
            margin_mode=venue.margin_mode,
        )

        books.on_account(account)
        books.ports[venue.alias] = port

        async def run() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(port.stream.run, name=f"{venue.alias} private stream")
                await account.run(port.stream.events)
                group.cancel_scope.cancel()

        try:
            yield account, run
        finally:
            del books.ports[venue.alias]
            # Nothing of the account runs any more: also what a shielded request told at the last moment, or a refused start.
            account.desk.put_on_record()
