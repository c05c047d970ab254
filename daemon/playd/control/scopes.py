"""Scopes as people write them, and what they cover. A bare name means that instance alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from playd.control.context import Daemon
from playd.control.known_symbols import is_listed, no_symbol
from playd.control.protocol import Code, RpcError
from playd.orders.account import Account
from playd.orders.halts import ALL, account_scope, instance_scope, scopes_of, symbol_scope
from playd.orders.panic import PanicScope
from playd.supervisor.accounts import Accounts
from playd.supervisor.names import not_found
from playd.supervisor.records import InstanceRecord
from playd.supervisor.slot import Slot


@dataclass(frozen=True, slots=True)
class Scope:
    """
    One scope.

    `text` is how people write it, `stored` how halts are stored (instances by uid). `wider` are this one and the stored
    scopes around it, which still hold it after it was lifted. `target` is the instance uid, `ACCOUNT/SYMBOL` or alias.
    """

    kind: Literal["instance", "symbol", "account", "all"]
    text: str
    stored: str
    target: str
    wider: tuple[str, ...]

    def covers(self, record: InstanceRecord) -> bool:
        """Whether an instance stands in this scope."""
        return self.stored in scopes_of(record.uid, record.account, record.symbol)


def parse_scope(text: str, slots: Mapping[str, Slot], accounts: Sequence[str]) -> Scope:
    """The scope of a word. Raises `RpcError` naming the nearest instance or account for an unknown one."""
    kind, colon, rest = text.partition(":")
    if text == ALL:
        return Scope("all", ALL, ALL, "", (ALL,))
    if kind == "account" and rest:
        if rest not in accounts:
            raise RpcError(Code.NOT_FOUND, not_found("account", rest, accounts))
        return Scope("account", f"account:{rest}", account_scope(rest), rest, (account_scope(rest), ALL))
    if kind == "symbol" and rest.count("/") == 1:
        alias, symbol = rest.split("/")
        if alias not in accounts:
            raise RpcError(Code.NOT_FOUND, not_found("account", alias, accounts))
        stored = symbol_scope(alias, symbol)
        return Scope("symbol", f"symbol:{rest}", stored, rest, (stored, account_scope(alias), ALL))
    if colon and (kind != "instance" or not rest):
        expected = "an instance's name, instance:NAME, symbol:ACCOUNT/SYMBOL, account:ALIAS or all"
        raise RpcError(Code.INVALID_PARAMS, f"scope {text!r}: expected {expected}")
    name = rest or text
    slot = slots.get(name)
    if slot is None:
        raise RpcError(Code.NOT_FOUND, not_found("instance", name, slots))
    record = slot.record
    wider = scopes_of(record.uid, record.account, record.symbol)
    return Scope("instance", f"instance:{name}", instance_scope(record.uid), record.uid, wider)


def scopes_around(accounts: Accounts, scope: Scope, *, opening: bool = False) -> Iterator[tuple[Account, PanicScope]]:
    """The open accounts that a scope reaches, each with its part of the scope; with `opening` all that are reachable."""
    for alias, held in sorted(accounts.held.items()):
        account = held.reachable if opening else held.account
        if account is None:
            continue
        if scope.kind == "all" or (scope.kind == "account" and scope.target == alias):
            yield account, PanicScope()
        elif scope.kind == "symbol" and scope.target.split("/")[0] == alias:
            yield account, PanicScope(symbol=scope.target.split("/")[1])
        elif scope.kind == "instance" and _is_registered(account, scope.target):
            yield account, PanicScope(instance_uid=scope.target)


async def refuse_unknown(daemon: Daemon, scope: Scope) -> bool:
    """Whether the symbol of a scope is known, as `refuse_symbol` says; other scopes are."""
    return scope.kind != "symbol" or await refuse_symbol(daemon, *scope.target.split("/"))


async def refuse_symbol(daemon: Daemon, alias: str, symbol: str) -> bool:
    """
    Whether a symbol of an account is known: of an instance, of the books, or on the venue's list.

    False where the venue does not say so, or its account is not open. Raises `RpcError` naming the nearest symbol for one
    that it does not list.
    """
    known = {slot.record.symbol for slot in daemon.supervisor.slots.values() if slot.record.account == alias}
    held = daemon.accounts.held.get(alias)
    account = None if held is None else held.reachable
    if symbol in known or account is None:
        return symbol in known
    desk = account.desk
    known |= {
        *desk.instruments,
        *(view.symbol for view in account.views.positions()),
        *(row.symbol for row in desk.book.live()),
    }
    listed = symbol in known or await is_listed(_lists(account, symbol))
    if listed is False:
        raise RpcError(Code.NOT_FOUND, no_symbol(symbol, alias, known))
    return listed is True


async def _lists(account: Account, symbol: str) -> bool:
    return symbol in await account.desk.port.instruments([symbol])


def _is_registered(account: Account, uid: str) -> bool:
    """Whether an instance ever had anything to do with an account."""
    row = account.desk.ledger.row("SELECT 1 FROM instances WHERE uid = ? AND account = ?", (uid, account.alias))
    return row is not None
