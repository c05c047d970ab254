"""Which drills this version can run."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from playd.ops.drills.scenarios import (
    away,
    bars,
    blind,
    clocks,
    crash,
    disk,
    files,
    hands,
    keys,
    kills,
    lost,
    naked,
    outage,
    panics,
    partial,
    people,
    processes,
    protection,
    quotes,
    rates,
    sockets,
    venue,
)
from playd.ops.drills.stage import Stage

Scenario = Callable[[Stage], Awaitable[None]]

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "DRL-01": kills.kill_sweep,
    "DRL-02": lost.lost_reply,
    "DRL-03": lost.never_arrived,
    "DRL-04": lost.scrambled_stream,
    "DRL-05": sockets.reconnect_storm,
    "DRL-06": sockets.half_open,
    "DRL-07": blind.blind,
    "DRL-08": quotes.stale_quote,
    "DRL-09": bars.bad_bars,
    "DRL-10": partial.partial_fills,
    "DRL-11": naked.naked,
    "DRL-12": protection.wedged_daemon,
    "DRL-13": protection.dead_daemon,
    "DRL-14": protection.dead_guardian,
    "DRL-15": keys.key_trouble,
    "DRL-16": rates.rate_trouble,
    "DRL-17": clocks.clock,
    "DRL-18": disk.disk_full,
    "DRL-19": files.damaged_files,
    "DRL-20": disk.sync_error,
    "DRL-21": venue.venue_acts,
    "DRL-22": hands.hands,
    "DRL-23": processes.second_daemon,
    "DRL-25": outage.venue_down,
    "DRL-26": panics.panic,
    "DRL-27": people.kill_file,
    "DRL-28": crash.crash_loop,
    "DRL-30": away.downtime,
}
"""By number. What is missing here is listed, and refused when it is asked for."""
