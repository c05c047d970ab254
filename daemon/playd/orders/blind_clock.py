"""
How long nobody has read what an account holds, and what follows from it while something may be open.

It begins with the opening of an account, whose positions nobody knows until the first full reading; with the first reading of
positions or orders that fails; and with a ban of our address, which forbids them all. A full reading ends it, nothing else.
While an opening is slow and no reading has failed it pauses, which ends by itself; the halt is for readings that fail.
"""

from collections.abc import Callable
from typing import Final

from playd.orders.desk import Desk
from playd.orders.halts import Level, account_scope
from playd.orders.order_book import FOREIGN

BLIND: Final = "BLIND"
_READ_AGAIN: Final = "orders and positions were read again"


class BlindClock:
    """
    Of one account, in one of its lives; the next life takes over with `begin` what is not over. The time itself is
    `Condition.blind_since_s`, which gates and figures read.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._failed_s: float | None = None
        """Since when readings fail or cannot be made; None while none has failed, however slow they are."""
        self._good_s = 0.0
        """When the last reading began that was whole."""
        self._seen_well = False
        """Whether reads were found to work since they failed last; not yet at a start: an earlier life may have left word."""
        self.beside: Callable[[], str] = lambda: ""
        """What a person should know too: what the account is at, what the guardian sees. Set by whoever keeps accounts."""

    @property
    def for_s(self) -> float:
        """Seconds since it began; zero while it does not run."""
        since_s = self._desk.condition.blind_since_s
        return 0.0 if since_s is None else self._desk.clock.mono_s() - since_s

    @property
    def at_risk(self) -> str:
        """What may be open, by the ledger: positions, and entries that work or are in doubt. Empty for nothing."""
        desk = self._desk
        held = [f"{share.position.signed_qty:f} {share.symbol}" for share in desk.fills.shares() if share.position.signed_qty]
        entries = [row for row in desk.book.live() if row.owner != FOREIGN and row.intent is not None and not row.reduce_only]
        return ", ".join([*held, *(f"entry {row.link_id}" for row in entries)])

    def begin(self, since_s: float) -> None:
        """Nobody knows what is there since then; an earlier beginning holds."""
        known_s = self._desk.condition.blind_since_s
        self._desk.condition.blind_since_s = since_s if known_s is None else min(known_s, since_s)

    def go_on(self, before: "BlindClock") -> None:
        """Begin where a life before this one has ended: what it could not read is not read yet."""
        self.begin(self._desk.clock.mono_s() - before.for_s)
        self._failed_s = before._failed_s

    def ended(self) -> None:
        """Nobody reads the account until its next life."""
        now_s = self._desk.clock.mono_s()
        self.begin(now_s)
        self._failed_s = now_s if self._failed_s is None else self._failed_s

    def failed(self, asked_s: float) -> None:
        """
        A reading that began then has failed. Without the private stream nobody has known anything since that went, or since the
        last good reading.
        """
        condition, down_s = self._desk.condition, self._desk.condition.stream_down_since_s
        if condition.blind_since_s is None:
            asked_s = condition.blind_since_s = asked_s if down_s is None else min(asked_s, max(down_s, self._good_s))
        self._failed_s = asked_s if self._failed_s is None else self._failed_s

    def over(self, began_s: float) -> None:
        """A whole reading is there that began then."""
        self._good_s, self._failed_s, self._desk.condition.blind_since_s = began_s, None, None

    def look(self) -> None:
        """Raise and lift the levels that follow, and tell a person. Raises `RecordError`."""
        desk, scope = self._desk, account_scope(self._desk.alias)
        if desk.budget.banned_for_s > 0:
            self.failed(desk.clock.mono_s())
        if desk.condition.blind_since_s is None:
            desk.halts.lift_pauses(scope, BLIND, _READ_AGAIN)
            if not self._seen_well:
                desk.incidents.resolve(BLIND, scope, _READ_AGAIN)
                self._seen_well = True
            return
        self._seen_well = False
        settings, blind_s = desk.settings, self.for_s
        if blind_s < settings.blind_pause_s or not (at_risk := self.at_risk):
            return
        failed_s = 0.0 if self._failed_s is None else desk.clock.mono_s() - self._failed_s
        what = "are read for the first time, which has taken" if self._failed_s is None else "could not be read for"
        note = f"orders or positions {what} {blind_s:.0f} s, open by the ledger: {at_risk}"
        if beside := self.beside():
            note = f"{note}; {beside}"
        if failed_s >= settings.blind_halt_s:
            desk.incidents.open(BLIND, "critical", scope, note)
            desk.halts.raise_level(scope, Level.HALT, BLIND, note)
        else:
            desk.halts.raise_level(scope, Level.PAUSE, BLIND, note)
