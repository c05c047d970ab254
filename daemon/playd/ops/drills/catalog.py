"""Every drill by number: what is done, what must hold, and whether this version can do it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Drill:
    """
    Attributes:
        level: 1 is needed before real money, 2 is wished for.
        fault, holds: The row for people: what is done, and what must hold with its limits.
        halts: Every halt that its fault leads to, as code and level.
        may_halt: Those that may be raised beside, by where the market stands or what a busy machine delays.
        incident: The incident that says what happened; it is opened, and closed in the end. Empty for none.
        opens: Every other kind of incident that its fault leads to.
        may_open: Those that may be opened beside, as with halts.
        guardian: What the guardian may do about it; nothing where the daemon is alive and well.
        limit_s: The tightest limit of the drill, None when there is none.
        deadline_s: A drill that takes longer has failed; most of it is the start of programs on a busy machine.
        waits: Most of its time is waiting, so that it runs beside the others, two of its kind at a time.
        leaves: Codes of halts that are in force at its end, because only a person may lift them.
        stays: Kinds of incidents that are open at its end, for the same reason.
    """

    id: str
    level: int
    name: str
    fault: str
    holds: str
    halts: tuple[str, ...] = ()
    may_halt: tuple[str, ...] = ()
    incident: str = ""
    opens: tuple[str, ...] = ()
    may_open: tuple[str, ...] = ()
    guardian: tuple[str, ...] = ()
    limit_s: float | None = None
    deadline_s: float = 420.0
    waits: bool = False
    leaves: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()

    @property
    def level_expected(self) -> int:
        """The highest level of its halts, 0 for none."""
        return max((int(each.rpartition(" ")[2]) for each in self.halts), default=0)


DRILLS: Final = (
    Drill(
        "DRL-01", 1, "kill sweep",
        "the daemon is killed before and after calls of ledger, journal, state and socket in every part of its life",
        "at most one order per attempt; covered 15 s after a restart; as an undisturbed run afterwards",
        limit_s=15.0, deadline_s=1620.0,
        # Deaths that follow at once give no order the minute that it takes to be proved absent; a doubt of two is a person's.
        halts=("PANIC 4",), may_halt=("GUARDIAN_PANIC 4", "UNKNOWN_ORDER 2"),
        # Where the market closes a position between the reading of a start and the repair, the venue takes no stop for it.
        may_open=("GUARDIAN_STOP", "HALTED", "STOP_REFUSED", "UNKNOWN_ORDER_AGE"),
        guardian=("stop", "cancel", "close", "panic"), leaves=("UNKNOWN_ORDER",), stays=("HALTED", "UNKNOWN_ORDER"),
    ),
    Drill(
        "DRL-02", 1, "lost reply",
        "an order is taken, its answer lost, late or wrong; then no report and no list tells of it; an exit is repeated",
        "found within 5 s; no second order", limit_s=5.0, deadline_s=600.0,
        halts=("STOP_FLATTEN 4",),
    ),
    Drill(
        "DRL-03", 1, "never arrived", "an order is lost before the venue, whose lists are 3 s late; another rests there unseen",
        "entries blocked; NEVER_ARRIVED after 60 s and within 75 s; not sent again", limit_s=75.0, deadline_s=600.0,
        opens=("UNKNOWN_ORDER_AGE",),
    ),
    Drill(
        "DRL-04", 1, "scrambled stream", "reports before the answer, lost, doubled, in another order, while funding is paid",
        "position right at every quiet moment; funding is no part of it", deadline_s=600.0,
    ),
    Drill(
        "DRL-05", 1, "reconnect storm",
        "200 drops of the public and the private socket in ten minutes; then the private one is not let in for two",
        "at most 20 connects a minute; every bar once; polled every 5 s, a warning after 30 s, an alarm after 120 s",
        incident="SLO_PRIVATE_DOWN", limit_s=130.0, deadline_s=1080.0, waits=True,
        halts=("MANUAL_STOP 1",), opens=("MANUAL_STOP",),
    ),
    Drill(
        "DRL-06", 1, "half-open socket", "no frames on the public, then on the private socket; the connection stands",
        "given up at 45 s; connected anew, no bar is missing, nothing is entered on one that came late", limit_s=60.0,
    ),
    Drill(
        "DRL-07", 1, "blind", "all reads fail for 20 s, for 70 s and for ten minutes while exposed, beside an exit in doubt",
        "paused at 15 s, halted at 60 s with one incident each time; a doubt at 120 s; nothing is assumed; exits still sent",
        incident="BLIND", limit_s=65.0, deadline_s=1080.0, waits=True,
        # Its own incident closes as soon as reads are answered; the halt, lifted a second later, need not be told by another.
        halts=("BLIND 1", "BLIND 2", "UNKNOWN_ORDER 2"), opens=("UNKNOWN_ORDER", "UNKNOWN_ORDER_AGE"), may_open=("HALTED",),
        stays=("UNKNOWN_ORDER",),
    ),
    Drill(
        "DRL-08", 1, "stale quote",
        "nothing is told of the market; those of one symbol stand still, have an old stamp, come 30 s late, cross, leave mark",
        "entries refused with the age; under each an exit at the market; stops go on; trading again with the first bar in time",
        limit_s=60.0, deadline_s=600.0,
        halts=("MANUAL_STOP 1",), opens=("MANUAL_STOP",),
    ),
    Drill(
        "DRL-09", 1, "bad bars",
        "closed candles of one symbol are not told, out of order, wrong and corrected, impossible, late, not to be had",
        "values of a clean run afterwards; only that series' instance stops", limit_s=50.0, deadline_s=480.0,
    ),
    Drill(
        "DRL-10", 1, "partial fills",
        "40 of 100, then nothing; all but less than the minimum; on both sides of a stop move; an exit, a panic in part",
        "what is executed has its stop within 5 s; every order ends", limit_s=5.0, deadline_s=720.0,
        halts=("PANIC 4", "STOP_FLATTEN 4"),
    ),
    Drill(
        "DRL-11", 1, "naked",
        "the stop is cancelled by hand and by the venue ahead of a liquidation; then no other one is taken (110093, 110009)",
        "covered within 40 s; else asked for at 2 s, halted at 5 s, asked for by the guardian at 15 s, closed at 30 s",
        incident="NAKED", limit_s=40.0, deadline_s=600.0,
        # The position of the last ladder may be seconds old: its fill is checked in vain while no stop is taken. The fourth
        # repair of an hour is a person's, and where the market has closed one of these positions there were fewer.
        halts=("MANUAL_STOP 1", "NAKED 2", "UNPROTECTABLE 2"), may_halt=("FILL_CHECK 2", "REPAIRS 2"),
        opens=("MANUAL_STOP", "STOP_LOST", "STOP_REFUSED", "UNPROTECTABLE"), may_open=("FILL_CHECK", "HALTED", "REPAIRS"),
        guardian=("stop",),
        leaves=("NAKED", "FILL_CHECK", "UNPROTECTABLE", "REPAIRS"),
        stays=("FILL_CHECK", "HALTED", "REPAIRS", "STOP_REFUSED", "UNPROTECTABLE"),
    ),
    Drill(
        "DRL-12", 1, "wedged daemon", "the daemon is stopped, then stands still in a commit; the stop is cancelled",
        "the guardian covers within 20 s; the watchdog ends it within 40 s; clean restart", incident="GUARDIAN_STOP",
        limit_s=20.0,
        deadline_s=600.0,
        halts=("MANUAL_STOP 1",), opens=("MANUAL_STOP",), guardian=("stop", "cancel"),
    ),
    Drill(
        "DRL-13", 1, "dead daemon", "the daemon is killed and stays down for half an hour of market, the stop is cancelled",
        "covered within 20 s by the guardian and throughout; entries gone in 90 s; an alarm; books agree after the restart",
        incident="GUARDIAN_STOP", limit_s=20.0,
        # Where the market met the guardian's stop in that half hour, no stop is left for the daemon to find moved by a hand.
        may_halt=("MANUAL_STOP 1",), may_open=("MANUAL_STOP",), guardian=("stop", "cancel"),
    ),
    Drill(
        "DRL-14", 1, "dead guardian", "the guardian is killed, then again and again, each time as soon as it is back",
        "entries that must wait for it refused from 10 s on, exits and stops go on; entries again when it is back",
        limit_s=15.0, deadline_s=600.0,
        halts=("MANUAL_STOP 1", "STOP_FLATTEN 4"), opens=("GUARDIAN_SILENT", "MANUAL_STOP"),
    ),
    Drill(
        "DRL-15", 1, "key trouble",
        "the key is refused for five reasons in session, at an exit, at a start, is exchanged; a key may withdraw",
        "account halted at once, stops in place, the exit sent with the next key; a stranger's key and that one refused",
        incident="ACCOUNT_REFUSED", limit_s=60.0, deadline_s=720.0,
        halts=("ACCOUNT_REFUSED 2", "ACCOUNT_LOST 2", "MANUAL_STOP 1", "STOP_FLATTEN 4"),
        opens=("EXIT_UNFINISHED", "HALTED", "INSTANCE_FAILED", "KEY_NOT_CHANGED", "MANUAL_STOP", "ORDER_REFUSED"),
        stays=("ORDER_REFUSED",),
    ),
    Drill(
        "DRL-16", 1, "rate trouble",
        "entries, exits and repairs are throttled, with a reset in the past too; the address is banned, over a restart",
        "one order per attempt; exits first; covered within 40 s; no request leaves during the ban",
        limit_s=40.0, deadline_s=1260.0, waits=True,
        halts=("BANNED 1", "BLIND 1", "BLIND 2", "CLOCK_LOCAL 1", "MANUAL_STOP 1", "NAKED 2", "PANIC 4"),
        may_halt=("UNKNOWN_ORDER 2",), opens=("BLIND", "HALTED", "MANUAL_STOP", "NAKED"),
        # The guardian's key is not throttled: where the daemon's repairs wait for fifteen seconds, it sets the stop.
        may_open=("GUARDIAN_STOP", "STOP_REFUSED", "UNKNOWN_ORDER_AGE"), guardian=("stop",), stays=("UNKNOWN_ORDER",),
    ),
    Drill(
        "DRL-17", 1, "clock", "an entry answered with 10002; the venue's clock is 5 s off, both ways, then drifts; ours is set",
        "paused and lifted by itself; stops restored meanwhile, no bar lost or doubled", limit_s=90.0,
        deadline_s=600.0,
        halts=("CLOCK_LOCAL 1", "MANUAL_STOP 1"), opens=("CLOCK_LOCAL", "MANUAL_STOP"),
    ),
    Drill(
        "DRL-18", 1, "disk full",
        "no space for each kind of file, then for any, for the guardian too; each time there is some again",
        "ballast used, level 2 on everything; exit, panic and the guardian's stop carried out and on record; clean resume",
        limit_s=30.0, deadline_s=600.0,
        halts=("DISK 2", "KILL_FILE 2", "MANUAL_STOP 1", "OPERATOR 2", "PANIC 4", "STOP_FLATTEN 4"), may_halt=("DISK 1",),
        opens=("FOREIGN_ORDER", "GUARDIAN_PLAN", "GUARDIAN_STOP", "HALTED", "LOG_LOST", "MANUAL_STOP"),
        guardian=("stop", "cancel"),
    ),
    Drill(
        "DRL-19", 1, "damaged files",
        "ledger, journal, state, plan and kill file are damaged while the daemon is down, the ledger is away",
        "refused with a clear word or recovered; the guardian covers by the last good plan; nothing damaged counts as empty",
        incident="STATE_DAMAGED", limit_s=20.0,
        halts=("JOURNAL_BROKEN 2", "KILL_FILE 2", "MANUAL_STOP 1"),
        opens=("GUARDIAN_PLAN", "GUARDIAN_STOP", "HALTED", "INSTANCE_FAILED", "MANUAL_STOP"), guardian=("stop", "cancel"),
    ),
    Drill(
        "DRL-20", 1, "sync error", "a sync of the ledger fails, then one of the journal",
        "exit 74; the guardian covers; after the restart everything is halted until a person has looked",
        incident="GUARDIAN_STOP", limit_s=20.0,
        halts=("KILL_FILE 2", "MANUAL_STOP 1"), opens=("HALTED", "MANUAL_STOP"), guardian=("stop", "cancel"),
    ),
    Drill(
        "DRL-21", 1, "venue acts",
        "positions are liquidated in steps, deleveraged, settled; symbols end, are about to, or no longer trade",
        "booked to its owner, halted and told in 10 s; no entry before an end that is announced",
        incident="FORCED_CLOSE", limit_s=10.0, deadline_s=600.0,
        halts=("FORCED_CLOSE 2", "PLAY_STOPPED 2", "SYMBOL_REFUSED 2"), opens=("HALTED", "RULES_CHANGED", "SYMBOL_REFUSED"),
        leaves=("FORCED_CLOSE", "SYMBOL_REFUSED", "PLAY_STOPPED"), stays=("HALTED", "RULES_CHANGED", "SYMBOL_REFUSED"),
    ),
    Drill(
        "DRL-22", 1, "hands in the app",
        "a person cancels the stop, moves it, cancels everything, trades, changes the leverage, closes",
        "each recognised; protection back within 5 s; told within 10 s; no entry beside an order of others",
        incident="MANUAL_CLOSE", limit_s=5.0,
        halts=("ACCOUNT_MODE 1", "MANUAL_CLOSE 1", "MANUAL_STOP 1"),
        opens=("ACCOUNT_MODE", "FOREIGN_ORDER", "FOREIGN_POSITION", "MANUAL_STOP"), leaves=("MANUAL_CLOSE",),
    ),
    Drill(
        "DRL-23", 1, "second daemon", "a second daemon on the same state, then one elsewhere on the account",
        "exit 79; one of the two halts the account within a reconciliation; the first one trades on", limit_s=150.0,
        deadline_s=600.0,
        # To the one elsewhere, which has no record of them, orders and positions of the first are foreign.
        halts=("SECOND_DAEMON 2",), opens=("SECOND_DAEMON",), leaves=("SECOND_DAEMON",),
        stays=("FOREIGN_ORDER", "FOREIGN_POSITION", "HALTED", "SECOND_DAEMON"),
    ),
    Drill("DRL-24", 2, "rules change", "tick, step or minimum change between bars", "no invalid order sent twice"),
    Drill(
        "DRL-25", 1, "venue down",
        "the venue, its name and all its answers but 5xx are away, in session and at a start; then it announces maintenance",
        "one life of the daemon, degraded, which says what it waits for; paused ahead of maintenance; clean return",
        incident="MAINTENANCE_LOCAL", limit_s=60.0, deadline_s=600.0,
        # A fill in the moment at which the venue goes cannot be verified in its ten seconds.
        halts=("BLIND 1", "CLOCK_LOCAL 1", "MAINTENANCE_LOCAL 1"), may_halt=("FILL_CHECK 2",), may_open=("FILL_CHECK",),
        leaves=("FILL_CHECK",), stays=("FILL_CHECK",),
    ),
    Drill(
        "DRL-26", 1, "panic under fire",
        "panic of an instance, a symbol, an account, all: with a throttled and a lost close, beside a dead daemon; in a thin"
        " market; of what cannot be closed",
        "flat and verified within 20 s, under fire 40 s, else exit 11 and critical; the stop stays; nothing opens afterwards",
        incident="PANIC_UNFINISHED", limit_s=40.0, deadline_s=720.0,
        # A daemon that was stopped in the middle of a fill finds, when it goes on, a stop unconfirmed for seconds. An entry
        # whose connection ended under it, by a death or by itself, is in doubt for the minute until it is proved absent.
        halts=("GUARDIAN_PANIC 4", "KILL_FILE 2", "PANIC 4"), may_halt=("NAKED 2",),
        may_open=("GUARDIAN_STOP", "HALTED", "NAKED", "UNKNOWN_ORDER_AGE"), guardian=("panic", "close", "cancel", "stop"),
        leaves=("GUARDIAN_PANIC", "NAKED"), stays=("HALTED",),
    ),
    Drill(
        "DRL-27", 1, "kill file", "the kill file is made, then removed; its directory is away, then cannot be read",
        "level 2 within a second; removal alone lifts nothing",
        incident="HALTED", limit_s=1.0,
        halts=("KILL_FILE 2",),
    ),
    Drill(
        "DRL-28", 1, "crash loop", "one instance of fifty raises at every bar",
        "quarantined and halted at the 4th crash, covered; the others decide at most 50 ms later; a clean return",
        incident="INSTANCE_FAILED", limit_s=0.05, deadline_s=600.0,
        halts=("INSTANCE_FAILED 2",),
    ),
    Drill("DRL-29", 2, "dead pager", "alerts cannot be delivered", "second route; trading not slowed"),
    Drill(
        "DRL-30", 1, "downtime with position", "the daemon is off for a minute, for 20, for 3 h, for 3 days",
        "covered; what was due meanwhile is left first, at its bar; no late entry", limit_s=60.0, deadline_s=720.0,
    ),
    Drill("DRL-31", 2, "bad reload", "a broken or looser configuration while trading", "the old one stays"),
    Drill("DRL-32", 2, "twin", "a shadow twin differs by a planted change", "an alarm at the first differing bar"),
    Drill("DRL-33", 2, "isolation", "many backtests and instances with random faults", "no fault crosses over"),
    Drill("DRL-34", 2, "upgrade", "upgrade and rollback with open positions", "never naked; books match"),
    Drill("DRL-35", 2, "restore", "an old backup is restored", "every order and fill is recovered"),
    Drill("DRL-36", 2, "memory", "the daemon is killed for its memory", "the guardian survives"),
    Drill("DRL-37", 2, "planted bugs", "builds with known faults", "every planted bug is found"),
)  # fmt: skip
"""All of them, in order."""

BY_ID: Final = {drill.id: drill for drill in DRILLS}
