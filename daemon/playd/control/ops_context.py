"""What watches over the daemon, as one value beside its trading parts: counters, objectives, alerts, backups, chain."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import anyio

from playd.control.self_call import SelfCall
from playd.ops.alerts import AlertDesk
from playd.ops.backup_clock import BackupClock
from playd.ops.chain_watch import ChainWatch
from playd.ops.clock_watch import VenueTime
from playd.ops.free_space import FreeSpace
from playd.ops.journal import Journal
from playd.ops.log_file import LogFile
from playd.ops.loop_watch import LoopWatch
from playd.ops.meters import Meters
from playd.ops.recon_history import ReconHistory
from playd.ops.slo import Breaches
from playd.orders.incidents import Incidents
from playd.orders.rate_limits import LimitRow
from playd.settings import Loaded
from playd.world.ports import World


@dataclass(slots=True)
class OpsParts:
    """
    The parts that methods and metrics look at. A reload replaces `loaded` whole and says in `waiting` what it did not take.

    `limits` makes the lines of the rate budget one by one, `banned_for_s` says for how many seconds nothing may be sent for an
    account (the empty alias: public data), `requests_waiting` how many requests wait for their turn, `public_streams` whether
    the market stream of each environment is up, `feeds_behind_s` how far behind the watch over its feeds is; `private_heard_s`
    is the age of each private stream's newest frame, `self_call` asks the control socket; `venue_times` are the clocks that are
    compared with ours. `log_file` is None where a service manager keeps the log.
    """

    world: World
    loaded: Loaded
    state_dir: PurePath
    meters: Meters
    loop: LoopWatch
    journal: Journal
    incidents: Incidents
    alerts: AlertDesk
    breaches: Breaches
    backups: BackupClock
    chain: ChainWatch
    space: FreeSpace
    recons: ReconHistory
    venue_times: Sequence[VenueTime]
    limits: Callable[[], Iterator[LimitRow]]
    banned_for_s: Callable[[str], float]
    requests_waiting: Callable[[], int]
    public_streams: Callable[[], dict[str, bool]]
    feeds_behind_s: Callable[[], dict[str, float]]
    private_heard_s: Callable[[], dict[str, float | None]]
    self_call: SelfCall
    log_file: LogFile | None = None
    waiting: dict[str, object] = field(default_factory=dict)
    comparing: anyio.Lock = field(default_factory=anyio.Lock)
    """Held while recorded days are compared: a second comparison beside it would take both processors from trading."""
    since_ms: dict[str, int] = field(default_factory=dict)
    """When a reload took a key over, by its name; the others hold since the start."""
