"""The order book topics: a snapshot for whoever comes, then what changed since the last frame."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from playd.venues.exchange.books import Books
from playd.venues.exchange.rows import Row
from playd.venues.exchange.tape import Tape
from playd.venues.exchange.topics import Topics

RPI: Final = "rpi"
"""The book with a third column for retail price improvement. Nobody has such orders here: the column is zero."""

BOOK_DEPTHS: Final = ("1", "50", "200", "1000", RPI)
RPI_LEVELS: Final = 50
_DEEPEST: Final = "1000"
_SIDES: Final = ("b", "a")
_TOP: Final = "1"
"""The depth that is told whole every time, and again under the same number when it has not changed for so long."""

_AGAIN_MS: Final = 3_000


@dataclass(slots=True)
class _Told:
    """What the listeners of one topic hold: the last book, and the number of the update that brought it."""

    book: Row
    update: int
    told_ms: int = 0
    best: tuple[int, int] | None = None
    """The best bid and ask of the book, where they say all of it."""


class BookStream:
    """
    Books as their listeners have them. `u` rises by one with every frame of a topic, also over a time in which nobody listens.

    Sizes are absolute, `0` takes a level away.
    """

    def __init__(self, topics: Topics, books: Books, tape: Tape, wall_ms: Callable[[], int]) -> None:
        self._topics = topics
        self._books = books
        self._tape = tape
        self._wall_ms = wall_ms
        self._told: dict[str, _Told] = {}

    def first_frame(self, topic: str) -> dict[str, Any]:
        """The book as the others have it, so that the next change fits; the present one when nobody has it."""
        told = self._told.get(topic)
        if told is None or self._topics.clients(topic)[1:] == []:
            depth, symbol = _parts(topic)
            update = told.update + 1 if told else 1
            told = self._told[topic] = _Told(self._book(symbol, depth), update, self._wall_ms())
        return self._frame(topic, "snapshot", told.book, told.update)

    def by_rest(self, symbol: str, depth: int) -> Row:
        """
        The book under the number of the deepest topic. While somebody listens to that, it is the one told last, so that the
        next change fits; else the present one.
        """
        topic = f"orderbook.{_DEEPEST}.{symbol}"
        told = self._told.get(topic)
        if told is None or not self._topics.clients(topic):
            return {**self._tape.order_book(symbol, depth), "u": told.update if told else 1}
        return {**told.book, **{side: told.book[side][:depth] for side in _SIDES}, "u": told.update}

    def tell(self, symbol: str) -> None:
        """Tell what has changed in the books of a symbol."""
        for depth in BOOK_DEPTHS:
            topic = f"orderbook.{depth}.{symbol}"
            if self._topics.clients(topic):
                self._tell_topic(topic, depth, symbol)

    def _tell_topic(self, topic: str, depth: str, symbol: str) -> None:
        told = self._told[topic]
        best = self._tape.shown_ticks(symbol) if self._books.terms.depth is None else None
        known = best is not None and best == told.best
        book = told.book if known else self._book(symbol, depth)
        changes = {side: [] if known else _changed(told.book[side], book[side]) for side in _SIDES}
        changed, told.best = any(changes.values()), best
        if not changed and (depth != _TOP or self._wall_ms() < told.told_ms + _AGAIN_MS):
            return
        told.book, told.update, told.told_ms = book, told.update + changed, self._wall_ms()
        row, kind = (book, "snapshot") if depth == _TOP else ({**book, **changes}, "delta")
        self._topics.send(topic, self._frame, kind, row, told.update)

    def _book(self, symbol: str, depth: str) -> Row:
        if depth != RPI:
            return self._tape.order_book(symbol, int(depth))
        return with_rpi(self._tape.order_book(symbol, RPI_LEVELS))

    def _frame(self, topic: str, kind: str, book: Row, update: int) -> dict[str, Any]:
        now_ms = self._books.time.now_ms
        return {"topic": topic, "type": kind, "ts": self._wall_ms(), "data": {**book, "u": update}, "cts": now_ms}


def with_rpi(book: Row) -> Row:
    """A book with a third column of RPI sizes."""
    return {**book, **{side: [[*level, "0"] for level in book[side]] for side in _SIDES}}


def _parts(topic: str) -> tuple[str, str]:
    """Depth and symbol of a topic."""
    _, depth, symbol = topic.split(".")
    return depth, symbol


def _changed(before: list[list[str]], after: list[list[str]]) -> list[list[str]]:
    """Levels that are new or of other sizes, and the prices that are gone with size 0."""
    held, now = ({level[0]: level for level in levels} for levels in (before, after))
    gone = [[price, *["0"] * (len(level) - 1)] for price, level in held.items() if price not in now]
    return gone + [level for price, level in now.items() if held.get(price) != level]
