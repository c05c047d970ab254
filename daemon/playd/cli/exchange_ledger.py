"""`playd exchange ledger`: what a local exchange says it has done, for judges of the clients that traded on it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from playd.control.figures import rfc3339
from playd.core.errors import SettingsError
from playd.venues.exchange.ledger import part_numbers, read
from playd.world.ports import Disk
from playd.world.real import real_world

_SUFFIX = "-ledger"


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """The flags of `playd exchange ledger`."""

    state: str
    name: str
    after: int
    kind: str
    uid: int
    json: bool


def show_ledger(options: LedgerOptions) -> int:
    """Print entries, oldest first, whether the exchange runs or not. Raises `SettingsError`."""
    world = real_world()
    here = world.process.working_dir()
    directory = _chosen(world.disk, (here / options.state if options.state else here / "state") / "exchange", options.name)
    for entry in read(world.disk, directory, after=options.after, kind=options.kind, uid=options.uid):
        print(json.dumps(entry, separators=(",", ":")) if options.json else line_of(entry))
    return 0


def _chosen(disk: Disk, directory: PurePath, name: str) -> PurePath:
    """The ledger of that name, or the only one."""
    names = disk.list(directory) if disk.exists(directory) else []
    found = [each.removesuffix(_SUFFIX) for each in names if each.endswith(_SUFFIX) and part_numbers(disk, directory / each)]
    if name not in found and (name or len(found) != 1):
        there = f"there are {', '.join(found)}: choose one with --name" if found else "there is none"
        raise SettingsError(f"{directory}: no ledger {name!r}; {there}" if name else f"{directory}: {there}")
    return directory / f"{name or found[0]}{_SUFFIX}"


def line_of(entry: Mapping[str, Any]) -> str:
    """One entry for people: number, time of the machine, time of the market, kind, and what matters of it."""
    stamps = f"{entry['n']:>7} {rfc3339(entry['wall_ms'])} {rfc3339(entry['market_ms'])}"
    return (
        f"{stamps} {entry['kind']:<8} {_WORDS[entry['kind']](entry)}"
        if entry["kind"] in _WORDS
        else f"{stamps} {entry['kind']}"
    )


def _effect(entry: Mapping[str, Any]) -> str:
    orders = (
        f"order {row['orderId']} {row['symbol']} {row['side']} {row['qty']} {row['orderStatus']}" for row in entry["orders"]
    )
    fills = (f"fill {row['symbol']} {row['side']} {row['execQty']} at {row['execPrice']}" for row in entry["executions"])
    money = (f"{row['type']} {row['change']} {row['currency']}" for row in entry["log"])
    return ", ".join((*orders, *fills, *money))


def _frame(entry: Mapping[str, Any]) -> str:
    frame = entry["frame"]
    return f"{entry['conn']} uid {entry['uid']} {frame.get('topic') or frame.get('op')} {frame.get('id', '')}".rstrip()


_WORDS = {
    "opened": lambda entry: f"{entry['conn']} {entry['path']} from {entry['address']}",
    "authenticated": lambda entry: f"{entry['conn']} uid {entry['uid']} key {entry['key']}",
    "closed": lambda entry: f"{entry['conn']} uid {entry['uid']} code {entry['code']}",
    "request": lambda entry: f"uid {entry['uid']} {entry['conn'] or 'REST'} {entry['path']} {json.dumps(entry['params'])}",
    "answer": lambda entry: f"uid {entry['uid']} to {entry['request']}: {entry['code']} {entry['text']}",
    "effect": _effect,
    "frame": _frame,
}
