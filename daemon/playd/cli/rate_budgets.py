"""The rate budgets of the running daemon: of the venues and of the embedded exchange, by account and for public data."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from playd.cli.known_bans import guardians_ban_ms, rate_rules
from playd.cli.runtime_plan import EMBEDDED
from playd.cli.start_barrier import Records
from playd.core.record import Recorder
from playd.ops.orders_of_day import OrdersOfDay
from playd.orders.bans import Bans
from playd.orders.budget import AccountBudget, AddressBudget
from playd.orders.rate_limits import LimitRow
from playd.settings import Loaded
from playd.world.ports import World


class RateBudgets:
    """
    Every rate budget of the daemon: one address that all venues see, one account per key. The embedded exchange counts what it
    gets by itself, so that wallets on paper keep no request of a real account waiting, and are not banned with it.
    """

    def __init__(
        self,
        address: AddressBudget,
        embedded: AddressBudget,
        has_key: Callable[[str], bool],
        of_day: OrdersOfDay,
        journal: Recorder,
    ) -> None:
        self.address = address
        self.of_day = of_day
        self._embedded = embedded
        self._has_key = has_key
        self._journal = journal
        self._accounts: dict[str, AccountBudget] = {}

    def of(self, alias: str) -> AccountBudget:
        """
        The budget of an account, the same one for all its lives: what it sent just now, and that the venue found it too fast,
        no crash undoes. The empty alias is public data of venues, `EMBEDDED` that of the embedded exchange.
        """
        if (known := self._accounts.get(alias)) is not None:
            return known
        address = self._address_of(alias)
        found = self._accounts[alias] = address.for_account(alias, guarded=self._has_key(alias))

        def refused(endpoint: str, code: int) -> None:
            self._journal.append("rate.refused", {"endpoint": endpoint, "code": code}, account=alias or None)

        found.on_refused = refused
        return found

    @property
    def waiting(self) -> int:
        """Requests in both queues."""
        return self.address.waiting + self._embedded.waiting

    def banned_for_s(self, alias: str) -> float:
        """Seconds for which nothing may be sent for an account; aliases as in `of`."""
        return self._address_of(alias).banned_for_s

    def _address_of(self, alias: str) -> AddressBudget:
        return self.address if not alias or self._has_key(alias) else self._embedded

    def rows(self) -> Iterator[LimitRow]:
        """Lines of the `limits` table, of what sent something today, the address last; each is made when it is asked for."""
        held = [*self._accounts.items()]
        for _, budget in held:
            yield from budget.used_rows()
        for alias, _ in held:
            if alias not in ("", EMBEDDED) and (row := self.of_day.row(alias)).used:
                yield row
        own = replace(self._embedded.row(), account=EMBEDDED)
        if own.used or own.by_owner or own.refusals:
            yield own
        yield self.address.row()


def build_rate_budgets(
    world: World, loaded: Loaded, records: Records, has_key: Callable[[str], bool], of_day: OrdersOfDay
) -> RateBudgets:
    """The budgets as a start finds them: a ban that the daemon or its guardian was told of holds before anything is sent."""
    rules = rate_rules(loaded.settings)

    def budget(bans: Bans) -> AddressBudget:
        return AddressBudget(world.clock, banned_until_ms=bans.until_ms, on_ban=bans.keep, rules=rules)

    address = budget(Bans(records.ledger, records.journal))
    with suppress(OSError):  # the link to the guardian tells of a journal that cannot be read
        address.heed(guardians_ban_ms(world.disk, loaded.locations.state_dir))
    return RateBudgets(address, budget(Bans(records.ledger, records.journal, EMBEDDED)), has_key, of_day, records.journal)
