"""The trading floor: books, records, streams and market clock of one exchange, as everything that serves clients sees them."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

import anyio

from playd.core.candles import Candle
from playd.core.errors import RecordError, SettingsError, StateError
from playd.core.timeframes import DAY_MS
from playd.market.feed import CandleFeed
from playd.venues.exchange import log_rows, path, retention
from playd.venues.exchange.announced import Announced
from playd.venues.exchange.books import Books
from playd.venues.exchange.closed_orders import ClosedOrders
from playd.venues.exchange.config import DEMO, ExchangeConfig
from playd.venues.exchange.dcp import DisconnectProtection
from playd.venues.exchange.faults.board import FaultBoard
from playd.venues.exchange.faults.matcher import Now
from playd.venues.exchange.faults.on_accounts import account_acts
from playd.venues.exchange.faults.on_listings import listing_acts
from playd.venues.exchange.faults.on_sockets import cut
from playd.venues.exchange.gate import Gate
from playd.venues.exchange.keys import ApiKey, KeyRing
from playd.venues.exchange.ledger import Ledger, directory_of
from playd.venues.exchange.listing import MAINTENANCE_RATE
from playd.venues.exchange.lockstep import LockStep
from playd.venues.exchange.market_clock import MarketClock, Pace
from playd.venues.exchange.matched import warm_up
from playd.venues.exchange.model import Account
from playd.venues.exchange.other_prices import candles_beside
from playd.venues.exchange.private_topics import is_heard, send_private
from playd.venues.exchange.rates import VIP_FEES_BPS, RateLimits
from playd.venues.exchange.records import Records
from playd.venues.exchange.socket import Client
from playd.venues.exchange.streams import PublicStreams
from playd.venues.exchange.tape import Tape
from playd.venues.exchange.topics import Topics
from playd.world.ports import World

FIRST_UID: Final = 1001


class Floor:
    """
    A local exchange over one feed, without its server.

    `make_room` is asked on a full disk: whether trying again can help. Raises `StateError` when the records belong to another
    market or are damaged.
    """

    def __init__(
        self, world: World, feed: CandleFeed, config: ExchangeConfig, make_room: Callable[[], bool] = lambda: False
    ) -> None:
        warm_up()
        self.world = world
        self.feed = feed
        self.config = config
        self.admin_token = config.admin_token or world.random.token(16)
        self.records = Records.open(world.disk, config.records_path, make_room)
        self.topics = Topics()
        self.books = self._books()
        self.closed = ClosedOrders()
        self.tape = Tape(self.books, feed)
        self.streams = PublicStreams(self.topics, self.books, feed, self.tape, world.clock.wall_ms)
        self.keys = KeyRing(self.records)
        self.rates = RateLimits(enabled=config.rate_limits)
        self.gate = Gate(enabled=config.rate_limits, requests_max=config.address_requests_max, ban_s=config.address_ban_s)
        self.lockstep = LockStep(world.clock.mono_s, config.lockstep_grace_s, config.lockstep_silence_s)
        self.clients: list[Client] = []
        self._failed = anyio.Event()
        self._failure: RecordError | None = None
        self.dcp = DisconnectProtection(self.books, self.topics, self.records, world.clock.mono_s, self.apply)
        self.ledger = Ledger(
            world.disk,
            directory_of(config.records_path),
            config.ledger_bytes_max,
            wall_ms=world.clock.wall_ms,
            market_ms=lambda: self.books.time.now_ms,
            failed=self._fail,
            make_room=make_room,
        )
        self.faults = FaultBoard(
            lambda: Now(world.clock.mono_s(), self.books.time.now_ms),
            self.ledger.note,
        )
        self.faults.acts |= account_acts(self.books, self.apply, self.link_used)
        self.faults.acts |= listing_acts(self.books, self.apply)
        self.books.fill_share = lambda account, order: self.faults.fill_share(account.alias, order.symbol, order.link_id)
        self.faults.acts["cut"] = lambda fault, event: cut([*self.clients], self.alias_of, fault, event)
        self.announced = Announced(self.faults, self.topics, world.clock)
        self.faults.renewed = self.announced.tell
        self.faults.arm(config.faults)
        self.market = MarketClock(
            books=self.books,
            feed=feed,
            streams=self.streams,
            lockstep=self.lockstep,
            pace=Pace(world.clock, config.speed, config.frame_every_s, config.on_clock),
            config=config,
            apply=self.apply,
            held=config.held,
            opened=self._opened,
            spike=self.faults.funding_rate,
        )

    def create_account(
        self,
        alias: str,
        *,
        wallet_usdt: Decimal,
        taker_bps: float | None = None,
        maker_bps: float | None = None,
        slippage_bps: float = 0.0,
        maintenance_rate: float = MAINTENANCE_RATE,
        maintenance_deduction_usdt: float = 0.0,
        read_only: bool = False,
        vip: int = 0,
    ) -> tuple[str, str]:
        """
        Key and secret of the account named `alias`: those of its first key.

        A new one starts with `wallet_usdt`. One that is there keeps its key, wallet and positions and takes the rates. Fees
        that are not given are those of the VIP level.
        """
        of_level = VIP_FEES_BPS[min(max(vip, 0), len(VIP_FEES_BPS) - 1)]
        taker_bps = of_level[0] if taker_bps is None else taker_bps
        maker_bps = of_level[1] if maker_bps is None else maker_bps
        least = min(taker_bps, slippage_bps, maintenance_rate, vip)
        if not alias or wallet_usdt < 0 or not wallet_usdt.is_finite() or least < 0:
            raise SettingsError(
                f"account {alias!r}: needs a name; wallet, taker fee, slippage, maintenance rate and VIP level not negative"
            )
        account = next((each for each in self.books.accounts.values() if each.alias == alias), None)
        if account is None:
            account = self._new_account(alias, wallet_usdt)
        account.taker_bps, account.maker_bps, account.slippage_bps = taker_bps, maker_bps, slippage_bps
        account.vip = vip
        account.maintenance_rate, account.maintenance_deduction_usdt = maintenance_rate, maintenance_deduction_usdt
        key = replace(self._key_of(account) or self._new_key(account), read_only=read_only)
        self.keys.keep(key)
        self.books.changes.accounts.add(account.uid)
        self.apply()
        return key.key, key.secret

    @property
    def filled_kept_ms(self) -> int:
        """How long an order with a fill, and what belongs to it, is kept after its end."""
        return retention.FILLED_DEMO_MS if self.config.environment == DEMO else retention.FILLED_MS

    def credentials(self, alias: str) -> tuple[str, str] | None:
        """Key and secret of the account named `alias`, None when there is no such account."""
        account = next((each for each in self.books.accounts.values() if each.alias == alias), None)
        key = self._key_of(account) if account else None
        return (key.key, key.secret) if key else None

    def alias_of(self, uid: int | None) -> str:
        """The name of a user's account, empty for nobody."""
        return self.books.accounts[uid].alias if uid is not None else ""

    def link_used(self, uid: int, link_id: str) -> bool:
        """Whether this user has ever used a link id: by the records, or since they were last written."""
        fresh = self.books.changes.orders.values()
        return any(each.uid == uid and each.link_id == link_id for each in fresh) or self.records.link_used(uid, link_id)

    def wall_ms(self) -> int:
        """The clock that time stamps are judged by and written from. A fault on command may skew it."""
        return self.world.clock.wall_ms() + self.faults.skew_ms()

    def hold(self) -> None:
        """Stop the market before the next candle opens."""
        self.market.hold()

    def release(self) -> None:
        """Let the market move."""
        self.market.release()

    def apply(self) -> None:
        """Keep what the books have changed, then tell it. What cannot be kept is not told: the exchange fails."""
        changes = self.books.take_changes()
        try:
            self.records.write(changes, self.books)
        except sqlite3.Error as error:
            raise self._fail(error) from error
        for finer in changes.finer:
            self.closed.count_finer(finer)
        self.closed.note(changes.orders.values())
        self.ledger.note_effect(changes, self.books.listings)
        send_private(self.topics, changes.frames)
        for _, execution in changes.executions:
            if execution["execType"] == "BustTrade":
                self.streams.tell_liquidation(execution)

    def _opened(self) -> None:
        """Candles have opened."""
        self.faults.moment()
        self.announced.tell()
        if self.books.time.open_ms % retention.EVERY_MS == 0:
            try:
                self.records.forget(self.books.time.now_ms, self.filled_kept_ms)
            except sqlite3.Error as error:
                raise self._fail(error) from error

    def _fail(self, error: Exception) -> RecordError:
        """End the exchange: what it does can no longer be kept."""
        self._failure = RecordError(f"{self.config.records_path}: cannot be written: {error}")
        self._failed.set()
        return self._failure

    def close(self) -> None:
        """Close the files. Closing twice is allowed."""
        self.ledger.close()
        self.records.close()

    async def watch_for_failure(self) -> None:
        """Wait until records could not be written, then raise that `RecordError`."""
        await self._failed.wait()
        if self._failure is not None:
            raise self._failure

    def _new_account(self, alias: str, wallet_usdt: Decimal) -> Account:
        account = Account(
            uid=max(self.books.accounts, default=FIRST_UID - 1) + 1,
            alias=alias,
            taker_bps=0.0,
            maker_bps=0.0,
            slippage_bps=0.0,
            wallet=wallet_usdt,
        )
        self.books.accounts[account.uid] = account
        row = log_rows.moved(account, wallet_usdt, self.books.time.now_ms, self.books.next_sequence())
        self.books.changes.log.append((account.uid, row))
        return account

    def _key_of(self, account: Account) -> ApiKey | None:
        """The first key that we know the secret of."""
        mine = (key for key in self.keys.of_user(account.uid) if key.environment == self.config.environment and not key.rsa)
        return next(mine, None)

    def _new_key(self, account: Account) -> ApiKey:
        """The key that an account is made with: may trade, from anywhere, for ever."""
        random, now_ms = self.world.random, self.world.clock.wall_ms()
        environment = self.config.environment
        return ApiKey(
            random.token(9), random.token(18), account.uid, note=account.alias, environment=environment, created_ms=now_ms
        )

    def _books(self) -> Books:
        """Books as the records left them, or new ones."""
        feed, records = self.feed, self.records
        market = records.meta("market")
        if market is None:
            records.start(feed.identity, self.world.random.token(8))
        elif market != feed.identity:
            records.close()
            raise StateError(
                f"{self.config.records_path}: these records belong to another market: {market}; asked for: {feed.identity}."
                " Give the new market another records file, or move this one away"
            )
        instruments = {symbol: feed.instrument(symbol) for symbol in feed.symbols}
        id_seed = records.meta("id_seed") or ""
        books = Books(
            instruments,
            dict.fromkeys(feed.symbols, 0.0),
            now_ms=feed.start_ms,
            id_seed=id_seed,
            terms=self.config.terms,
            heard=lambda uid, topic: is_heard(self.topics, uid, topic),
        )
        books.time.open_ms = feed.start_ms - feed.step_ms
        records.restore(books, feed.step_ms)
        _set_prices(books, feed)
        return books


