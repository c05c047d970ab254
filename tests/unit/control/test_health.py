"""The watchdog's beat: each condition alone withholds it, and a well daemon is never withheld."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.control.context import Daemon
from playd.control.health import beat_failures
from playd.core.modes import Environment
from playd.ops.journal import Journal, open_journal
from playd.ops.loop_watch import EVERY_S, KEPT, LoopWatch
from playd.ops.meters import Meters
from playd.orders.desk import Condition
from playd.orders.ledger import Ledger
from playd.settings.model import Journal as JournalSettings
from playd.settings.model import Settings
from playd.world.virtual import VirtualWorld, virtual_world

STATE = PurePath("/state")


@dataclass
class Parts:
    """What the beat looks at: ledger, journal and loop are real, of the others only the time of their last look counts."""

    world: VirtualWorld
    ledger: Ledger
    journal: Journal
    loop: LoopWatch
    supervisor: Any
    answered_s: float
    account: Any
    behind_s: float = 0.0
    heard_s: float | None = None
    untold_s: float = 0.0

    @property
    def failing(self) -> list[str]:
        ops = SimpleNamespace(
            loop=self.loop,
            journal=self.journal,
            self_call=SimpleNamespace(answered_s=self.answered_s),
            feeds_behind_s=lambda: {"demo": self.behind_s},
            private_heard_s=lambda: {"main": self.heard_s},
            loaded=SimpleNamespace(settings=Settings()),
        )
        accounts = SimpleNamespace(held={"main": SimpleNamespace(account=self.account)})
        guardian = SimpleNamespace(untold_s=self.untold_s)
        daemon = SimpleNamespace(
            clock=self.world.clock,
            ledger=self.ledger,
            supervisor=self.supervisor,
            ops=ops,
            accounts=accounts,
            guardian=guardian,
        )
        return beat_failures(cast("Daemon", daemon))

    def turned(self) -> None:
        """Everybody has come round."""
        self.supervisor.looked_s = self.account.looked_s = self.answered_s = self.loop.turned_s = self.world.clock.mono_s()


@asynccontextmanager
async def parts() -> AsyncIterator[Parts]:
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    async with open_journal(world, STATE / "journal", JournalSettings(), version="1") as (journal, _):
        await journal.synced()
        loop = LoopWatch(world.clock, Meters())
        now_s = world.clock.mono_s()
        desk = SimpleNamespace(condition=Condition())
        account = SimpleNamespace(alias="main", environment=Environment.DEMO, looked_s=None, desk=desk)
        yield Parts(world, ledger, journal, loop, SimpleNamespace(looked_s=now_s), now_s, account)
    ledger.close()


@pytest.mark.anyio
async def test_each_condition_alone_withholds_the_beat_and_is_named() -> None:
    async with parts() as well:
        assert well.failing == []
        well.world.clock.advance(6.0)
        assert [text.split()[1] for text in well.failing] == ["supervisor"]
        well.supervisor.looked_s = well.world.clock.mono_s()
        assert well.failing == []
        well.turned()
        well.ledger.set_meta("a", "1")
        assert well.failing == []
        well.world.clock.advance(6.0)
        well.turned()
        assert [text.split(":")[0] for text in well.failing] == ["ledger"]
        well.ledger.commit()
        well.world.disk.fill(0)
        well.journal.append("daemon.stop", {"cause": "x"})
        well.journal.flush()
        assert [text.split(":")[0] for text in well.failing] == ["journal"]
        well.world.disk.fill(1 << 20)
        well.journal.flush()
        assert well.failing == []


@pytest.mark.anyio
async def test_each_part_that_does_not_come_round_alone_withholds_the_beat_and_is_named() -> None:
    async with parts() as well:
        clock = well.world.clock
        clock.advance(10.0)
        well.turned()
        assert well.failing == []
        clock.advance(10.1)
        well.supervisor.looked_s = well.account.looked_s = well.loop.turned_s = clock.mono_s()
        assert well.failing == ["the control socket has not answered for 10.1 s"]
        well.turned()
        clock.advance(10.1)
        well.supervisor.looked_s = well.answered_s = well.loop.turned_s = clock.mono_s()
        assert well.failing == ["account main has not looked for 10.1 s"]
        well.account.looked_s = None
        assert well.failing == [], "one that does not run yet has nothing to answer for"
        well.turned()
        well.behind_s = 10.1
        assert well.failing == ["the watch over the feeds of demo is 10.1 s behind"]
        well.behind_s = 10.0
        dead_s = Settings().streams.dead_s
        well.heard_s = dead_s + 10.1
        assert well.failing == [], "an account that polls needs no stream"
        well.account.desk.condition.stream_up = True
        assert well.failing == [
            f"the private stream of main is silent for {dead_s + 10.1:.1f} s, and its account does not poll"
        ]
        well.heard_s = dead_s + 10.0
        assert well.failing == []
        well.untold_s = 20.0
        assert well.failing == []
        well.untold_s = 21.0
        assert well.failing == ["nobody is told for 21 s that the guardian is silent"]


@pytest.mark.anyio
async def test_while_the_loop_was_held_nobody_could_come_round() -> None:
    """A start that compiles holds it for longer than anybody may take; the first beat behind it finds all of them old."""
    async with parts() as well:
        well.turned()
        well.account.desk.condition.stream_up = True
        well.world.clock.advance(40.0)
        well.behind_s = well.untold_s = 40.0
        well.heard_s = Settings().streams.dead_s + 40.0
        well.supervisor.looked_s = well.world.clock.mono_s()
        assert well.failing == []
        well.loop.turned_s = well.world.clock.mono_s()
        assert len(well.failing) == 5, "the loop turned all the time"
        well.loop._lags_s.append(40.0)
        assert well.failing == []


async def test_a_loop_that_lags_for_long_withholds_it_and_one_long_step_does_not() -> None:
    async with parts() as well:
        watch = LoopWatch(well.world.clock, Meters())
        watch._lags_s.extend([0.0] * (KEPT - 1) + [3.0])
        well.loop = watch
        assert well.failing == []
        watch._lags_s.extend([0.6] * 3)
        assert "lags" in well.failing[0]
        watch.begin_anew()
        assert well.failing == []
        assert math.isclose(EVERY_S * KEPT, 20.0)


@pytest.mark.anyio
async def test_the_loop_is_measured() -> None:
    world, meters = virtual_world(), Meters()
    watch = LoopWatch(world.clock, meters)

    def measured() -> int:
        return sum(sum(each.counts) for each in meters.histograms.get("playd_loop_lag_seconds", {}).values())

    with anyio.fail_after(60):
        async with anyio.create_task_group() as running:
            running.start_soon(watch.run)
            while measured() < 2:  # noqa: ASYNC110 - a meter has no event
                await anyio.sleep(EVERY_S)
            running.cancel_scope.cancel()
