"""Rows of the venue, from REST and from the private stream, as core values. Raise `Doubtful` for what cannot be read."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import orjson

from playd.core.candles import Candle
from playd.core.canonical import digest
from playd.core.errors import Doubtful
from playd.core.instrument import Instrument
from playd.core.orders import Execution, Side, VenueOrder, VenuePosition, Wallet
from playd.venues.bybit.numbers import ZERO, Row, decimal, integer, optional_decimal, text
from playd.venues.port import AccountInfo, KeyInfo, RiskTier, Transaction

P = ParamSpec("P")
T = TypeVar("T")

_TRADING: Final = frozenset({"Order", "Position"})
_COIN: Final = "USDT"


def _or_doubt(read: Callable[P, T]) -> Callable[P, T]:
    """A row that has a number where a text, a list or a row belongs is doubt, like one whose number is none."""

    @wraps(read)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Doubtful(f"{type(error).__name__} in a row: {error}: {str(args)[:200]}") from None

    return checked


def _side(row: Row) -> Side:
    try:
        return Side(row["side"])
    except (KeyError, ValueError):
        raise Doubtful(f"row of {row.get('symbol')} has side {row.get('side')!r}, expected Buy or Sell") from None


def _paid(row: Row, name: str, coin: str) -> Decimal:
    """The fee of that name, and the taxes of some countries beside it in its coin: a list, or the text of one."""
    extra = row.get("extraFees") or ()
    try:
        rows: Sequence[Row] = orjson.loads(extra) if isinstance(extra, str) else extra
        beside = [decimal(each, "fee") for each in rows if each.get("feeCoin") == (coin or _COIN)]
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        raise Doubtful(f"extraFees of {row.get('symbol')} is no list: {str(extra)[:100]!r}") from None
    return sum(beside, decimal(row, name))


@_or_doubt
def order_from(row: Row) -> VenueOrder:
    """An order of `order/realtime`, `order/history` or topic `order`."""
    return VenueOrder(
        venue_order_id=text(row, "orderId"),
        link_id=text(row, "orderLinkId"),
        parent_link_id=text(row, "parentOrderLinkId"),
        symbol=text(row, "symbol"),
        side=_side(row),
        order_type=text(row, "orderType"),
        status=text(row, "orderStatus"),
        qty=decimal(row, "qty"),
        price=decimal(row, "price"),
        trigger_price=decimal(row, "triggerPrice"),
        cum_qty=decimal(row, "cumExecQty"),
        avg_price=decimal(row, "avgPrice"),
        reduce_only=bool(row.get("reduceOnly")),
        stop_order_type=_word(row, "stopOrderType"),
        create_type=text(row, "createType"),
        cancel_type=_word(row, "cancelType"),
        reject_reason=text(row, "rejectReason"),
        stop=decimal(row, "stopLoss"),
        target=decimal(row, "takeProfit"),
        position_idx=integer(row, "positionIdx"),
        created_ms=integer(row, "createdTime"),
        updated_ms=integer(row, "updatedTime"),
        time_in_force=text(row, "timeInForce"),
        trigger_by=_word(row, "triggerBy"),
        close_on_trigger=bool(row.get("closeOnTrigger")),
        raw_digest=digest(row),
    )


def _word(row: Row, name: str) -> str:
    """A word whose absence is written as empty text or `UNKNOWN`."""
    value = text(row, name)
    return "" if value == "UNKNOWN" else value


@_or_doubt
def execution_from(row: Row) -> Execution:
    """An execution of `execution/list` or topic `execution`. Funding is one too; its `exec_type` says so."""
    if min(decimal(row, "execQty"), decimal(row, "execPrice")) < 0:
        raise Doubtful(f"execution {row.get('execId')} is of less than nothing")  # booked, it would be one of the other side
    return Execution(
        exec_id=text(row, "execId"),
        link_id=text(row, "orderLinkId"),
        venue_order_id=text(row, "orderId"),
        symbol=text(row, "symbol"),
        side=_side(row),
        qty=decimal(row, "execQty"),
        price=decimal(row, "execPrice"),
        value=decimal(row, "execValue"),
        fee=_paid(row, "execFee", text(row, "feeCurrency")),
        fee_currency=text(row, "feeCurrency"),
        exec_type=text(row, "execType"),
        create_type=text(row, "createType"),
        stop_order_type=_word(row, "stopOrderType"),
        closed_size=decimal(row, "closedSize"),
        exec_pnl=decimal(row, "execPnl"),
        is_maker=bool(row.get("isMaker")),
        seq=integer(row, "seq"),
        time_ms=integer(row, "execTime"),
        position_idx=integer(row, "positionIdx"),
        raw_digest=digest(row),
    )


@_or_doubt
def position_from(row: Row) -> VenuePosition:
    """A position of `position/list` (`avgPrice`) or topic `position` (`entryPrice`)."""
    qty = decimal(row, "size")
    if qty < 0:
        raise Doubtful(f"position of {row.get('symbol')} has size {qty}; its side says which way it stands")
    return VenuePosition(
        symbol=text(row, "symbol"),
        side=_side(row) if qty else None,
        qty=qty,
        entry_price=decimal(row, "avgPrice" if row.get("avgPrice") is not None else "entryPrice"),
        mark_price=decimal(row, "markPrice"),
        stop=decimal(row, "stopLoss"),
        target=decimal(row, "takeProfit"),
        leverage=decimal(row, "leverage"),
        liq_price=decimal(row, "liqPrice"),
        unrealised_usdt=decimal(row, "unrealisedPnl"),
        position_idx=integer(row, "positionIdx"),
        seq=integer(row, "seq"),
        updated_ms=integer(row, "updatedTime"),
    )


@_or_doubt
def tells_of_usdt(row: Row) -> bool:
    """Whether a row of topic `wallet` is about USDT. It names the coins that changed, and of the others it says nothing."""
    return any(each.get("coin") == _COIN and _is_worth_stated(each) for each in row.get("coin") or ())


def _is_worth_stated(coin: Row) -> bool:
    """Whether a coin says what it is worth and what was booked. One without is not one that is worth nothing."""
    return None not in (optional_decimal(coin, "equity"), optional_decimal(coin, "walletBalance"))


@_or_doubt
def wallet_from(row: Row, *, isolated: bool, time_ms: int) -> Wallet:
    """
    The USDT side of `wallet-balance` or topic `wallet`.

    Account-wide numbers mean nothing with isolated margin; what is free is then the balance less what positions, orders,
    locks and bonus hold. With cross margin it is the account's available balance in USD at the coin's own rate.

    An account that does not name the coin has none of it. Raises `Doubtful` where the coin is there without its worth: a loss
    would be read out of what is only missing.
    """
    coin: Row = next((each for each in row.get("coin") or () if each.get("coin") == _COIN), {})
    if coin and not _is_worth_stated(coin):
        raise Doubtful(f"the {_COIN} of the account states no equity or no balance: {str(dict(coin))[:200]}")
    equity, balance = decimal(coin, "equity"), decimal(coin, "walletBalance")
    held = ("totalPositionIM", "totalOrderIM", "locked", "bonus")
    available_usd = optional_decimal(row, "totalAvailableBalance")
    if isolated or available_usd is None:
        available = balance - sum((decimal(coin, name) for name in held), ZERO)
    else:
        available = available_usd / _usd_per_coin(coin, equity)
    return Wallet(
        equity_usdt=equity,
        balance_usdt=balance,
        available_usdt=available,
        unrealised_usdt=decimal(coin, "unrealisedPnl"),
        im_rate=None if isolated else optional_decimal(row, "accountIMRate"),
        mm_rate=None if isolated else optional_decimal(row, "accountMMRate"),
        time_ms=time_ms,
    )


def _usd_per_coin(coin: Row, equity: Decimal) -> Decimal:
    value_usd = decimal(coin, "usdValue")
    return value_usd / equity if value_usd > 0 and equity > 0 else Decimal(1)


@_or_doubt
def instrument_from(row: Row) -> Instrument:
    """Trading rules of one row of `instruments-info`. Raises `Doubtful` when tick or step is missing."""
    lot: Row = row.get("lotSizeFilter") or {}
    prices: Row = row.get("priceFilter") or {}
    tick = decimal(prices, "tickSize")
    step = decimal(lot, "qtyStep")
    if tick <= 0 or step <= 0:
        raise Doubtful(f"instrument {row.get('symbol')} has tick {tick} and step {step}")
    max_qty = decimal(lot, "maxOrderQty")
    return Instrument(
        symbol=text(row, "symbol"),
        tick=tick,
        step=step,
        min_qty=decimal(lot, "minOrderQty"),
        max_qty=max_qty,
        max_market_qty=optional_decimal(lot, "maxMktOrderQty") or max_qty,
        min_notional_usdt=decimal(lot, "minNotionalValue"),
        max_leverage=optional_decimal(row.get("leverageFilter") or {}, "maxLeverage") or Decimal(1),
        funding_interval_min=integer(row, "fundingInterval"),
        status="PreListing" if row.get("isPreListing") is True else text(row, "status"),
        delivery_time_ms=integer(row, "deliveryTime"),
        launch_time_ms=integer(row, "launchTime"),
        # A zero is how the venue says that there is none.
        min_price=optional_decimal(prices, "minPrice") or None,
        max_price=optional_decimal(prices, "maxPrice") or None,
        # The venue's other ratio is the wider one, which no limit price reaches before this one.
        price_limit_ratio=optional_decimal(row.get("riskParameters") or {}, "priceLimitRatioX") or None,
    )


@_or_doubt
def tier_from(row: Row) -> RiskTier:
    """One row of `risk-limit`. Raises `Doubtful` for rates that are no part of a position's value."""
    limit, rate = decimal(row, "riskLimitValue"), decimal(row, "maintenanceMargin")
    if limit <= 0 or not 0 < rate < 1:
        raise Doubtful(f"tier of {row.get('symbol')} goes up to {limit} USDT at rate {rate}")
    return RiskTier(limit, rate)


