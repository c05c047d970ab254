"""What a local exchange is told when it starts."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.venues.exchange.faults.model import Fault
from playd.venues.exchange.listing import ENDLESS, MarketTerms

MAINNET: Final = "mainnet"
DEMO: Final = "demo"
ENVIRONMENTS: Final = (MAINNET, "testnet", DEMO)
"""Every one has its own keys. On demo, orders cannot be sent by WebSocket."""

AS_FAST_AS_POSSIBLE: Final = 0.0
"""Speed without pacing: minutes follow one another as quickly as clients in lock-step allow."""


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """
    Attributes:
        records_path: SQLite file of accounts and orders; its directory must exist.
        host, port: Address to serve on; port 0 takes a free one.
        speed: Market minutes per real minute, or `AS_FAST_AS_POSSIBLE`.
        on_clock: Market time is the machine's UTC time; `speed` is 1 then. A market that is behind hurries after it.
        lockstep: The market moves only while a public socket in lock-step has subscribed to candles.
        lockstep_grace_s: How long the market waits for a lost socket in lock-step to come back.
        lockstep_silence_s: How long it waits for one that is connected and says nothing before it cuts that off.
        held: The market does not move before `Exchange.release`.
        rate_limits: Whether requests and sockets are counted and refused as the venue does, per user and per address.
        admin_token: Header value that admin requests must carry; empty draws one.
        frame_every_s: Real time between the public frames inside a candle.
        environment: Which of the venue's environments this is; keys of another are unknown here, and demo has no trade socket.
        address_requests_max: REST requests that an address may make in five seconds; one more bans it.
        address_ban_s: How long a banned address stays out.
        terms: How deep the markets are; the default fills every order whole at one price, as a backtest does.
        idle_s: A socket on which nothing passes for so long is closed.
        ledger_bytes_max: Size of the exchange's own ledger, of which the oldest part goes first; 0 keeps none.
        faults: What goes wrong on command from the start; more can be armed while it runs.
    """

    records_path: PurePath
    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 1.0
    on_clock: bool = False
    lockstep: bool = False
    lockstep_grace_s: float = 10.0
    lockstep_silence_s: float = 600.0
    held: bool = False
    rate_limits: bool = True
    admin_token: str = ""
    frame_every_s: float = 0.25
    environment: str = MAINNET
    address_requests_max: int = 600
    address_ban_s: float = 600.0
    idle_s: float = 600.0
    ledger_bytes_max: int = 64 * 1024 * 1024
    terms: MarketTerms = ENDLESS
    faults: tuple[Fault, ...] = ()
