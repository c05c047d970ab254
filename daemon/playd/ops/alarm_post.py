"""
The guardian's own way to people: its critical alarms leave by the operator's routes, whatever became of the daemon.

Nothing of it is on the way of a stop. Each route has a task of its own and a short queue in memory, so that a provider that
hangs delays nobody else, and neither disk nor ledger is needed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final, NoReturn

import anyio
from anyio.abc import TaskGroup

from playd.core.errors import CredentialError, SettingsError
from playd.core.secret import redact
from playd.ops.alert_senders import SEND_WITHIN_S, NotTaken, concerns, sender_of
from playd.ops.alert_text import text_of
from playd.ops.incident_kinds import kind_of
from playd.orders.guardian.alarms import Say
from playd.orders.guardian.judge import Alarm
from playd.orders.guardian.plan import AlertWay
from playd.world.ports import World

WHO: Final = "playd guardian"
WAITING_MAX: Final = 64
"""Letters kept per route; above that the oldest is lost, and said to be."""

BACKOFF_MAX_S: Final = 60.0
GIVE_UP_S: Final = 86_400.0
FAILED_TRIES: Final = 3
"""After so many failures in a row all that waits for a route goes to those for emergencies too."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One thing to say. `key` is the same at every attempt and by every route."""

    key: str
    message: dict[str, Any]
    written_s: float


@dataclass(slots=True)
class _Line:
    """One route: what waits for it and the task that sends it."""

    way: AlertWay
    waiting: deque[Letter] = field(default_factory=deque)
    news: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    tries: int = 0
    """Failures since something was taken last."""


class AlarmPost:
    """`run` until cancelled; `tell` is what the alarms call. `ways` gives the routes of the newest plan."""

    def __init__(
        self, world: World, ways: Callable[[], tuple[AlertWay, ...]], say: Say, credentials_dir: PurePath | None
    ) -> None:
        self._world = world
        self._ways = ways
        self._say = say
        self._credentials_dir = credentials_dir
        self._lines: dict[AlertWay, _Line] = {}
        self._group: TaskGroup | None = None
        self._number = 0

    async def run(self) -> NoReturn:
        """Send what is told."""
        async with anyio.create_task_group() as group:
            self._group = group
            await anyio.sleep_forever()
        raise AssertionError("sleeps for ever")

    def tell(self, event: str, alarm: Alarm, since_ms: int) -> None:
        """Queue an alarm for every ordinary route that it concerns; for those of emergencies where there is no other."""
        self._number += 1
        letter = Letter(f"guardian-{since_ms}-{self._number}", _message(event, alarm, since_ms), self._world.clock.mono_s())
        self._forget_old_ways()
        ways = [way for way in self._ways() if concerns(way, alarm.kind, alarm.scope)]
        for way in [way for way in ways if not way.backup_only] or ways:
            self._put(way, letter)

    def _put(self, way: AlertWay, letter: Letter) -> None:
        if self._group is None:
            return
        line = self._lines.get(way)
        if line is None:
            line = self._lines[way] = _Line(way)
            self._group.start_soon(self._serve, line, name=f"alert route {way.name}")
        if all(letter.key != other.key for other in line.waiting):
            if len(line.waiting) >= WAITING_MAX:
                self._say("error", "alert.lost", f"{way.name}: {line.waiting.popleft().message['kind']}")
            line.waiting.append(letter)
            line.news.set()
            if line.tries >= FAILED_TRIES:
                self._to_emergency(letter)  # what waits for a dead route is not only for that one to tell

    def _forget_old_ways(self) -> None:
        """A route that the plan no longer names is closed, and what waited for it goes with it."""
        for way in self._lines.keys() - set(self._ways()):
            self._lines.pop(way).scope.cancel()

    async def _serve(self, line: _Line) -> None:
        """Send one letter after the other, in order, each until it was taken or a day is over."""
        with line.scope:
            while True:
                if not line.waiting:
                    line.news = anyio.Event()
                    await line.news.wait()
                letter = line.waiting[0]
                error = await self._send(line.way, letter)
                line.tries = line.tries + 1 if error else 0
                if error:
                    self._say("error", "alert.failed", f"{line.way.name}, try {line.tries}: {error}")
                if line.tries == FAILED_TRIES:
                    for each in [*line.waiting]:
                        self._to_emergency(each)
                given_up = self._world.clock.mono_s() - letter.written_s >= GIVE_UP_S
                if (not error or given_up) and line.waiting and line.waiting[0] is letter:
                    line.waiting.popleft()
                if error:
                    await anyio.sleep(min(BACKOFF_MAX_S, 2.0 ** min(line.tries, 10)))

    def _to_emergency(self, letter: Letter) -> None:
        for way in self._ways():
            if way.backup_only and concerns(way, letter.message["kind"], letter.message["scope"]):
                self._put(way, letter)

    async def _send(self, way: AlertWay, letter: Letter) -> str:
        """Why it was not taken, empty when it was."""
        error = f"no answer within {SEND_WITHIN_S:g} s"
        with anyio.move_on_after(SEND_WITHIN_S + 1.0):
            try:
                # Looked for at each attempt: a file that was missing may be there by now.
                sender = sender_of(self._world, way, self._credentials_dir)
                await sender.send(letter.message, text_of(letter.message), letter.key)
                error = ""
            except (NotTaken, SettingsError, CredentialError, OSError) as refusal:
                error = redact(str(refusal))
        return error


def _message(event: str, alarm: Alarm, since_ms: int) -> dict[str, Any]:
    """The same fields as the daemon's alerts have."""
    known = kind_of(alarm.kind)
    return {
        "daemon": WHO,
        "event": event,
        "severity": alarm.severity,
        "kind": alarm.kind,
        "scope": alarm.scope,
        "meaning": known.meaning,
        "detail": redact(alarm.text),
        "count": 1,
        "opened_ms": since_ms,
        "incident": f"guardian {alarm.kind}",
        "runbook": known.page,
        "command": known.command,
    }
