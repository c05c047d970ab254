"""Whether a halt may be lifted: its cause is gone, and venue and ledger have been found to agree twice since."""

from collections.abc import Collection

from playd.core.ids import is_ours
from playd.core.orders import OrderState
from playd.orders.breaker_watch import BreakerWatch
from playd.orders.desk import Desk
from playd.orders.halts import Halt, Level
from playd.orders.reconcile import DiffClass
from playd.orders.reconciler import Reconciler, ReconReport


class Resuming:
    """
    Answers for one account. `refusal` reads at the venue and may take seconds.

    So many reconciliations without a difference as `resume_clean_runs` says must have followed a halt before it may be lifted.
    """

    def __init__(self, desk: Desk, reconciler: Reconciler, breakers: BreakerWatch) -> None:
        self._desk = desk
        self._reconciler = reconciler
        self._breakers = breakers

    async def refusal(self, halts: Collection[Halt], symbol: str) -> str:
        """Why these halts may not be lifted yet, as far as this account and `symbol` (empty: all) go; empty when they may."""
        codes = {halt.code for halt in halts}
        owners = [halt.scope.removeprefix("instance:") for halt in halts if halt.scope.startswith("instance:")]
        of_instances = [trip for owner in owners if (trip := self._breakers.trip_of(owner)) is not None]
        for trip in [*self._breakers.trips, *of_instances]:
            if trip.code in codes and trip.level >= Level.HALT:
                return f"{trip.text} is {trip.value} {trip.unit}, the limit is {trip.limit}"
        if trouble := self._ongoing(codes, symbol):
            return f"account {self._desk.alias}: {trouble}"
        if banned_s := self._desk.budget.banned_for_s:  # a reading would wait for its end
            return (
                f"account {self._desk.alias}: the venue has banned our address for another {banned_s:.0f} s, and cannot be read"
            )
        for _ in range(self._desk.settings.resume_clean_runs - self._clean_since(max(halt.raised_ms for halt in halts))):
            report = await self._reconciler.run("resume")
            if trouble := _trouble(report, symbol, daemons="SECOND_DAEMON" in codes):
                return f"account {self._desk.alias}: {trouble}"
        return ""

    def _ongoing(self, codes: Collection[str], symbol: str) -> str:
        """What raised one of these and is there still, though books and venue may agree; empty for nothing."""
        desk = self._desk
        if "ACCOUNT_REFUSED" in codes and desk.condition.refused:
            return f"{desk.condition.refused}; the key is read again within half a minute"
        live = desk.book.live(symbol or None)
        doubted = [row.link_id for row in live if row.state is OrderState.UNKNOWN] if "UNKNOWN_ORDER" in codes else []
        if doubted:
            return f"nobody knows yet whether order {doubted[0]} exists"
        return ""

    async def agrees(self, symbol: str, trigger: str) -> bool:
        """Whether venue and ledger agree about a symbol, read now."""
        return not _trouble(await self._reconciler.run(trigger), symbol)

    def _clean_since(self, raised_ms: int) -> int:
        row = self._desk.ledger.row(
            "SELECT count(*) AS n FROM (SELECT result, started_ms FROM recon_runs WHERE account = ? ORDER BY id DESC LIMIT ?)"
            " WHERE result = 'match' AND started_ms >= ?",
            (self._desk.alias, self._desk.settings.resume_clean_runs, raised_ms),
        )
        return 0 if row is None else int(row["n"])


def _trouble(report: ReconReport, symbol: str, *, daemons: bool = False) -> str:
    """What a run found in the scope. Orders of others stand in nobody's way, unless other `daemons` are what was halted for."""
    if report.result == "blind":
        return f"the venue cannot be read: {report.error}"
    found = [
        each for each in report.differences if each.cls is not DiffClass.FOREIGN_ORDER or (daemons and is_ours(each.theirs))
    ]
    found = [each for each in found if symbol in ("", each.symbol)]
    return "; ".join(f"{each.symbol} {each.cls}: ledger {each.ours or '-'}, venue {each.theirs or '-'}" for each in found)
