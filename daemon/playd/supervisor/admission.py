"""
The one question before any start: may this instance run? Pure, so that every way to start gives the same answer.

Command, daemon start, restart after a crash and `enable` all pass here.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from playd.core.modes import Environment, Mode
from playd.orders.account_modes import MODE_OF
from playd.settings.words import TAKEN
from playd.supervisor.enrol import own_account
from playd.supervisor.records import NAME_PATTERN, InstanceRecord

_ANEW: Final = "stop flat, remove and add it again"
MODES: Final = (Mode.SHADOW, Mode.PAPER, Mode.DEMO, Mode.LIVE)

ENVIRONMENTS_OF: Final = {
    mode: tuple(environment for environment, its_mode in MODE_OF.items() if its_mode is mode)
    for mode in (Mode.PAPER, Mode.DEMO, Mode.LIVE)
}
"""Where each mode's orders may go. Shadow sends none."""

UNKNOWN_ACCOUNT: Final = "UNKNOWN_ACCOUNT"
"""The account that was named is none that anybody configured."""

OWN_CONDITIONAL: Final = 2
"""Orders of one instance that wait for a price at the venue: the stop and the target that hang on its position."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an instance may not run. `code` is stable, `text` names what was found, the limit and its use."""

    code: str
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """
    What admission looks at besides the record.

    Attributes:
        present_digest: Digest of the Play as the file is now; None when it cannot be loaded, with `play_error` saying why.
        running: Records that hold a slot now, the candidate excluded.
        holding: Records that do not run and have a position or a working order at the venue, the candidate excluded.
        account_environment: Environment of the record's account; None when there is no such account.
        account_refused: Why the venue or the settings refuse the account, empty when they do not.
        key_ends: That the account's key is in its last days, empty while it is not or nobody has read it yet.
        market_symbols: Symbols the market offers; None when it cannot be listed (any symbol is tried).
        reference: Symbol that the Play reads beside its own, empty for none.
        stop_order: The order that the Play's stop is, `Market` or `Limit`; empty for a Play without a stop.
        memory_mib: Resident memory of the process; 0 for an instance that is a part of it already.
        overdrawn: Which rate limit the reads of all, the candidate included, would be too near to; empty for none.
        conditional: Orders of others that wait for a price on the record's account and symbol.
        public_feed: Whether there is a public stream for instances without an account.
        ceiling: The highest mode the environment variables and settings allow.
    """

    present_digest: str | None
    play_error: str
    running: Collection[InstanceRecord]
    account_environment: Environment | None
    account_refused: str
    market_symbols: Collection[str] | None
    max_instances: int
    max_live_instances: int = 10
    memory_limit_mib: int = 1200
    memory_mib: int = 0
    overdrawn: str = ""
    conditional_per_symbol: int = 8
    conditional: int = 0
    failed: str = ""
    key_ends: str = ""
    reference: str = ""
    stop_order: str = "Market"
    holding: Collection[InstanceRecord] = ()
    public_feed: bool = True
    ceiling: Mode = Mode.DEMO


def admit(record: InstanceRecord, around: Circumstances) -> Refused | None:
    """The first reason against running `record`, or None when it may run."""
    for check in _CHECKS:
        refused = check(record, around)
        if refused is not None:
            return refused
    return None


