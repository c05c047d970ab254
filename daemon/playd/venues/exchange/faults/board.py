"""The faults of one exchange: who is armed, what they hit, and the ledger that says so."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import anyio

from playd.venues.exchange.faults.kinds import KINDS
from playd.venues.exchange.faults.matcher import Armed, Now, hits, in_force, matches
from playd.venues.exchange.faults.model import Event, Fault, Seam

Act = Callable[[Fault, Event], bool]
"""Does what a fault says, once. Returns whether there was anything to do it to; if not, the fault waits for the next moment."""

Note = Callable[..., object]

_CLOCK: Final = Event(Seam.CLOCK)
_MOMENT: Final = Event(Seam.MOMENT)


class FaultBoard:
    """
    Faults in force. `now` is the time, `note` writes into the exchange's ledger: `fault` entries.

    `acts` are done by the board itself, by kind; other hits are returned to whoever asks. `renewed` hears when faults were
    armed or healed.
    """

    def __init__(self, now: Callable[[], Now], note: Note) -> None:
        self._now = now
        self._note = note
        self._armed: list[Armed] = []
        self._seams: frozenset[Seam] = frozenset()
        self._changed = anyio.Event()
        self._healed = anyio.Event()
        self.acts: dict[str, Act] = {}
        self.renewed: Callable[[], None] = _nobody

    def arm(self, faults: Iterable[Fault]) -> None:
        """Put faults in force, behind those that are."""
        since = self._now()
        for fault in faults:
            self._armed.append(Armed(fault, since))
            self._note("fault_armed", **row_of(fault))
        self._renew()

    def heal(self) -> int:
        """End all faults; returns how many there were. Whoever waits because of one goes on."""
        count = len(self._armed)
        self._armed.clear()
        if count:
            self._note("fault_healed", faults=count)
        event, self._healed = self._healed, anyio.Event()
        event.set()
        self._renew()
        return count

    def rows(self) -> list[dict[str, Any]]:
        """Every fault with what it has seen and hit."""
        return [{**row_of(each.fault), "seen": each.seen, "hits": each.hits, "spent": each.spent} for each in self._armed]

    @property
    def mono_s(self) -> float:
        """The time by which delays are counted."""
        return self._now().mono_s

    def listens(self, seam: Seam) -> bool:
        """Whether any fault may hit there: without one nobody needs to describe an event."""
        return seam in self._seams

    def hit_by(self, event: Event) -> list[Fault]:
        """The faults that hit an event. Acts among them are done and not returned."""
        if not self.listens(event.seam):
            return []
        now = self._now()
        struck = []
        for each in hits(self._armed, event, now):
            act = self.acts.get(each.fault.kind)
            if act is None:
                self._note_hit(each, event)
                struck.append(each.fault)
            elif act(each.fault, event):
                self._note_hit(each, event)
            else:
                each.hits -= 1
        return struck

    def skew_ms(self) -> int:
        """How far the exchange's clock is ahead."""
        return sum(int(fault.number("by_ms")) for fault in self.hit_by(_CLOCK)) if self.listens(Seam.CLOCK) else 0

    def funding_rate(self, symbol: str) -> float | None:
        """The rate that a symbol is stamped with instead of the feed's, None without a fault."""
        faults = self.hit_by(Event(Seam.MARKET, "funding", symbols=(symbol,)))
        return faults[-1].number("rate") if faults else None

    def fill_share(self, account: str, symbol: str, link_id: str) -> float:
        """How much of an order of an account (its alias) may fill, as a share: the least that a fault says."""
        if not self.listens(Seam.MARKET):
            return 1.0
        faults = self.hit_by(Event(Seam.MARKET, "fill", account=account, symbols=(symbol,), link_ids=(link_id,)))
        return min((fault.number("share") for fault in faults), default=1.0)

    def times_of(self, kind: str) -> list[tuple[float, float | None]]:
        """
        When the armed faults of a kind begin and end, in monotonic seconds; None without an end. Nothing is counted as hit.

        One that is over, or waits for the market, is none of them.
        """
        now = self._now()
        found = []
        for each in self._armed:
            when, since_s = each.fault.when, each.since.mono_s
            is_over = each.spent or 0.0 < when.until_s <= now.mono_s - since_s
            if each.fault.kind == kind and not is_over and (since_s + when.from_s > now.mono_s or in_force(each, now)):
                found.append((since_s + when.from_s, since_s + when.until_s if when.until_s else None))
        return found

    def holds(self, kind: str, event: Event) -> bool:
        """Whether a fault of this kind is in force for such an event. Nothing is counted as hit."""
        now = self._now()
        alike = [each for each in self._armed if each.fault.kind == kind and not each.spent]
        return any(matches(each.fault, event) and in_force(each, now) for each in alike)

    def moment(self) -> None:
        """A candle has opened: acts whose time has come are done."""
        self.hit_by(_MOMENT)

    async def pause(self, seconds: float) -> None:
        """Let so much time pass; less when everything is healed meanwhile."""
        with anyio.move_on_after(seconds):
            await self._healed.wait()

    async def run(self) -> None:
        """Do acts whose delay is over, also when the market stands still."""
        while True:
            changed, now = self._changed, self._now()
            waiting = [each for each in self._armed if Seam.MOMENT in each.fault.seams and not each.spent and each.hits == 0]
            ripe = [each for each in waiting if in_force(each, now) and not each.fault.when.waits_for_market]
            if ripe and any(not each.seen for each in ripe):
                self.moment()
            due_s = [each.since.mono_s + each.fault.when.from_s - now.mono_s for each in waiting if each not in ripe]
            with anyio.move_on_after(min((delay_s for delay_s in due_s if delay_s > 0.0), default=None)):
                await changed.wait()

    def _note_hit(self, armed: Armed, event: Event) -> None:
        if armed.hits > 1 and KINDS[armed.fault.kind].lasting:
            return
        told = {name: value for name, value in _told(event).items() if value}
        self._note("fault", name=armed.fault.name, fault=armed.fault.kind, hit=armed.hits, **told)

    def _renew(self) -> None:
        self._seams = frozenset(seam for each in self._armed for seam in each.fault.seams)
        event, self._changed = self._changed, anyio.Event()
        event.set()
        self.renewed()


def _nobody() -> None:
    """Who is told while nobody asked to be."""


def row_of(fault: Fault) -> dict[str, Any]:
    """A fault as JSON."""
    where = {name: getattr(fault.where, name) for name in fault.where.__slots__ if getattr(fault.where, name)}
    when = {name: getattr(fault.when, name) for name in fault.when.__slots__}
    return {
        "name": fault.name,
        "fault": fault.kind,
        "where": where,
        "when": when,
        "times": fault.times,
        "with": dict(fault.params),
    }


def _told(event: Event) -> dict[str, Any]:
    return {
        "path": event.path,
        "topic": event.topic,
        "socket": event.socket,
        "account": event.account,
        "link_ids": list(event.link_ids),
    }
