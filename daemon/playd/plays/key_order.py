"""In which order the keys of a map are written: that of its table where it has one, that of the file for names."""

from typing import Final

from playd.plays.actions import ACTIONS, BLOCK, CASE, ELSE, EMIT
from playd.plays.comparisons import LONG_FORM, RANGE
from playd.plays.document import Entry, Map
from playd.plays.expressions import WINDOWS
from playd.plays.operands import REFERENCE
from playd.plays.reader import Table
from playd.plays.risk_tables import BREAK_EVEN, RISK, RISK_MODEL, SIZING, TRAILING
from playd.plays.tables import (
    ACCOUNT,
    BACKTEST,
    COOLDOWN,
    DATE_RANGE,
    DEPLOY,
    ENTRY,
    EXPECTED,
    FEATURE,
    FEE_MODEL,
    FUNDING_GUARD,
    POLICY,
    SECOND_SYMBOL,
    TIMEFRAME_TABLE,
    TOP,
    TRADING_WINDOW,
    VALIDATION,
)

SECTIONS: Final[dict[str, Table]] = {
    "": TOP,
    "account": ACCOUNT,
    "account.fee_model": FEE_MODEL,
    "reference": SECOND_SYMBOL,
    "backtest": BACKTEST,
    "deploy": DEPLOY,
    "timeframes": TIMEFRAME_TABLE,
    "position_policy": POLICY,
    "position_policy.cooldown_bars": COOLDOWN,
    "position_policy.trading_windows": TRADING_WINDOW,
    "position_policy.funding_guard": FUNDING_GUARD,
    "risk": RISK,
    "risk_model": RISK_MODEL,
    "entry": ENTRY,
    "validation": VALIDATION,
    "synthetic": VALIDATION,
    "expected": EXPECTED,
    "date_range": DATE_RANGE,
}
"""Key path of a section to its table; the root has none."""

_LEVELS: Final = ("type", "value", "long", "short", "trail_pct", "basis", "atr_feature_id", "buffer_pct", "activation_pct")
_RISK_MAPS: Final = {"sizing": SIZING.names, "trailing": TRAILING.names, "break_even": BREAK_EVEN.names}
_WINDOW: Final = ("bars", "duration", "min_true", "anchor_tf", "expr")
_FORMS: Final = tuple(table.names for table in (LONG_FORM, RANGE, REFERENCE, BLOCK, CASE, ELSE, EMIT))
_STRUCTURE: Final = ("type", "key", "uses", "params")
_NAMES_OF_THEIR_OWN: Final = ("variables", "features", "setups", "metadata", "params")
"""Maps of names that people chose, or whose order says something to them."""


def in_order(item: Map, path: tuple[str, ...]) -> tuple[Entry, ...]:
    """Entries as they are written; `path` holds the keys on the way to the map, without places in lists."""
    order = _order(item, path)
    rank = {name: place for place, name in enumerate(order)}
    return tuple(sorted(item, key=lambda entry: rank.get(entry.key, len(rank))))


def _order(item: Map, path: tuple[str, ...]) -> tuple[str, ...]:
    table = SECTIONS.get(".".join(path))
    if table is not None:
        return table.names
    last = path[-1]
    if last in _NAMES_OF_THEIR_OWN:
        return ()
    if path == ("actions",) and any(key in ACTIONS for key in item.keys):
        return ACTIONS
    if path[0] == "features" and len(path) == 2:
        return FEATURE.names
    if path[0] == "structures" and len(path) == 2:
        return _STRUCTURE
    if path[0] in ("risk", "risk_model"):
        return _RISK_MAPS.get(last, _LEVELS)
    if last in WINDOWS:
        return _WINDOW
    return next((names for names in _FORMS if set(item.keys) <= set(names)), ())
