"""The mode that a record of the journal is of, by whom it names: whether real money was meant stands in the record itself."""

from typing import Final

from playd.core.modes import Environment, Mode
from playd.orders.account_modes import MODE_OF
from playd.orders.ledger import Ledger
from playd.supervisor.enrol import own_account

_SHADOWS: Final = own_account(Mode.SHADOW, "")


class RecordModes:
    """Looks instances and accounts up in the ledger, each once: neither changes its mode."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, str] = {}

    def of(self, account: str | None, instance: str | None) -> str | None:
        """Mode of an instance by its uid, else of an account by its environment; None where neither is known yet."""
        return self._of_instance(instance) or self._of_account(account)

    def _of_instance(self, uid: str | None) -> str | None:
        if not uid:
            return None
        key = f"instance:{uid}"
        if key not in self._known and (row := self._ledger.row("SELECT mode FROM instances WHERE uid = ?", (uid,))) is not None:
            self._known[key] = str(row["mode"])
        return self._known.get(key)

    def _of_account(self, alias: str | None) -> str | None:
        if not alias:
            return None
        key = f"account:{alias}"
        if key not in self._known:
            row = self._ledger.row("SELECT environment FROM accounts WHERE alias = ?", (alias,))
            if row is not None:
                self._known[key] = str(MODE_OF[Environment(row["environment"])])
            elif alias.startswith(_SHADOWS):
                return str(Mode.SHADOW)
        return self._known.get(key)
