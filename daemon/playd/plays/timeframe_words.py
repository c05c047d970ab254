"""Timeframe words: the eleven names, `d` for `D`, and the right spelling for what people write instead (E210)."""

import re
from typing import Final

from playd.core.timeframes import NAME_OF_MS, TIMEFRAME_MS
from playd.plays.document import Item, Leaf, kind_of
from playd.plays.findings import IMPORTABLE, Report, did_you_mean, one_of
from playd.plays.model import Timeframes
from playd.plays.older_names import OLDER_ROLES
from playd.plays.tables import ROLES

_RIGHT_SPELLING: Final = {
    **dict.fromkeys(("1d", "1D", "24h", "1440", "day", "daily"), "D"),
    **dict.fromkeys(("1", "1min"), "1m"),
    **dict.fromkeys(("3", "3min"), "3m"),
    **dict.fromkeys(("5", "5min"), "5m"),
    **dict.fromkeys(("15", "15min"), "15m"),
    **dict.fromkeys(("30", "30min"), "30m"),
    **dict.fromkeys(("60", "60m", "1H"), "1h"),
    **dict.fromkeys(("120", "120m", "2H"), "2h"),
    **dict.fromkeys(("240", "240m", "4H"), "4h"),
    **dict.fromkeys(("360", "360m", "6H"), "6h"),
    **dict.fromkeys(("720", "720m", "12H"), "12h"),
}

_LENGTH: Final = re.compile(r"[0-9]+[A-Za-z]?\Z")
"""A length that no timeframe has: which other one is meant cannot be guessed from its digits."""


def right_spelling(word: str) -> str | None:
    """The timeframe that a word stands for, in its right spelling; None for one that stands for none."""
    name = "D" if word == "d" else word
    return name if name in TIMEFRAME_MS else _RIGHT_SPELLING.get(word)


def read_timeframe(item: Item, path: str, report: Report, others: tuple[str, ...] = ()) -> str | None:
    """A timeframe in its normal spelling, or one of `others` as written. None with a finding (E210, E107)."""
    if isinstance(item, Leaf):
        if item.reported:
            return None
        if isinstance(item.value, str | int) and not isinstance(item.value, bool):
            word = str(item.value)
            if word in others:
                return word
            name = "D" if word == "d" else word
            if name in TIMEFRAME_MS and isinstance(item.value, str):
                return name
            right = right_spelling(word) or (OLDER_ROLES.get(word) if others else None)
            near = "" if _LENGTH.match(word) else did_you_mean(word, (*TIMEFRAME_MS, *others))
            hint = f"; write `{right}`{IMPORTABLE}" if right else near
            report.add("E210", item.mark, path, f"found `{word}`, expected {one_of((*TIMEFRAME_MS, *others))}{hint}")
            return None
    report.add("E107", item.mark, path, f"found {kind_of(item)}, expected {one_of((*TIMEFRAME_MS, *others))}")
    return None


def read_clock(item: Item, path: str, timeframes: Timeframes, report: Report) -> int:
    """
    Bar length of the clock that a role, `exec` or a timeframe names; with a finding, that of the execution clock.

    W301 for a clock outside the roles.
    """
    step_ms = read_role(item, path, timeframes, report)
    if step_ms is None:
        return timeframes.exec_ms
    if step_ms not in (timeframes.low_ms, timeframes.med_ms, timeframes.high_ms):
        word = NAME_OF_MS[step_ms]
        report.add("W301", item.mark, path, f"found `{word}`, a clock outside the roles: it is loaded as one more")
    return step_ms


def read_role(item: Item, path: str, timeframes: Timeframes, report: Report) -> int | None:
    """Bar length of the clock that a role, `exec` or a timeframe names; None with a finding (E210, E107)."""
    word = read_timeframe(item, path, report, (*ROLES, "exec"))
    roles = {
        "low_tf": timeframes.low_ms,
        "med_tf": timeframes.med_ms,
        "high_tf": timeframes.high_ms,
        "exec": timeframes.exec_ms,
    }
    return None if word is None else roles[word] if word in roles else TIMEFRAME_MS[word]
