"""
One account under the guardian's eyes: readings by REST on a beat, woken early by the private stream, judged, acted upon.

A panic waits for nothing that the watch does, nor the watch for a panic: all of it only sets stops, reduces and cancels. Only
panics of single instances wait for each other, because they have one share of reads to tell what was executed. One that is not
done goes on until the scope is flat, a person froze it, or the daemon is heard again, which carries it on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.core.orders import VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.guardian.alarms import Record
from playd.orders.guardian.flatten import Flattener, Step
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.judge import Act, Alarm, CancelEntry, Close, DaemonState, Heard, History, Now, Seen, SetStop, judge
from playd.orders.guardian.plan import AccountPlan, PlannedHalt, Rules
from playd.orders.guardian.unfinished import Unfinished, unfinished_alarms
from playd.orders.halts import ALL, Level, account_scope
from playd.orders.panic_report import FLAT_WITHIN_S, PanicReport, PanicScope
from playd.orders.share_claims import WAIT_S, ShareClaims
from playd.venues.port import OrderUpdate, PositionUpdate, PrivateEvent, Reply, StreamDown, StreamUp
from playd.world.ports import Clock

FLAT_FACTOR: Final = 6
"""Without a position the account is read this much less often: 5 s become 30 s."""

DANGER_S: Final = 1.0
"""While a position is in danger it is read this often, two requests each time: the whole of the guardian's share."""

BLIND_S: Final = 15.0
_BLIND: Final = "GUARDIAN_BLIND"

CANCELS_A_LOOK: Final = 4
"""More of them would keep the next reading waiting: they leave at two a second."""

SHARED_S: Final = 3.0
"""So long the reading of a panic serves the watch: they have one share of reads, and a panic may use all of it."""

_LOOK_S: Final = 0.1

AGAIN_S: Final = 5.0
"""Between two tries at a panic that is not done."""

HEARD_WITHIN_S: Final = 3.0
"""Without a beat for so long a daemon may have died already; with one it carries a panic on itself."""

TRY_S: Final = 20.0
"""How long such a try takes at most, so that an operator who asks again need not wait for long."""

_CLAIM: Final = "panic"

_TOLD_WITHIN_MS: Final = 2000
"""So long after it was executed an order of the daemon is in its plan, and in the venue's list, with time to spare."""

