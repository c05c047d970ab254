"""`validation`, `synthetic`, `expected`, `date_range`: how to try a Play; never part of a decision."""

import re
from datetime import UTC, datetime
from typing import Final, Literal, cast

from playd.plays.document import Sequence
from playd.plays.findings import Report, did_you_mean
from playd.plays.model import Trial
from playd.plays.reader import Key, Section, read_scalar
from playd.plays.tables import DATE_RANGE, EXPECTED, VALIDATION
from playd.plays.words import PATTERNS

_COUNT: Final = Key("expect_entries", "int", "a number of entries", low=0)
DATE_PATTERN: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?"
"""How a date or a moment is written."""

_DATE: Final = re.compile(rf"{DATE_PATTERN}\Z")


def read_trial(top: Section, report: Report) -> Trial:
    """The trial, all of it optional."""
    if top.has("validation") and top.has("synthetic"):
        text = "found `synthetic` beside `validation`, which means the same, expected one of them"
        report.add("E104", top.mark_of("synthetic"), "synthetic", text)
    name = "synthetic" if top.has("synthetic") else "validation"
    validation = top.section(name, VALIDATION)
    expected = top.section("expected", EXPECTED)
    dates = top.section("date_range", DATE_RANGE)
    start_ms, end_ms = _time_ms(dates, "start", report), _time_ms(dates, "end", report)
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        report.add(
            "E106", dates.mark_of("end"), "date_range.end", "found an end that is not after the start, expected start < end"
        )
    direction = validation.text("expect_direction") if validation.has("expect_direction") else None
    return Trial(
        pattern=_pattern(validation, report),
        bars=validation.optional_integer("bars"),
        seed=validation.integer("seed"),
        expect_direction=cast(Literal["long", "short"] | None, direction),
        expect_entries=_entries(validation, report),
        min_win_rate=validation.optional_number("min_win_rate"),
        max_drawdown_pct=validation.optional_number("max_drawdown_pct"),
        min_trades=expected.optional_integer("min_trades"),
        start_ms=start_ms,
        end_ms=end_ms,
    )


def _pattern(section: Section, report: Report) -> str:
    name = section.text("pattern")
    if name not in PATTERNS:
        text = f"found the unknown pattern `{name}`, expected one of the {len(PATTERNS)} patterns{did_you_mean(name, PATTERNS)}"
        report.add("E701", section.mark_of("pattern"), section.path_of("pattern"), text)
    return name


def _entries(section: Section, report: Report) -> tuple[int, int] | None:
    if not section.has("expect_entries"):
        return None
    items = section.list_of("expect_entries")
    values = [read_scalar(item, _COUNT, section.path_of("expect_entries"), report) for item in items]
    counts = [value for value in values if isinstance(value, int)]
    if not isinstance(section.item("expect_entries"), Sequence) or len(counts) < len(items):
        return None
    if len(counts) != 2 or counts[0] > counts[1]:
        mark, path = section.mark_of("expect_entries"), section.path_of("expect_entries")
        report.add("E107", mark, path, "found no pair of counts, expected [min, max]")
        return None
    return counts[0], counts[1]


def _time_ms(section: Section, name: str, report: Report) -> int | None:
    text = section.text(name)
    if not text:
        return None
    try:
        if not _DATE.match(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        expected = 'expected a date like 2025-01-31 or a time like "2025-01-31T12:00:00Z"'
        report.add("E107", section.mark_of(name), section.path_of(name), f'found "{text}", {expected}')
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
