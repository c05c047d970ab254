"""
What degrades a running instance, as far as looking at it shows: its account, its feeds, records that wait, a slow beginning.

A cause holds while it has a text. The text may change with the cause; the state does not then.
"""

from collections.abc import Callable
from typing import Final

from playd.core.modes import Mode
from playd.market.feed_watch import FeedState
from playd.market.hub import MarketHub
from playd.orders.account import Account
from playd.supervisor.accounts import Accounts
from playd.supervisor.records import InstanceRecord
from playd.supervisor.slot import Slot
from playd.world.ports import Clock

CAUGHT_UP_WITHIN_S: Final = 60.0
"""A life that has not caught up by then is told as degraded, with what it waits for."""

RULES_MOVED: Final = "rules_moved"
"""Cause of one that begins again because the venue changed what its numbers stand for; it holds until it is warm."""

RESTARTING: Final = "restarting"
"""Cause of one that crashed, until its next life begins."""

_UNREADY: Final = (FeedState.STALE, FeedState.GAP, FeedState.DOUBTFUL)


class Causes:
    """Brings the causes of one slot up to date, whichever it is. `unrecorded` says why records wait, empty while none do."""

    def __init__(
        self,
        clock: Clock,
        accounts: Accounts,
        hub_of: Callable[[InstanceRecord], MarketHub],
        unrecorded: Callable[[], str],
    ) -> None:
        self._clock = clock
        self._accounts = accounts
        self._hub_of = hub_of
        self._unrecorded = unrecorded

    def look(self, slot: Slot, *, entries_closed: bool) -> None:
        """At one that is asked to run."""
        self._at_start(slot)
        if not slot.facts.warm:
            return
        slot.recover(RULES_MOVED)
        account = self._accounts.find(slot.record.account)
        if slot.record.mode is not Mode.SHADOW:
            rules = None if account is None else account.desk.instruments.get(slot.record.symbol)
            if rules is not None and slot.engine is not None:
                slot.engine.rules_are(rules)
            not_ready = "account is not open" if account is None else account.desk.condition.not_ready()
            hold(slot, "account_not_ready", not_ready)
        self._at_feeds(slot, account)
        hold(slot, "journal_behind", self._unrecorded())
        hold(slot, "daemon_stopping", "entries are refused" if entries_closed else "")

    def _at_start(self, slot: Slot) -> None:
        """One that is not warm in its time says so, and what it waits for, where that is known. A back-off does not count."""
        begun = not slot.facts.warm and RESTARTING not in slot.facts.causes
        late = begun and self._clock.mono_s() - slot.begun_s >= CAUGHT_UP_WITHIN_S
        held = self._accounts.held.get(slot.record.account)
        why = f": account {slot.record.account}: {held.step}" if held is not None and held.account is None else ""
        hold(slot, "not_caught_up", f"not caught up within {CAUGHT_UP_WITHIN_S:g} s{why}" if late else "")

    def _at_feeds(self, slot: Slot, account: Account | None) -> None:
        """A feed that becomes doubtful has the rules read again: bars between two ticks may be those of a finer tick."""
        trouble, hub = self._feed_trouble(slot), self._hub_of(slot.record)
        is_news = bool(trouble) and trouble != slot.facts.causes.get("feed_stale")
        if account is not None and is_news and FeedState.DOUBTFUL in [hub.feed_state(symbol) for symbol in slot.symbols]:
            account.desk.rules_doubted = True
        hold(slot, "feed_stale", trouble)

    def _feed_trouble(self, slot: Slot) -> str:
        """What is wrong with the bars that an instance reads; empty when nothing is."""
        hub, troubles = self._hub_of(slot.record), []
        for symbol in slot.symbols:
            state = hub.feed_state(symbol)
            if state in _UNREADY:
                troubles.append(f"{'feed' if symbol == slot.record.symbol else f'feed of {symbol}'} is {state}")
        return ", ".join(troubles)


def hold(slot: Slot, code: str, text: str) -> None:
    """A cause holds while it has a text."""
    if text:
        if slot.facts.causes.get(code) != text:
            slot.degrade(code, text)
    else:
        slot.recover(code)
