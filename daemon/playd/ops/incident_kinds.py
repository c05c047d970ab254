"""Every kind of incident: what it means for a person, the runbook page, and the first command to type. Data."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class IncidentKind:
    """`page` is a file of `runbooks/`."""

    meaning: str
    page: str
    command: str


def _kinds(page: str, **kinds: tuple[str, str]) -> dict[str, IncidentKind]:
    return {name: IncidentKind(meaning, page, command) for name, (meaning, command) in kinds.items()}


KINDS: Final[dict[str, IncidentKind]] = {
    **_kinds(
        "naked-position.md",
        NAKED=("a position had no stop at the venue", "playctl positions"),
        UNPROTECTABLE=("the venue takes no stop for a position", "playctl positions"),
        STOP_REFUSED=("the venue refused a stop or its move", "playctl positions"),
        STOP_SILENT=("the market is beyond a stop that does not fire", "playctl positions"),
        STOP_UNREACHED=("the venue would liquidate a position before its stop is reached", "playctl positions"),
        MANUAL_STOP=("a stop was moved or removed by hand at the venue", "playctl positions"),
        PROTECTION_FAILED=("an error of ours about a position's stop; it is tried again and again", "playctl positions"),
        STOP_LOST=("a stop was cancelled while its position was open", "playctl positions"),
        FILL_CHECK=("the position at the venue is not what was filled", "playctl reconcile --dry-run"),
    ),
    **_kinds(
        "guardian.md",
        GUARDIAN_SILENT=("the guardian does not answer", "playctl guardian"),
        GUARDIAN_PLAN=("the guardian's plan could not be written or read", "playctl guardian"),
        GUARDIAN_RECORDS=("the guardian's journal could not be read", "playctl guardian"),
        GUARDIAN_STOP=("the guardian put a stop back", "playctl positions"),
        GUARDIAN_CLOSED=("the guardian closed a position", "playctl positions"),
        ACCOUNT_UNWATCHED=("the guardian cannot watch an account", "playctl guardian"),
        DAEMON_DEAD=("the guardian does not hear the daemon", "playctl status"),
        DAEMON_STOPPED=("the daemon was stopped with positions open", "playctl status"),
        GUARDIAN_BLIND=("the guardian cannot read positions", "playctl guardian"),
        PLAN_UNREADABLE=("the guardian cannot read its plan", "playctl guardian"),
        UNCOVERED=("the guardian saw a position without a stop that holds", "playctl guardian"),
        UNCOVERED_HANDS_OFF=("a position without a stop that the guardian may not touch", "playctl guardian"),
        PANIC_UNFINISHED=("a panic left something open", "playctl positions"),
        SHARE_UNREAD=("what the guardian closed of a common position could not be read", "playctl fills"),
    ),
    **_kinds(
        "losses-and-limits.md",
        DAILY_LOSS=("an account lost its limit of a day", "playctl halts"),
        DAY_START_UNKNOWN=("the venue's log of the day cannot be read, entries wait for it", "playctl halts"),
        DRAWDOWN=("an account is far below its highest equity", "playctl halts"),
        FAST_FALL=("an account lost much within minutes", "playctl halts"),
        WEEK_LOSS=("an account lost its limit of a week", "playctl halts"),
        INSTANCE_DRAWDOWN=("an instance lost its share of its capital", "playctl halts"),
        MARGIN_INITIAL=("an account uses much of its margin", "playctl balance"),
        MARGIN_MAINTENANCE=("an account is on its way to liquidation", "playctl balance"),
    ),
    **_kinds(
        "real-money.md",
        ARMING_ENDS=("the permission to trade with real money ends soon", "playctl status"),
        ARMING_OVER=("an instance with real money is not armed any more", "playctl status"),
    ),
    **_kinds(
        "backup-and-restore.md",
        BACKUP_FAILED=("a backup was not made or not carried away", "playctl backup list"),
        RECOVERED=("orders that a restored ledger had lost were found again at the venue", "playctl fills"),
    ),
    **_kinds(
        "adopt.md",
        POSITION_DIFFERS=("our books and the venue disagree about a position", "playctl reconcile --dry-run"),
        NOT_LISTED=("the venue lists a symbol no longer of which the ledger knows something", "playctl positions"),
        FOREIGN_ORDER=("an order that nobody here sent", "playctl orphan list"),
        FOREIGN_POSITION=("a position that nobody here opened", "playctl orphan list"),
        SECOND_DAEMON=("another daemon trades on this account", "playctl orders"),
    ),
    **_kinds(
        "restore-after-a-crash.md",
        CHAIN_BROKEN=("a record of the journal was changed, lost or moved", "playctl audit verify"),
        STATE_DAMAGED=("a state of an instance was damaged, or all of it is gone", "playctl status"),
        UNKNOWN_ORDER=("nobody knows whether an order exists", "playctl intents --unresolved"),
        UNKNOWN_ORDER_AGE=("an order has been in doubt for long", "playctl intents --unresolved"),
    ),
    **_kinds(
        "feed-dead.md",
        BLIND=("orders or positions could not be read, of an account that is not open too", "playctl guardian"),
        CLOCK=("our clock and a venue's are apart", "playctl slo"),
        MAINTENANCE=("a venue announces maintenance: its accounts take no entries until it is over", "playctl halts"),
    ),
    **_kinds(
        "first-start.md",
        INSTANCE_FAILED=("an instance was given up; its position stays under its stop", "playctl status"),
    ),
    **_kinds(
        "README.md",
        HALTED=("a rule refuses new risk until a person lifts it", "playctl halts"),
    ),
    **_kinds(
        "incidents.md",
        ACCOUNT_MODE=("an account is not in the mode that the settings say", "playctl balance"),
        ACCOUNT_REFUSED=("the venue or we refused the key of an account", "playctl status"),
        ALERT_UNDELIVERED=("alerts do not reach anybody by one route", "playctl notify list"),
        BALANCE_MOVED=("the balance of an account moved, and no execution explains it", "playctl balance"),
        BOOKS_DIFFER=("a past day of the books is not what the venue's log says", "playctl pnl"),
        CONTRADICTION=("the venue contradicts a final state of an order", "playctl orders --all"),
        ENTRY_NETTED=("an entry met a position of others on the other side, and closed it first", "playctl fills"),
        EXECUTION_TYPE=("an execution of a kind that is not known", "playctl fills"),
        EXIT_BEYOND=("an exit met less than its share, and closed the rest of another instance", "playctl fills"),
        EXIT_UNFINISHED=("a position could not be closed in time", "playctl positions"),
        FORCED_CLOSE=("the venue closed a position: liquidation, deleverage or settlement", "playctl fills"),
        HTTP_DOWN=("health and metrics are not served", "playctl health"),
        INSTANCE_DEAF=("an instance does not deal with its fills", "playctl status"),
        INTENT_CHANGED=("a decision came again with other numbers", "playctl intents"),
        INVARIANT=("an entry let through or a stop loosened that should not be: a bug of this program", "playctl intents"),
        KEY_EXPIRES=("the key of an account ends soon", "playctl balance"),
        LOG_LOST=("log lines cannot be written to their file and are lost", "playctl logs"),
        KEY_NOT_CHANGED=("another key for an account was not taken; the old one stays in use", "playctl balance"),
        LEVERAGE=("the venue did not take the leverage", "playctl positions"),
        MANUAL_AMEND=("a resting entry was changed by hand at the venue", "playctl orders"),
        MANUAL_CLOSE=("a position was closed by hand at the venue", "playctl fills"),
        ORDERS_OF_DAY=("an account sends more orders in a day than the settings call usual", "playctl limits"),
        ORDER_REFUSED=("the venue refused an order that mattered", "playctl orders --all"),
        ORDER_STATUS=("the venue reports an order in a status that is not known", "playctl orders"),
        OVERFILL=("more was executed than was ordered", "playctl positions"),
        REPAIRS=("books had to be repaired too often", "playctl reconcile --dry-run"),
        RULES_CHANGED=("the venue changed the rules of a symbol, or ends it", "playctl status"),
        SYMBOL_REFUSED=("the venue refuses orders on a symbol", "playctl halts"),
        SETTINGS_INVALID=("a reload was refused: the files of settings are wrong", "playctl config check"),
        WATCHER_FAILED=("a part that watches or tells failed, and is started again", "playctl health"),
        SLO=("a figure is outside its objective", "playctl slo"),
        TARGET_LOST=("a resting target was refused, moved or taken away; it is put back", "playctl orders"),
    ),
}
"""By name; `CLOCK_LOCAL` and its like are found under `CLOCK`, `SLO_FEED_FRESHNESS` under `SLO`."""


_EVERY_MINUTE: Final = frozenset({"PANIC_UNFINISHED"})


def repeat_min(kind: str, ack_repeat_min: int) -> int:
    """Minutes between two reminders of a critical incident that nobody acknowledges; `ack_repeat_min` is the settings' word."""
    return 1 if kind in _EVERY_MINUTE else ack_repeat_min


def kind_of(name: str) -> IncidentKind:
    """What is known of an incident of this name; a name nobody declared points at the page about all incidents."""
    found = KINDS.get(name) or KINDS.get(name.partition("_")[0])
    return found or IncidentKind("an incident that this version does not describe", "incidents.md", "playctl incident list")
