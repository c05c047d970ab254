"""What is listed and by which rules, open to everybody."""

from typing import Any, Final

from playd.venues.exchange import rest_prices
from playd.venues.exchange.listing import (
    LEVERAGE_STEP,
    MAINTENANCE_RATE,
    MAX_PRICE,
    PRICE_LIMIT_X,
    PRICE_LIMIT_Y,
    Listing,
    RiskTier,
)
from playd.venues.exchange.margin import deduction_of
from playd.venues.exchange.requests import Ask, PublicHandler
from playd.venues.exchange.rows import RISK_LIMIT_TEXT, Row
from playd.venues.exchange.text import float_text, plain

LISTED_PAGE: Final = 500
LISTED_PAGE_MAX: Final = 1000
RISK_PAGE: Final = 15
_MIN_LEVERAGE: Final = "1"


def server_time(ask: Ask) -> dict[str, Any]:
    """Wall clock, as for signing."""
    wall_ms = ask.floor.wall_ms()
    return {"timeSecond": str(wall_ms // 1000), "timeNano": str(wall_ms * 1_000_000)}


def system_status(ask: Ask) -> dict[str, Any]:
    """What is announced: maintenance while a fault on command is one."""
    return {"list": ask.floor.announced.rows()}


def announcements(ask: Ask) -> dict[str, Any]:
    """Nothing is ever announced."""
    return {"total": 0, "list": []}


def nothing_now(ask: Ask) -> dict[str, Any]:
    """There is no insurance fund, nobody is deleveraged, and there are no groups of fees."""
    return {"updatedTime": str(ask.floor.books.time.now_ms), "list": []}


def no_deliveries(ask: Ask) -> dict[str, Any]:
    """No contract with a date is listed."""
    return ask.nothing()


def instruments(ask: Ask) -> dict[str, Any]:
    """Linear perpetuals; other categories are empty."""
    wanted = ask.text("status") or ("" if ask.text("symbol") else "Trading")
    found = [listing for listing in ask.listings() if wanted in ("", listing.instrument.status)]
    page, cursor = ask.page(found, ask.limit(LISTED_PAGE, LISTED_PAGE_MAX))
    rows = [instrument_row(ask, listing) for listing in page]
    return {"category": ask.text("category") or "linear", "nextPageCursor": cursor, "list": rows}


def risk_limit(ask: Ask) -> dict[str, Any]:
    """The tiers of every symbol, or the one there is without any; so many symbols to a page."""
    page, cursor = ask.page(ask.listings(), RISK_PAGE)
    rows = [row for listing in page for row in tier_rows(listing)]
    return {"category": "linear", "nextPageCursor": cursor, "list": rows}


def tier_rows(listing: Listing) -> list[Row]:
    """The tiers of a symbol, lowest first; one where none are configured."""
    most = listing.instrument.max_leverage
    tiers = listing.tiers or (RiskTier(float(RISK_LIMIT_TEXT), MAINTENANCE_RATE, most),)
    rows = []
    for place, tier in enumerate(tiers):
        leverage = min(tier.max_leverage, most)
        rows.append(
            {
                "id": place + 1,
                "symbol": listing.instrument.symbol,
                "riskLimitValue": float_text(tier.limit_usdt),
                "maintenanceMargin": float_text(tier.mm_rate),
                "initialMargin": float_text(1.0 / float(leverage)),
                "isLowestRisk": int(place == 0),
                "maxLeverage": plain(leverage),
                "mmDeduction": plain(deduction_of(tiers, place)) if place else "",
            }
        )
    return rows


def instrument_row(ask: Ask, listing: Listing) -> Row:
    """Rules of a symbol as a row of `instruments-info`. The ratios of price limits are empty where none hold."""
    rules, limited = listing.instrument, ask.floor.books.terms.price_band
    base = rules.symbol.removesuffix("USDT")
    return {
        "symbol": rules.symbol,
        "symbolId": list(ask.floor.books.listings).index(rules.symbol) + 1,
        "contractType": "LinearPerpetual",
        "status": rules.status,
        "baseCoin": base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": str(ask.floor.feed.first_ms),
        "deliveryTime": str(rules.delivery_time_ms),
        "deliveryFeeRate": "",
        "priceScale": str(max(-int(rules.tick.normalize().as_tuple().exponent), 0)),
        "leverageFilter": {
            "minLeverage": _MIN_LEVERAGE,
            "maxLeverage": plain(rules.max_leverage),
            "leverageStep": plain(LEVERAGE_STEP),
        },
        "priceFilter": {"minPrice": plain(rules.tick), "maxPrice": plain(MAX_PRICE), "tickSize": plain(rules.tick)},
        "lotSizeFilter": {
            "minOrderQty": plain(rules.min_qty),
            "maxOrderQty": plain(rules.max_qty),
            "maxMktOrderQty": plain(rules.max_market_qty),
            "qtyStep": plain(rules.step),
            "postOnlyMaxOrderQty": plain(rules.max_qty),
            "minNotionalValue": plain(rules.min_notional_usdt),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": rules.funding_interval_min,
        "copyTrading": "none",
        "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {
            "priceLimitRatioX": float_text(PRICE_LIMIT_X) if limited else "",
            "priceLimitRatioY": float_text(PRICE_LIMIT_Y) if limited else "",
        },
        "displayName": "",
        "symbolType": "",
    }


HANDLERS: Final[dict[str, PublicHandler]] = {
    "/v5/market/time": server_time,
    "/v5/system/status": system_status,
    "/v5/announcements/index": announcements,
    "/v5/market/instruments-info": instruments,
    "/v5/market/risk-limit": risk_limit,
    **dict.fromkeys(("/v5/market/insurance", "/v5/market/adlAlert", "/v5/market/fee-group-info"), nothing_now),
    **dict.fromkeys(("/v5/market/delivery-price", "/v5/market/new-delivery-price"), no_deliveries),
    **rest_prices.HANDLERS,
}
