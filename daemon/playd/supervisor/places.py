"""Where the orders of a life go: an account, or the book of shadow mode. A life opens either in the same way."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from playd.core.errors import OperatorError
from playd.core.instrument import Instrument
from playd.orders.account import Account
from playd.orders.halts import Halts
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.plays.model import Play
from playd.supervisor.instance_ports import OrderPort
from playd.supervisor.records import InstanceRecord


async def need_listed(
    instruments: Callable[[list[str]], Awaitable[Mapping[str, Instrument]]], record: InstanceRecord, play: Play
) -> None:
    """
    Before a first life: raise `OperatorError` for a symbol, traded or read, that the venue does not list: no restart mends it.

    One that has run was listed once: a slip of the list is no reason to give it up.
    """
    wanted = [record.symbol, *([play.reference] if play.reference is not None else [])]
    found = await instruments(wanted) if not record.anchor_ms else dict.fromkeys(wanted)
    if missing := [symbol for symbol in wanted if symbol not in found]:
        raise OperatorError(f"the venue lists no {', '.join(missing)}: name another symbol in {play.source}")


class LifePort(OrderPort, Protocol):
    """The order port of one life, which closes it."""

    def close(self) -> None:
        """End the life's use of it; its working orders stay where they are."""
        ...


class Place(Protocol):
    """One place for orders."""

    @property
    def ledger(self) -> Ledger:
        """Where its verdicts and executions are kept."""
        ...

    @property
    def incidents(self) -> Incidents:
        """Where people are told of what happens here."""
        ...

    @property
    def halts(self) -> Halts:
        """The refusals of new risk that hold here."""
        ...

    async def ready(self) -> None:
        """Return once entries are taken."""
        ...

    def quote_max_age_s(self) -> float | None:
        """Oldest quote that a market entry may be priced by, in seconds; None where no price hangs on a quote."""
        ...

    async def open(self, record: InstanceRecord, clock_ms: int, kept: dict[str, Any]) -> tuple[LifePort, Instrument]:
        """A port for one life and the rules of its symbol. `kept` is the state of the life before, empty without one."""
        ...


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """Orders go to an account."""

    account: Account

    @property
    def ledger(self) -> Ledger:
        return self.account.desk.ledger

    @property
    def incidents(self) -> Incidents:
        return self.account.desk.incidents

    @property
    def halts(self) -> Halts:
        return self.account.desk.halts

    async def ready(self) -> None:
        await self.account.wait_ready()

    def quote_max_age_s(self) -> float | None:
        settings = self.account.desk.settings
        return None if settings.plain_market else settings.quote_max_age_s

    async def open(self, record: InstanceRecord, clock_ms: int, kept: dict[str, Any]) -> tuple[LifePort, Instrument]:
        after = int(kept.get("event_n", 0))
        self.account.desk.limit(record.uid, record.own_limits)
        port = await self.account.register(
            record.uid, record.name, record.symbol, clock_ms=clock_ms, mode=record.mode, after=after
        )
        return port, self.account.desk.instrument(record.symbol)
