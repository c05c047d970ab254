"""
Runs of reconciliation: read everything, book what explains itself, repair what is safe, halt what is not.

A read that failed makes the run `blind`, which is never counted as agreement. What changed here while we were reading is
read again before it is called a difference.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import anyio

from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.core.orders import Execution, OrderState, VenueOrder, VenuePosition, Wallet
from playd.orders.ages import Ages
from playd.orders.blind_clock import BlindClock
from playd.orders.blind_runs import BlindRuns
from playd.orders.books import Books
from playd.orders.breaker_watch import BreakerWatch
from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.dry_run import rehearsed
from playd.orders.expectations import Expectations, local_view
from playd.orders.fold import BASELINE, unreported
from playd.orders.halts import Level, account_scope, symbol_scope
from playd.orders.leverage_back import LeverageBack
from playd.orders.moved import Marks
from playd.orders.order_book import FOREIGN
from playd.orders.protection import Protection
from playd.orders.recon_rows import Kept, note_kept, worth_usd, write_difference
from playd.orders.reconcile import (
    BLIND,
    HEDGE,
    OTHERS,
    DiffClass,
    Difference,
    LocalView,
    ReconInputs,
    Repair,
    RepairKind,
    VenueView,
    judged,
    plan,
    results,
)
from playd.orders.repair_limits import RepairLimits
from playd.orders.resolver import Resolver
from playd.orders.rows import text
from playd.venues.pages import PageRead, noted
from playd.venues.port import Priority

_REREAD_S: Final = 2.0
_RUNS_TO_HALT: Final = 2
_LATER: Final = {
    RepairKind.RECORD: "booked",
    RepairKind.RESOLVE: "looked up",
    RepairKind.PROTECT: "the naked ladder sets it and reads it back",
    RepairKind.SWEEP: "not sent: frozen, or repaired too often",
    RepairKind.HALT: "a person must look",
    RepairKind.ALERT: "told",
    RepairKind.PAUSE: "paused until it is as it was set up",
}
"""Whose business a repair is from here on; each of them reads again what it did."""


@dataclass(frozen=True, slots=True)
class ReconReport:
    """
    Result of a run: `match`, `diff` (with what was found and planned) or `blind` (with the error); `kinds` is the same for
    orders, positions, executions and wallet each. The wallet's is `blind` when a fill came in between, or the venue's log
    cannot be read.
    """

    trigger: str
    result: str
    differences: tuple[Difference, ...]
    repairs: tuple[Repair, ...]
    duration_ms: int
    new_executions: int
    error: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)


def _nobody(_run: int, _inputs: ReconInputs, _planned: Sequence[Repair]) -> Kept:
    """Nobody keeps what a run had before it."""
    return Kept()


class Reconciler:
    """Reconciles one account. Runs never overlap; a caller waits for the run in progress."""

    def __init__(
        self,
        desk: Desk,
        catch_up: CatchUp,
        resolver: Resolver,
        protection: Protection,
        breakers: BreakerWatch,
        books: Books,
        limits: RepairLimits,
        blind: BlindClock,
    ) -> None:
        self._desk = desk
        self._blind = blind
        self._limits = limits
        self._books = books
        self._breakers = breakers
        self._catch_up = catch_up
        self._resolver = resolver
        self._protection = protection
        self._lock = anyio.Lock()
        self._unexplained: dict[str, int] = {}
        self._plan = Expectations(desk)
        self._odd_modes: set[str] = set()
        """Symbols that were in hedge mode when the venue last showed their mode."""
        self._looked: set[str] = set()
        """Symbols that were looked at by themselves, which shows the mode of a flat one too."""
        self._leverage = LeverageBack(desk, protection, self._odd_modes)
        self._others: set[str] = set()
        """Symbols that nobody here trades, of which the last run saw another position than the books have."""
        self._inputs: ReconInputs | None = None
        self._money = "blind"
        """What the books said of the wallet of the last reading."""
        self.on_inputs: Callable[[int, ReconInputs, Sequence[Repair]], Kept] = _nobody
        """
        Keeps what a run that was no match had before it, by its number, and its plan; says where. Never raises. Of runs that
        fail alike it hears of few, see `BlindRuns`.
        """
        self.on_judged: Callable[[], None] = lambda: None
        """Hears when a run has said whether books and venue agree, whoever asked for it. Never raises."""
        self._blind_runs = BlindRuns(desk.clock)
        self.ages = Ages(desk.clock)
        """
        How long positions have differed by exactly (symbol, ours, theirs), orders (link ids) been in doubt, and ended ones
        lacked exactly (link id, quantity).
        """
        self.last: ReconReport | None = None
        self.last_mono_s = 0.0
        self._stream_turns = 0

    async def run(self, trigger: str, *, dry_run: bool = False) -> ReconReport:
        """One full run. With `dry_run` it only says what it would find and do: nothing is booked, repaired or kept of it."""
        async with self._lock:
            started_s = self._desk.clock.mono_s()
            started_ms = self._desk.clock.wall_ms()
            if dry_run:
                return await self._rehearse(trigger, started_s)
            self._stream_turns = self._desk.condition.stream_turns
            with noted() as pages:
                try:
                    booked, differences = await self._read_and_compare(pages)
                    if differences:
                        await anyio.sleep(_REREAD_S)
                        again, differences = await self._read_and_compare(pages)
                        booked += again
                except (VenueError, LinkError) as error:
                    return self._finish(trigger, "blind", (), (), started_s, started_ms, 0, str(error))
            repairs = plan(differences)
            became = [await self._carry_out(repair) for repair in repairs]
            await self._leverage.set_back()
            await self._look_at_modes(differences)
            result = "diff" if differences else "match"
            looked_at_all = bool(self._desk.instruments) and not self.unlooked()
            self._desk.account_rows.note_modes(self.hedged(), looked_at_all=looked_at_all)
            return self._finish(trigger, result, differences, repairs, started_s, started_ms, booked, "", became)

    async def _rehearse(self, trigger: str, started_s: float) -> ReconReport:
        """Read, and once more where that shows a difference, which may have been on its way."""
        desk, found, error = self._desk, tuple[Difference, ...](), ""
        try:
            for pause_s in (0.0, _REREAD_S):
                await anyio.sleep(pause_s)
                marks = Marks(desk)
                orders = await desk.port.open_orders(priority=Priority.RECONCILE)
                positions = await desk.port.positions(priority=Priority.RECONCILE)
                executions = await self._catch_up.unread()
                there = with_flat(positions, desk.instruments)
                seen = rehearsed(desk, orders, there, executions, self._leverage.wanted)
                moved = marks.moved()
                found = tuple(each for each in seen if each.symbol not in moved)
                if not found:
                    break
        except (VenueError, LinkError) as failure:
            found, error = (), str(failure)
        result = "blind" if error else "diff" if found else "match"
        took_ms = round((desk.clock.mono_s() - started_s) * 1000)
        kinds = BLIND if error else results(found, money="blind")  # no book is opened for a rehearsal
        return ReconReport(trigger, result, found, plan(found), took_ms, 0, error, kinds)

    async def _read_and_compare(self, pages: Sequence[PageRead]) -> tuple[int, tuple[Difference, ...]]:
        """
        Read until nothing changed here meanwhile, at most 5 times; what still moves then is judged by the next run. `pages` are
        those of the run so far.
        """
        desk, all_booked = self._desk, 0
        for _ in range(5):
            marks, asked_s = Marks(desk), desk.clock.mono_s()
            first_contact = self._catch_up.watermark_ms is None
            orders, positions, wallet, booked = await self._read(pages)
            all_booked += booked
            self.note_wallet(wallet)
            for order in orders:
                desk.booking.order_seen(order, "poll")
            if first_contact:
                self._book_baseline(positions)
            desk.publish()
            moved = marks.moved()
            if not moved:
                break
        desk.shown.take_all(positions, moved, asked_s)
        positions = with_flat(positions, desk.instruments)
        for position in positions:
            if position.symbol not in moved:
                self._protection.position_seen(position)
        if not moved:
            self._breakers.note(wallet, complete=True)
        venue, executions = VenueView(orders, positions), tuple(self._catch_up.found)
        self._inputs = ReconInputs(self._local(), venue, frozenset(moved), wallet, executions, tuple(pages))
        differences = judged(self._inputs)
        self._money = "blind" if moved else await self._books.compare(wallet)
        return all_booked, differences

    async def _read(self, pages: Sequence[PageRead]) -> tuple[Sequence[VenueOrder], Sequence[VenuePosition], Wallet, int]:
        """
        The venue's lists and its balance; its executions are booked, the last figure is how many were new. Of a reading that
        fails what came before is kept.
        """
        desk, wallet = self._desk, None
        orders: Sequence[VenueOrder] = ()
        positions: Sequence[VenuePosition] = ()
        try:
            orders = await desk.port.open_orders(priority=Priority.RECONCILE)
            positions = await desk.port.positions(priority=Priority.RECONCILE)
            wallet = await desk.port.wallet(priority=Priority.RECONCILE)
            booked = await self._catch_up.run()
        except (VenueError, LinkError) as error:
            venue, came = VenueView(orders, positions), tuple(pages)
            self._inputs = ReconInputs(self._local(), venue, frozenset(), wallet, pages=came, failure=str(error))
            raise
        return orders, positions, wallet, booked

    def _local(self) -> LocalView:
        return local_view(self._desk, self._plan, self._leverage.wanted)

    def note_wallet(self, wallet: Wallet) -> None:
        """Remember the newest balance and when it came."""
        desk = self._desk
        desk.condition.wallet, desk.condition.wallet_mono_s = wallet, desk.clock.mono_s()
        desk.account_rows.note_balance(wallet)

    def shown(self, symbol: str) -> VenuePosition:
        """The position at the venue in the newest whole reading; flat for none."""
        positions = () if self._inputs is None else self._inputs.venue.positions
        return next((each for each in positions if each.symbol == symbol and each.signed_qty), _flat(symbol))

    def leverage_seen(self, symbol: str, stated: Decimal) -> None:
        """What the venue states of a flat symbol (zero: nothing); leverage that was changed is set back by the next run."""
        self._leverage.seen_flat(symbol, stated)

    def leverage_doubted(self, symbol: str) -> None:
        """Nobody knows what became of the request to set it: the next run asks again, while nothing is open."""
        self._leverage.odd.add(symbol)

    def _book_baseline(self, positions: Sequence[VenuePosition]) -> None:
        """First contact: what is open at the venue and not ours becomes the foreign share, so that later changes show."""
        desk, found = self._desk, dict[str, list[VenuePosition]]()
        for position in positions:
            found.setdefault(position.symbol, []).append(position)
        for symbol, rows in found.items():  # in hedge mode a symbol has two
            missing = sum((each.signed_qty for each in rows), Decimal(0)) - desk.fills.net(symbol)
            if missing:
                note = f"{symbol} holds {' and '.join(str(each.signed_qty) for each in rows)} that nobody here opened"
                desk.incidents.open("FOREIGN_POSITION", "warning", symbol_scope(desk.alias, symbol), note)
                side = max(rows, key=lambda each: each.signed_qty * missing)
                desk.fills.book(_baseline(side, missing, desk.alias), link=None, owner=FOREIGN, source="history")
                desk.chronicle.tell("position.foreign", FOREIGN, symbol, None, {"qty": text(missing)})

    async def _carry_out(self, repair: Repair) -> str:
        """One step of the plan, on record before it and behind it; what became of it."""
        desk = self._desk
        before = desk.journal.append("recon.repair", _as_data(repair), account=desk.alias, symbol=repair.symbol)
        became = await self._repair(repair)
        data: dict[str, Json] = {**_as_data(repair), "became": became}
        desk.journal.append("recon.repair", data, account=desk.alias, symbol=repair.symbol, cause=before)
        desk.publish()
        return became

    async def _repair(self, repair: Repair) -> str:
        """What became of the difference, as far as a reading or our own books prove it now."""
        desk = self._desk
        if repair.kind is RepairKind.RESOLVE:
            await self._resolver.missed(desk.book.need(repair.key))
        elif repair.kind is RepairKind.SWEEP and not desk.frozen(repair.symbol) and self._limits.count(repair.symbol):
            order_id = desk.book.need(repair.key).venue_order_id
            await desk.port.cancel(repair.symbol, venue_order_id=order_id, priority=Priority.CANCEL)
            return await self._swept(order_id)
        elif repair.kind is RepairKind.HALT:
            self._count_unexplained(repair)
        elif repair.kind is RepairKind.RECORD:
            return self._book_others(repair.symbol)
        elif repair.kind is RepairKind.PAUSE:
            (self._odd_modes if repair.key.startswith(HEDGE) else self._leverage.odd).add(repair.symbol)
            desk.incidents.open("ACCOUNT_MODE", "critical", symbol_scope(desk.alias, repair.symbol), repair.note)
            desk.halts.raise_level(account_scope(desk.alias), Level.PAUSE, "ACCOUNT_MODE", f"{repair.symbol}: {repair.note}")
        return _LATER[repair.kind]

    async def _look_at_modes(self, differences: Sequence[Difference]) -> None:
        """Ask for the mode of what was in hedge mode and is not now: the list says nothing of a symbol that is flat."""
        hedged = {item.symbol for item in differences if item.cls is DiffClass.MODE and item.key.startswith(HEDGE)}
        for symbol in sorted(self._odd_modes - hedged):
            try:
                rows = await self._desk.port.positions(symbol, priority=Priority.RECONCILE)
            except (VenueError, LinkError):
                continue  # the next run asks again
            if any(not row.position_idx for row in rows if row.symbol == symbol):
                self._odd_modes.discard(symbol)
                if symbol not in self._leverage.odd:
                    scope = symbol_scope(self._desk.alias, symbol)
                    self._desk.incidents.resolve("ACCOUNT_MODE", scope, "it is in one-way mode again")

    def unlooked(self) -> list[str]:
        """Symbols that were not looked at by themselves yet."""
        return sorted(self._desk.instruments.keys() - self._looked)

    def mode_seen(self, symbol: str, hedged: bool) -> None:
        """What the venue shows of a symbol that was looked at by itself. That it is one-way again `_look_at_modes` finds."""
        self._looked.add(symbol)
        if hedged:
            self._odd_modes.add(symbol)

    def hedged(self) -> set[str]:
        """Symbols in hedge mode, as far as the last reading showed."""
        seen = () if self._inputs is None else self._inputs.venue.positions
        return {each.symbol for each in seen if each.position_idx} | self._odd_modes

    def _book_others(self, symbol: str) -> str:
        """
        What somebody else holds of a symbol that nobody here trades, and no execution told of: as the venue shows it, at the
        second look. It is listed and counts for exposure; the first look may have been before its execution.
        """
        desk, inputs = self._desk, self._inputs
        if symbol not in self._others or inputs is None:
            return "booked when the next run says so too"
        held = [each for each in inputs.venue.positions if each.symbol == symbol and each.signed_qty]
        missing = sum((each.signed_qty for each in held), Decimal(0)) - desk.fills.net(symbol)
        if not missing:
            return "agrees now"
        shown = held[0] if held else replace(_flat(symbol), entry_price=desk.fills.position(FOREIGN, symbol).avg_price)
        now_ms = shown.updated_ms or desk.fills.newest_ms
        booked = replace(
            _baseline(shown, missing, desk.alias), exec_id=f"baseline:{desk.alias}:{symbol}:{desk.clock.wall_ms()}"
        )
        desk.fills.book(replace(booked, time_ms=now_ms), link=None, owner=FOREIGN, source="history")
        desk.booking.sights.foreign(symbol)
        return "booked as the venue shows it"

    async def _swept(self, order_id: str) -> str:
        """Read once more after a cancel: the proof that the leftover is gone, or the reason to look again."""
        try:
            there = await self._desk.port.open_orders(priority=Priority.RECONCILE)
        except (VenueError, LinkError) as error:
            return f"sent, not read back: {error}"
        return "still there" if any(order.venue_order_id == order_id for order in there) else "gone at the venue"

    def _count_unexplained(self, repair: Repair) -> None:
        """Halt at once when the difference is large, else when a second run in a row shows it."""
        desk, symbol = self._desk, repair.symbol
        self._unexplained[symbol] = self._unexplained.get(symbol, 0) + 1
        desk.incidents.open("POSITION_DIFFERS", "critical", symbol_scope(desk.alias, symbol), repair.note)
        if self._unexplained[symbol] >= _RUNS_TO_HALT or self._is_large(symbol):
            desk.halt_symbol(symbol, Level.HALT, "POSITION_DIFFERS", repair.note)

    def _is_large(self, symbol: str) -> bool:
        """Whether the position's difference is worth more than `halt_at_once_pct` of equity (unknown counts as large)."""
        seen, wallet = self._protection.last_seen(symbol), self._desk.condition.wallet
        if seen is None or wallet is None:
            return True
        gap = abs(seen[0].signed_qty - self._desk.fills.net(symbol))
        return gap * seen[0].mark_price > wallet.equity_usdt * self._desk.settings.halt_at_once_pct / 100

    def _finish(
        self,
        trigger: str,
        result: str,
        differences: tuple[Difference, ...],
        repairs: tuple[Repair, ...],
        started_s: float,
        started_ms: int,
        booked: int,
        error: str,
        became: Sequence[str] = (),
    ) -> ReconReport:
        desk = self._desk
        duration_ms = round((desk.clock.mono_s() - started_s) * 1000)
        kinds = BLIND if result == "blind" else results(differences, money=self._money)
        report = ReconReport(trigger, result, differences, repairs, duration_ms, booked, error, kinds)
        cursor = desk.ledger.write(
            'INSERT INTO recon_runs (account, "trigger", kinds, started_ms, duration_ms, result) VALUES (?,?,?,?,?,?)',
            (desk.alias, trigger, " ".join(f"{kind}:{of}" for kind, of in kinds.items()), started_ms, duration_ms, result),
        )
        run = cursor.lastrowid or 0
        for n, (difference, repair, end) in enumerate(zip(differences, repairs, became, strict=True)):
            worth = None if self._inputs is None else worth_usd(difference, self._inputs)
            write_difference(desk.ledger, run, n, difference, repair, end, worth)
        said = self._blind_runs.kept(error) if result == "blind" else error
        if result != "match" and said is not None:
            if self._inputs is not None:
                note_kept(desk.ledger, run, self.on_inputs(run, self._inputs, repairs))
            data: dict[str, Json] = {"trigger": trigger, "result": result, "differences": len(differences), "error": said}
            desk.journal.append("recon.run", data, account=desk.alias)
        self._note_result(report, started_s)
        self.on_judged()
        self.last, self.last_mono_s = report, desk.clock.mono_s()
        desk.publish()
        return report

    def _note_result(self, report: ReconReport, started_s: float) -> None:
        condition = self._desk.condition
        if report.result == "blind":
            self._blind.failed(started_s)
            condition.reconciled = False
            return
        self._blind.over(started_s)
        self._blind_runs.over()
        positions = [item for item in report.differences if item.cls is DiffClass.POSITION]
        open_ones = {item.symbol for item in positions if not item.key.startswith(OTHERS)}
        self._others = {item.symbol for item in positions} - open_ones
        differing = {(item.symbol, item.ours, item.theirs) for item in positions if item.symbol in open_ones}
        doubted = {row.link_id for row in self._desk.book.live() if row.state is OrderState.UNKNOWN}
        self.ages.note(differing | doubted | {(row.link_id, row.unbooked_qty) for row in self._desk.booking.lacking()})
        for symbol in self._unexplained.keys() - open_ones:
            del self._unexplained[symbol]
        # Those of lives before this one too: an incident that outlived its cause would speak for another one.
        unjudged = open_ones if self._inputs is None else open_ones | self._inputs.moved
        there = {symbol_scope(self._desk.alias, symbol) for symbol in unjudged}
        for told in self._desk.incidents.open_ones():
            ours = told.kind == "POSITION_DIFFERS" and told.scope.startswith(symbol_scope(self._desk.alias, ""))
            if ours and told.scope not in there:
                self._desk.incidents.resolve(told.kind, told.scope, "ledger and venue agree again")
        modes = [item for item in report.differences if item.cls is DiffClass.MODE]
        if not self._leverage.odd and not self._odd_modes and not modes:
            scope, note = account_scope(self._desk.alias), "every open position has the leverage and the mode that were set"
            self._desk.halts.lift_pauses(scope, "ACCOUNT_MODE", note)
        # Every other class has its own consequence (resolver, ladder, orphan gate); a position that differs without
        # explanation keeps the whole account from entering until a run without it.
        # A run that had begun before the stream came back has not read the gap behind it: the next one has.
        condition.reconciled = not open_ones and condition.stream_turns == self._stream_turns


def with_flat(positions: Sequence[VenuePosition], symbols: Collection[str]) -> list[VenuePosition]:
    """A complete list of open positions, with a flat one for each symbol that it does not contain."""
    seen = {position.symbol for position in positions}
    return [*positions, *(_flat(symbol) for symbol in sorted(symbols) if symbol not in seen)]


def _flat(symbol: str) -> VenuePosition:
    zero = Decimal(0)
    return VenuePosition(symbol, None, zero, zero, zero, zero, zero, zero, zero, zero, 0, 0, 0)


def _baseline(position: VenuePosition, missing: Decimal, account: str) -> Execution:
    name, price, seq = f"baseline:{account}:{position.symbol}", position.entry_price, max(0, position.seq)
    return unreported(name, position.symbol, missing, price, exec_type=BASELINE, time_ms=position.updated_ms, seq=seq)


def _as_data(repair: Repair) -> dict[str, Json]:
    return {"kind": repair.kind, "key": repair.key, "note": repair.note}
