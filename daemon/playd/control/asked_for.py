"""
Whom a question is about: an instance, an account, a symbol.

A name that nobody here ever had is refused with the nearest one: an empty answer to a slip of the keyboard reads like "nothing
is open". A symbol may be new to us, so that nothing found of it is a warning only.
"""

from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import rfc3339
from playd.control.log_lines import LineFilter
from playd.control.protocol import Code, RpcError
from playd.orders.account import Account
from playd.orders.order_book import FOREIGN
from playd.supervisor.names import nearest, not_found


def owner_of(daemon: Daemon, name: str) -> str:
    """The uid of an instance, also of one that was removed (the newest of its name); `foreign` is nobody of ours."""
    slots = daemon.supervisor.slots
    if name in slots:
        return slots[name].record.uid
    found = daemon.ledger.row(
        "SELECT uid FROM instances WHERE ? IN (name, uid) ORDER BY removed, created_ms DESC LIMIT 1", (name,)
    ) or daemon.ledger.row("SELECT instance AS uid FROM virtual_positions WHERE instance = ?", (name,))
    if found is not None:
        return str(found["uid"])
    if name == FOREIGN:
        return name
    raise RpcError(Code.NOT_FOUND, not_found("instance", name, slots))


def names_in_messages(daemon: Daemon, name: str) -> tuple[str, ...]:
    """
    What messages about an instance call it: its name, in records of the journal its uid. One that the settings declare, and
    that was refused, never had a uid, and what is said about it must be readable all the more; so of one that only lines know.
    """
    try:
        return name, owner_of(daemon, name)
    except RpcError:
        if name in daemon.ops.loaded.settings.instances or daemon.query_logs(limit=1, wanted=LineFilter(instance=name)):
            return (name,)
        raise


def account_named(daemon: Daemon, alias: str | None) -> str | None:
    """The account as it was given, if anybody has or had one of that name."""
    if alias is None or alias in daemon.accounts.held or alias in daemon.ops.loaded.settings.accounts:
        return alias
    sql = "SELECT alias FROM accounts UNION SELECT account FROM instances UNION SELECT account FROM virtual_positions"
    known = {row["alias"] for row in daemon.ledger.rows(sql)}
    if alias not in known:
        raise RpcError(Code.NOT_FOUND, not_found("account", alias, known | daemon.accounts.held.keys()))
    return alias


def open_account(daemon: Daemon, alias: str) -> Account:
    """An account that is open. Raises `RpcError` naming those that are."""
    account = daemon.accounts.find(alias)
    if account is None:
        known = [name for name, held in daemon.accounts.held.items() if held.account is not None]
        raise RpcError(Code.NOT_FOUND, not_found("open account", alias, known), hint="playctl status")
    return account


def banned_text(account: Account) -> str:
    """Why nothing can be read of an account for a while, empty when it can: a question would wait for the end of the ban."""
    banned_s = account.desk.budget.banned_for_s
    return f"account {account.alias}: {ban_words(banned_s, account.desk.clock.wall_ms())}" if banned_s > 0 else ""


def ban_words(left_s: float, now_ms: int) -> str:
    """How long a ban lasts, for people."""
    return f"the venue has banned our address until {rfc3339(now_ms + round(left_s * 1000))}, {left_s:.0f} s more"


def refuse_while_banned(account: Account, hint: str) -> None:
    """Raises `RpcError` while the venue cannot be asked for what a command needs; what only reduces risk waits instead."""
    if text := banned_text(account):
        raise RpcError(Code.REFUSED, text, reason="banned", hint=hint)


def warn_of_symbol(daemon: Daemon, symbol: str | None, call: Call) -> None:
    """Nothing was found: say so if nothing here has ever traded the symbol."""
    if symbol is None:
        return
    sql = "SELECT symbol FROM instances UNION SELECT symbol FROM virtual_positions"
    known = {row["symbol"] for row in daemon.ledger.rows(sql)}
    if symbol not in known:
        near = nearest(symbol, known)
        text = f"nothing here has ever traded {symbol!r}" + (f"; did you mean {near}?" if near else "")
        call.warnings.append(("unknown_symbol", text))


def warn_of_more(call: Call, shown: int, most: int) -> None:
    """A list that is cut says so."""
    if shown >= most:
        call.warnings.append(("not_all", f"the newest {most}; the ledger has all of them"))
