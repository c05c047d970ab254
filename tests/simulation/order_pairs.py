"""Which states met which events in random lives: counted while they run, printed when they are over."""

from collections import Counter
from collections.abc import Mapping

from playd.core.orders import OrderState
from playd.orders import order_book
from playd.orders.machine import TABLE, OrderEvent, following

Pair = tuple[str, str]
ORDER_PAIRS: Counter[Pair] = Counter()
POSITION_PAIRS: Counter[Pair] = Counter()
HALT_PAIRS: Counter[Pair] = Counter()


def noted(state: OrderState, event: OrderEvent) -> OrderState | None:
    ORDER_PAIRS[str(state), str(event)] += 1
    return following(state, event)


order_book.following = noted


def printed(title: str, pairs: Mapping[Pair, int]) -> str:
    """A table of states by events."""
    states, events = sorted({state for state, _ in pairs}), sorted({event for _, event in pairs})
    width = max(map(len, events), default=0)
    head = " " * (width + 2) + "".join(f"{state:>14}" for state in states)
    lines = [f"  {event:<{width}}" + "".join(f"{pairs.get((state, event), '-'):>14}" for state in states) for event in events]
    return "\n".join([f"{title}: {len(pairs)} pairs", head, *lines])


def unmet() -> str:
    """What stands in the order machine's table and happened in no life."""
    table = {(str(state), str(event)) for state, row in TABLE.items() for event in row}
    return ", ".join(" ".join(pair) for pair in sorted(table - ORDER_PAIRS.keys())) or "none"
