"""
Halts of single instances: one that is given up for raising is at level 2, and a halt neither outlives its instance nor is lost
with a changed declaration.

Scopes are stored by uid: a halt of an instance that is gone could be named by nobody, and lifted by nobody.
"""

from collections.abc import Collection
from typing import Final

from playd.core.modes import Mode
from playd.orders.halts import Halt, Halts, Level, instance_scope
from playd.supervisor.records import InstanceRecord

GIVEN_UP: Final = "INSTANCE_FAILED"
"""Code of the halt of an instance that was given up, and kind of the incident that tells of every failed one."""

_OF_ONE: Final = instance_scope("")


def give_up(halts: Halts, record: InstanceRecord, text: str) -> None:
    """It raised more often than it is restarted, or where nothing may raise: level 2, synced on return."""
    halts.raise_level(instance_scope(record.uid), Level.HALT, GIVEN_UP, text)


def clear_failure(halts: Halts, record: InstanceRecord, by: str, note: str) -> None:
    """A person cleared its failure, and its halt with it; with real money that stays until somebody resumes the instance."""
    for halt in halts.in_force(instance_scope(record.uid)):
        if _ends_with_failure(halt, record):
            halts.lift(halt.id, by=by, note=note)


def hand_over(halts: Halts, old: InstanceRecord, new: InstanceRecord) -> None:
    """Another declaration takes the place of `old`, under the halts of it. Before the records change: a crash lifts nothing."""
    # In their order: of a panic and a freeze the later one holds.
    for halt in sorted(halts.in_force(instance_scope(old.uid)), key=lambda each: each.id):
        if not _ends_with_failure(halt, old):
            halts.raise_level(instance_scope(new.uid), halt.level, halt.code, halt.text, actor=halt.actor)


def forget_others(halts: Halts, uids: Collection[str], by: str) -> None:
    """Lift the halts of every instance that is none of these: it was removed, or another one has taken its place."""
    for halt in halts.in_force():
        if halt.scope.startswith(_OF_ONE) and halt.scope.removeprefix(_OF_ONE) not in uids:
            halts.lift(halt.id, by=by, note="there is no such instance any more")


def _ends_with_failure(halt: Halt, record: InstanceRecord) -> bool:
    return halt.code == GIVEN_UP and record.mode is not Mode.LIVE
