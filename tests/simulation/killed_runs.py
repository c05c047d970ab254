"""
Lives of an account that is killed again and again: `python -m tests.simulation.killed_runs [RUNS [SEED]]`, 5,000 by default.

Each run draws what is asked for, which answers, reports and readings are lost, and at which moments the process dies, all of it
from its number, over the real order path in virtual time; afterwards the promises are checked against the venue's own truth.
The last line is the figure that matters: how many orders the venue ever had for one attempt, over all runs.
"""

import gc
import random
import sqlite3
import sys
import time
import warnings
from collections import Counter
from contextlib import suppress

from playd.core.errors import RecordError
from tests.simulation.test_order_path_faults import Run, Step, play, verify
from tests.simulation.venue_script import EventFault, Script, WriteFault
from tests.virtual_time import in_virtual_time

RUNS = 5000
STEPS = ("enter", "enter", "enter", "enter", "exit", "exit", "crash", "crash", "stop", "unstop", "drop")
EVENTS = (EventFault.NONE, EventFault.NONE, EventFault.LOST, EventFault.DOUBLED)
LONGEST = 10
TOLD_EVERY = 500


def drawn(seed: int) -> tuple[Script, list[Step]]:
    """A run: it enters, dies within 20 ms of that, and goes on."""
    chance = random.Random(seed)
    script = Script(
        writes=chance.choices([*WriteFault], k=chance.randrange(8)),
        events=chance.choices(EVENTS, k=chance.randrange(40)),
        hidden_reads=chance.randrange(7),
        failing_reads=chance.choice([0, 0, 0, 3]),
        no_attached_stop=chance.randrange(3),
        refused_stops=chance.choice([0, 0, 1, 4]),
    )
    more = [(what, chance.random()) for what in chance.choices(STEPS, k=chance.randrange(4, LONGEST))]
    return script, [("crash", chance.random()), ("enter", 0.0), *more]


def main(runs: int, seed: int) -> int:
    """Play them; 1 when a promise was broken, with the number of the run that broke it."""
    began_s, lives, orders, most = time.perf_counter(), 0, 0, 0
    for number in range(seed, seed + runs):
        script, steps = drawn(number)
        run = Run(script, steps)

        async def body(run: Run = run) -> None:
            with suppress(RecordError, sqlite3.ProgrammingError):
                life = await play(run)
            verify(run, life)
            life.venue.close_stream()

        try:
            in_virtual_time(body)
        except AssertionError as error:
            print(f"run {number} broke a promise: {error}\n{drawn(number)}")
            return 1
        links = Counter(order.link_id for order in run.venue.effects) if run.venue is not None else Counter[str]()
        lives, orders, most = lives + run.lives, orders + len(links), max([most, *links.values()])
        if (number - seed + 1) % TOLD_EVERY == 0:
            gc.collect()
            print(f"{number - seed + 1} runs, {time.perf_counter() - began_s:.0f} s", flush=True)
    print(f"{runs} runs, {lives} lives, {orders} orders in {time.perf_counter() - began_s:.0f} s")
    print(f"most orders at the venue for one attempt: {most}")
    return int(most > 1)


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)  # a killed process closes nothing
    given = [int(each) for each in sys.argv[1:]]
    sys.exit(main(*(given + [RUNS, 0][len(given) :])))