def candle_from(row: Sequence[Any]) -> Candle:
    """A row of `kline`: start, open, high, low, close, volume, turnover. Of a price that is not traded: up to close."""
    try:
        open_, high, low, close = (float(value) for value in row[1:5])
        return _whole(Candle(int(row[0]), open_, high, low, close, float(row[5]) if len(row) > 5 else 0.0))
    except (TypeError, ValueError, IndexError, OverflowError):
        raise Doubtful(f"kline row is not readable: {str(row)[:100]}") from None


def candle_from_stream(row: Row) -> Candle:
    """A candle of topic `kline.*`."""
    try:
        open_, high, low, close = float(row["open"]), float(row["high"]), float(row["low"]), float(row["close"])
        return _whole(Candle(int(row["start"]), open_, high, low, close, float(row["volume"])))
    except (TypeError, ValueError, KeyError, OverflowError):
        raise Doubtful(f"kline frame is not readable: {str(row)[:100]}") from None


def _whole(candle: Candle) -> Candle:
    """
    The candle, if it is one: a value that is no number, or prices that contradict each other, would stay in every column that
    remembers. Raises `ValueError`.
    """
    # Every comparison with a value that is no number is false.
    open_inside = 0 < candle.low <= candle.open <= candle.high < math.inf
    if open_inside and candle.low <= candle.close <= candle.high and 0 <= candle.volume < math.inf:
        return candle
    raise ValueError("not a candle")


