"""
From the settings in force to new ones, without a start. Pure: what differs, what of it may be taken over now, and the result.

A key takes effect at once if it is declared `live`; what takes more risk than before needs a person. Whatever is not taken over
keeps its old value, so that a snapshot never says what is not so.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel

from playd.settings.fields import Section
from playd.settings.layers import SECTIONS, TABLES, field_at, is_live, looser
from playd.settings.model import Account, Instance, Settings

Takes = Literal["now", "restart", "phrase"]
"""When a change takes effect: at once, at the next start, or once a person has typed the phrase."""

_WINDOWS: Final = "gates.windows"
S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Change:
    """One key whose value differs. A value is None where nothing was written, as in `accounts.X.risk`."""

    name: str
    before: Any
    after: Any
    takes: Takes

    @property
    def scope(self) -> str:
        """Whose risk it is: the alias of an account, or `all`."""
        path = self.name.split(".")
        return path[1] if path[0] == "accounts" else "all"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reload came to: keys that hold now, keys that wait for a start, and keys that wait for the phrase."""

    digest: str
    taken: tuple[Change, ...]
    waiting: tuple[Change, ...]
    refused: tuple[Change, ...]

    @property
    def phrase(self) -> str:
        """What a person types to take the refused keys over too; empty when there are none."""
        scopes = sorted({change.scope for change in self.refused})
        return f"LOOSEN {scopes[0] if len(scopes) == 1 else 'all'}" if scopes else ""


def changes(before: Settings, after: Settings) -> list[Change]:
    """Every key that differs, in the order of the file; keys of accounts and instances that come or go are among them."""
    old, new, stays = _values(before), _values(after), before.accounts.keys() & after.accounts.keys()
    names = [*old, *(name for name in new if name not in old)]
    return [
        Change(name, old.get(name), new.get(name), _takes(name, old.get(name), new.get(name), stays))
        for name in names
        if old.get(name) != new.get(name)
    ]


def taken_over(before: Settings, after: Settings, refused: Collection[str]) -> Settings:
    """`before` with every live key of `after` but the `refused` ones."""
    sections = {name: _section((name,), getattr(before, name), getattr(after, name), refused) for name in SECTIONS}
    accounts = {
        alias: account
        if alias not in after.accounts
        else _construct(account, risk=_section(("accounts", alias, "risk"), account.risk, after.accounts[alias].risk, refused))
        for alias, account in before.accounts.items()
    }
    return Settings.model_construct(**sections, accounts=accounts, instances=before.instances, slo=before.slo)


def _takes(name: str, before: Any, after: Any, stays: Collection[str]) -> Takes:
    path = tuple(name.split("."))
    field = field_at(path)
    known = path[0] != "accounts" or path[1] in stays
    if field is None or not is_live(field) or path[0] == "instances" or not known:
        return "restart"
    is_more = _windows_open(before, after) if name == _WINDOWS else _is_looser(looser(field), before, after)
    return "phrase" if is_more else "now"


def _is_looser(way: str, before: Any, after: Any) -> bool:
    """Whether the new value takes more risk. A limit of one's own that goes is looser, one that comes is tighter."""
    if not way or before is None:
        return False
    if after is None:
        return True
    pairs = (
        zip(before, after, strict=False) if isinstance(before, Sequence) and not isinstance(before, str) else [(before, after)]
    )
    return any(new > old if way == "up" else new < old for old, new in pairs)


def _windows_open(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether some hour may be open that was closed: a block that goes, or other allowances than none before."""
    blocks = [[window for window in windows if window.kind == "block"] for windows in (before, after)]
    allows = [[window for window in windows if window.kind == "allow"] for windows in (before, after)]
    return any(window not in blocks[1] for window in blocks[0]) or (bool(allows[0]) and allows[0] != allows[1])


def _values(settings: Settings) -> dict[str, Any]:
    """Every key by its dotted name, with its value as it is held; of `risk` tables only what is written."""
    found: dict[str, Any] = {}
    for name in SECTIONS:
        section = getattr(settings, name)
        found |= {f"{name}.{key}": getattr(section, key) for key in type(section).model_fields}
    for table in TABLES:
        entries: dict[str, Section] = getattr(settings, table)
        for given, entry in entries.items():
            above = f"{table}.{given}"
            found |= {f"{above}.{key}": getattr(entry, key) for key in type(entry).model_fields if key != "risk"}
            if not isinstance(entry, Account | Instance):
                continue
            found |= {f"{above}.risk.{key}": getattr(entry.risk, key) for key in sorted(entry.risk.model_fields_set)}
    return found


def _section(path: tuple[str, ...], before: S, after: S, refused: Collection[str]) -> S:
    """One table with its live keys taken over; what counts as written comes along: caps of a local account ask for it."""
    taken = {
        key for key, field in type(before).model_fields.items() if is_live(field) and ".".join((*path, key)) not in refused
    }
    values = {key: getattr(after if key in taken else before, key) for key in type(before).model_fields}
    written = {key for key in values if key in (after if key in taken else before).model_fields_set}
    return type(before).model_construct(_fields_set=written, **values)


def _construct(model: S, **changed: BaseModel) -> S:
    values = {key: getattr(model, key) for key in type(model).model_fields} | changed
    return type(model).model_construct(_fields_set=set(model.model_fields_set), **values)
