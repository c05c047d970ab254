"""
Names of older files that an import rewrites: parameters, prefixes of references, fields.

The checker refuses them and says that an import helps; `plays.importing` does it. Both read this table.
"""

import re
from collections.abc import Collection, Container
from typing import Final

OLDER_ROLES: Final = {"ltf": "low_tf", "mtf": "med_tf", "htf": "high_tf"}
"""Older roles to those of now."""

SPLIT_PARAMS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "donchian": {"length": ("lower_length", "upper_length"), "period": ("lower_length", "upper_length")},
    "kc": {"multiplier": ("scalar",)},
    "tsi": {"long": ("slow",), "short": ("fast",)},
}
"""By indicator: a parameter to the one or two that have its value now."""

_OF_DETECTORS: Final = (("breaker_block", "ms_key"), ("rolling_window", "period"))
"""Detectors and parameters of theirs that have another name, or another place, now."""

NO_EFFECT_PARAMS: Final = ("talib", "mamode", "offset")
"""Parameters of indicators that never did anything, where the catalog does not know them."""

PREFIX: Final = re.compile(r"(low_tf|med_tf|high_tf|exec|ltf|mtf|htf)_([0-9]+[A-Za-z]*|[Dd])\.(.+)\Z")
"""`<role>_<timeframe>.` before a reference: role, timeframe, reference."""

OTHER_INDICATORS: Final = {
    **dict.fromkeys(("stochastic", "stoch_osc"), "stoch"),
    **dict.fromkeys(("stoch_rsi", "stochastic_rsi"), "stochrsi"),
    **dict.fromkeys(("bb", "boll", "bollinger", "bollinger_bands"), "bbands"),
    **dict.fromkeys(("keltner", "keltner_channel", "keltner_channels"), "kc"),
    **dict.fromkeys(("donchian_channel", "donchian_channels"), "donchian"),
    **dict.fromkeys(("williams_r", "williamsr", "wpr"), "willr"),
    **dict.fromkeys(("sar", "parabolic_sar"), "psar"),
    **dict.fromkeys(("ultosc", "ultimate_oscillator"), "uo"),
    **dict.fromkeys(("linear_regression", "linearreg"), "linreg"),
    **{"momentum": "mom", "rate_of_change": "roc", "on_balance_volume": "obv", "money_flow_index": "mfi"},
    **{"chaikin_money_flow": "cmf", "klinger": "kvo", "average_true_range": "atr"},
}
"""What other libraries call an indicator."""

OTHER_DETECTORS: Final = {"fvg": "fair_value_gap", "fib": "fibonacci", "ob": "order_block", "swings": "swing"}
"""What people call a detector."""

FIRST_GENERATION: Final = {
    "swing_high_level": ("swing", "high_level"),
    "swing_low_level": ("swing", "low_level"),
    "trend_state": ("trend", "direction"),
    "trend_direction": ("trend", "direction"),
}
"""Field to the detector that has it now, and its name there."""

RENAMED_FIELDS: Final = {
    ("vortex", "plus"): "vip",
    ("vortex", "minus"): "vim",
    ("market_structure", "direction"): "bias",
}
"""Indicator or detector and field to the field's name now."""

PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}\Z")
"""A variable, as a complete value."""

OLDER_TRUTHS: Final = {
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF"), False),
}
"""Words that readers of YAML 1.1 took for true and false."""

CONDITION_LEFT: Final = ("indicator_key", "indicator", "feature_id", "left")
CONDITION_OPERATOR: Final = ("operator", "op")
CONDITION_RIGHT: Final = ("value", "threshold", "right")
CONDITION_REST: Final = ("field", "offset", "tolerance")
"""Keys of a condition of the first generation: its sides, its operator, and what may stand beside them."""

GROUPS: Final = ("all", "any", "not")
"""What alone counted where it stood, whatever stood beside it."""

LABELS: Final = ("name", "id", "description", "note", "comment")
"""What people wrote beside a condition for themselves."""

EVENT_TYPE: Final = "event_type"
"""What a market structure had in place of `bos_this_bar` and `choch_this_bar`."""


def is_this_version(value: object) -> bool:
    """Whether a version is that of this format, with less of it written: `3`, `3.0`, `v3.0.0`."""
    return str(value).lower().removeprefix("v") in ("3", "3.0", "3.0.0") and not isinstance(value, bool)


def is_older_param(owner: str, name: str, known: Container[str]) -> bool:
    """Whether an import rewrites the parameter `name` of an indicator or detector that has the parameters `known`."""
    if name in SPLIT_PARAMS.get(owner, {}) or (owner, name) in _OF_DETECTORS:
        return True
    return name not in known and (name in NO_EFFECT_PARAMS or (name == "period" and "length" in known))


def is_older_field(kind: str, field: str) -> bool:
    """Whether an import rewrites the field of an indicator or detector of that kind."""
    is_event = (kind, field) == ("market_structure", EVENT_TYPE)
    return is_event or (kind, field) in RENAMED_FIELDS or field in FIRST_GENERATION


def is_older_condition(keys: Collection[str]) -> bool:
    """Whether a map with these keys is a condition of the first generation, and says nothing that would be lost."""
    sides = [set(keys) & set(names) for names in (CONDITION_LEFT, CONDITION_OPERATOR, CONDITION_RIGHT)]
    return all(len(side) == 1 for side in sides) and set(keys) <= set(CONDITION_REST).union(*sides)


def is_older_reference(text: str) -> bool:
    """Whether an import rewrites a reference whose id is unknown."""
    return PREFIX.match(text) is not None or text.partition(".")[0] in FIRST_GENERATION