@_or_doubt
def key_info_from(row: Row) -> KeyInfo:
    """
    What `query-api` says about the key.

    Every right of the wallet group counts as a right to move funds. A key bound to addresses has no expiry: the venue then
    shows a date in 1970 and negative days. Where nothing is said of days nothing is known of them.
    """
    permissions: Row = row.get("permissions") or {}
    bound = any(address != "*" for address in row.get("ips") or ())
    return KeyInfo(
        uid=text(row, "userID"),
        read_only=integer(row, "readOnly") != 0,
        can_trade=set(permissions.get("ContractTrade") or ()) >= _TRADING,
        can_withdraw=bool(permissions.get("Wallet")),
        bound_to_addresses=bound,
        days_left=None if bound or optional_decimal(row, "deadlineDay") is None else integer(row, "deadlineDay"),
    )


@_or_doubt
def transaction_from(row: Row) -> Transaction:
    """A row of `transaction-log`. The venue's sign of funding is that of what was received."""
    return Transaction(
        type=text(row, "type"),
        symbol=text(row, "symbol"),
        exec_id=text(row, "tradeId"),
        cash_flow=decimal(row, "cashFlow"),
        fee=_paid(row, "fee", text(row, "currency")),
        funding=-decimal(row, "funding"),
        change=decimal(row, "change"),
        time_ms=integer(row, "transactionTime"),
        category=text(row, "category"),
    )


@_or_doubt
def account_info_from(row: Row) -> AccountInfo:
    """What `account/info` says."""
    return AccountInfo(margin_mode=text(row, "marginMode"), unified_status=integer(row, "unifiedMarginStatus"))
