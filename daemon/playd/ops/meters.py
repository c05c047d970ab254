"""
Counters and histograms of this process: what happened since it started. Readers know that they begin at zero with a start.

Every name is declared here once, with its labels and with what feeds it; an undeclared name or a wrong number of labels is a
bug of ours and raises.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from playd.core.errors import Broken

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """
    One metric. `fed_by` names the record, table or reading behind it.

    Counters end in `_total`; every other name ends in its unit or is a count of something named.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    fed_by: str


def _metric(kind: Kind, name: str, labels: str, help_text: str, fed_by: str) -> Metric:
    return Metric(f"playd_{name}", kind, tuple(labels.split()), help_text, fed_by)


METRICS: Final = (
    _metric("gauge", "build_info", "version", "1, with the version of the program.", "the program"),
    _metric("gauge", "ready", "", "1 when every check of /readyz is good.", "health checks"),
    _metric("gauge", "start_ready_seconds", "", "Time from start to ready.", "journal daemon.ready"),
    _metric("gauge", "instance_state", "instance mode state", "1, with the present state alone.", "supervisor"),
    _metric("gauge", "halt_level", "scope", "Level in force, 0 when nothing is.", "ledger halts"),
    _metric("counter", "bars_total", "instance", "Closed bars decided.", "ledger bars"),
    _metric("counter", "verdicts_total", "instance verdict", "Verdicts of closed bars, gate refusals included.", "ledger bars"),
    _metric("counter", "gate_refusals_total", "instance gate", "Entries that a gate refused.", "ledger bars"),
    _metric("counter", "restarts_total", "instance", "Restarts after a crash.", "journal instance.restart"),
    _metric("counter", "orders_total", "account state", "Order changes by the state they led to.", "ledger order_events"),
    _metric("gauge", "orders_unknown", "account", "Orders whose outcome nobody knows.", "ledger orders"),
    _metric("gauge", "order_unknown_oldest_seconds", "account", "Age of the oldest of them.", "ledger orders"),
    _metric("histogram", "decision_seconds", "mode", "From a closed bar taken up to its decision.", "instance"),
    _metric("histogram", "send_to_ack_seconds", "account", "From signing an order to the venue's answer.", "ledger orders"),
    _metric("counter", "naked_seconds_total", "account symbol", "Seconds a position had no stop.", "protection"),
    _metric("counter", "fill_checks_total", "result", "Looks at position and stop behind a fill.", "journal fill.check"),
    _metric("gauge", "position_usd", "account instance symbol", "Signed value of a share at mark.", "ledger, venue mark"),
    _metric("gauge", "equity_usd", "account", "Equity as the venue last stated it.", "venue wallet"),
    _metric("gauge", "day_result_usd", "instance", "Result since 00:00 UTC of the market's day.", "ledger, ticker"),
    _metric("gauge", "drawdown_ratio", "instance", "How far equity lies below its peak, 0.02 is 2 %.", "engine, ticker"),
    _metric("gauge", "fees_usd", "instance", "Fees since the instance exists.", "ledger virtual_positions"),
    _metric("gauge", "funding_usd", "instance", "Funding paid since the instance exists.", "ledger virtual_positions"),
    _metric("gauge", "feed_age_seconds", "symbol", "Age of the newest data.", "market hub"),
    _metric("gauge", "ws_connected", "stream", "1 while a stream is up.", "market hub, account"),
    _metric("counter", "ws_reconnects_total", "stream", "Connections lost.", "feed notes"),
    _metric(
        "counter", "bars_repaired_total", "kind", "Bars that were missing, changed or too late, by what was done.", "feed notes"
    ),
    _metric("gauge", "clock_offset_seconds", "venue", "The venue's clock less ours.", "clock watch"),
    _metric("histogram", "loop_lag_seconds", "", "How much later than asked the loop woke up.", "loop watch"),
    _metric("gauge", "rate_used_ratio", "account endpoint", "Used share of what may be used of a limit.", "rate budget"),
    _metric("gauge", "rate_wait_p99_seconds", "account endpoint", "Wait for a turn, of the last 512 requests.", "rate budget"),
    _metric("counter", "rate_refusals_total", "account endpoint", "Refusals for sending too fast.", "rate budget"),
    _metric("counter", "recon_runs_total", "account result", "Reconciliations.", "ledger recon_runs"),
    _metric("counter", "recon_repairs_total", "account kind", "Repairs of reconciliations.", "journal recon.repair"),
    _metric("gauge", "recon_age_seconds", "account", "Age of the newest that could read everything.", "ledger recon_runs"),
    _metric("counter", "blind_seconds_total", "account", "Seconds in which orders or positions could not be read.", "watch"),
    _metric("histogram", "ledger_commit_seconds", "", "One commit with its sync.", "ledger"),
    _metric("histogram", "journal_sync_seconds", "", "One group of records with its sync.", "journal"),
    _metric("gauge", "journal_head_seq", "", "Number of the last record.", "journal"),
    _metric("gauge", "chain_verified_age_seconds", "", "Since the whole chain was last found good.", "audit"),
    _metric("gauge", "slo_breached", "name scope", "1 for a warning, 2 when critical.", "slo events"),
    _metric("gauge", "incidents_open", "severity", "Incidents that are not over.", "ledger incidents"),
    _metric(
        "gauge", "incident_unacked_oldest_seconds", "", "Age of the oldest critical one not acknowledged.", "ledger incidents"
    ),
    _metric("gauge", "alerts_pending", "route", "Alerts that wait to be delivered.", "ledger notifications"),
    _metric("gauge", "alert_oldest_seconds", "", "Age of the oldest alert that failed so far.", "ledger notifications"),
    _metric("gauge", "guardian_age_seconds", "", "Since the guardian last answered.", "guardian link"),
    _metric("gauge", "key_expiry_seconds", "account", "Until the key ends; absent for keys without an end.", "key watch"),
    _metric("gauge", "arming_expiry_seconds", "instance", "Until the permission for real money ends.", "ledger armings"),
    _metric("gauge", "backup_age_seconds", "", "Since the newest backup.", "backup folder"),
    _metric("gauge", "disk_free_bytes", "", "Free space of the state directory.", "disk"),
    _metric("gauge", "memory_rss_bytes", "", "Resident memory.", "process"),
    _metric("gauge", "open_fds", "", "Open file descriptors.", "process"),
    _metric("gauge", "queue_depth", "queue", "What waits: journal records, requests.", "journal, rate budget"),
)
"""Every metric, in the order in which they are printed."""

BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in METRICS}

BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of every histogram, in seconds: from one sync to what the slowest answer takes."""

Labels = tuple[str, ...]


@dataclass(slots=True)
class Histogram:
    """Counts per bucket (not cumulated), the last one for everything above, and the sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    total: float = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(BUCKETS_S, value)] += 1
        self.total += value

    def cumulated(self) -> Iterator[tuple[str, int]]:
        """Bucket bounds as text and the count up to each, `+Inf` last."""
        running = 0
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), self.counts, strict=True):
            running += count
            yield bound, running


class Meters:
    """What this process counts. Cheap enough for the order path: a dictionary and an addition."""

    def __init__(self) -> None:
        self.counters: dict[str, dict[Labels, float]] = {}
        self.histograms: dict[str, dict[Labels, Histogram]] = {}

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a counter, e.g. `count("bars_total", "ema-cross")`."""
        series = self.counters.setdefault(_declared(name, "counter", len(labels)), {})
        series[labels] = series.get(labels, 0.0) + by

    def observe(self, name: str, value_s: float, *labels: str) -> None:
        """Add one duration to a histogram."""
        series = self.histograms.setdefault(_declared(name, "histogram", len(labels)), {})
        found = series.get(labels)
        if found is None:
            found = series[labels] = Histogram()
        found.observe(value_s)


@lru_cache(maxsize=256)
def _declared(name: str, kind: Kind, labels: int) -> str:
    """The full name of a metric. Raises `Broken` for one that is not declared so."""
    metric = BY_NAME.get(f"playd_{name}")
    if metric is None or metric.kind != kind or len(metric.labels) != labels:
        raise Broken(f"metric {name} with {labels} labels is no declared {kind}")
    return metric.name
