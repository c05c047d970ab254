"""DRL-01: the daemon is killed before, in and behind every kind of call of every part of its life."""

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NoReturn

import anyio
import orjson

from playd.ops.drills.bad_host import DEATH
from playd.ops.drills.invariants import under_stop
from playd.ops.drills.mortal import AFTER, BEFORE, FILL, JOURNAL, LEDGER, ORDER, PLAN, SENT, SOCKET, STATE
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD, HELD_SYMBOL, PLAYS, another, with_trailing_stop
from playd.ops.drills.programs import START_WITHIN_S, until
from playd.ops.drills.report import DrillError
from playd.ops.drills.scenarios.steps import holds_still, lifted_by_a_person, resume
from playd.ops.drills.stage import HURRY, SPEED, Stage
from playd.orders.halts import instance_scope
from playd.world.ports import ChildSignal

COVERED_S: Final = 15.0
SETTINGS: Final = """
[orders]
never_arrived_after_s = 30
"""
"""The least there is: an entry that was never sent blocks its symbol for so long."""

TWINS: Final = {"busy-doge": "DOGEUSDT"}
_TRAILING: Final = with_trailing_stop(PLAYS[BUSY])
BUSIER: Final = {
    **PLAYS,
    BUSY: _TRAILING,
    **{name: another(_TRAILING, name, symbol) for name, symbol in TWINS.items()},
}
"""Two that trade every few minutes, so that every call comes soon."""

SYMBOLS: Final = (HELD_SYMBOL, BUSY_SYMBOL, *TWINS.values())
DIES_S: Final = 120.0
"""Within which a busy market brings every call."""

RETURNS_S: Final = 60.0
TOLD_S: Final = 3.0
LOOK_S: Final = 1.0
DOUBT: Final = "UNKNOWN_ORDER"
KILLED: Final = -9
START, TRADING, PANIC, STOP = "start", "trading", "panic", "stop"
SIDES: Final = (BEFORE, AFTER)


@dataclass(frozen=True, slots=True)
class Moment:
    """A call of the daemon in a part of its life (the first one `behind` another), and the side of it at which it is killed."""

    part: str
    name: str
    call: str
    what: str
    side: str
    nth: int = 1
    behind: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        behind = f" behind its {self.behind[0]} call" if self.behind is not None else ""
        return f"killed in {self.name}, {self.side} {'the' if self.side != SENT else 'its'} {self.call} call{behind}"


def _of(
    part: str,
    name: str,
    *calls: tuple[str, str],
    sides: tuple[str, ...] = SIDES,
    nth: int = 1,
    behind: tuple[str, str] | None = None,
) -> tuple[Moment, ...]:
    return tuple(Moment(part, name, call, what, side, nth, behind) for (call, what), side in product(calls, sides))


MOMENTS: Final = (
    *_of(START, "a start", (LEDGER, ""), (JOURNAL, ""), (STATE, ""), (SOCKET, ""), nth=2),
    *_of(TRADING, "an entry", (LEDGER, "entry"), (JOURNAL, "entry"), (SOCKET, "entry")),
    *_of(TRADING, "an entry", (SOCKET, "entry"), sides=(SENT,)),
    *_of(TRADING, "an entry", (LEDGER, ORDER), (STATE, PLAN), behind=(SOCKET, "entry")),
    *_of(TRADING, "a fill", (LEDGER, FILL), (JOURNAL, "fill"), (STATE, "state")),
    *_of(TRADING, "a fill", (SOCKET, "list"), behind=(LEDGER, FILL)),
    *_of(TRADING, "a stop move", (LEDGER, "protect"), (JOURNAL, "stop"), (SOCKET, "protect")),
    *_of(TRADING, "a stop move", (SOCKET, "protect"), sides=(SENT,)),
    *_of(TRADING, "a stop move", (STATE, PLAN), behind=(SOCKET, "protect")),
    *_of(TRADING, "an exit", (LEDGER, "exit"), (JOURNAL, "exit"), (SOCKET, "exit")),
    *_of(TRADING, "an exit", (SOCKET, "exit"), sides=(SENT,)),
    *_of(TRADING, "an exit", (LEDGER, ORDER), (STATE, PLAN), behind=(SOCKET, "exit")),
    *_of(PANIC, "a panic", (LEDGER, "exit"), (JOURNAL, "panic"), (SOCKET, "exit")),
    *_of(PANIC, "a panic", (STATE, PLAN), behind=(LEDGER, "exit")),  # what it closes changes the plan once more, always
    *_of(STOP, "a stop of the daemon", (LEDGER, ""), (JOURNAL, ""), (STATE, ""), (SOCKET, "")),
)
"""In the order in which they come. `make kill-sweep` dies at hundreds more."""


