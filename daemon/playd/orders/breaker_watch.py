"""
Looks at an account's money with every reading of its balance, and raises the levels of breakers that are beyond a limit.

A reading and the executions it contains arrive apart. It is therefore judged a moment later, and not at all when something was
booked in that moment or executed after it: another reading is on its way, and a mixture of two would show a loss or a gain that
never was.
"""

from collections import deque
from decimal import Decimal
from typing import Final

import orjson

from playd.core.modes import Environment
from playd.core.orders import Wallet
from playd.core.timeframes import DAY_MS
from playd.orders.breakers import Standing, Trip, instance_trip, trips
from playd.orders.day_log import DayLog
from playd.orders.desk import Desk
from playd.orders.halts import DAILY_LOSS, Level, account_scope, instance_scope
from playd.orders.order_book import FOREIGN
from playd.orders.protection import Protection
from playd.orders.results import Results

_SETTLE_S: Final = 2.0
"""How long the executions that a balance contains may take to be booked."""

WEEK_DAYS: Final = 7
_ZERO: Final = Decimal(0)


class BreakerWatch:
    """Breakers of one account. `note` with every reading, `look` a few times a second."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection
        self._results = Results(desk.ledger, desk.fills, by_receipt=desk.environment is Environment.LOCAL)
        self._heard: tuple[int, float] | None = None
        """The venue's time of the newest reading, and when it came (monotonic): the day is the venue's, not the machine's."""
        self._waiting: tuple[Wallet, int] | None = None
        """A reading, and how many executions were booked when it came."""
        self._due_s = 0.0
        self._judged: tuple[Wallet, int] | None = None
        """The newest reading that was judged, likewise."""
        self.day_log = DayLog(desk, self._judge_again)
        self._window: deque[tuple[int, Decimal]] = deque()
        self.standing: Standing | None = None
        """Figures of the newest reading that was judged."""
        self._standing_day = -1
        self._pause_day = self._stored_pause_day()
        """The UTC day whose loss paused the account, while it may be paused for it."""

    @property
    def trips(self) -> tuple[Trip, ...]:
        """Breakers beyond a limit as of the newest judged reading, for the gates. The loss of a day that is over is none."""
        found = trips(self.standing, self._desk.settings.breakers)
        today = self._today()
        if found and today is not None and self._standing_day < today:
            return tuple([trip for trip in found if trip.code != DAILY_LOSS or trip.level is Level.OPEN])
        return found

    def note(self, wallet: Wallet, *, complete: bool) -> None:
        """Take a reading; `complete` when all executions it can contain are booked. One that waits keeps its turn."""
        self._heard = wallet.time_ms, self._desk.clock.mono_s()
        if not self._desk.settings.breakers.watching:
            return
        reading, now_s = (wallet, self._desk.fills.booked), self._desk.clock.mono_s()
        if complete:
            self._waiting, self._due_s = reading, now_s
            self.look()
        elif self._waiting is None:
            self._waiting, self._due_s = reading, now_s + _SETTLE_S

    def look(self) -> None:
        """Judge the reading that has waited long enough."""
        self.look_at_day()
        if self._waiting is None or self._desk.clock.mono_s() < self._due_s:
            return
        (wallet, booked), self._waiting = self._waiting, None
        if booked != self._desk.fills.booked or self._desk.fills.newest_ms > wallet.time_ms:
            return
        self._judge(wallet)

    def look_at_day(self) -> None:
        """
        Lift the pause of a day that is over. Each half second, and before an instance submits: the first bar of a day decides
        before its first balance is read.
        """
        today = self._today()
        if self._pause_day is not None and today is not None and self._pause_day < today:
            self._pause_day = None
            self._lift(account_scope(self._desk.alias), DAILY_LOSS, "a new UTC day has begun")

    def _today(self) -> int | None:
        """The venue's UTC day, as days since 1970; None before the first reading of this life."""
        now_ms = self.now_ms
        return None if now_ms is None else now_ms // DAY_MS

    @property
    def now_ms(self) -> int | None:
        """The venue's time; None before the first reading of this life."""
        if self._heard is None:
            return None
        venue_ms, mono_s = self._heard
        return venue_ms + round((self._desk.clock.mono_s() - mono_s) * 1000)

    def _judge_again(self) -> None:
        """More is known of the day than when the newest reading was judged; the next one tells where that is out of date."""
        if self._judged is not None and self._judged[1] == self._desk.fills.booked:
            self._judge(self._judged[0])

    def _judge(self, wallet: Wallet) -> None:
        self._judged = wallet, self._desk.fills.booked
        standing = self._stand(wallet)
        self.standing, self._standing_day = standing, wallet.time_ms // DAY_MS
        self._desk.account_rows.note_standing(wallet, standing, self._results.put_in_since_midnight(wallet))
        self._act(self.trips, wallet)
        for owner in sorted({share.owner for share in self._desk.fills.shares()} - {FOREIGN}):
            self._act_on_instance(owner)

    def _stand(self, wallet: Wallet) -> Standing:
        results = self._results.now()
        index = results + wallet.equity_usdt - wallet.balance_usdt
        since_ms = wallet.time_ms - round(self._desk.settings.breakers.fast_fall_window_s * 1000)
        if not self._window:
            self._window.extend(self._results.readings(since_ms, wallet.time_ms))
        self._window.append((wallet.time_ms, index))
        while self._window[0][0] < since_ms:
            self._window.popleft()
        unbooked = self._unbooked(wallet.time_ms)
        day_start = None if unbooked is None else self._results.day_start(wallet.time_ms, unbooked)
        return Standing(
            equity=wallet.equity_usdt,
            index=index,
            day_start=day_start,
            week_start=self._week_start(wallet.time_ms // DAY_MS, day_start),
            day_realised=None if unbooked is None else results - self._results.at_midnight(wallet.time_ms) - unbooked,
            peak=max(value for _, value in self._window),
            high=self._highest(index),
            im_rate=wallet.im_rate,
            mm_rate=wallet.mm_rate,
        )

    def _unbooked(self, time_ms: int) -> Decimal | None:
        """What the day lost beside what is booked; None while that must be known and is not."""
        limits = self._desk.settings.breakers
        if limits.day_pause_pct is None and limits.day_halt_pct is None:
            return _ZERO
        return self.day_log.unbooked(time_ms // DAY_MS, seen=self._results.saw_begin(time_ms))

    def booked_late(self, time_ms: int, result_usdt: Decimal) -> None:
        """
        A result of a moment that is over was booked now, of money that had moved before: what the index was from then on is
        known better, so that an old loss is none of today and no fast fall.
        """
        self._results.forget_days()
        self._window = deque((at, index + result_usdt if at >= time_ms else index) for at, index in self._window)
        stored = self._desk.ledger.meta(self._starts_key)
        if stored is not None:
            starts: dict[str, str] = orjson.loads(stored)
            known = {
                day: format(Decimal(start) + result_usdt, "f") if int(day) * DAY_MS > time_ms else start
                for day, start in starts.items()
            }
            self._desk.ledger.set_meta(self._starts_key, orjson.dumps(known).decode())

    @property
    def _starts_key(self) -> str:
        return f"day_starts:{self._desk.alias}"

    def _week_start(self, day: int, day_start: Decimal | None) -> Decimal | None:
        """The index at the beginning of the earliest of the last seven UTC days that is known; it outlives the process."""
        ledger, key = self._desk.ledger, self._starts_key
        starts: dict[str, str] = orjson.loads(ledger.meta(key) or "{}")
        if day_start is not None and starts.get(str(day)) != format(day_start, "f"):
            # Once more when it is known better: what was not booked yet when it was written first is booked later.
            starts = {each: start for each, start in starts.items() if day - WEEK_DAYS < int(each) < day}
            starts[str(day)] = format(day_start, "f")
            ledger.set_meta(key, orjson.dumps(starts).decode())
        return Decimal(starts[min(starts, key=int)]) if starts else None

    def _highest(self, index: Decimal) -> Decimal:
        """The highest index ever; it outlives the process."""
        ledger, key = self._desk.ledger, f"high_water:{self._desk.alias}"
        stored = ledger.meta(key)
        if stored is None or Decimal(stored) < index:
            ledger.set_meta(key, format(index, "f"))
            return index
        return Decimal(stored)

    def _act(self, found: tuple[Trip, ...], wallet: Wallet) -> None:
        scope = account_scope(self._desk.alias)
        for trip in found:
            if trip.level:
                self._raise(scope, trip)
            if trip.code == DAILY_LOSS and trip.level is Level.PAUSE:
                self._pause_day = wallet.time_ms // DAY_MS
                self._desk.ledger.set_meta(self._pause_key, str(self._pause_day))
        codes, limits = {trip.code for trip in found}, self._desk.settings.breakers
        rates = ("MARGIN_INITIAL", wallet.im_rate, limits.im_rate), ("MARGIN_MAINTENANCE", wallet.mm_rate, limits.mm_rate)
        for code, stated, limit in rates:
            # A reading that states no rate has not shown that it fell.
            if code not in codes and (stated is not None or limit is None):
                self._lift(scope, code, "the rate is below its limit again")

    def _lift(self, scope: str, code: str, note: str) -> None:
        """A cause is gone: its pause too, and its incident where nothing stronger stands for it."""
        held = [halt for halt in self._desk.halts.in_force(scope) if halt.code == code]
        self._desk.halts.lift_pauses(scope, code, note)
        if held and all(halt.level is Level.PAUSE for halt in held):
            self._desk.incidents.resolve(code, scope, note)

    def _stored_pause_day(self) -> int | None:
        stored = self._desk.ledger.meta(self._pause_key)
        return None if stored is None else int(stored)

    @property
    def _pause_key(self) -> str:
        return f"daily_loss_day:{self._desk.alias}"

    def trip_of(self, owner: str) -> Trip | None:
        """The breaker that an instance's own result trips now; None without one, or without declared capital."""
        row = self._desk.ledger.row("SELECT capital_usd FROM instances WHERE uid = ?", (owner,))
        if row is None or not row["capital_usd"]:
            return None
        result = self._results.of_owner(owner) + self._open(owner)
        return instance_trip(result, Decimal(row["capital_usd"]), self._desk.settings.breakers)

    def _act_on_instance(self, owner: str) -> None:
        trip = self.trip_of(owner)
        if trip is not None:
            self._raise(instance_scope(owner), trip)

    def _open(self, owner: str) -> Decimal:
        """What an owner's positions would bring at the marks last seen."""
        total = Decimal(0)
        for share in self._desk.fills.shares():
            seen = self._protection.last_seen(share.symbol)
            # A position that was last seen flat has no mark; it is judged once the venue has shown it.
            if share.owner == owner and seen is not None and seen[0].mark_price:
                total += share.position.signed_qty * (seen[0].mark_price - share.position.avg_price)
        return total

    def _raise(self, scope: str, trip: Trip) -> None:
        desk = self._desk
        note = f"{trip.text} is {trip.value} {trip.unit}, the limit is {trip.limit}"
        severity = "critical" if trip.level >= Level.HALT else "warning"
        desk.incidents.open(trip.code, severity, scope, note)
        desk.halts.raise_level(scope, trip.level, trip.code, note)
