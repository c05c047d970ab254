"""The gates of one instance in their order, each with the codes it refuses with, what bounds it here, and who said so."""

from typing import Final

from playd.control.context import Daemon
from playd.control.look_answers import PipelineRow, SettingRow
from playd.core.modes import Mode
from playd.orders.account import Account
from playd.orders.pipeline import PIPELINE, Step, bounds_of
from playd.settings.layers import SECTIONS
from playd.supervisor.slot import Slot

_OF_SHADOWS: Final = ("halt", "state", "warm-up")
"""What a shadow's entries meet: they need no account, no rate and no money."""

_BY_STEP: Final = {
    "order_usd": "micro_order_usd",
    "day_usd": "micro_day_usd",
    "day_orders": "micro_day_orders",
    "size_share_pct": "quarter_pct",
}
"""Limits that a step of capital takes from keys of other names."""

_ELSEWHERE: Final = {"feed_stale_s": "market.stale_s", "max_im_rate": "breakers.im_rate", "max_mm_rate": "breakers.mm_rate"}


def pipeline_rows(daemon: Daemon, slot: Slot) -> list[PipelineRow]:
    """One row per gate. `bounds` and `origins` are None while the account is not open and nobody knows them."""
    shadow = slot.record.mode is Mode.SHADOW
    account = None if shadow else daemon.accounts.find(slot.record.account)
    steps = [step for step in PIPELINE if not shadow or step.name in _OF_SHADOWS]
    return [
        {
            "n": place,
            "gate": step.name,
            "codes": list(step.codes),
            "bounds": {} if shadow else _bounds(account, slot, step),
            "origins": {} if shadow else _origins(daemon, account, slot, step),
        }
        for place, step in enumerate(steps, 1)
    ]


def setting_rows(pipeline: list[PipelineRow]) -> list[SettingRow]:
    """Every limit that holds for an instance, once, with its value and who set it; nothing while its account is not open."""
    found: dict[str, SettingRow] = {}
    for row in pipeline:
        origins = row["origins"] or {}
        for name, value in (row["bounds"] or {}).items():
            found[name] = {"key": name, "value": value, "origin": origins.get(name)}
    return [found[name] for name in sorted(found)]


def _bounds(account: Account | None, slot: Slot, step: Step) -> dict[str, str] | None:
    return None if account is None else bounds_of(step, account.desk.settings_of(slot.record.uid))


def _origins(daemon: Daemon, account: Account | None, slot: Slot, step: Step) -> dict[str, str] | None:
    """Where each bound was set: instance, account, step of capital, file and line, variable, or built-in."""
    if account is None:
        return None
    loaded, record = daemon.ops.loaded, slot.record
    own, limits = record.own_limits, account.desk.settings_of(record.uid).limits
    declared = loaded.settings.accounts.get(record.account)
    found = {}
    for name, value in (_bounds(account, slot, step) or {}).items():
        key = _BY_STEP.get(name, name)
        held = getattr(limits, name, None)
        if value == "off":
            found[name] = "off"
        elif key in own.risk.model_fields_set and getattr(own.risk, key) == held:
            found[name] = f"limits of {record.name}"
        elif declared is not None and key in declared.risk.model_fields_set and getattr(declared.risk, key) == held:
            found[name] = loaded.origin(f"accounts.{record.account}.risk.{key}")
        else:
            origin = loaded.origin(_ELSEWHERE.get(key) or _named(key))
            found[name] = f"step {record.capital_step}, {origin}" if name in _BY_STEP else origin
    return found


def _named(key: str) -> str:
    """The dotted name of a key that one table has."""
    return next((f"{section}.{key}" for section, model in SECTIONS.items() if key in model.model_fields), key)