def _name(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if record.name in TAKEN:
        return Refused(
            "BAD_NAME", f"{record.name} means something else wherever an instance is named; another name is expected"
        )
    if re.fullmatch(NAME_PATTERN, record.name):
        return None
    return Refused("BAD_NAME", f"instance name {record.name!r} found, {NAME_PATTERN} expected")


def _mode(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if record.mode not in MODES:
        return Refused("BAD_MODE", f"mode {record.mode} found, one of {', '.join(MODES)} expected")
    if MODES.index(record.mode) > MODES.index(around.ceiling):
        return Refused("MODE_CEILING", f"mode {record.mode} is above the ceiling {around.ceiling} set by the environment")
    return None


def _not_failed(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if not around.failed:
        return None
    return Refused("FAILED", f"{record.name} failed: {around.failed}", f"playctl reset-failed {record.name}")


def _play(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if around.present_digest is None:
        return Refused("PLAY_INVALID", around.play_error)
    if around.present_digest != record.play_digest:
        found, expected = around.present_digest[:16], record.play_digest[:16]
        text = f"{record.play_path} is now {found}, the instance was added with {expected}"
        again = "the next start of the daemon takes the new one, once it is flat" if record.declared else _ANEW
        return Refused("PLAY_CHANGED", text, again)
    return None


def _stop(record: InstanceRecord, around: Circumstances) -> Refused | None:
    """
    Nothing is opened without a protection, so a Play that has none would never act; said now instead of at each entry.

    A limit order that nobody takes is no protection either; only a book of our own knows that it fills when the price is back.
    """
    if around.stop_order == "Market" or record.mode is Mode.SHADOW:
        return None
    if not around.stop_order:
        text = f"the Play has no stop; mode {record.mode} opens no position without one"
        return Refused("NO_STOP", text, "write a stop_loss, or run it in shadow mode")
    text = f"sl_order_type is {around.stop_order}; mode {record.mode} protects positions by market orders only"
    return Refused("LIMIT_STOP", text, "write Market, or run it in shadow mode")


def _account(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if record.mode is Mode.SHADOW:
        return None if around.public_feed else Refused("NO_FEED", "there is no public market to follow", "see [market]")
    if not record.account:
        hint = "name one that playd.toml has: playctl add … --account ALIAS"
        return Refused("NO_ACCOUNT", f"mode {record.mode} needs an account", hint)
    if around.account_environment is None:
        return Refused(UNKNOWN_ACCOUNT, f"no account {record.account!r} is configured", "add it to playd.toml")
    allowed = ENVIRONMENTS_OF[record.mode]
    if around.account_environment not in allowed:
        wanted, found = " or ".join(allowed), around.account_environment
        text = f"mode {record.mode} needs an account on {wanted}; {record.account} is on {found}"
        return Refused("WRONG_ENVIRONMENT", text)
    if around.account_refused:
        return Refused("ACCOUNT_REFUSED", f"account {record.account}: {around.account_refused}")
    return None


def _key(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if record.mode is Mode.SHADOW or not around.key_ends:
        return None
    return Refused("KEY_EXPIRES", around.key_ends, f"playctl creds reload {record.account}")


def _symbol(record: InstanceRecord, around: Circumstances) -> Refused | None:
    wanted = {record.symbol: record.symbol, around.reference: f"{around.reference}, which the Play reads"}
    offered = wanted if around.market_symbols is None else around.market_symbols
    missing = [text for symbol, text in wanted.items() if symbol and symbol not in offered]
    if not missing:
        return None
    there = ", ".join(sorted(around.market_symbols or ()))
    return Refused("NO_SYMBOL", f"the market has no {missing[0]}; there are: {there}")


def _slots(record: InstanceRecord, around: Circumstances) -> Refused | None:
    used = len(around.running)
    if used < around.max_instances:
        return None
    return Refused("TOO_MANY", f"supervisor.max_instances is {around.max_instances}, {used} are in use")


def _live_slots(record: InstanceRecord, around: Circumstances) -> Refused | None:
    used, most = sum(other.mode is Mode.LIVE for other in around.running), around.max_live_instances
    if record.mode is not Mode.LIVE or used < most:
        return None
    return Refused("TOO_MANY", f"supervisor.max_live_instances is {most}, {used} are in use")


def _memory(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if around.memory_mib < around.memory_limit_mib:
        return None
    text = f"supervisor.memory_limit_mib is {around.memory_limit_mib} MiB, {around.memory_mib} MiB are in use"
    return Refused("TOO_MANY", text)


def _reads(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if record.mode is Mode.SHADOW or not around.overdrawn:
        return None
    return Refused("TOO_MANY", around.overdrawn, "playctl limits")


def _conditional(record: InstanceRecord, around: Circumstances) -> Refused | None:
    """The venue bounds them, and the stop of a position must never be the one too many."""
    if record.mode is Mode.SHADOW or around.conditional + OWN_CONDITIONAL <= around.conditional_per_symbol:
        return None
    text = (
        f"supervisor.conditional_per_symbol is {around.conditional_per_symbol}, {around.conditional} are in use on"
        f" {record.symbol} of account {record.account}, and {OWN_CONDITIONAL} more would be"
    )
    return Refused("TOO_MANY", text, "playctl orphan list")


def _exclusive(record: InstanceRecord, around: Circumstances) -> Refused | None:
    if record.mode is Mode.SHADOW:
        return None
    where = f"{record.symbol} on account {record.account}"
    for other in around.running:
        if (other.account, other.symbol) == (record.account, record.symbol):
            return Refused("SYMBOL_TAKEN", f"{other.name} trades {where} already")
    for other in around.holding:
        if (other.account, other.symbol) == (record.account, record.symbol):
            text = (
                f"{other.name} does not run, and has a position or an order of {where} still; the venue keeps one stop for both"
            )
            return Refused("SYMBOL_TAKEN", text, f"playctl panic {other.name}, or start it again")
    return None


def _duplicate(record: InstanceRecord, around: Circumstances) -> Refused | None:
    key = duplicate_key(record)
    for other in around.running:
        if duplicate_key(other) == key:
            return Refused("DUPLICATE", f"{other.name} runs the same Play on {record.symbol} in mode {record.mode} already")
    return None


def duplicate_key(record: InstanceRecord) -> Mapping[str, str]:
    """
    What makes two instances the same: Play, symbol, mode and account.

    Shadows, and paper instances with a wallet of their own, have one account each, so it says nothing there.
    """
    account = "" if record.account == own_account(record.mode, record.uid) else record.account
    return {"play": record.play_digest, "symbol": record.symbol, "mode": record.mode, "account": account}


_CHECKS: Final = (
    _name,
    _mode,
    _not_failed,
    _play,
    _stop,
    _account,
    _key,
    _symbol,
    _slots,
    _live_slots,
    _memory,
    _reads,
    _conditional,
    _exclusive,
    _duplicate,
)
