"""What is on record of panics: which levels ask for one on an account, whether they are done, and whether nobody may send."""

from collections.abc import Iterator, Sequence
from typing import Final

from playd.orders.desk import Desk
from playd.orders.halts import ALL, Halt, Level, account_scope, scopes_of
from playd.orders.panic_report import PanicScope

_FLAT: Final = "verified flat"


class PanicLevels:
    """Of one account; reads and writes the ledger only."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def unfinished(self) -> Iterator[tuple[Halt, PanicScope]]:
        """Levels in force that were not verified flat here, with what each means on this account."""
        for halt in self._desk.halts.in_force():
            scope = self._scope_of(halt.scope) if halt.level is Level.PANIC else None
            if scope is not None and self._desk.ledger.meta(self._flat_key(halt)) != _FLAT:
                yield halt, scope

    def found_flat(self, owner: str, symbol: str) -> Sequence[PanicScope]:
        """The panics in force over an owner's share of a symbol, if each was verified flat here; else none."""
        over = [
            halt for halt in self._desk.halts.in_force(*scopes_of(owner, self._desk.alias, symbol)) if halt.level is Level.PANIC
        ]
        if any(self._desk.ledger.meta(self._flat_key(halt)) != _FLAT for halt in over):
            return ()
        return [scope for halt in over if (scope := self._scope_of(halt.scope)) is not None]

    def keep_whether_flat(self, scope: PanicScope, *, flat: bool) -> None:
        """Keep over restarts whether the panics of this scope are done; an account is all its scopes and its part of `all`."""
        desk, stored = self._desk, scope.halt_scope(self._desk.alias)
        whole = stored == account_scope(desk.alias)
        for halt in desk.halts.in_force():
            if halt.level is Level.PANIC and (self._scope_of(halt.scope) is not None if whole else halt.scope == stored):
                desk.ledger.set_meta(self._flat_key(halt), _FLAT if flat else "")
        desk.ledger.commit()

    def _flat_key(self, halt: Halt) -> str:
        """One level may have to be flat on several accounts of the ledger."""
        return f"panic_flat:{halt.id}:{self._desk.alias}"

    def _scope_of(self, stored: str) -> PanicScope | None:
        """What a stored scope means on this account; None when it is none of its business."""
        desk = self._desk
        kind, _, rest = stored.partition(":")
        if stored in (ALL, account_scope(desk.alias)):
            return PanicScope()
        if kind == "symbol" and rest.startswith(f"{desk.alias}/"):
            return PanicScope(symbol=rest.removeprefix(f"{desk.alias}/"))
        if kind == "instance":
            owns = desk.ledger.row("SELECT 1 FROM instances WHERE uid = ? AND account = ?", (rest, desk.alias))
            return PanicScope(instance_uid=rest) if owns is not None else None
        return None

    def in_force(self, scope: PanicScope) -> bool:
        """Whether the level still stands that asked for this panic, or one of a wider scope."""
        return any(halt.level is Level.PANIC for halt in self._desk.halts.in_force(*self._scopes(scope)))

    def frozen(self, scope: PanicScope) -> Halt | None:
        return self._desk.halts.frozen(*self._scopes(scope))

    def _scopes(self, scope: PanicScope) -> tuple[str, ...]:
        alias = self._desk.alias
        return scope.halt_scope(alias), account_scope(alias), ALL
