"""A local exchange on its own, until a signal ends it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from playd.market.feed import CandleFeed
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange, ExchangeInfo
from playd.world.ports import Signal, World


@dataclass(frozen=True, slots=True)
class AccountWish:
    """An account that is there from the start."""

    alias: str
    wallet_usdt: Decimal = Decimal(10_000)
    taker_bps: float = 5.5
    maker_bps: float = 2.0
    slippage_bps: float = 0.0


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """Credentials of an account."""

    alias: str
    key: str
    secret: str


Ready = Callable[[ExchangeInfo, Sequence[OpenedAccount]], None]


async def serve(world: World, feed: CandleFeed, config: ExchangeConfig, accounts: Sequence[AccountWish], ready: Ready) -> None:
    """
    Serve `feed` until SIGTERM or SIGINT. `ready` is called once requests are answered, with the accounts wished for.

    Raises `StateError` (records of another market), `OSError` (address taken), `RecordError` (records cannot be written).
    """
    exchange = Exchange(world, feed, config)
    with world.process.signals() as signals:
        async with exchange.running() as info:
            opened = [_open(exchange, wish) for wish in accounts]
            ready(info, opened)
            async for signal in signals:
                if signal in (Signal.TERM, Signal.INT):
                    return


def _open(exchange: Exchange, wish: AccountWish) -> OpenedAccount:
    key, secret = exchange.create_account(
        wish.alias,
        wallet_usdt=wish.wallet_usdt,
        taker_bps=wish.taker_bps,
        maker_bps=wish.maker_bps,
        slippage_bps=wish.slippage_bps,
    )
    return OpenedAccount(wish.alias, key, secret)
