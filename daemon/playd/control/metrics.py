"""
Every metric of `ops.meters` as Prometheus text: gauges are read from the daemon's parts at this moment, counters and
histograms are what the process has counted. Pure reads, and no query that grows with the ledger.
"""

import math
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from playd.control import rows
from playd.control.answer_parts import Figure
from playd.control.context import Daemon
from playd.control.health import ready_checks
from playd.control.slices import in_slices
from playd.core.orders import OrderState, Side
from playd.ops.meters import BY_NAME, METRICS, Labels, Meters

Value = tuple[str, Labels, float]
"""Name without `playd_`, values of its labels in their declared order, and the value."""


async def metrics_text(daemon: Daemon) -> str:
    """The body of `/metrics`."""
    await rows.learn_days(daemon)
    values = [value async for value in in_slices(_values(daemon), daemon.clock)]
    registry = CollectorRegistry()
    registry.register(_Collected(daemon.ops.meters, values))
    return generate_latest(registry).decode()


class _Collected(Collector):
    """What one look gave, in the order of the catalogue."""

    def __init__(self, meters: Meters, values: list[Value]) -> None:
        self._meters = meters
        self._values = values

    def collect(self) -> Iterator[Metric]:
        found: dict[str, list[tuple[Labels, float]]] = {}
        for name, labels, value in self._values:
            found.setdefault(BY_NAME[f"playd_{name}"].name, []).append((labels, value))
        for name, series in self._meters.counters.items():
            found.setdefault(name, []).extend(series.items())
        for metric in METRICS:
            if metric.kind == "histogram":
                yield from self._histogram(metric.name)
            elif metric.name in found:
                family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                made = family(metric.name, metric.help, labels=metric.labels)
                for labels, value in found[metric.name]:
                    made.add_metric(labels, value)
                yield made

    def _histogram(self, name: str) -> Iterator[Metric]:
        series = self._meters.histograms.get(name)
        if series:
            made = HistogramMetricFamily(name, BY_NAME[name].help, labels=BY_NAME[name].labels)
            for labels, histogram in series.items():
                made.add_metric(labels, [*histogram.cumulated()], histogram.total)
            yield made


def _values(daemon: Daemon) -> Iterator[Value]:
    """Others go on between any two of them: what may change meanwhile is copied where it is gone through."""
    yield from _process(daemon)
    yield from _instances(daemon)
    yield from _accounts(daemon)
    yield from _positions(daemon)
    yield from _market(daemon)
    yield from _limits(daemon)
    yield from _watches(daemon)


def _process(daemon: Daemon) -> Iterator[Value]:
    ops = daemon.ops
    yield "build_info", (daemon.version,), 1.0
    yield "ready", (), float(all(check.ok for check in ready_checks(daemon)))
    if daemon.progress.took_s is not None:
        yield "start_ready_seconds", (), daemon.progress.took_s
    yield "journal_head_seq", (), float(daemon.journal.head[0])
    yield "memory_rss_bytes", (), float(ops.world.process.rss_bytes())
    yield "open_fds", (), float(ops.world.process.open_files())
    yield "disk_free_bytes", (), float(ops.world.disk.free_bytes(ops.state_dir))
    yield "queue_depth", ("journal",), float(ops.journal.waiting)
    for scope in {"all", *(halt.scope for halt in daemon.halts.in_force())}:
        highest = daemon.halts.highest(scope)
        yield "halt_level", (rows.scope_name(daemon, scope),), float(highest.level if highest is not None else 0)


def _instances(daemon: Daemon) -> Iterator[Value]:
    for slot in [*daemon.supervisor.slots.values()]:
        record, held = slot.record, rows.held_of(daemon, slot)[1]
        ticker = rows.ticker_of(daemon, record)
        yield "instance_state", (record.name, str(record.mode), str(slot.state)), 1.0
        yield "restarts_total", (record.name,), float(slot.crashes)
        if (held_armed := daemon.armings.held(record.uid)) is not None and not held_armed.revoked_by:
            ends_ms = held_armed.arming.ends_ms(daemon.ops.loaded.settings.arming.max_days)
            yield "arming_expiry_seconds", (record.name,), max(0.0, (ends_ms - daemon.clock.wall_ms()) / 1000)
        if (day := _number(rows.day_figure(daemon, record, rows.unrealised_of(held, ticker)))) is not None:
            yield "day_result_usd", (record.name,), day
        if (drawdown_pct := _number(rows.drawdown_figure(slot, ticker, None))) is not None:
            yield "drawdown_ratio", (record.name,), drawdown_pct / 100
        booked = daemon.ledger.row(
            "SELECT fees, funding FROM virtual_positions WHERE account = ? AND instance = ? AND symbol = ?",
            (record.account, record.uid, record.symbol),
        )
        if booked is not None:
            yield "fees_usd", (record.name,), float(booked["fees"])
            yield "funding_usd", (record.name,), float(booked["funding"])


