"""Which faults hit an event. No clock, no chance: the same faults and events give the same hits."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from playd.core.timeframes import MINUTE_MS
from playd.venues.exchange.faults.model import Event, Fault, Seam


@dataclass(frozen=True, slots=True)
class Now:
    """Monotonic seconds and market time."""

    mono_s: float
    market_ms: int


@dataclass(slots=True, eq=False)
class Armed:
    """A fault in force: since when, how many matching events it has seen, how many it has hit."""

    fault: Fault
    since: Now
    seen: int = 0
    hits: int = 0

    @property
    def spent(self) -> bool:
        """Whether it has hit as often as it may."""
        return 0 < self.fault.times <= self.hits


def hits(armed: Iterable[Armed], event: Event, now: Now) -> list[Armed]:
    """The faults that hit, in the order they were armed. Counts the event, and a hit, for each."""
    struck = []
    for each in armed:
        if not each.spent and event.seam in each.fault.seams and matches(each.fault, event) and in_force(each, now):
            each.seen += 1
            if each.seen > each.fault.when.after and _drawn(each):
                each.hits += 1
                struck.append(each)
    return struck


def matches(fault: Fault, event: Event) -> bool:
    """Whether every pattern of `where` fits. A moment has nothing to fit: patterns name targets then."""
    where = fault.where
    lenient = event.seam is Seam.MOMENT
    if event.seam in (Seam.OPERATION, Seam.FRAME, Seam.MARKET) and fault.operations and event.path not in fault.operations:
        return False
    return (
        _fits(where.path, (event.path,), lenient)
        and _fits(where.topic, (event.topic,), lenient)
        and _fits(where.socket, (event.socket,), lenient or event.seam is Seam.DONE)
        and _fits(where.account, (event.account,), lenient)
        and _fits(where.symbol, event.symbols, lenient)
        and _fits(where.link_id, event.link_ids, lenient)
    )


def in_force(armed: Armed, now: Now) -> bool:
    """Whether its time has come and is not over."""
    when, passed_s = armed.fault.when, now.mono_s - armed.since.mono_s
    if passed_s < when.from_s or 0.0 < when.until_s <= passed_s:
        return False
    return now.market_ms >= max(when.market_ms, armed.since.market_ms + round(when.market_min * MINUTE_MS))


def _fits(pattern: str, found: tuple[str, ...], lenient: bool) -> bool:
    return not pattern or lenient or any(fnmatchcase(each, pattern) for each in found)


def _drawn(armed: Armed) -> bool:
    """Chance as a function of seed and number of the event."""
    when = armed.fault.when
    if when.probability >= 1.0:
        return True
    digest = hashlib.blake2b(f"{when.seed}/{armed.seen}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64 < when.probability
