"""Orders, executions, positions, wallets and log rows as JSON rows of the venue: every number a text, every field present."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from playd.core.orders import Side
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.margin import BPS, Listings, margin_of, order_margin, tier_of
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.text import exact_product, exact_sum, float_text, plain, rounded

Row = dict[str, Any]

ENTRY_PRICE: Final = "entryPrice"
"""What the stream calls the average entry price; REST calls it `avgPrice`."""

RISK_LIMIT_TEXT: Final = "200000000"
"""Upper bound of the only risk tier where none are configured."""

_ONLY_TOLD: Final = {
    "order": frozenset({"category", "closedPnl", "feeCurrency"}),
    "execution": frozenset({"category", "execPnl", "isLeverage", "marketUnit"}),
    "position": frozenset({"category"}),
}
"""What a topic says of its rows and REST does not: a client that reads such a field there must not find it here either."""

_LEAST_CLOSING_RATE: Final = Decimal("0.00055")
_PRICE_SCALE: Final = Decimal("1E-12")
_RATE_DIGITS: Final = Decimal("1E-8")


def by_rest(topic: str, row: Row) -> Row:
    """A row of a topic as REST lists it."""
    return {name: value for name, value in row.items() if name not in _ONLY_TOLD[topic]}


def order_row(order: Order, listing: Listing) -> Row:
    """An order as in `order/realtime` and on the order topic."""
    left = order.left_steps if order.status.open else 0
    average = order.filled_value / listing.qty_decimal(order.filled_steps) if order.filled_steps else None
    fee = plain(order.fee)
    return {
        "category": "linear",
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderLinkId": order.link_id,
        "parentOrderLinkId": order.parent_link_id,
        "blockTradeId": "",
        "side": str(order.side),
        "positionIdx": order.position_idx,
        "orderStatus": str(order.status),
        "createType": order.create_type,
        "cancelType": str(order.cancel_type),
        "rejectReason": order.reject_reason,
        "orderType": order.order_type,
        "timeInForce": order.time_in_force,
        "isLeverage": "",
        "price": _price_or_empty(order.price_ticks or order.protection_ticks, listing) or "0",
        "qty": listing.qty_text(order.qty_steps),
        "avgPrice": "" if average is None else plain(average.quantize(_PRICE_SCALE)),
        "leavesQty": listing.qty_text(left) if left else "0",
        "leavesValue": plain(listing.value(left, order.price_ticks)),
        "cumExecQty": listing.qty_text(order.filled_steps) if order.filled_steps else "0",
        "cumExecValue": plain(order.filled_value),
        "cumExecFee": fee,
        "cumFeeDetail": {"USDT": fee} if order.filled_steps else {},
        "closedPnl": plain(order.closed_pnl),
        "stopOrderType": str(order.stop_kind),
        "triggerPrice": _price_or_empty(_trigger_ticks(order), listing),
        "triggerBy": order.trigger_by,
        "triggerDirection": order.trigger_direction,
        "takeProfit": _price_or_empty(order.target_ticks, listing),
        "stopLoss": _price_or_empty(order.stop_ticks, listing),
        "tpTriggerBy": order.target_by if order.target_ticks else "",
        "slTriggerBy": order.stop_by if order.stop_ticks else "",
        "tpLimitPrice": _price_or_empty(order.target_limit_ticks, listing) or "0",
        "slLimitPrice": _price_or_empty(order.stop_limit_ticks, listing) or "0",
        "tpslMode": _levels_mode(order),
        "lastPriceOnCreated": order.last_price_text,
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": order.close_on_trigger,
        "placeType": "",
        "orderIv": "",
        "marketUnit": "",
        "slippageToleranceType": order.tolerance_type or "UNKNOWN",
        "slippageTolerance": order.tolerance_text,
        "smpType": order.smp,
        "smpGroup": 0,
        "smpOrderId": order.smp_order_id,
        "feeCurrency": "USDT" if order.filled_steps else "",
        "rpiTakerAccess": order.takes_rpi,
        "rpiMatchedQty": "0",
        "extraFees": "",
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
    }


def _trigger_ticks(order: Order) -> int:
    """The trigger; of a trailing stop that sleeps, the one that it will wake up with: strict clients drop one without any."""
    if order.trigger_ticks or not order.active_ticks:
        return order.trigger_ticks
    return order.active_ticks - order.trail_ticks if order.side is Side.SELL else order.active_ticks + order.trail_ticks


def _price_or_empty(ticks: int, listing: Listing) -> str:
    return listing.price_text(ticks) if ticks else ""


def _levels_mode(order: Order) -> str:
    if order.stop_ticks or order.target_ticks or order.stop_kind.protects:
        return "Partial" if order.partial else "Full"
    return "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Fill:
    """
    One execution: what happened to which order. Money in exact decimals; `fee` positive when paid.

    `closed_steps` of `steps` reduced the position and earned `pnl` (gross); the rest opened or added.
    """

    exec_id: str
    sequence: int
    time_ms: int
    steps: int
    ticks: int
    value: Decimal
    fee: Decimal
    fee_rate: float
    maker: bool
    exec_type: str
    closed_steps: int
    pnl: Decimal


def execution_row(fill: Fill, order: Order, listing: Listing) -> Row:
    """An execution as in `execution/list` and on the execution topic."""
    price = listing.price_text(fill.ticks)
    left = order.left_steps if order.status.open else 0
    return {
        **_execution_frame(order.symbol),
        "orderId": order.order_id,
        "orderLinkId": order.link_id,
        "side": str(order.side),
        "orderPrice": _price_or_empty(order.price_ticks or order.protection_ticks, listing) or "0",
        "orderQty": listing.qty_text(order.qty_steps),
        "leavesQty": listing.qty_text(left) if left else "0",
        "createType": order.create_type,
        "orderType": order.order_type,
        "stopOrderType": str(order.stop_kind) or "UNKNOWN",
        "execId": fill.exec_id,
        "execPrice": price,
        "execQty": listing.qty_text(fill.steps),
        "execValue": plain(fill.value),
        "execType": fill.exec_type,
        "execFee": plain(fill.fee),
        "feeRate": float_text(fill.fee_rate),
        "execPnl": plain(fill.pnl),
        "closedSize": listing.qty_text(fill.closed_steps) if fill.closed_steps else "0",
        "execTime": str(fill.time_ms),
        "isMaker": fill.maker,
        "markPrice": float_text(listing.mark) if listing.others else price,
        "seq": fill.sequence,
    }


def funding_row(
    position: Position, listing: Listing, *, exec_id: str, order_id: str, seq: int, time_ms: int, paid: Decimal, rate: float
) -> Row:
    """A funding stamp as an execution: type `Funding`, quantity of the position, fee positive when paid."""
    mark = float_text(listing.mark)
    qty = listing.qty_text(abs(position.steps))
    return {
        **_execution_frame(position.symbol),
        "orderId": order_id,
        "orderLinkId": "",
        "side": str(position.side),
        "orderPrice": "0",
        "orderQty": "0",
        "leavesQty": "0",
        "createType": "",
        "orderType": "UNKNOWN",
        "stopOrderType": "UNKNOWN",
        "execId": exec_id,
        "execPrice": mark,
        "execQty": qty,
        "execValue": plain(exact_product(Decimal(qty), Decimal(mark))),
        "execType": "Funding",
        "execFee": plain(paid),
        "feeRate": float_text(rate),
        "execPnl": "0",
        "closedSize": "0",
        "execTime": str(time_ms),
        "isMaker": False,
        "markPrice": mark,
        "seq": seq,
    }


def _execution_frame(symbol: str) -> Row:
    """Fields that say the same on every execution here."""
    return {
        "category": "linear",
        "symbol": symbol,
        "feeCurrency": "USDT",
        "isLeverage": "0",
        "indexPrice": "",
        "underlyingPrice": "",
        "tradeIv": "",
        "markIv": "",
        "blockTradeId": "",
        "marketUnit": "",
        "extraFees": "",
    }


def position_row(
    account: Account, position: Position, listings: Listings, *, adl_rank: int, entry_name: str = "avgPrice"
) -> Row:
    """
    A place's position, also when flat. `adl_rank` is its place among those that may have to go; `entry_name` is `ENTRY_PRICE`
    for the stream.
    """
    listing, margin = listings[position.symbol], margin_of(account, position, listings)
    tier = max(tier_of(listing, listing.qty(abs(position.steps)) * float(position.entry)), 0)
    flat = position.steps == 0
    qty = listing.qty_decimal(abs(position.steps))
    stop, target, trailing = (
        account.orders.get(order_id) for order_id in (position.stop_id, position.target_id, position.trailing_id)
    )
    return {
        "category": "linear",
        "symbol": position.symbol,
        "positionIdx": position.idx,
        "tradeMode": 0,
        "riskId": tier + 1,
        "riskLimitValue": plain(Decimal(listing.tiers[tier].limit_usdt)) if listing.tiers else RISK_LIMIT_TEXT,
        "side": str(position.side or ""),
        "size": "0" if flat else listing.qty_text(abs(position.steps)),
        entry_name: plain(position.entry),
        "sessionAvgPrice": "",
        "leverage": plain(position.leverage),
        "positionValue": "" if flat else plain(exact_product(qty, position.entry)),
        "positionBalance": plain(margin.initial),
        "markPrice": float_text(listing.mark),
        "positionIM": plain(margin.initial),
        "positionIMByMp": plain(margin.initial),
        "positionMM": plain(margin.maintenance),
        "positionMMByMp": plain(margin.maintenance),
        "breakEvenPrice": "" if flat else _break_even(account, position, listing),
        "takeProfit": listing.price_text(target.trigger_ticks) if target else "",
        "stopLoss": listing.price_text(stop.trigger_ticks) if stop else "",
        "trailingStop": listing.price_text(trailing.trail_ticks) if trailing else "0",
        "unrealisedPnl": "" if flat else plain(margin.unrealised),
        "curRealisedPnl": plain(position.realised),
        "cumRealisedPnl": plain(position.realised_ever),
        "createdTime": str(position.created_ms),
        "updatedTime": str(position.updated_ms),
        "openTime": position.opened_ms,
        "tpslMode": "Full",
        "liqPrice": margin.liquidation_text,
        "bustPrice": "",
        "positionStatus": "Normal",
        "adlRankIndicator": adl_rank,
        "autoAddMargin": int(position.auto_margin),
        "leverageSysUpdatedTime": "",
        "mmrSysUpdatedTime": "",
        "seq": position.sequence,
        "isReduceOnly": False,
    }


def _break_even(account: Account, position: Position, listing: Listing) -> str:
    """Price at which closing now earns back what the position has cost so far (the venue's formula)."""
    size = listing.qty_decimal(position.steps)
    rate = max(Decimal(repr(account.taker_bps / BPS)), _LEAST_CLOSING_RATE)
    price = (position.entry * size - position.realised) / (size - abs(size) * rate)
    return plain(price.quantize(listing.instrument.tick))


def wallet_row(account: Account, listings: Listings) -> Row:
    """The whole account in USDT. Rates are empty under isolated margin, where they mean nothing."""
    margins = [margin_of(account, position, listings) for position in account.positions.values() if position.steps]
    unrealised = exact_sum(*(margin.unrealised for margin in margins))
    position_margin = exact_sum(*(margin.initial for margin in margins))
    maintenance = exact_sum(*(margin.maintenance for margin in margins))
    reserved = order_margin(account, listings)
    total = exact_sum(account.wallet, unrealised)
    equity = plain(total)
    wallet = plain(account.wallet)
    initial = plain(exact_sum(position_margin, reserved))
    available = plain(exact_sum(total if account.is_cross else account.wallet, -position_margin, -reserved))
    im_rate, mm_rate = (
        plain(rounded(amount / total, _RATE_DIGITS)) if account.is_cross and total > 0 else ""
        for amount in (exact_sum(position_margin, reserved), maintenance)
    )
    return {
        "accountType": "UNIFIED",
        "accountIMRate": im_rate,
        "accountIMRateByMp": im_rate,
        "accountMMRate": mm_rate,
        "accountMMRateByMp": mm_rate,
        "accountLTV": "",
        "totalEquity": equity,
        "totalWalletBalance": wallet,
        "totalMarginBalance": equity,
        "totalAvailableBalance": available,
        "totalPerpUPL": plain(unrealised),
        "totalInitialMargin": initial,
        "totalInitialMarginByMp": initial,
        "totalMaintenanceMargin": plain(maintenance),
        "totalMaintenanceMarginByMp": plain(maintenance),
        "coin": [
            {
                **empty_coin("USDT"),
                "equity": equity,
                "usdValue": equity,
                "walletBalance": wallet,
                "totalOrderIM": plain(reserved),
                "totalPositionIM": plain(position_margin),
                "totalPositionMM": plain(maintenance),
                "unrealisedPnl": plain(unrealised),
                "cumRealisedPnl": plain(account.realised_ever),
                "availableToWithdraw": available,
            }
        ],
    }


def empty_coin(coin: str) -> Row:
    """A coin of a wallet with nothing in it."""
    return {
        "coin": coin,
        "equity": "0",
        "usdValue": "0",
        "walletBalance": "0",
        "locked": "0",
        "spotHedgingQty": "0",
        "borrowAmount": "0",
        "spotBorrow": "0",
        "accruedInterest": "0",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "totalPositionMM": "0",
        "unrealisedPnl": "0",
        "cumRealisedPnl": "0",
        "bonus": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
        "colRes": "0",
        "availableToWithdraw": "0",
        "availableToBorrow": "",
    }
