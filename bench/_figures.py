"""How a benchmark says what it measured: one line for people and one JSON line for programs, both with the unit."""

import json
from collections.abc import Sequence
from statistics import median


def tell(name: str, samples: Sequence[float], unit: str, *, limit: float | None = None, note: str = "") -> None:
    """The median of the samples, their range and number, and the limit that the figure is held against."""
    value = median(samples)
    spread = f"{min(samples):.4g} to {max(samples):.4g}, {len(samples)} samples"
    _tell(name, value, unit, limit, f"{spread}{', ' + note if note else ''}", len(samples))


def tell_percentiles(name: str, samples: Sequence[float], unit: str, limits: dict[int, float | None]) -> None:
    """Percentiles of one series, each with its limit."""
    ordered = sorted(samples)
    for percent, limit in limits.items():
        value = ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
        _tell(f"{name}, p{percent}", value, unit, limit, f"{len(ordered)} samples", len(ordered))


def _tell(name: str, value: float, unit: str, limit: float | None, note: str, count: int) -> None:
    against = "" if limit is None else f"  (limit {limit:g} {unit})"
    print(f"{name:44s} {value:9.3f} {unit}{against}  [{note}]")
    record = {"figure": name, "value": round(value, 6), "unit": unit, "limit": limit, "samples": count}
    print(json.dumps(record, ensure_ascii=False), flush=True)
