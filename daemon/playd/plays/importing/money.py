"""Older spellings of `account`, `risk_limits`, `position_policy`, `expected` and of what stands at the top of a file."""

import re
from typing import Final

from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.importing.log import Log
from playd.plays.importing.scalars import as_truth
from playd.plays.importing.trees import (
    as_map,
    drop,
    each_entry,
    key_mark,
    new_map,
    number,
    put,
    removed,
    renamed,
    text_of,
    word,
)
from playd.plays.load import NAME, VERSION
from playd.plays.older_names import is_this_version
from playd.plays.tables import POLICY

_ACCOUNT_KEYS: Final = {"initial_capital_usdt": "starting_equity_usdt", "leverage": "max_leverage"}
_NO_EFFECT: Final = ("max_notional_usdt", "max_margin_usdt")
_NOT_OFFERED: Final = ("pyramid_mode",)
_WINDOW: Final = re.compile(r"--(start|end)[ =]+([0-9][0-9T:Z+.-]*)")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_DEFAULT_EQUITY_USDT: Final = 10_000.0


def import_identity(root: Map, log: Log) -> Map:
    """`id`, `symbol_universe`, and the dates that a description mentions."""
    root = _symbol(_name(_version(root, log), log), log)
    dates = dict(_WINDOW.findall(word(root.get("description"))))
    if dates and "date_range" not in root.keys:
        mark = key_mark(root, "description")
        section = new_map({key: Leaf(dates[key], mark) for key in ("start", "end") if key in dates}, mark)
        found = " ".join(f"--{key} {value}" for key, value in dates.items())
        log.change(mark, "description", found, "date_range", text_of(section))
        root = put(root, "date_range", section)
    return root


def _version(root: Map, log: Log) -> Map:
    """The version of this format, however much of it was written; another one stays, and is refused."""
    given = root.get("version")
    if not isinstance(given, Leaf) or given.value == VERSION or not is_this_version(given.value):
        return root
    log.change(key_mark(root, "version"), "version", text_of(given), "version", f'"{VERSION}"')
    return put(root, "version", Leaf(VERSION, given.mark))


def _name(root: Map, log: Log) -> Map:
    """`id` where there is no name, or one that no instance can have; then the name becomes the description."""
    if "name" not in root.keys:
        root = renamed(root, "id", "name", "", log)
    given, mark = root.get("name"), key_mark(root, "name")
    old = word(given)
    if isinstance(given, Leaf) and old and not isinstance(given.value, str):
        log.change(mark, "name", old, "name", f'"{old}"')
        root = put(root, "name", Leaf(old, given.mark))
    if not old or NAME.match(old):
        return removed(root, "id", "", log)
    id = word(root.get("id"))
    new = id if NAME.match(id) else _NO_NAME.sub("_", old)[:64]
    log.change(mark, "name", old, "name", new)
    if "description" not in root.keys:
        log.change(mark, "(not written)", "", "description", old)
        root = put(root, "description", Leaf(old, mark))
    return put(removed(root, "id", "", log), "name", Leaf(new, mark))


def _symbol(root: Map, log: Log) -> Map:
    universe = root.get("symbol_universe")
    if universe is None:
        return root
    symbols = universe.items if isinstance(universe, Sequence) else (universe,)
    mark = key_mark(root, "symbol_universe")
    if "symbol" in root.keys:
        return removed(root, "symbol_universe", "", log)
    others = ", ".join(word(item) for item in symbols[1:])
    meaning = f"a Play trades one symbol; not traded now: {others}" if others else ""
    if symbols and word(symbols[0]):
        log.change(mark, "symbol_universe", text_of(universe), "symbol", word(symbols[0]), meaning)
        root = put(root, "symbol", symbols[0], mark)
    else:
        log.problem(mark, "symbol_universe", "which symbol? The list names none")
    return drop(root, "symbol_universe")