def _accounts(daemon: Daemon) -> Iterator[Value]:
    now_ms = daemon.clock.wall_ms()
    for account in rows.all_accounts(daemon):
        alias, condition = account.alias, account.desk.condition
        unknown = [row for row in account.views.orders() if row.state is OrderState.UNKNOWN]
        yield "orders_unknown", (alias,), float(len(unknown))
        yield "order_unknown_oldest_seconds", (alias,), account.views.oldest_doubt_s()
        for symbol, seconds in [*account.desk.naked_seconds.items()]:
            yield "naked_seconds_total", (alias, symbol), seconds
        if condition.wallet is not None and condition.wallet.equity_usdt is not None:
            yield "equity_usd", (alias,), float(condition.wallet.equity_usdt)
        yield "ws_connected", (f"private {alias}",), float(condition.stream_up)
        last_ms = rows.reconciled_ms(daemon, alias)
        if last_ms is not None:
            yield "recon_age_seconds", (alias,), max(0.0, (now_ms - last_ms) / 1000)
        if account.key.days_left is not None:
            yield "key_expiry_seconds", (alias,), account.key.days_left * 86_400.0
    if daemon.guardian.age_s is not None:
        yield "guardian_age_seconds", (), daemon.guardian.age_s
    for venue in daemon.ops.venue_times:
        yield "clock_offset_seconds", (venue.name,), venue.clock.offset_ms / 1000
    yield "queue_depth", ("requests",), float(daemon.ops.requests_waiting())


def _positions(daemon: Daemon) -> Iterator[Value]:
    for view in rows.all_positions(daemon):
        if view.mark_price is not None:
            signed = view.qty if view.side is Side.BUY else -view.qty
            labels = (view.account, rows.owner_name(daemon, view.owner), view.symbol)
            yield "position_usd", labels, float(signed * view.mark_price)


def _market(daemon: Daemon) -> Iterator[Value]:
    ages: dict[str, float] = {}
    for slot in daemon.supervisor.slots.values():
        for symbol in slot.symbols if slot.active else ():
            age_s = rows.feed_age_s(daemon, slot, symbol)
            ages[symbol] = math.inf if age_s is None else age_s
    for symbol, age in ages.items():
        yield "feed_age_seconds", (symbol,), age
    for name, connected in daemon.ops.public_streams().items():
        yield "ws_connected", (f"public {name}",), float(connected)


def _limits(daemon: Daemon) -> Iterator[Value]:
    for line in daemon.ops.limits():
        labels = (line.account, line.endpoint)
        if line.used or line.refusals or line.wait_p99_ms:
            yield "rate_used_ratio", labels, line.used / line.usable
            yield "rate_wait_p99_seconds", labels, line.wait_p99_ms / 1000
            yield "rate_refusals_total", labels, float(line.refusals)


def _watches(daemon: Daemon) -> Iterator[Value]:
    ops, now_ms = daemon.ops, daemon.clock.wall_ms()
    for breach in [*ops.breaches.open.values()]:
        yield (
            "slo_breached",
            (breach.name, rows.scope_name(daemon, breach.scope)),
            2.0 if breach.severity == "critical" else 1.0,
        )
    found = ops.incidents.open_ones()
    for severity in ("warning", "critical"):
        yield "incidents_open", (severity,), float(sum(each.severity == severity for each in found))
    unseen_ms = min((each.since_ms for each in found if each.severity == "critical" and each.acked_ms is None), default=now_ms)
    yield "incident_unacked_oldest_seconds", (), max(0.0, (now_ms - unseen_ms) / 1000)
    pending = ops.alerts.rows.pending()
    for route in ops.alerts.routes:
        yield "alerts_pending", (route,), float(pending.get(route, 0))
    oldest_ms = ops.alerts.rows.oldest_ms()
    yield "alert_oldest_seconds", (), max(0.0, (now_ms - oldest_ms) / 1000) if oldest_ms is not None else 0.0
    if (verified_s := ops.chain.verified_age_s()) is not None:
        yield "chain_verified_age_seconds", (), verified_s
    if (backup_s := ops.backups.age_s()) is not None:
        yield "backup_age_seconds", (), backup_s


def _number(figure: Figure) -> float | None:
    return None if figure["value"] is None else float(figure["value"])
