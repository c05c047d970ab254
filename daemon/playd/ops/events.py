"""
The catalogue of log events: how grave each line is, what it is about, which fields it has, and the page that says what to do.

Tests hold the source to it (`tests/tidy/test_log_events.py`); journal records have their own (`ops.kinds`), and an event
that is also a record has the record's name. `runbooks/log-events.md` is written from here. A critical line is an incident,
whose page `playctl incident show` names.
"""

from typing import Final, NamedTuple


class Event(NamedTuple):
    """
    `levels`, with blanks between them: the first where nothing speaks for another, the others as the line says why.

    `fields`, likewise, are those that a line may have beside `ts`, `level`, `event` and `msg`, which is for people. `page` is a
    file of `runbooks/`.
    """

    levels: str
    about: str
    fields: str
    page: str

    @property
    def level(self) -> str:
        """The one that it has as a rule."""
        return self.levels.partition(" ")[0]


OF_INSTANCE: Final = "instance account symbol mode"
OF_SCOPE: Final = "scope instance account symbol reason seq"


def _of(subject: str, page: str, **events: tuple[str, str, str]) -> dict[str, Event]:
    return {f"{subject}.{what}": Event(*event, page) for what, event in events.items()}


EVENTS: Final[dict[str, Event]] = {
    **_of(
        "account",
        "incidents.md",
        ready=("info", "an account is reconciled and protected", "account"),
        restart=("warning", "an account crashed and is opened again", "account"),
        waiting=("warning", "a venue cannot be reached at the start of an account", "account"),
    ),
    **_of(
        "alert",
        "incidents.md",
        failed=("warning", "an alert was not taken by its provider and is tried again", "value unit"),
    ),
    **_of(
        "backup",
        "backup-and-restore.md",
        done=("info", "a backup was made and is whole", "value unit"),
        failed=("error", "no backup was made, or it was not carried away", ""),
    ),
    **_of(
        "bar",
        "incidents.md",
        slow=("warning", "deciding one bar took longer than it may", f"{OF_INSTANCE} took_ms limit unit"),
        verdict=(
            "info",
            "what became of a closed bar, ordinary ones left out",
            f"{OF_INSTANCE} verdict detail close_ms late metadata next_ms",
        ),
    ),
    **_of(
        "daemon",
        "restore-after-a-crash.md",
        bug=("error", "an error of ours that was survived", "where exc"),
        ready=("info", "the daemon is ready", "value unit took_ms"),
        reload=("info error", "settings were read anew: what holds, what waits, what was refused", ""),
        starting=("info", "the daemon begins", "state"),
        stopped=("info", "the daemon has stopped cleanly", "seq"),
        stopping=("info", "the daemon was asked to stop", ""),
    ),
    **_of(
        "disk",
        "disk-full.md",
        ballast=("warning", "the ballast could not be held", ""),
        full=("error", "no space is left, the ballast was released", ""),
        low=("warning", "free space is below its warning", "value unit"),
    ),
    **_of(
        "entries",
        "incidents.md",
        cancel_failed=("warning", "resting entries could not be cancelled now", "account"),
        cancelled=("info", "resting entries were cancelled at the stop", "account value unit"),
    ),
    **_of("events", "disk-full.md", lost=("error", "lines of an event file were lost on a full disk", "value unit")),
    **_of(
        "feed",
        "feed-dead.md",
        bar_old=("warning", "a candle came again from long ago", "symbol open_ms"),
        bar_revised=("warning", "a closed candle came again with other values", "symbol open_ms"),
        failed=("error", "the watch over a symbol failed by a bug of ours and goes on", "symbol open_ms"),
        fetch_failed=("warning", "candles could not be fetched", "symbol open_ms"),
        frame_refused=("warning", "frames of a symbol hold no market and are left out", "symbol open_ms"),
        gap_absent=("warning", "the venue does not have the missing candles", "symbol open_ms"),
        gap_filled=("info", "missing candles were fetched", "symbol open_ms"),
        gap_opened=("warning", "candles are missing", "symbol open_ms"),
        link_down=("warning", "the public stream is down", "symbol open_ms"),
        link_up=("info", "the public stream is up", "symbol open_ms"),
        market_ended=("info", "the recorded market is over", "symbol open_ms"),
        state=("info", "how far the bars of a symbol can be relied on", "symbol open_ms"),
        symbol_refused=("warning", "the venue does not serve a symbol", "symbol open_ms"),
    ),
    **_of(
        "fill",
        "",
        booked=(
            "info",
            "an execution of an instance",
            f"{OF_INSTANCE} action reason side qty price fee time_ms link_id",
        ),
        funding=("info", "funding of an instance", f"{OF_INSTANCE} amount"),
    ),
    **_of("guardian", "guardian.md", heard=("info", "the guardian answers", "")),
    **_of(
        "halt",
        "README.md",
        lifted=("info", "a level that refused entries is gone", OF_SCOPE),
        raised=("info warning", "entries are refused from here on, by whom and why", f"{OF_SCOPE} value unit"),
    ),
    **_of(
        "http",
        "incidents.md",
        down=("warning", "health and metrics are not served", ""),
        up=("info", "where health and metrics are served", "value"),
    ),
    **_of(
        "incident",
        "incidents.md",
        open=(
            "warning critical",
            "something that a person must know; the incident says what to do first",
            f"{OF_SCOPE} incident",
        ),
        reopen=("warning critical", "an incident that was over goes on", f"{OF_SCOPE} incident"),
        resolve=("info", "an incident is over", f"{OF_SCOPE} incident"),
    ),
    **_of(
        "instance",
        "restore-after-a-crash.md",
        beside_failed=(
            "error",
            "something about an instance failed beside its life; nobody else noticed",
            f"{OF_INSTANCE} reason",
        ),
        image_damaged=(
            "warning",
            "the image of an instance's columns was damaged, they are computed anew",
            OF_INSTANCE,
        ),
        image_failed=("warning", "the image of an instance's columns was not written", OF_INSTANCE),
        refused=("error", "an instance cannot be started", "instance"),
        restart=("error", "an instance crashed and is started again", f"{OF_INSTANCE} delay_s reason"),
        rewarmed=("info", "columns of an instance were computed anew", OF_INSTANCE),
        rules=(
            "info",
            "the venue changed tick, step or funding times of an instance's symbol, its next life goes by them",
            OF_INSTANCE,
        ),
        state_damaged=("warning", "a state of an instance was damaged, or all of it is gone", OF_INSTANCE),
        state_anew=(
            "info",
            "an older or newer program wrote the state of an instance, which is made anew from the ledger",
            OF_INSTANCE,
        ),
        transition=("info error", "an instance changed its state", f"{OF_INSTANCE} from to cause reason"),
        waiting=("warning", "an instance that begins waits for a venue that does not answer", OF_INSTANCE),
    ),
    **_of(
        "journal",
        "restore-after-a-crash.md",
        head=("info", "number and hash of the journal's last record, to hold against it later", "seq"),
        not_packed=("warning", "old files of the journal were not packed or not removed", ""),
        not_verified=("error", "the process that checks the journal's chain could not be started", ""),
    ),
    **_of(
        "kernels",
        "first-start.md",
        compiled=("info", "kernels of Plays or of the local exchange were compiled", "took_ms"),
        compiling=("info", "kernels of Plays or of the local exchange are being compiled", ""),
        not_compiled=(
            "warning",
            "kernels could not be compiled ahead, so they are when they are loaded",
            "took_ms",
        ),
        not_kept=("warning", "compiled kernels could not be kept", ""),
    ),
    **_of(
        "market",
        "disk-full.md",
        not_recorded=("warning", "closed bars could not be kept, or old ones not be removed", "value unit"),
    ),
    **_of("order", "", state=("info", "an order of an instance ended", f"{OF_INSTANCE} action reason link_id")),
    **_of(
        "recon",
        "disk-full.md",
        not_kept=("warning", "what a reconciliation had before it could not be kept", "account"),
    ),
    **_of(
        "watchdog",
        "restore-after-a-crash.md",
        withheld=("error", "why the service manager's watchdog is not served", ""),
    ),
}
"""By name. The guardian's own lines are in its journal and its page (`runbooks/guardian.md`)."""
