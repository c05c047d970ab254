"""
A daemon whose parts run: its instances are started, READY is said once they stand, and it lives until the signal that stops it.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import anyio
import structlog

from playd.cli.commands import keep_for_good, put_off_collecting
from playd.cli.declared import Roster
from playd.cli.live_view import live_view
from playd.cli.log_tap import LogTap
from playd.cli.rehearsals import rehearse_plays
from playd.cli.runtime import Runtime
from playd.cli.shutdown import Shutdown
from playd.cli.signals import hurry_on_second, stop_signal
from playd.cli.start_barrier import Records
from playd.cli.watchers import Watchers
from playd.control.context import Daemon
from playd.control.health import beat_failures, lacking, status_line
from playd.core.errors import PlayError
from playd.market.feed import CandleFeed
from playd.ops.notify import ServiceManager
from playd.settings import Loaded
from playd.supervisor.errors import CommandRefused
from playd.supervisor.records import RecordStore
from playd.supervisor.states import State
from playd.world.ports import Signal, World

READY_WITHIN_S: Final = 90.0
READY_SLACK_S: Final = 30.0
"""More time than that is asked of the service manager: the loop may be busy when it is over."""

STATUS_EVERY_S: Final = 10.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon whose parts all run."""

    world: World
    loaded: Loaded
    records: Records
    runtime: Runtime
    context: Daemon
    service: ServiceManager
    tap: LogTap
    watchers: Watchers
    candles: CandleFeed
    """What kernels are rehearsed on."""


async def serve(daemon: Running, signals: AsyncIterator[Signal]) -> int:
    """Start the instances, say READY, and wait for the signal; a signal during the start stops the start."""
    settings = daemon.loaded.settings
    shutdown = Shutdown(daemon.runtime, daemon.service, settings.daemon.stop_budget_s)
    async with anyio.create_task_group() as group:
        daemon.watchers.start(group, daemon.context)
        group.start_soon(_start_instances, daemon, name="start")
        group.start_soon(_beat, daemon, name="watchdog")
        if daemon.world.process.is_terminal() and sys.stdout.isatty():
            group.start_soon(live_view, daemon.context, daemon.tap, name="live view")
        cause = await stop_signal(signals, daemon.context.reload, daemon.service, daemon.world.clock)
        daemon.context.guardian.announce_stop()
        group.cancel_scope.cancel()
    async with anyio.create_task_group() as group:
        group.start_soon(hurry_on_second, signals, shutdown, name="second signal")
        group.start_soon(_beat_while_stopping, daemon.service, name="watchdog")
        in_time = await shutdown.run(cause)
        await daemon.context.ops.chain.publish()
        group.cancel_scope.cancel()
    return 0 if in_time else 1


async def _start_instances(daemon: Running) -> None:
    """Slots for every instance, starts for those that shall run, READY once they stand."""
    runtime, progress, places = daemon.runtime, daemon.context.progress, daemon.loaded.locations
    problems: list[str] = []

    def note(name: str, text: str) -> None:
        problems.append(name)
        _log.error("instance.refused", instance=name, msg=text)

    roster = Roster(
        daemon.world,
        runtime.records,
        runtime.supervisor,
        daemon.records.halts,
        places.config_dir / "plays",
        runtime.plan.instances_dir,
        daemon.context.commands.read_play,
        note,
    )
    put_off_collecting()
    progress.step = "instances"
    await roster.fill(daemon.loaded.settings, places.config_dir)
    # All that follows takes its time, in which `playctl` is served already: ten seconds for a venue that does not answer, up
    # to a minute for kernels. Accounts where something is open do not wait for these, nor do panics and lost stops there.
    progress.step = "clock of the venue"
    daemon.service.status(progress.step)
    await runtime.clock_watch.begin()
    for slot in list(runtime.supervisor.slots.values()):
        if slot.record.account in runtime.plan.key_accounts:  # a local account is opened with what its Play says
            runtime.watch(slot.record)
    progress.step = "kernels"
    paths = _play_paths(daemon.world, daemon.loaded, daemon.records)
    await rehearse_plays(daemon.world, daemon.candles, paths, daemon.service)
    progress.step = "starting instances"
    daemon.service.status(progress.step)
    await _start_wanted(daemon, note)
    runtime.supervisor.watch_idle()
    progress.step = "accounts and warm-up"
    daemon.service.extend(READY_WITHIN_S + READY_SLACK_S, progress.step)
    with anyio.move_on_after(READY_WITHIN_S) as late:
        await _all_stand(runtime)
    runtime.supervisor.look_around()
    keep_for_good()
    if runtime.exchange is not None:
        runtime.exchange.release()
    daemon.context.ops.loop.begin_anew()
    waits_for = _waits_for(daemon.context) if late.cancelled_caught else ""
    progress.ready, progress.step = True, f"ready, degraded: {waits_for}" if waits_for else "ready"
    took_s = progress.took_s = daemon.world.clock.mono_s() - daemon.context.started_s
    running = sum(slot.state is State.RUNNING for slot in runtime.supervisor.slots.values())
    daemon.records.journal.append("daemon.ready", {"running": running, "refused": [*problems], "took_ms": round(took_s * 1000)})
    daemon.service.ready(f"{running} instances running" + (f"; degraded: {waits_for}" if waits_for else ""))
    _log.info("daemon.ready", value=running, unit="instances", took_ms=round(took_s * 1000))


