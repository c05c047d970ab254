"""The gates of one instance in their order, each with the codes it refuses with and what bounds it on this account."""

from typing import Final

from playd.control.context import Daemon
from playd.control.protocol import JsonObject
from playd.core.modes import Mode
from playd.orders.pipeline import PIPELINE, bounds_of
from playd.supervisor.slot import Slot

_OF_SHADOWS: Final = ("halt", "state", "warm-up")
"""What a shadow's entries meet: they need no account, no rate and no money."""


def pipeline_rows(daemon: Daemon, slot: Slot) -> list[JsonObject]:
    """One row per gate. `bounds` is None while the account is not open and nobody knows them."""
    shadow = slot.record.mode is Mode.SHADOW
    account = None if shadow else daemon.accounts.find(slot.record.account)
    steps = [step for step in PIPELINE if not shadow or step.name in _OF_SHADOWS]
    return [
        {
            "n": place,
            "gate": step.name,
            "codes": list(step.codes),
            "bounds": {}
            if shadow
            else bounds_of(step, account.desk.settings_of(slot.record.uid))
            if account is not None
            else None,
        }
        for place, step in enumerate(steps, 1)
    ]