def import_account(root: Map, log: Log) -> Map:
    """`account` and `risk_limits`."""
    account = as_map(root.get("account"))
    for old, new in _ACCOUNT_KEYS.items():
        account = renamed(account, old, new, "account", log)
    fee = number(account.get("fee_rate_pct"))
    if "taker_bps" in as_map(account.get("fee_model")).keys:
        account = removed(account, "fee_rate_pct", "account", log, "`fee_model.taker_bps` is written too, and counts")
    elif fee is not None:
        mark = key_mark(account, "fee_rate_pct")
        fees = put(as_map(account.get("fee_model")), "taker_bps", Leaf(round(fee * 100, 10), mark))
        new_text = text_of(fees.get("taker_bps"))
        log.change(mark, "account.fee_rate_pct", text_of(account.get("fee_rate_pct")), "account.fee_model.taker_bps", new_text)
        account = put(drop(account, "fee_rate_pct"), "fee_model", fees, mark)
    for key in _NO_EFFECT:
        account = removed(account, key, "account", log, "this limit does not exist here")
    limits = root.get("risk_limits")
    if isinstance(limits, Map):
        account = _limits(account, limits, log)
        root = drop(root, "risk_limits")
    if account.entries or "account" in root.keys:
        given = root.get("account")
        root = put(root, "account", account if isinstance(given, Map) or account.entries else given or account)
    equity = number(account.get("starting_equity_usdt"))
    if equity is not None and equity != _DEFAULT_EQUITY_USDT:
        item = account.get("starting_equity_usdt")
        text = "it is honoured everywhere; older engines started some runs from 10000"
        log.unchanged(key_mark(account, "starting_equity_usdt"), "account.starting_equity_usdt", text_of(item), text)
    return root


def _limits(account: Map, limits: Map, log: Log) -> Map:
    for entry in limits:
        path = f"risk_limits.{entry.key}"
        if entry.key != "max_drawdown_pct":
            log.problem(
                entry.mark, path, f"there is no such limit here ({text_of(entry.value)}): leave it out, or trade without"
            )
        elif "max_drawdown_pct" in account.keys:
            log.removed(entry.mark, path, text_of(entry.value), "`account.max_drawdown_pct` is written too, and counts")
        else:
            text = text_of(entry.value)
            log.change(entry.mark, path, text, "account.max_drawdown_pct", text, "it now stops the run")
            account = put(account, "max_drawdown_pct", entry.value, entry.mark)
    return account


def import_policy(root: Map, log: Log) -> Map:
    """`position_policy`: what was never offered is gone."""
    policy = root.get("position_policy")
    if not isinstance(policy, Map):
        return root
    path = "position_policy"
    for key in ("max_positions", "max_positions_per_symbol"):
        if (number(policy.get(key)) or 1) > 1:
            policy = removed(policy, key, path, log, "one position per symbol")
    policy = renamed(policy, "max_positions", "max_positions_per_symbol", path, log)
    for key in _NOT_OFFERED:
        policy = removed(policy, key, path, log, "positions are not added to")
    policy = each_entry(policy, lambda one: _as_flag(one, path, log))
    for entry in policy:
        if entry.key.startswith("allow_") and isinstance(entry.value, Leaf):
            if entry.value.value is True:
                policy = removed(policy, entry.key, path, log, "this is not offered")
            elif entry.value.value is False and entry.key not in POLICY.names:
                policy = removed(policy, entry.key, path, log)
    return put(root, "position_policy", policy)


def _as_flag(entry: Entry, path: str, log: Log) -> Entry:
    if not entry.key.startswith("allow_"):
        return entry
    return Entry(entry.key, entry.mark, as_truth(entry.value, f"{path}.{entry.key}", log))


def import_trial(root: Map, log: Log) -> Map:
    """`_test_metadata` and the expectations that nothing checks."""
    root = removed(root, "_test_metadata", "", log)
    expected = root.get("expected")
    if not isinstance(expected, Map):
        return root
    side = word(expected.get("pnl_direction"))
    if side in ("long", "short"):
        root = _expect_side(root, expected, side, log)
    else:
        expected = removed(expected, "pnl_direction", "expected", log)
    expected = removed(drop(expected, "pnl_direction"), "max_trades", "expected", log)
    return put(root, "expected", expected) if expected.entries else drop(root, "expected")


def _expect_side(root: Map, expected: Map, side: str, log: Log) -> Map:
    name = "synthetic" if "synthetic" in root.keys else "validation"
    mark = key_mark(expected, "pnl_direction")
    log.change(mark, "expected.pnl_direction", side, f"{name}.expect_direction", side)
    trial: Item | None = root.get(name)
    return put(root, name, put(as_map(trial), "expect_direction", Leaf(side, mark)), key_mark(root, name) if trial else mark)
