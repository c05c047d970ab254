"""Panics through the guardian that are not done: what is kept of each, and the alarms of them while one is."""

from collections.abc import Mapping
from dataclasses import dataclass

from playd.orders.guardian.alarms import PANIC_UNFINISHED
from playd.orders.guardian.judge import Alarm
from playd.orders.panic_report import PanicScope


@dataclass(frozen=True, slots=True)
class Unfinished:
    """
    What is known of a panic, and when, on the wall clock, a person asked for it: a freeze that is older does not stop it, nor
    one of those that the plan told of by then, `before` by their ids, whatever the clock was set to.
    """

    what: str
    asked_ms: int
    before: frozenset[int] = frozenset()


def unfinished_alarms(alias: str, unfinished: Mapping[PanicScope, Unfinished]) -> list[Alarm]:
    """One for each of an account, whether it is watched now or not."""
    return [
        Alarm(PANIC_UNFINISHED, "critical", scope.halt_scope(alias), f"a panic is not done and is gone on with: {each.what}")
        for scope, each in unfinished.items()
    ]
