"""`BybitVenue`: the venue port over Bybit V5 REST, and the one function that opens it with everything it needs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Final

from playd.core.candles import Candle
from playd.core.errors import Doubtful, LinkError, Refused
from playd.core.instrument import Instrument
from playd.core.modes import Environment
from playd.core.orders import Execution, OrderRequest, VenueOrder, VenuePosition, Wallet
from playd.core.reply_codes import ReplyClass, classify
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.venues.bybit.calls import CALLS, PLACE_ORDER, Call
from playd.venues.bybit.environment import VenueAccount
from playd.venues.bybit.market_data import BybitMarketData
from playd.venues.bybit.numbers import text
from playd.venues.bybit.private_stream import BybitPrivateStream
from playd.venues.bybit.rest import READ_DEADLINE_S, RestClient
from playd.venues.bybit.rows import (
    account_info_from,
    execution_from,
    key_info_from,
    order_from,
    position_from,
    transaction_from,
    wallet_from,
)
from playd.venues.bybit.socket import ConnectLimiter, SocketTiming
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.port import AccountInfo, Budget, KeyInfo, Priority, Reply, RiskTier, Transaction
from playd.world.ports import World

_WINDOW_MS: Final = 7 * DAY_MS
"""Longest time range of one execution query."""


class BybitVenue:
    """
    One Bybit account, linear USDT perpetuals, one-way or hedge. Implements `VenuePort`.

    `stream` is the account's private stream; its `run()` belongs to the caller's task group and its `events` to the one
    consumer. Made by `open_bybit_venue`.
    """

    def __init__(
        self,
        account: VenueAccount,
        rest: RestClient,
        market: BybitMarketData,
        venue_clock: VenueClock,
        stream: BybitPrivateStream,
    ) -> None:
        self.account = account
        self.stream = stream
        self.market = market
        self._rest = rest
        self._clock = venue_clock
        self._isolated = False

    async def use_key(self, account: VenueAccount) -> None:
        """Go on with another key of the same user: requests at once, the private stream by a new connection."""
        self._rest.use_key(account)
        self.account = account
        await self.stream.use_key(account)

    @property
    def venue_clock(self) -> VenueClock:
        """The measured offset between the venue's wall clock and ours."""
        return self._clock

    # --- writes: an answer or a lost answer is a `Reply`, never an exception -----------------------------------------

    async def place(self, order: OrderRequest) -> Reply:
        """Send an order whose token the caller has taken (`Budget.take` of `PLACE_ORDER.path`)."""
        call = PLACE_ORDER.asking(
            {
                "category": "linear",
                "symbol": order.symbol,
                "side": str(order.side),
                "orderType": order.order_type,
                "qty": _plain(order.qty),
                "price": None if order.price is None else _plain(order.price),
                "timeInForce": order.time_in_force,
                "orderLinkId": order.link_id,
                "positionIdx": order.position_idx,
                "reduceOnly": order.reduce_only,
                "stopLoss": None if order.stop is None else _plain(order.stop),
                "takeProfit": None if order.target is None else _plain(order.target),
                "tpslMode": "Full" if order.stop is not None or order.target is not None else None,
                "slippageToleranceType": None if order.slippage_tolerance_pct is None else "Percent",
                "slippageTolerance": None if order.slippage_tolerance_pct is None else _plain(order.slippage_tolerance_pct),
            }
        )
        priority = Priority.EXIT if order.reduce_only else Priority.ENTRY
        return await self._write(call, priority, link_id=order.link_id)

    async def cancel(self, symbol: str, *, link_id: str = "", venue_order_id: str = "", priority: Priority) -> Reply:
        """Cancel by the venue's id when it is known, else by link id."""
        call = CALLS.cancel_order(
            category="linear",
            symbol=symbol,
            orderId=venue_order_id or None,
            orderLinkId=None if venue_order_id else link_id,
        )
        return await self._write(call, priority)

    async def set_stops(
        self, symbol: str, *, stop: Decimal | None, target: Decimal | None, position_idx: int = 0, priority: Priority
    ) -> Reply:
        """Set the position's Full-mode stop and target. None leaves a leg as it is, zero removes it."""
        call = CALLS.set_trading_stop(
            category="linear",
            symbol=symbol,
            tpslMode="Full",
            positionIdx=position_idx,
            stopLoss=None if stop is None else _plain(stop),
            takeProfit=None if target is None else _plain(target),
        )
        return await self._write(call, priority)

    async def set_leverage(self, symbol: str, leverage: Decimal) -> Reply:
        """
        Set both sides' leverage; "already so" comes back as class `no_change`.

        It opens nothing, and comparisons and stops may wait behind it: a pause of entries does not stop it.
        """
        word = _plain(leverage)
        call = CALLS.set_leverage(category="linear", symbol=symbol, buyLeverage=word, sellLeverage=word)
        return await self._write(call, Priority.RECONCILE)

    async def _write(self, call: Call, priority: Priority, *, link_id: str = "") -> Reply:
        """`link_id` is that of a new order: its token was taken, and an answer that names another order is no answer."""
        try:
            answer = await self._rest.write(call, priority=priority, has_token=bool(link_id))
        except LinkError as error:
            return Reply(ReplyClass.DOUBT, None, str(error))
        if link_id and (told := text(answer.result, "orderLinkId")) and told != link_id:
            words = f"the answer is about order {told[:40]}"
            return Reply(ReplyClass.DOUBT, answer.code, words, raw_digest=sha256(answer.raw).hexdigest())
        order_id, raw_digest = text(answer.result, "orderId"), sha256(answer.raw).hexdigest()
        return Reply(answer.reply_class, answer.code, answer.text, order_id, answer.retry_after_s, raw_digest)

    # --- reads: complete, or an exception ----------------------------------------------------------------------------

    async def open_orders(self, symbol: str | None = None, *, priority: Priority) -> list[VenueOrder]:
        """All open orders: active, conditional and attached."""
        scope = {"settleCoin": "USDT"} if symbol is None else {"symbol": symbol}
        call = CALLS.get_open_orders(category="linear", openOnly=0, limit=50, **scope)
        return [order_from(row) for row in await self._rest.read_pages(call, priority=priority)]

    async def order_realtime(
        self, symbol: str, link_id: str, *, venue_order_id: str = "", priority: Priority
    ) -> VenueOrder | None:
        """The order among open and recently closed ones, or None."""
        name, value = _named(link_id, venue_order_id)
        return await self._find(CALLS.get_open_orders(category="linear", symbol=symbol, **{name: value}), name, value, priority)

    async def order_history(
        self, symbol: str, link_id: str, *, venue_order_id: str = "", priority: Priority
    ) -> VenueOrder | None:
        """The order among closed ones, or None."""
        name, value = _named(link_id, venue_order_id)
        return await self._find(
            CALLS.get_order_history(category="linear", symbol=symbol, **{name: value}), name, value, priority
        )

    async def _find(self, call: Call, name: str, value: str, priority: Priority) -> VenueOrder | None:
        try:
            answer = await self._rest.read(call, priority=priority)
        except Refused as refusal:
            if refusal.code is not None and classify(refusal.code) is ReplyClass.GONE:
                return None  # "order does not exist" is an answer to this question
            raise
        return next((order_from(row) for row in answer.rows if row.get(name) == value), None)

    async def executions(
        self,
        *,
        since_ms: int | None = None,
        symbol: str = "",
        link_id: str = "",
        venue_order_id: str = "",
        priority: Priority,
    ) -> list[Execution]:
        """Executions, oldest first; funding rows included. Without `since_ms` those of the venue's default, seven days."""
        scope = {"symbol": symbol or None, "settleCoin": None if symbol else "USDT"}
        if link_id or venue_order_id:
            name, value = _named(link_id, venue_order_id)
            scope[name] = value
        found: dict[str, Execution] = {}
        for window in await self._windows(since_ms):
            call = CALLS.get_executions(category="linear", limit=100, **scope, **window)
            for row in await self._rest.read_pages(call, priority=priority):
                execution = execution_from(row)
                found[execution.exec_id] = execution
        return sorted(found.values(), key=lambda each: (each.time_ms, each.seq, each.exec_id))

    async def _windows(self, since_ms: int | None, until_ms: int | None = None) -> list[dict[str, int]]:
        """Time ranges of at most seven days from `since_ms` to `until_ms`, or to now: then the last one has no end."""
        if since_ms is None:
            return [{}]
        windows = []
        end_ms = until_ms if until_ms is not None else await self.market.market_now_ms()
        while since_ms + _WINDOW_MS <= end_ms:
            windows.append({"startTime": since_ms, "endTime": since_ms + _WINDOW_MS})
            since_ms += _WINDOW_MS
        return [*windows, {"startTime": since_ms} if until_ms is None else {"startTime": since_ms, "endTime": until_ms}]

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> list[VenuePosition]:
        """Open positions; with `symbol` its row also when flat."""
        scope = {"settleCoin": "USDT", "limit": 200} if symbol is None else {"symbol": symbol}
        call = CALLS.get_positions(category="linear", **scope)
        return [position_from(row) for row in await self._rest.read_pages(call, priority=priority)]

    async def wallet(self, *, priority: Priority) -> Wallet:
        """The USDT side of the account. What counts as available follows the margin mode that `account_info` reported."""
        call = CALLS.get_wallet_balance(accountType="UNIFIED", coin="USDT")
        answer = await self._rest.read(call, priority=priority)
        if not answer.rows:
            raise Doubtful("/v5/account/wallet-balance: the answer holds no account")
        return wallet_from(answer.rows[0], isolated=self._isolated, time_ms=answer.time_ms)

    async def transactions(
        self, *, since_ms: int | None = None, until_ms: int | None = None, priority: Priority
    ) -> list[Transaction]:
        """Rows of the transaction log, oldest first. Without `since_ms` those of the venue's default, a day."""
        found: dict[str, Transaction] = {}
        for window in await self._windows(since_ms, until_ms):
            call = CALLS.get_transaction_log(accountType="UNIFIED", currency="USDT", limit=50, **window)
            for row in await self._rest.read_pages(call, priority=priority):
                found[text(row, "id")] = transaction_from(row)
        return sorted(found.values(), key=lambda each: each.time_ms)

    async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        """Rules of the symbols the venue lists; unknown ones are absent."""
        return await self.market.instruments(symbols)

    async def risk_tiers(self, symbol: str) -> tuple[RiskTier, ...]:
        """Tiers of a symbol, smallest first; none where it is not listed."""
        return await self.market.risk_tiers(symbol)

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Closed candles of the base step that open in `[start_ms, end_ms)`, oldest first."""
        return await self.market.candles(symbol, start_ms, end_ms)

    async def key_info(self) -> KeyInfo:
        """What the venue says about the key; `key_check.key_refusal` judges it."""
        answer = await self._rest.read(CALLS.get_api_key_information(), priority=Priority.RECONCILE)
        return replace(key_info_from(answer.result), fingerprint=self.account.api_key.fingerprint)

    async def account_info(self) -> AccountInfo:
        """Account-wide settings. Remembers the margin mode for reading wallets."""
        answer = await self._rest.read(CALLS.get_account_info(), priority=Priority.RECONCILE)
        info = account_info_from(answer.result)
        self._isolated = info.margin_mode == "ISOLATED_MARGIN"
        self.stream.isolated = self._isolated
        return info

    async def clock_offset_ms(self) -> tuple[float, float]:
        """One sample of (venue wall clock - ours, round trip) in ms; requests are signed with the median of the last five."""
        return await self.market.clock_offset_ms()

    async def barrier_done(self, number: int) -> None:
        """Answer a `Barrier` of the private stream."""
        await self.stream.barrier_done(number)


def _named(link_id: str, venue_order_id: str) -> tuple[str, str]:
    """The field that names an order in a question, and what stands in it; the venue's own id goes first."""
    return ("orderId", venue_order_id) if venue_order_id else ("orderLinkId", link_id)