async def kill_sweep(stage: Stage) -> None:
    stage.on_a_bad_host()
    await stage.open(settings=SETTINGS, plays=BUSIER)
    for number, moment in enumerate(MOMENTS, start=1):
        fault = f"{number} of {len(MOMENTS)}: {moment.text}"
        await _killed(stage, moment, fault)
        stage.world.disk.remove(stage.directory / DEATH)
        if moment.part != START or MOMENTS[number].part != START:  # a start that dies is followed by another one
            await _begun_again(stage, fault)
        if moment.part == PANIC:
            await _panic_lifted(stage, fault)
    deaths = Counter(moment.name for moment in MOMENTS)
    stage.report.saw("deaths", ", ".join(f"{name} {count}" for name, count in deaths.items()))


async def _panic_lifted(stage: Stage, fault: str) -> None:
    """
    A person lets the instance begin again. The guardian may have carried on what the daemon died of, and tells of it a moment
    later; where another exit died of it the panic was never begun.
    """

    async def raised() -> bool:
        return stage.halt("PANIC") is not None or stage.halt("GUARDIAN_PANIC") is not None

    while await until(raised, TOLD_S):
        await lifted_by_a_person(stage, instance_scope(HELD), fault, RETURNS_S)
        await stage.ctl("start", HELD)


async def _begun_again(stage: Stage, fault: str) -> None:
    """The daemon begins again, by itself ready, and what is open is covered meanwhile."""
    await stage.exchange.release(SPEED)
    began_s = stage.world.clock.mono_s()
    await stage.daemon.launch()

    async def covered() -> Any:
        venue = await stage.venue()
        return all(under_stop(venue, symbol) or not venue.positions[symbol] for symbol in SYMBOLS)

    await stage.expect(fault, covered, "what is open is covered", COVERED_S, since_s=began_s)
    await stage.expect(fault, stage.ready, "ready again", START_WITHIN_S, since_s=began_s)
    await stage.expect(fault, covered, "what is open is covered", COVERED_S)


async def _killed(stage: Stage, moment: Moment, fault: str) -> None:
    """Bring the daemon to the moment; it must die of it."""
    async with anyio.create_task_group() as group:
        if moment.part in (TRADING, PANIC):
            group.start_soon(_doubts_lifted, stage)
        await _brought_to(stage, moment, fault)
        group.cancel_scope.cancel()


async def _doubts_lifted(stage: Stage) -> NoReturn:
    """
    A person lets a symbol trade again whose order was in doubt for two minutes, as soon as the doubt is over.

    Where deaths follow faster than the absence of an order can be proved, that halt comes lawfully, and with every busy symbol
    halted nobody would ever come to the moment. While the order is in doubt the daemon refuses to lift it.
    """
    while True:
        await anyio.sleep(LOOK_S)
        for row in stage.table("halts"):
            if row["code"] == DOUBT and row["lifted_ms"] is None and stage.daemon.alive:
                await resume(stage, row["scope"])


async def _brought_to(stage: Stage, moment: Moment, fault: str) -> None:
    command = {"call": moment.call, "what": moment.what, "side": moment.side, "nth": moment.nth, "behind": moment.behind}
    if moment.part == START and stage.daemon.alive:
        await stage.daemon.stop()
    elif moment.part == PANIC:
        await holds_still(stage, HELD, HELD_SYMBOL)
    stage.report.inject("SIGKILL", f"{moment.call} {moment.what}".strip(), part=moment.name, side=moment.side, nth=moment.nth)
    stage.world.disk.write_replace(stage.directory / DEATH, orjson.dumps(command), keep_previous=False)
    within_s = DIES_S
    if moment.part == START:
        await stage.daemon.launch()
        within_s = START_WITHIN_S
    elif moment.part == TRADING:
        await stage.exchange.release(HURRY)
    elif moment.part == PANIC:
        await stage.ctl("panic", HELD, "--yes", "--reason", "drill")
    else:
        stage.daemon.send(ChildSignal.TERM)
    code = await stage.daemon.ended(within_s)
    if code != KILLED:
        stage.report.missed(
            fault, f"it did not come to that: ended with {code}" if code is not None else "the call did not come"
        )
        raise DrillError
