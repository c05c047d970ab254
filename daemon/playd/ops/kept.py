"""
A part that watches or tells, kept running: whatever it ends with is told, and it is started again. Trading goes on beside it.

Five times within a minute it is started again after a second, then once a minute. A lost record alone ends the daemon.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import anyio
import structlog

from playd.core.errors import RecordError
from playd.orders.halts import ALL
from playd.supervisor.edge import say
from playd.supervisor.restart import Quarantine, RestartBudget, after_crash
from playd.world.ports import Clock

BUDGET: Final = RestartBudget(restart_max=5, window_ms=60_000, backoff_s=(1.0,), jitter=0.0)
REST_S: Final = 60.0
KIND: Final = "WATCHER_FAILED"

_log = structlog.get_logger()


class IncidentDesk(Protocol):
    """The part of `orders.incidents.Incidents` that is needed here."""

    def open(self, kind: str, severity: str, scope: str, text: str) -> None:
        """Open the incident of this kind and scope, or count it once more where it is open."""
        ...


async def kept(name: str, run: Callable[[], Awaitable[object]], clock: Clock, incidents: IncidentDesk) -> None:
    """Run a part until it returns, which few do, or until cancelled. Raises `RecordError`, alone or in a group."""
    history: tuple[int, ...] = ()
    while True:
        try:
            await run()
            return
        except* RecordError:
            raise
        except* Exception as bugs:  # noqa: BLE001
            # The supervised edge of what only looks on: its bug must not end what protects positions.
            _log.error("daemon.bug", where=name, msg=say(bugs), exc_info=bugs)
            incidents.open(KIND, "critical", ALL, f"{name}: {say(bugs)}")
        verdict = after_crash(history, round(clock.mono_s() * 1000), BUDGET, 0.5)
        history = () if isinstance(verdict, Quarantine) else verdict.history
        await anyio.sleep(REST_S if isinstance(verdict, Quarantine) else verdict.delay_s)
