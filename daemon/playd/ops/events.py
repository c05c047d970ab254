"""
The catalogue of log events: what each line is about and how grave it is. A test holds the source to it; journal records have
their own (`ops.kinds`), and an event that is also a record has the record's name. What to do about one that is a warning or
worse is on the page of its subject in `runbooks/`; a critical one is an incident, whose page `playctl incident show` names.
"""

from typing import Final, NamedTuple


class Event(NamedTuple):
    """
    `levels`, with blanks between them: the first where nothing speaks for another, the others as the line says why.

    Every line may have, beside its time, `msg` for people, `account`, `instance` and `symbol` that it is about, `value` with
    its `unit`, `seq` of its journal record, and `took_ms`.
    """

    levels: str
    about: str

    @property
    def level(self) -> str:
        """The one that it has as a rule."""
        return self.levels.partition(" ")[0]


EVENTS: Final[dict[str, Event]] = {
    "account.ready": Event("info", "an account is reconciled and protected"),
    "account.restart": Event("warning", "an account crashed and is opened again"),
    "account.waiting": Event("warning", "a venue cannot be reached at the start of an account"),
    "alert.failed": Event("warning", "an alert was not taken by its provider and is tried again"),
    "backup.done": Event("info", "a backup was made and is whole"),
    "backup.failed": Event("error", "no backup was made, or it was not carried away"),
    "bar.slow": Event("warning", "deciding one bar took longer than it may"),
    "bar.verdict": Event("info", "what became of a closed bar, ordinary ones left out"),
    "daemon.bug": Event("error", "an error of ours that was survived"),
    "daemon.ready": Event("info", "the daemon is ready"),
    "daemon.reload": Event("info error", "settings were read anew: what holds, what waits, what was refused"),
    "daemon.starting": Event("info", "the daemon begins"),
    "daemon.stopped": Event("info", "the daemon has stopped cleanly"),
    "daemon.stopping": Event("info", "the daemon was asked to stop"),
    "disk.ballast": Event("warning", "the ballast could not be held"),
    "disk.full": Event("error", "no space is left, the ballast was released"),
    "disk.low": Event("warning", "free space is below its warning"),
    "entries.cancel_failed": Event("warning", "resting entries could not be cancelled now"),
    "entries.cancelled": Event("info", "resting entries were cancelled at the stop"),
    "events.lost": Event("error", "lines of an event file were lost on a full disk"),
    "feed.bar_old": Event("warning", "a candle came again from long ago"),
    "feed.bar_revised": Event("warning", "a closed candle came again with other values"),
    "feed.failed": Event("error", "the watch over a symbol failed by a bug of ours and goes on"),
    "feed.fetch_failed": Event("warning", "candles could not be fetched"),
    "feed.frame_refused": Event("warning", "frames of a symbol hold no market and are left out"),
    "feed.gap_absent": Event("warning", "the venue does not have the missing candles"),
    "feed.gap_filled": Event("info", "missing candles were fetched"),
    "feed.gap_opened": Event("warning", "candles are missing"),
    "feed.link_down": Event("warning", "the public stream is down"),
    "feed.link_up": Event("info", "the public stream is up"),
    "feed.market_ended": Event("info", "the recorded market is over"),
    "feed.state": Event("info", "how far the bars of a symbol can be relied on"),
    "feed.symbol_refused": Event("warning", "the venue does not serve a symbol"),
    "fill.booked": Event("info", "an execution of an instance"),
    "fill.funding": Event("info", "funding of an instance"),
    "guardian.heard": Event("info", "the guardian answers"),
    "halt.lifted": Event("info", "a level that refused entries is gone"),
    "halt.raised": Event("info warning", "entries are refused from here on, by whom and why"),
    "http.down": Event("warning", "health and metrics are not served"),
    "http.up": Event("info", "where health and metrics are served"),
    "incident.open": Event("warning critical", "something that a person must know; `playctl incident show` says what to do"),
    "incident.reopen": Event("warning critical", "an incident that was over goes on"),
    "incident.resolve": Event("info", "an incident is over"),
    "instance.beside_failed": Event("error", "something about an instance failed beside its life; nobody else noticed"),
    "instance.image_damaged": Event("warning", "the image of an instance's columns was damaged, they are computed anew"),
    "instance.image_failed": Event("warning", "the image of an instance's columns was not written"),
    "instance.refused": Event("error", "an instance cannot be started"),
    "instance.restart": Event("error", "an instance crashed and is started again"),
    "instance.rewarmed": Event("info", "columns of an instance were computed anew"),
    "instance.rules": Event(
        "info", "the venue changed tick, step or funding times of an instance's symbol, its next life goes by them"
    ),
    "instance.state_damaged": Event("warning", "the newest state of an instance was damaged"),
    "instance.state_older": Event(
        "info", "an older program wrote the state of an instance, which is made anew from the ledger"
    ),
    "instance.waiting": Event("warning", "an instance that begins waits for a venue that does not answer"),
    "instance.transition": Event("info error", "an instance changed its state"),
    "journal.not_packed": Event("warning", "old files of the journal were not packed or not removed"),
    "journal.not_verified": Event("error", "the process that checks the journal's chain could not be started"),
    "journal.head": Event("info", "number and hash of the journal's last record, to hold against it later"),
    "kernels.compiled": Event("info", "kernels of Plays or of the local exchange were compiled"),
    "kernels.compiling": Event("info", "kernels of Plays or of the local exchange are being compiled"),
    "kernels.not_compiled": Event("warning", "kernels could not be compiled ahead, so they are when they are loaded"),
    "kernels.not_kept": Event("warning", "compiled kernels could not be kept"),
    "market.not_recorded": Event("warning", "closed bars could not be kept, or old ones not be removed"),
    "order.state": Event("info", "an order of an instance ended"),
    "recon.not_kept": Event("warning", "what a reconciliation had before it could not be kept"),
    "watchdog.withheld": Event("error", "why the service manager's watchdog is not served"),
}
"""By name. The guardian's own lines are in its journal and its page (`runbooks/guardian.md`)."""
