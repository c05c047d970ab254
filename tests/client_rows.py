"""
What strict clients demand of the venue's rows: every field that they refuse to do without, with its type.

Facts of published clients, as of nautilus_trader's Bybit adapter: a row that lacks one of these, or has no number where one is
read, is dropped without a word.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

TEXT, WHOLE, TRUTH, MANY, MAP = str, int, bool, list, dict
Fields = Mapping[str, type]


def texts(names: str, **others: type) -> dict[str, type]:
    """Fields that are texts, by name, and the others."""
    return {**dict.fromkeys(names.split(), TEXT), **others}


INSTRUMENT: Final = texts(
    "symbol contractType status baseCoin quoteCoin settleCoin launchTime deliveryTime deliveryFeeRate priceScale",
    leverageFilter=MAP,
    priceFilter=MAP,
    lotSizeFilter=MAP,
    unifiedMarginTrade=TRUTH,
    fundingInterval=WHOLE,
)
FEE: Final = texts("symbol takerFeeRate makerFeeRate")
COIN: Final = texts(
    "availableToBorrow bonus accruedInterest availableToWithdraw equity usdValue borrowAmount walletBalance unrealisedPnl"
    " cumRealisedPnl locked coin spotBorrow totalOrderIM totalPositionIM totalPositionMM",
    collateralSwitch=TRUTH,
    marginCollateral=TRUTH,
)
WALLET: Final = texts(
    "totalEquity accountIMRate totalMarginBalance totalInitialMargin accountType totalAvailableBalance accountMMRate"
    " totalPerpUPL totalWalletBalance accountLTV totalMaintenanceMargin",
    coin=MANY,
)
KEY: Final = texts(
    "id note apiKey secret vipLevel mktMakerLevel rsaPublicKey parentUid kycLevel kycRegion createdAt expiredAt",
    readOnly=WHOLE,
    type=WHOLE,
    permissions=MAP,
    ips=MANY,
    userID=WHOLE,
    isMaster=TRUTH,
    uta=WHOLE,
    deadlineDay=WHOLE,
)
ORDER: Final = texts(
    "orderId orderLinkId symbol price qty side isLeverage orderStatus cancelType rejectReason leavesQty leavesValue cumExecQty"
    " cumExecValue cumExecFee timeInForce orderType stopOrderType triggerPrice takeProfit stopLoss tpTriggerBy slTriggerBy"
    " triggerBy lastPriceOnCreated smpType smpOrderId tpLimitPrice slLimitPrice placeType createdTime updatedTime",
    positionIdx=WHOLE,
    triggerDirection=WHOLE,
    smpGroup=WHOLE,
    reduceOnly=TRUTH,
    closeOnTrigger=TRUTH,
)
ORDER_FRAME: Final = {
    **{name: kind for name, kind in ORDER.items() if name != "isLeverage"},
    **texts("category orderIv avgPrice blockTradeId feeCurrency"),
}
EXECUTION: Final = texts(
    "symbol orderId orderLinkId side orderPrice orderQty leavesQty orderType stopOrderType execFee execId execPrice execQty"
    " execType execValue execTime feeCurrency feeRate tradeIv markIv markPrice indexPrice underlyingPrice blockTradeId"
    " closedSize",
    isMaker=TRUTH,
    seq=WHOLE,
)
EXECUTION_FRAME: Final = {**EXECUTION, **texts("category isLeverage")}
POSITION: Final = texts(
    "riskLimitValue symbol side size avgPrice positionValue positionStatus leverage positionBalance markPrice liqPrice"
    " bustPrice positionMM positionIM tpslMode takeProfit stopLoss trailingStop unrealisedPnl curRealisedPnl cumRealisedPnl"
    " mmrSysUpdatedTime leverageSysUpdatedTime createdTime updatedTime",
    positionIdx=WHOLE,
    riskId=WHOLE,
    tradeMode=WHOLE,
    autoAddMargin=WHOLE,
    adlRankIndicator=WHOLE,
    seq=WHOLE,
    isReduceOnly=TRUTH,
)
POSITION_FRAME: Final = {
    **{name: kind for name, kind in POSITION.items() if name != "avgPrice"},
    **texts("category entryPrice positionIMByMp positionMMByMp sessionAvgPrice"),
}
KLINE_FRAME: Final = texts(
    "interval open close high low volume turnover", start=WHOLE, end=WHOLE, timestamp=WHOLE, confirm=TRUTH
)
TRADE_FRAME: Final = texts("s S v p i", T=WHOLE, BT=TRUTH)
BOOK_FRAME: Final = texts("s", b=MANY, a=MANY, u=WHOLE, seq=WHOLE)

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "side": ("Buy", "Sell", ""),
    "timeInForce": ("GTC", "IOC", "FOK", "PostOnly"),
    "orderType": ("Market", "Limit", "UNKNOWN"),
    "orderStatus": (
        *("Created", "New", "Rejected", "PartiallyFilled", "PartiallyFilledCanceled", "Filled", "Cancelled"),
        *("Untriggered", "Triggered", "Deactivated"),
    ),
    "stopOrderType": (
        *("", "UNKNOWN", "TakeProfit", "StopLoss", "TrailingStop", "Stop", "PartialTakeProfit", "PartialStopLoss"),
        *("tpslOrder", "OcoOrder", "MmRateClose", "BidirectionalTpslOrder"),
    ),
    **dict.fromkeys(("triggerBy", "tpTriggerBy", "slTriggerBy"), ("", "LastPrice", "IndexPrice", "MarkPrice")),
    "execType": ("Trade", "AdlTrade", "Funding", "BustTrade", "Delivery", "Settle", "BlockTrade", "MovePosition", "UNKNOWN"),
    "category": ("spot", "linear", "inverse", "option"),
}
"""Words outside which such a client drops a row."""

NUMBERS: Final = (
    *("price", "qty", "leavesQty", "cumExecQty", "cumExecValue", "cumExecFee", "lastPriceOnCreated", "createdTime"),
    *("updatedTime", "execPrice", "execQty", "execFee", "execValue", "execTime", "feeRate", "size", "leverage", "markPrice"),
    *("walletBalance", "equity", "locked", "totalPositionIM", "totalPositionMM", "makerFeeRate", "takerFeeRate"),
)
"""Texts of which such a client makes numbers without asking whether there is one."""


def faults_of(row: Mapping[str, Any], fields: Fields) -> list[str]:
    """What is missing in a row, of another type, or a word that nobody knows."""
    found = [f"{name} is missing" for name in fields if name not in row]
    for name, kind in fields.items():
        value = row.get(name)
        if name in row and type(value) is not kind:
            found.append(f"{name} is {value!r}, expected {kind.__name__}")
        elif isinstance(value, str) and value not in WORDS.get(name, (value,)):
            found.append(f"{name} is the unknown word {value!r}")
        elif name in NUMBERS and not _is_number(value):
            found.append(f"{name} is {value!r}, expected a number")
    if row.get("stopOrderType") == "TrailingStop" and not _is_number(row.get("triggerPrice")):
        found.append(f"triggerPrice of a trailing stop is {row.get('triggerPrice')!r}, expected a number")
    return found


def _is_number(value: object) -> bool:
    try:
        return Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False
