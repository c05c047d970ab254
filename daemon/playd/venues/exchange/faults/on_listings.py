"""Faults of what is listed: rules that change, and symbols that end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatchcase

from playd.core.instrument import Instrument
from playd.core.timeframes import MINUTE_MS
from playd.venues.exchange.books import Books
from playd.venues.exchange.faults.board import Act
from playd.venues.exchange.faults.model import Event, Fault
from playd.venues.exchange.liquidation import settle_delisted
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.text import float_text


def listing_acts(books: Books, apply: Callable[[], None]) -> dict[str, Act]:
    """Acts by kind; `apply` keeps and tells what they change."""

    def change_rules(fault: Fault, event: Event) -> bool:
        meant = [*_meant(books, fault, event)]
        apply()
        for listing in meant:
            books.change_rules(_changed(listing.instrument, fault))
        apply()
        return bool(meant)

    def delist(fault: Fault, event: Event) -> bool:
        ended = False
        for listing in _meant(books, fault, event):
            rules, now_ms = listing.instrument, books.time.now_ms
            if rules.status == "Trading":
                end_ms = rules.delivery_time_ms or now_ms + round(fault.number("notice_min") * MINUTE_MS)
                over = end_ms <= now_ms
                listing.instrument = replace(rules, status="Closed" if over else rules.status, delivery_time_ms=end_ms)
                if over:
                    settle_delisted(books, listing)
                    ended = True
        apply()
        return ended

    return {"change_rules": change_rules, "delist": delist}


def _changed(rules: Instrument, fault: Fault) -> Instrument:
    def rule(name: str, present: Decimal) -> Decimal:
        return Decimal(float_text(fault.number(name))) if fault.number(name) else present

    return replace(
        rules,
        tick=rule("tick", rules.tick),
        step=rule("step", rules.step),
        min_qty=rule("min_qty", rules.min_qty),
        max_qty=rule("max_qty", rules.max_qty),
        max_market_qty=rule("max_qty", rules.max_market_qty),
        min_notional_usdt=rule("min_notional_usdt", rules.min_notional_usdt),
        max_leverage=rule("max_leverage", rules.max_leverage),
        funding_interval_min=round(fault.number("funding_interval_min")) or rules.funding_interval_min,
        status=fault.text("status") or rules.status,
    )


def _meant(books: Books, fault: Fault, event: Event) -> Iterator[Listing]:
    pattern = fault.where.symbol
    for symbol, listing in books.listings.items():
        if fnmatchcase(symbol, pattern) if pattern else not any(event.symbols) or symbol in event.symbols:
            yield listing
