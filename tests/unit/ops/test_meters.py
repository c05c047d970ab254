"""The catalogue of metrics: each once, with units in names, labels without end for none; and what is counted is declared."""

import pytest

from playd.core.errors import Broken
from playd.ops.meters import BUCKETS_S, METRICS, Histogram, Meters

UNITS = ("seconds", "bytes", "ratio", "usd")
COUNTED = ("ready", "info", "state", "level", "unknown", "connected", "seq", "breached", "open", "pending", "fds", "depth")
"""Last words of gauges that are a count or a yes of something named."""

ENDLESS = {"link_id", "intent", "text", "reason", "order", "exec_id", "incident"}


def test_names_are_unique_and_end_as_their_kind_and_unit_say() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    assert [metric.name for metric in METRICS if metric.name.endswith("_total") is not (metric.kind == "counter")] == []
    rest = [each.name for each in METRICS if each.kind != "counter" and not each.name.endswith((*UNITS, *COUNTED))]
    assert rest == []


def test_no_label_can_have_values_without_end_and_every_metric_says_what_feeds_it() -> None:
    assert [metric.name for metric in METRICS if ENDLESS & set(metric.labels)] == []
    assert [metric.name for metric in METRICS if not metric.fed_by or not metric.help.endswith(".")] == []


def test_what_nobody_declared_cannot_be_counted() -> None:
    meters = Meters()
    for name, labels in (("nonsense_total", ()), ("bars_total", ()), ("loop_lag_seconds", ())):
        with pytest.raises(Broken):
            meters.count(name, *labels)
    meters.count("bars_total", "one")
    meters.count("bars_total", "one", by=2)
    assert meters.counters == {"playd_bars_total": {("one",): 3.0}}


def test_buckets_hold_what_is_at_most_their_bound() -> None:
    histogram = Histogram()
    for value in (0.0, 0.001, 0.0011, 5.0, 6.0):
        histogram.observe(value)
    counts = [count for _, count in histogram.cumulated()]
    assert counts[0] == 2
    assert counts[1] == 3
    assert counts[-2:] == [4, 5]
    assert len(counts) == len(BUCKETS_S) + 1
