"""What orders do is a function of candles and requests: not of when anybody looks, and not of how often the process dies."""

from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playd.matching.depth import DepthProfile
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import ENDLESS, MarketTerms
from playd.venues.exchange.other_prices import Basis
from playd.venues.exchange.records import Records
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.trading_stop import set_trading_stop
from playd.venues.exchange.words import TRIGGER_PRICES
from playd.world.virtual import virtual_world
from tests.exchange_kit import BTC, START_MS, SYMBOL, Market

FRAMES = 12
APART = MarketTerms(prices=Basis(30.0))
FINITE = MarketTerms(DepthProfile(level_usdt=6_000.0, levels=10), participation=0.4)

_CANDLE = st.tuples(st.integers(-600, 600), st.integers(0, 500), st.integers(0, 500))
_WISH = st.tuples(
    st.sampled_from(["market", "limit", "conditional", "conditional limit", "reduce", "trail", "partial"]),
    st.booleans(),
    st.integers(1, 300),
    st.integers(-400, 400).filter(bool),
)


def wish(market: Market, kind: str, buy: bool, steps: int, offset: int) -> None:
    """One request around the present price; refused or not, the same on every replay."""
    last, sign, side = round(market.books.listings[SYMBOL].last * 10), 1 if buy else -1, "Buy" if buy else "Sell"
    more: dict[str, Any] = {"stopLoss": text(last - sign * 450), "takeProfit": text(last + sign * 500)}
    more |= {"slTriggerBy": TRIGGER_PRICES[steps % 3], "tpTriggerBy": TRIGGER_PRICES[steps % 2]}
    if kind in ("limit", "conditional limit"):
        more |= {"orderType": "Limit", "price": text(last + offset), "tpslMode": "Partial", "stopLoss": text(last - sign * 900)}
        more["takeProfit"] = text(last + sign * 900)
    if kind.startswith("conditional"):
        more |= {"triggerPrice": text(last + offset), "triggerDirection": 1 if offset > 0 else 2}
    if kind == "reduce":
        more = {"reduceOnly": True, "orderType": "Limit", "price": text(last + sign * offset)}
    try:
        if kind in ("trail", "partial"):
            levels = {"trailingStop": text(abs(offset))} if kind == "trail" else {"stopLoss": text(last - sign * abs(offset))}
            request = {"category": "linear", "symbol": SYMBOL, "tpslMode": "Partial", "slSize": "0.001", **levels}
            set_trading_stop(market.books, market.account, request)
        else:
            market.order(side, f"{steps / 1000:.3f}", **more)
    except Refusal:
        pass
    market.take()


def text(ticks: int) -> str:
    return f"{ticks / 10:.1f}"


def lived(
    minutes: list[tuple[tuple[int, int, int], tuple[str, bool, int, int], bool]],
    terms: MarketTerms,
    *,
    followed: bool = False,
    killed: bool = False,
) -> tuple[Any, ...]:
    """Executions and the wallet after a story of minutes, each with a wish before it or midway."""
    market, ticks = Market(wallet="30000", terms=terms), 500_000
    records = Records.open(virtual_world().disk, PurePath("/records.sqlite")) if killed else None
    for (move, up, down), asked, midway in minutes:
        close = ticks + move
        if not midway:
            wish(market, *asked)
        high, low = max(ticks, close) + up, min(ticks, close) - down
        market.open(ticks / 10, high / 10, low / 10, close / 10, volume=(up + down) / 700)
        if midway:
            market.move(0.4)
            wish(market, *asked)
        for frame in range(FRAMES if followed else 0):
            if frame / FRAMES >= 0.4 or not midway:
                market.follow(frame / FRAMES)
        if records is not None:
            reborn(market, records)
        market.close()
        ticks = close
    if records is not None:
        records.close()
    fills = [(row["execPrice"], row["execQty"], row["side"], row["stopOrderType"], row["isMaker"]) for row in market.executions]
    return fills, market.account.wallet, market.position.steps


def reborn(market: Market, records: Records) -> None:
    """The exchange dies inside the candle and finds everything in its records; the candle is the feed's to give again."""
    changes = market.books.changes
    changes.accounts.add(market.account.uid)
    for taken in market.take_all():
        changes.orders |= taken.orders
        changes.positions |= taken.positions
    records.write(changes, market.books)
    books = Books({SYMBOL: BTC}, {SYMBOL: 0.0}, now_ms=START_MS, id_seed="test", terms=market.books.terms)
    records.restore(books, 60_000)
    before, after = market.books.listings[SYMBOL], books.listings[SYMBOL]
    after.candle, after.last = before.candle, before.last
    after.beside, after.others = before.beside, before.others
    market.books, market.account = books, books.accounts[market.account.uid]


_STORY = st.lists(st.tuples(_CANDLE, _WISH, st.booleans()), min_size=1, max_size=14)


@pytest.mark.slow
@pytest.mark.parametrize("terms", [ENDLESS, APART])
@settings(max_examples=40)
@given(story=_STORY)
@example(story=[((0, 0, 0), ("market", False, 1, 1), False), ((0, 0, 3), ("limit", True, 2, -1), False)])
def test_triggers_do_the_same_whether_the_market_is_followed_or_not(terms: MarketTerms, story: list[Any]) -> None:
    assert lived(story, terms) == lived(story, terms, followed=True)


@pytest.mark.slow
@pytest.mark.parametrize("terms", [ENDLESS, FINITE, APART])
@settings(max_examples=25)
@given(story=_STORY)
def test_a_kill_in_every_minute_changes_nothing(terms: MarketTerms, story: list[Any]) -> None:
    assert lived(story, terms) == lived(story, terms, killed=True)
