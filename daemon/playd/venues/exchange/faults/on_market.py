"""Faults of the market as it is told: frames that say something else than what happened."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from playd.venues.exchange.faults.model import Fault
from playd.venues.exchange.text import float_text

_SWAPPED: Final = {"bid1Price": "ask1Price", "ask1Price": "bid1Price", "b": "a", "a": "b"}


def wrong_candle(fault: Fault, frame: bytes) -> Sequence[bytes]:
    """A closed candle with another close and high, then, if it is corrected, as it was."""
    wrong: dict[str, Any] = orjson.loads(frame)
    for row in wrong["data"]:
        close = float(f"{float(row['close']) * fault.number('factor'):.10g}")
        row["close"] = float_text(close)
        high, low = max(close, float(row["high"])), min(close, float(row["low"]))
        row["high"], row["low"] = float_text(low / 2 if fault.params["impossible"] else high), float_text(low)
    return (orjson.dumps(wrong), frame) if fault.params["corrected"] else (orjson.dumps(wrong),)


def crossed_book(_: Fault, frame: bytes) -> Sequence[bytes]:
    """A ticker or book with bids and asks exchanged; anything else as it is."""
    body: dict[str, Any] = orjson.loads(frame)
    if not str(body.get("topic", "")).startswith(("tickers.", "orderbook.")):
        return (frame,)
    body["data"] = {_SWAPPED.get(name, name): value for name, value in body["data"].items()}
    return (orjson.dumps(body),)


def wrong_mark(fault: Fault, frame: bytes) -> Sequence[bytes]:
    """A ticker with another mark price, where it says one; anything else as it is."""
    body: dict[str, Any] = orjson.loads(frame)
    if not str(body.get("topic", "")).startswith("tickers."):
        return (frame,)
    mark = body["data"].get("markPrice")
    if mark is None:
        return (frame,)
    body["data"]["markPrice"] = float_text(float(f"{float(mark) * fault.number('factor'):.10g}"))
    return (orjson.dumps(body),)


REWRITES: Final[dict[str, Callable[[Fault, bytes], Sequence[bytes]]]] = {
    "wrong_candle": wrong_candle,
    "crossed_book": crossed_book,
    "wrong_mark": wrong_mark,
}
"""What leaves instead of a frame."""
