"""The mode that a record of the journal is of, by whom it names: whether real money was meant stands in the record itself."""

from typing import Final

from playd.core.modes import Environment, Mode
from playd.orders.account_modes import MODE_OF
from playd.orders.ledger import Ledger
from playd.supervisor.enrol import own_account

_SHADOWS: Final = own_account(Mode.SHADOW, "")


class RecordModes:
    """
    Looks instances and accounts up in the ledger. An instance once: its mode never changes. An account each time: the ledger
    may have it of another environment until its key is accepted.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, str] = {}

    def of(self, account: str | None, instance: str | None) -> str | None:
        """Mode of an instance by its uid, else of an account by its environment; None where neither is known yet."""
        return self._of_instance(instance) or self._of_account(account)

    def _of_instance(self, uid: str | None) -> str | None:
        if not uid:
            return None
        if uid not in self._known and (row := self._ledger.row("SELECT mode FROM instances WHERE uid = ?", (uid,))) is not None:
            self._known[uid] = str(row["mode"])
        return self._known.get(uid)

    def _of_account(self, alias: str | None) -> str | None:
        if not alias:
            return None
        row = self._ledger.row("SELECT environment FROM accounts WHERE alias = ?", (alias,))
        if row is not None:
            return str(MODE_OF[Environment(row["environment"])])
        return str(Mode.SHADOW) if alias.startswith(_SHADOWS) else None