_TOOK: Final = (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the guardian knows now, beside the account: its plan, the rules, what is heard of the daemon, and its halts."""

    plan: AccountPlan
    rules: Rules
    heard: Heard
    halts: tuple[PlannedHalt, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """
    At one panic: a person's, which `asked_ms` on the wall clock is the time of, or a later try of our own to end it. For
    `before` see `Unfinished`.
    """

    scope: PanicScope
    within_s: float
    asked_ms: int
    before: frozenset[int]
    is_try: bool = False


class AccountWatch:
    """`run` it in a task; `look` and `panic` may be called meanwhile."""

    def __init__(
        self,
        alias: str,
        hands: Hands,
        clock: Clock,
        outlook: Callable[[], Outlook],
        record: Record,
        on_alarms: Callable[[], None],
        unfinished: dict[PanicScope, Unfinished],
        claims: ShareClaims,
    ) -> None:
        """`unfinished` are panics to go on with; the caller keeps them for the next watch."""
        self.alias = alias
        self.seen: Seen | None = None
        self.seen_s: float | None = None
        self.stream_up = False
        self.tried_s = clock.mono_s()
        """When a reading was last tried."""
        self._hands = hands
        self._clock = clock
        self._outlook = outlook
        self._record = record
        self._on_alarms = on_alarms
        self._history = History()
        self._blind_since_s: float | None = None
        self._judged: tuple[Alarm, ...] = ()
        self._unfinished = unfinished
        self._claims = claims
        self._shared: tuple[float, Seen] | None = None
        """The newest reading of a panic, and when it was made."""
        self._hurry = False
        """Whether the last look left something for the next one."""
        self._wake = anyio.Event()
        self._looking = anyio.Lock()
        self._closing_shares = anyio.Lock()
        self._under_way: Counter[PanicScope] = Counter()

    async def run(self, events: MemoryObjectReceiveStream[PrivateEvent]) -> None:
        """Watch until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen, events)
            group.start_soon(self._go_on)
            while True:
                self._wake = anyio.Event()
                await self.look()
                await anyio.sleep(DANGER_S)  # a busy stream may not eat the reads of the next danger
                with anyio.move_on_after(max(0.0, self._pause_s() - DANGER_S)):
                    await self._wake.wait()

    def wake(self) -> None:
        """Look again soon: plan or daemon changed."""
        self._wake.set()

    async def look(self) -> None:
        """One reading, its judgement, and what follows from it. A failed reading changes nothing but the blind clock."""
        async with self._looking:
            self.tried_s = self._clock.mono_s()
            if (shared := self._shared) is not None and self.tried_s - shared[0] < SHARED_S:
                if self.seen is shared[1]:
                    return  # nothing is newer than what was judged
                self.seen_s, seen = shared
            else:
                try:
                    seen = await self._hands.read()
                except (VenueError, LinkError) as error:
                    others = [alarm for alarm in self._judged if alarm.kind != _BLIND]
                    self._set_alarms([*others, *self._blind(f"positions could not be read: {error}")])
                    return
                self.seen_s = self._clock.mono_s()
            self.seen = seen
            if not seen.unread:
                self._blind_since_s = None
            outlook, now = self._outlook(), Now(self._clock.mono_s(), self._clock.wall_ms())
            acts, self._history = judge(outlook.plan, outlook.rules, seen, self._history, outlook.heard, now)
            blind = self._blind(seen.unread) if seen.unread else []
            self._set_alarms([*(act for act in acts if isinstance(act, Alarm)), *blind])
            cancels = [act for act in acts if isinstance(act, CancelEntry)]
            self._hurry = len(cancels) > CANCELS_A_LOOK
            for act in acts:
                if act not in cancels[CANCELS_A_LOOK:]:
                    await self._do(act)

    @property
    def closing(self) -> list[str]:
        """Instances, as scopes of halts, whose shares are being closed here: the daemon leaves those alone meanwhile."""
        return [scope.halt_scope(self.alias) for scope, count in self._under_way.items() if count and scope.instance_uid]

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What is wrong now."""
        return (*self._judged, *unfinished_alarms(self.alias, self._unfinished))

    async def panic(self, scope: PanicScope, on_step: Callable[[str], None]) -> PanicReport:
        """
        Flatten a scope of this account and verify it, whatever was frozen or planned before: an operator asked for it.

        One that is not done by then is gone on with, unless the scope was frozen since.
        """
        before = frozenset(halt.id for halt in self._outlook().halts)
        report = await self._flatten(_Attempt(scope, FLAT_WITHIN_S, self._clock.wall_ms(), before), on_step)
        self.wake()
        return report

    async def _flatten(self, attempt: _Attempt, on_step: Callable[[str], None]) -> PanicReport:
        def step(name: str, text: str) -> None:
            self._record("panic.step", {"step": name, "text": text}, self.alias, "")
            on_step(f"{self.alias}: {text}")

        scope, left = attempt.scope, "nobody waits for it any more"
        # Whom a share is left to is told by what was heard when it was asked for, however long others kept it waiting.
        yields = self._yielding(attempt)
        self._under_way[scope] += 1
        try:
            async with self._closing_shares if scope.instance_uid else nullcontext():
                report = await self._alone(yields, attempt, step)
            left = "; ".join(report.problems) or "see positions" if report.exit_code else ""
        finally:
            self._under_way[scope] -= 1
            if left and not self._frozen_since(attempt):
                self._unfinished[scope] = Unfinished(left, attempt.asked_ms, attempt.before)
            else:
                self._unfinished.pop(scope, None)
        return report

    async def _alone(self, yields: Callable[[], str], attempt: _Attempt, step: Step) -> PanicReport:
        """
        Flatten while the daemon closes nothing of the same share: what it has under way ends first, while it is heard and does
        not take too long. Whoever waits claims nothing, so that it can go on with that.
        """
        owner, claims = attempt.scope.instance_uid, self._claims
        if not owner:
            return await self._until(yields, attempt, step)
        began_s, busy_ms = self._clock.mono_s(), 0
        try:
            while True:
                busy_ms = self._clock.wall_ms() if claims.theirs(owner) else max(busy_ms, claims.their_last_ms(owner))
                is_late = self._clock.mono_s() - began_s >= WAIT_S or not self._is_heard()
                if is_late or self._clock.wall_ms() - busy_ms >= _TOLD_WITHIN_MS:
                    claims.hold(owner, _CLAIM)
                    if is_late or not claims.theirs(owner):
                        return await self._until(yields, attempt, step)
                    claims.let_go(owner, _CLAIM)
                await anyio.sleep(_LOOK_S)
        finally:
            claims.let_go(owner, _CLAIM)

    def _is_heard(self) -> bool:
        """Whether the daemon goes on with what it has begun."""
        heard = self._outlook().heard
        return heard.state is not DaemonState.DEAD and self._clock.mono_s() - heard.since_s < HEARD_WITHIN_S

    async def _until(self, yields: Callable[[], str], attempt: _Attempt, step: Step) -> PanicReport:
        """Flatten unless, and only until, there is a reason to end."""
        began_s, report, why = self._clock.mono_s(), None, yields()

        async def look(closing: anyio.CancelScope) -> None:
            nonlocal why
            while True:
                if why := yields():
                    closing.cancel()
                    return
                await anyio.sleep(_LOOK_S)

        if not why:
            async with anyio.create_task_group() as beside:
                beside.start_soon(look, beside.cancel_scope)
                report = await self._flattener(step).run(attempt.scope, within_s=attempt.within_s)
                beside.cancel_scope.cancel()
        return report or PanicReport(attempt.scope, (), 0, self._clock.mono_s() - began_s, (why,))

    def _yielding(self, attempt: _Attempt) -> Callable[[], str]:
        """
        Why a panic must end, or the empty text: a freeze behind it, and of an instance a daemon that goes on with it. Two at
        once would close more than there is of a share.

        What a person asks for yields to a daemon that was started: one that only stood still waits for us. A try of ours
        yields to every beat behind its beginning.
        """
        began, began_s = self._outlook().heard.daemon_id, self._clock.mono_s()

        def why() -> str:
            if frozen := self._frozen_since(attempt):
                return f"{frozen.scope} was frozen by {frozen.actor}"
            heard = self._outlook().heard
            if attempt.scope.instance_uid and heard.daemon_id != began:
                return "a daemon was started, which goes on with it"
            is_beat = heard.state is not DaemonState.DEAD and heard.since_s > began_s
            return "the daemon is heard again, which goes on with it" if attempt.is_try and is_beat else ""

        return why

    def _frozen_since(self, attempt: _Attempt) -> PlannedHalt | None:
        """The freeze behind a panic that keeps its scope as it is, unless another panic came after it."""
        scopes = attempt.scope.halt_scope(self.alias), account_scope(self.alias), ALL
        held = [halt for halt in self._outlook().halts if halt.level >= Level.PANIC and halt.scope in scopes]
        newest = max(held, key=lambda halt: halt.id, default=None)
        if newest is None or newest.level != Level.FREEZE or newest.id in attempt.before:
            return None
        return newest if newest.raised_ms > attempt.asked_ms else None

    def _flattener(self, step: Step) -> Flattener:
        plan = self._outlook().plan
        planned = {(each.symbol, each.position_idx): each for each in plan.positions}
        read_to_ms = plan.read_to_ms
        return Flattener(self.alias, self._hands, self._clock, planned, step, self._share_reading, read_to_ms=read_to_ms)

    def _share_reading(self, seen: Seen) -> None:
        self._shared = self._clock.mono_s(), seen

    async def _go_on(self) -> None:
        """Until every panic is done, while no daemon is there to see to its level."""
        while True:
            await anyio.sleep(AGAIN_S)
            for scope in [*self._unfinished]:
                left = self._unfinished.get(scope)
                if left is None or self._under_way[scope]:
                    continue  # a person repeated it meanwhile
                attempt, heard = _Attempt(scope, TRY_S, left.asked_ms, left.before, is_try=True), self._outlook().heard
                report, is_fresh = None, self._clock.mono_s() - heard.since_s < HEARD_WITHIN_S
                # One that has just said that it stops may still be closing.
                if heard.state is DaemonState.DEAD or (heard.state is DaemonState.STOPPED and not is_fresh):
                    report = await self._flatten(attempt, lambda _text: None)
                if report is not None and not report.exit_code:
                    self._end(scope, flat=True, text="flat, verified twice")
                elif frozen := self._frozen_since(attempt):
                    self._end(scope, flat=False, text=f"{frozen.scope} was frozen by {frozen.actor}")
                elif heard.state is DaemonState.ALIVE and is_fresh:
                    self._end(scope, flat=False, text="the daemon goes on with it")
                self._on_alarms()

    def _end(self, scope: PanicScope, *, flat: bool, text: str) -> None:
        """Nothing is left to be done of it here, and the daemon hears so."""
        self._unfinished.pop(scope, None)
        self._note_end(scope, flat=flat, text=text)

    def _note_end(self, scope: PanicScope, *, flat: bool, text: str) -> None:
        named = scope.halt_scope(self.alias)
        self._record("panic.result", {"scope": named, "flat": flat, "text": f"{named}: {text}"}, self.alias, "")

    async def _do(self, act: Act) -> None:
        match act:
            case SetStop():
                reply = await self._hands.set_stop(act.symbol, act.position_idx, act.stop)
                self._note("stop.repaired", act.symbol, {"stop": format(act.stop, "f"), "reason": act.reason}, reply)
            case Close():
                reply = await self._hands.close(act.symbol, act.position_idx, act.side, act.qty, act.link_id, act.attempt)
                data = {"action": "close", "side": str(act.side), "qty": format(act.qty, "f"), "link_id": act.link_id}
                self._note("order.sent", act.symbol, {**data, "reason": act.reason}, reply)
            case CancelEntry():
                reply = await self._hands.cancel(act.symbol, act.venue_order_id)
                data = {"action": "cancel", "link_id": act.link_id, "venue_order_id": act.venue_order_id}
                self._note("order.sent", act.symbol, data, reply)

    def _note(self, kind: str, symbol: str, data: Mapping[str, Json], reply: Reply) -> None:
        took = reply.reply_class in _TOOK
        answer: dict[str, Json] = {"code": reply.code, "answer": "" if took else reply.text, "took": took}
        self._record(kind, {**data, **answer}, self.alias, symbol)

    def _set_alarms(self, alarms: Iterable[Alarm]) -> None:
        self._judged = tuple(alarms)
        self._on_alarms()

    def _blind(self, why: str) -> list[Alarm]:
        """Take note that the account could not be read whole; the alarm of that once it has lasted."""
        now_s = self._clock.mono_s()
        self._blind_since_s = self._blind_since_s if self._blind_since_s is not None else now_s
        blind_s = now_s - self._blind_since_s
        if blind_s < BLIND_S:
            return []
        return [Alarm(_BLIND, "critical", f"account:{self.alias}", f"for {blind_s:.0f} s {why}")]

    def _pause_s(self) -> float:
        outlook = self._outlook()
        if self._history.dangers or self._hurry or self._blind_since_s is not None:
            return DANGER_S
        exposed = bool(outlook.plan.positions) or (self.seen is not None and any(map(_is_open, self.seen.positions)))
        return outlook.rules.check_s * (1 if exposed else FLAT_FACTOR)

    async def _listen(self, events: MemoryObjectReceiveStream[PrivateEvent]) -> None:
        """What arrives on the private stream is only a reason to read at once."""
        async for event in events:
            if isinstance(event, StreamUp | StreamDown):
                self.stream_up = isinstance(event, StreamUp)
                self.wake()
            elif self._is_news(event):
                self.wake()

    def _is_news(self, event: PrivateEvent) -> bool:
        """Whether a position or its stop is not what the last reading showed, or a stop order changed."""
        if isinstance(event, OrderUpdate):
            return bool(event.order.stop_order_type)
        if not isinstance(event, PositionUpdate):
            return False
        told = event.position
        known = () if self.seen is None else self.seen.positions
        same = [each for each in known if (each.symbol, each.position_idx) == (told.symbol, told.position_idx)]
        before = (same[0].signed_qty, same[0].stop) if same else (0, 0)
        return before != (told.signed_qty, told.stop)


def _is_open(position: VenuePosition) -> bool:
    return position.side is not None