def _plain(value: Decimal) -> str:
    """Decimal text without exponent."""
    return format(value, "f")


@asynccontextmanager
async def open_bybit_venue(
    world: World,
    account: VenueAccount,
    budget: Budget,
    *,
    step_ms: int = MINUTE_MS,
    timing: SocketTiming | None = None,
    limiter: ConnectLimiter | None = None,
    venue_clock: VenueClock | None = None,
    write_deadline_s: float | None = None,
) -> AsyncIterator[BybitVenue]:
    """
    The venue of one account while the block lasts. Sends nothing by itself.

    `limiter` counts connects per host over the life of the daemon: pass the same one for all sockets to one host and for
    every restart; its own otherwise, which knows the bans of `budget`. `venue_clock` is that of the host when somebody samples
    it for all accounts; its own otherwise. After `write_deadline_s`, five seconds unless it is given, a request that changes
    something counts as not answered.
    """
    venue_clock = venue_clock or VenueClock(world.clock)
    limiter = limiter or ConnectLimiter(world.clock, banned_for_s=lambda: budget.banned_for_s)
    async with world.net.http_session(timeout_s=2 * READ_DEADLINE_S) as session:
        rest = RestClient(session, account.hosts.rest, budget, venue_clock, account, write_deadline_s)
        simulated = account.environment is Environment.LOCAL
        market = BybitMarketData(rest, world.clock, venue_clock, simulated=simulated, step_ms=step_ms)
        with BybitPrivateStream(world, account, venue_clock, timing=timing, limiter=limiter) as stream:
            yield BybitVenue(account, rest, market, venue_clock, stream)


@asynccontextmanager
async def open_bybit_market_data(
    world: World,
    rest_url: str,
    budget: Budget,
    *,
    simulated: bool,
    step_ms: int = MINUTE_MS,
    venue_clock: VenueClock | None = None,
) -> AsyncIterator[BybitMarketData]:
    """Market data of a host without any account, while the block lasts. `venue_clock` as in `open_bybit_venue`."""
    venue_clock = venue_clock or VenueClock(world.clock)
    async with world.net.http_session(timeout_s=2 * READ_DEADLINE_S) as session:
        rest = RestClient(session, rest_url, budget, venue_clock)
        yield BybitMarketData(rest, world.clock, venue_clock, simulated=simulated, step_ms=step_ms)