async def _start_wanted(daemon: Running, note: Callable[[str, str], None]) -> None:
    """Start every instance that shall run; others go on between any two, and a person may start or remove one first."""
    runtime = daemon.runtime
    supervisor = runtime.supervisor
    for slot in list(supervisor.slots.values()):
        await anyio.lowlevel.checkpoint()
        with suppress(PlayError):  # admission refuses it with the same findings
            await runtime.read_play(slot.record)
        is_here = supervisor.slots.get(slot.name) is slot
        if is_here and slot.record.enabled and slot.record.desired != "stopped" and not slot.active:
            try:
                supervisor.start(slot, runtime.admit, "daemon start")
                if slot.record.desired == "flat":
                    daemon.context.commands.manage_until_flat(slot, "a person before this start")
            except CommandRefused as error:
                note(slot.name, f"{error.code}: {error}")
                if slot.facts.failed is None:
                    supervisor.fail(slot, error.code, str(error))


def _play_paths(world: World, loaded: Loaded, records: Records) -> list[PurePath]:
    """Files of all Plays that may run: declared ones and those of remembered instances."""
    declared = [loaded.locations.config_dir / each.play for each in loaded.settings.instances.values()]
    return [*declared, *(PurePath(record.play_path) for record in RecordStore(records.ledger).load())]


async def _all_stand(runtime: Runtime) -> None:
    """Until every started instance is warm or failed, and every account in use or watched is ready or refused."""
    for slot in list(runtime.supervisor.slots.values()):
        if slot.active:
            await slot.settled.wait()
    for held in list(runtime.accounts.held.values()):
        await held.ready.wait()
        if held.account is not None:
            await held.account.wait_ready()


def _waits_for(context: Daemon) -> str:
    """What is not good when the time of a start is over: accounts with the step that they are at, clocks, feeds."""
    return lacking(context) or "an instance is not warm"


async def _beat(daemon: Running) -> None:
    """The watchdog's beat and the status line, from the loop that trades."""
    every_s = daemon.service.beat_every_s or STATUS_EVERY_S
    while True:
        failing = beat_failures(daemon.context)
        if failing:
            _log.error("watchdog.withheld", msg="; ".join(failing))
        daemon.service.beat(failing)
        if daemon.context.progress.ready and not failing:
            missing = lacking(daemon.context)
            daemon.context.progress.step = f"ready, degraded: {missing}" if missing else "ready"
            daemon.service.status(status_line(daemon.context))
        await anyio.sleep(every_s)


async def _beat_while_stopping(service: ServiceManager) -> None:
    """A loop that turns is alive; what it decided by is on its way down."""
    while True:
        service.beat([])
        await anyio.sleep(service.beat_every_s or STATUS_EVERY_S)
