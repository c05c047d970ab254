"""
What every gate said to the newest entries of each instance, for people who ask why.

The first refusal is the verdict and stands with the bar; here the others stand beside it, and those that let it through.
Nothing of it is on an order's way: cases are kept as they were judged and looked at a moment later. A crash may take some.
"""

from collections import deque
from dataclasses import astuple
from typing import Any, Final

import orjson

from playd.orders.gates import Case, Refusal
from playd.orders.ledger import Ledger
from playd.orders.pipeline import PIPELINE, explain
from playd.world.ports import Clock

KEPT: Final = 32
"""Entries per instance."""

WAITING: Final = 500
"""Cases that may wait to be kept: more than all instances of one account decide in a second."""

KEEP_EVERY_S: Final = 5.0
"""Time between two writings: each is a page more to sync for the next order."""

_KEY: Final = "judged:"

Answers = list[tuple[str, Refusal | None]]
"""Each gate by its name with what it said, in their order; None: it passed."""


class Judged:
    """The newest judged entries of the instances of one ledger."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._kept_s = clock.mono_s()
        self._cases: deque[Case] = deque(maxlen=WAITING)

    def note(self, case: Case) -> None:
        """Remember a case that was judged; what all gates say of it is found out when it is written down."""
        self._cases.append(case)

    def look(self) -> None:
        """Write down what is remembered when that is due. To be called every second or so, when no entry is under way."""
        if self._clock.mono_s() - self._kept_s >= KEEP_EVERY_S:
            self.keep()

    def keep(self) -> None:
        """Write down what is remembered."""
        self._kept_s = self._clock.mono_s()
        while self._cases:
            case = self._cases.popleft()
            refused = {name: astuple(refusal) for name, refusal in explain(case) if refusal is not None}
            rows = [*self._rows(case.intent.instance_uid), {"close_ms": case.intent.bar_close_ms, "refused": refused}]
            self._ledger.set_meta(_KEY + case.intent.instance_uid, orjson.dumps(rows[-KEPT:]).decode())

    def find(self, instance_uid: str, close_ms: int) -> Answers | None:
        """What was said of the entry that a bar decided, when it was judged last; None when it is not kept."""
        self.keep()
        row = next((each for each in reversed(self._rows(instance_uid)) if each["close_ms"] == close_ms), None)
        if row is None:
            return None
        found = {name: Refusal(*refusal) for name, refusal in row["refused"].items()}
        return [(step.name, found.get(step.name)) for step in PIPELINE]

    def _rows(self, instance_uid: str) -> list[dict[str, Any]]:
        stored = self._ledger.meta(_KEY + instance_uid)
        rows: list[dict[str, Any]] = [] if stored is None else orjson.loads(stored)
        return rows
