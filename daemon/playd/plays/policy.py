"""`position_policy`: sides, exits and the limits that refuse entries."""

import re
from typing import Final, Literal, cast

from playd.core.zones import changes_after, zone_names
from playd.plays.document import Item, Leaf, Map, Sequence, kind_of
from playd.plays.findings import IMPORTABLE, Report, did_you_mean, one_of
from playd.plays.model import FundingGuard, Policy, TradingWindow
from playd.plays.older_names import OLDER_TRUTHS
from playd.plays.reader import Section, read_scalar
from playd.plays.tables import COOLDOWN, DAYS, FUNDING_GUARD, POLICY, TRADING_WINDOW

_NOWADAYS_MS: Final = 1_767_225_600_000
"""2026-01-01: zones whose clocks are changed after it have summer time."""

TIME_PATTERN: Final = "([01][0-9]|2[0-3]):([0-5][0-9])"
"""How a time of the day is written."""

_TIME: Final = re.compile(rf"{TIME_PATTERN}\Z")


def read_policy(top: Section, report: Report) -> Policy:
    """The position policy with every default."""
    section = top.section("position_policy", POLICY)
    _refuse_several(section, report)
    for name in ("allow_flip", "allow_scale_in", "allow_scale_out"):
        _refuse_true(section, name, report)
    exit_bars, stop_bars = _cooldown(section, report)
    return Policy(
        mode=cast(Literal["long_only", "short_only", "long_short"], section.text("mode")),
        exit_mode=cast(Literal["sl_tp_only", "signal", "first_hit"], section.text("exit_mode")),
        cooldown_exit_bars=exit_bars,
        cooldown_stop_bars=stop_bars,
        max_entries_per_day=section.optional_integer("max_entries_per_day"),
        time_exit_bars=section.optional_integer("time_exit_bars"),
        trading_windows=_trading_windows(section, report),
        funding_guard=_funding_guard(section, report),
    )


def _refuse_several(section: Section, report: Report) -> None:
    name = "max_positions_per_symbol"
    item = section.item(name)
    if isinstance(item, Leaf) and isinstance(item.value, int) and item.value > 1:
        text = f"found `{item.value}`, expected 1: one position per symbol{IMPORTABLE}"
        report.add("E106", item.mark, section.path_of(name), text)
    else:
        section.integer(name)


def _refuse_true(section: Section, name: str, report: Report) -> None:
    item = section.item(name)
    if isinstance(item, Leaf) and item.value is True:
        report.add("E105", item.mark, section.path_of(name), f"found true, expected false: this is not offered{IMPORTABLE}")
    elif item is not None and not (isinstance(item, Leaf) and item.value is False):
        older = IMPORTABLE if isinstance(item, Leaf) and item.value in OLDER_TRUTHS else ""
        report.add("E107", item.mark, section.path_of(name), f"found {kind_of(item)}, expected false{older}")


def _cooldown(section: Section, report: Report) -> tuple[int, int]:
    item, path = section.item("cooldown_bars"), section.path_of("cooldown_bars")
    if isinstance(item, Map):
        bars = Section(item, COOLDOWN, path, report, mark=item.mark)
        return bars.integer("exit"), bars.integer("stop")
    value = read_scalar(item, COOLDOWN.key("exit"), path, report)
    return (int(value), int(value)) if isinstance(value, int) else (0, 0)


def _trading_windows(section: Section, report: Report) -> tuple[TradingWindow, ...]:
    item, path = section.item("trading_windows"), section.path_of("trading_windows")
    if isinstance(item, Sequence) and not item.items:
        report.add(
            "E402", item.mark, path, "found an empty list, expected at least one window; without the key all times count"
        )
    items = section.list_of("trading_windows")
    return tuple(_trading_window(one, f"{path}[{i}]", report) for i, one in enumerate(items))


def _trading_window(item: Item, path: str, report: Report) -> TradingWindow:
    section = Section(item, TRADING_WINDOW, path, report, mark=item.mark)
    zone = section.text("zone")
    mark, where = section.mark_of("zone"), section.path_of("zone")
    if zone not in zone_names():
        near = did_you_mean(zone, sorted(zone_names()))
        report.add("E105", mark, where, f"found the unknown zone `{zone}`, expected an IANA name like Europe/Berlin{near}")
        zone = "UTC"
    elif changes_after(zone, _NOWADAYS_MS):
        report.add("W603", mark, where, f"found the zone `{zone}`, whose clocks are changed: in UTC the window moves with them")
    return TradingWindow(_days(section, report), _minutes(section, "from", report), _minutes(section, "to", report), zone)


def _days(section: Section, report: Report) -> tuple[int, ...]:
    if not section.has("days"):
        return tuple(range(len(DAYS)))
    item, days = section.item("days"), set()
    for day in section.list_of("days"):
        word = day.value if isinstance(day, Leaf) else None
        if word in DAYS:
            days.add(DAYS.index(str(word)))
        else:
            near = did_you_mean(word[:3], DAYS) if isinstance(word, str) else ""
            report.add("E105", day.mark, section.path_of("days"), f"found {kind_of(day)}, expected {one_of(DAYS)}{near}")
    if isinstance(item, Sequence) and not item.items:
        report.add("E402", item.mark, section.path_of("days"), "found an empty list, expected at least one day")
    return tuple(sorted(days))


def _minutes(section: Section, name: str, report: Report) -> int:
    text = section.text(name)
    match = _TIME.match(text)
    if match is None:
        if text:
            report.add("E107", section.mark_of(name), section.path_of(name), f'found "{text}", expected a time like "07:30"')
        return 0
    return int(match[1]) * 60 + int(match[2])


def _funding_guard(section: Section, report: Report) -> FundingGuard | None:
    if not section.has("funding_guard"):
        return None
    text = (
        "found a funding guard: in a backtest without funding rates (--funding) every entry so long before a stamp is refused"
    )
    report.add("W303", section.mark_of("funding_guard"), section.path_of("funding_guard"), text)
    guard = section.section("funding_guard", FUNDING_GUARD)
    return FundingGuard(guard.number("max_rate_pct"), guard.integer("within_min"))