def _set_prices(books: Books, feed: CandleFeed) -> None:
    """Prices at the present market time: the last close, or the open of a candle in progress, or the first there will be."""
    time = books.time
    candles = feed.opening_at(time.open_ms) if time.inside else {}
    until_ms = time.open_ms + (0 if time.inside else feed.step_ms)
    for symbol, listing in books.listings.items():
        listing.candle = candles.get(symbol)
        if listing.candle is not None:
            listing.last = listing.candle.open
            listing.beside = candles_beside(books.terms.prices, symbol, listing.candle)
            listing.others = path.prices_at(listing.beside, 0.0)
        elif (newest := _newest(feed, symbol, until_ms)) is not None:
            listing.last = newest.close
            listing.others = path.prices_at(candles_beside(books.terms.prices, symbol, newest), 1.0)
        else:
            first_ms = feed.next_open_ms(until_ms)
            ahead = feed.opening_at(first_ms) if first_ms is not None else {}
            listing.last = ahead[symbol].open if symbol in ahead else float(listing.instrument.tick)


def _newest(feed: CandleFeed, symbol: str, until_ms: int) -> Candle | None:
    """The newest candle that opens before `until_ms`: looks back a day, then ever further, for feeds may draw anew."""
    reach_ms = DAY_MS
    while True:
        start_ms = max(until_ms - reach_ms, feed.first_ms)
        before = feed.candles(symbol, start_ms, until_ms)
        if len(before) or start_ms == feed.first_ms:
            return before.at(len(before) - 1) if len(before) else None
        reach_ms *= 4
