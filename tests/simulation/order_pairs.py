"""Which states met which events in random lives: counted while they run, printed when they are over."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from playd.core.orders import OrderState
from playd.orders import cover, machine, order_book, protection
from playd.orders.cover import Cover, CoverEvent, Step
from playd.orders.machine import OrderEvent

Pair = tuple[str, str]
ORDER_PAIRS: Counter[Pair] = Counter()
COVER_PAIRS: Counter[Pair] = Counter()
POSITION_PAIRS: Counter[Pair] = Counter()
"""Whose a position was, and what was done then: a book of lives, no table of the program."""

HALT_PAIRS: Counter[Pair] = Counter()


def noted(state: OrderState, event: OrderEvent) -> OrderState | None:
    ORDER_PAIRS[str(state), str(event)] += 1
    return machine.following(state, event)


def noted_cover(before: Cover, event: CoverEvent) -> Step:
    COVER_PAIRS[str(before), str(event)] += 1
    return cover.following(before, event)


order_book.following = noted
protection.following = noted_cover


def printed(title: str, pairs: Mapping[Pair, int]) -> str:
    """A table of states by events."""
    states, events = sorted({state for state, _ in pairs}), sorted({event for _, event in pairs})
    width = max(map(len, events), default=0)
    head = " " * (width + 2) + "".join(f"{state:>14}" for state in states)
    lines = [f"  {event:<{width}}" + "".join(f"{pairs.get((state, event), '-'):>14}" for state in states) for event in events]
    return "\n".join([f"{title}: {len(pairs)} pairs", head, *lines])


def unmet(table: Mapping[Any, Mapping[Any, object]], pairs: Mapping[Pair, int]) -> str:
    """What stands in a machine's table and happened in no life."""
    known = {(str(state), str(event)) for state, row in table.items() for event in row}
    return ", ".join(" ".join(pair) for pair in sorted(known - pairs.keys())) or "none"


def all_printed() -> str:
    """Every table that was counted, and what the machines have beyond that."""
    counted = {"orders": ORDER_PAIRS, "stops": COVER_PAIRS, "positions": POSITION_PAIRS, "halts": HALT_PAIRS}
    tables = "\n\n".join(printed(name, pairs) for name, pairs in counted.items())
    orders, stops = unmet(machine.TABLE, ORDER_PAIRS), unmet(cover.TABLE, COVER_PAIRS)
    return f"{tables}\n\nin no life, though in the table of orders: {orders}\nin that of positions and their stops: {stops}"
