"""Which drills this version can run."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from playd.ops.drills.scenarios import people, processes, protection
from playd.ops.drills.stage import Stage

Scenario = Callable[[Stage], Awaitable[None]]

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "DRL-01": processes.kill_sweep,
    "DRL-11": protection.naked,
    "DRL-12": protection.wedged_daemon,
    "DRL-13": protection.dead_daemon,
    "DRL-14": protection.dead_guardian,
    "DRL-22": people.hands,
    "DRL-23": processes.second_daemon,
    "DRL-26": people.panic,
    "DRL-27": people.kill_file,
}
"""By number. What is missing here is listed, and refused when it is asked for."""
