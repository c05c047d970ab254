"""The keys of `risk`, `risk_model` and the maps inside them, as data."""

from typing import Final

from playd.plays.reader import Key, Table

_ORDER_TYPES: Final = ("Market", "Limit")
_BASES: Final = ("margin", "price")

_SHARED: Final = (
    Key("anchor", "word", "levels from the signal close or from the fill", default="signal", words=("signal", "fill")),
    Key("trailing", "map", "stop that follows the best close"),
    Key("break_even", "map", "stop that goes to the entry price once in profit"),
    Key("tp_order_type", "word", "order type of the target", default="Market", words=_ORDER_TYPES, any_case=True),
    Key("sl_order_type", "word", "order type of the stop", default="Market", words=_ORDER_TYPES, any_case=True),
)

_NO_PLACE: Final = {
    "risk_per_trade_pct": "`risk_model.sizing` (it had no effect here)",
    "take_profit_levels": "`take_profit`",
    "tp_trigger_by": "nothing: triggers are the last price",
    "sl_trigger_by": "nothing: triggers are the last price",
    "leverage": "`account.max_leverage`",
}
"""Older spellings in either section."""

RISK: Final = Table(
    (
        Key("stop_loss_pct", "number", "percent by `basis`, or none", low=0, above=True, high=100, unit="%"),
        Key("stop_loss", "any", "a stop map, or none"),
        Key("take_profit_pct", "number", "percent by `basis`, or none", low=0, above=True, high=10000, unit="%"),
        Key("take_profit", "any", "a target map, or none"),
        Key("max_position_pct", "number", "equity committed as margin", default=10, low=0, above=True, high=100, unit="%"),
        Key("basis", "word", "of the two _pct keys: percent of margin or of price", default="margin", words=_BASES),
        *_SHARED,
    ),
    older={
        "sizing": "`risk_model.sizing`",
        **_NO_PLACE,
    },
)

RISK_MODEL: Final = Table(
    (
        Key("stop_loss", "any", "a stop map, or none", required=True),
        Key("take_profit", "any", "a target map, or none", required=True),
        Key("sizing", "map", "model and value", required=True),
        *_SHARED,
    ),
    older=_NO_PLACE,
)

SIZING: Final = Table(
    (
        Key("model", "word", "how size is found", required=True, words=("percent_equity", "risk_based", "fixed_usdt")),
        Key("value", "number", "percent, or USDT for fixed_usdt", required=True, low=0, above=True),
        Key("max_leverage", "number", "if written: equal to account.max_leverage", low=1, high=100, unit="×"),
    )
)

_PERCENT_STOP: Final = Key("value", "number", "percent", required=True, low=0, above=True, high=100, unit="%")
_PERCENT_TARGET: Final = Key("value", "number", "percent", required=True, low=0, above=True, high=10000, unit="%")
_MULTIPLE: Final = Key("value", "number", "ATR multiple", required=True, low=0, above=True, high=100, unit="ATR")
_POINTS: Final = Key("value", "number", "distance", required=True, low=0, above=True, unit="USDT of price")
_RATIO: Final = Key("value", "number", "reward per risk", required=True, low=0, above=True, high=100)
_BASIS: Final = Key("basis", "word", "percent of margin or of price", default="margin", words=_BASES)
_ATR: Final = Key("atr_feature_id", "text", "feature with the ATR, any clock", required=True)
_SIDE: Final = "reference to the level of that side: id.field or {feature_id, field, offset}"
_BUFFER: Final = Key("buffer_pct", "number", "further away, percent of price", default=0, low=0, high=100, unit="%")
_TRAIL: Final = Key(
    "trail_pct", "number", "percent behind the best close", required=True, low=0, above=True, high=100, unit="%"
)
_ACTIVATION: Final = Key("activation_pct", "number", "profit at which it starts", default=0, low=0, unit="%")

_ATR_OLDER: Final = {"atr_key": "`atr_feature_id`"}
_LEVEL_OLDER: Final = {**_ATR_OLDER, "atr_multiplier": "`value`"}


def _table(*keys: Key) -> Table:
    return Table((Key("type", "text", "the kind of level", required=True), *keys), older=_LEVEL_OLDER)


STOPS: Final[dict[str, Table]] = {
    "percent": _table(_PERCENT_STOP, _BASIS),
    "atr_multiple": _table(_MULTIPLE, _ATR, _BUFFER),
    "fixed_points": _table(_POINTS),
    "structure": _table(Key("long", "any", _SIDE), Key("short", "any", _SIDE), _BUFFER),
    "trailing_atr": _table(_MULTIPLE, _ATR, _ACTIVATION),
    "trailing_pct": _table(_TRAIL, _ACTIVATION),
}
"""Type of a stop to its keys."""

TARGETS: Final[dict[str, Table]] = {
    "percent": _table(_PERCENT_TARGET, _BASIS),
    "atr_multiple": _table(_MULTIPLE, _ATR),
    "fixed_points": _table(_POINTS),
    "rr_ratio": _table(_RATIO),
}
"""Type of a target to its keys."""

TRAILING: Final = Table(
    (
        Key("atr_feature_id", "text", "feature with the ATR"),
        Key("atr_multiplier", "number", "ATRs behind the best close", default=2.0, low=0, above=True, high=100, unit="ATR"),
        Key("trail_pct", "number", "percent behind the best close", low=0, above=True, high=100, unit="%"),
        _ACTIVATION,
    ),
    older=_ATR_OLDER,
)

BREAK_EVEN: Final = Table(
    (
        Key("activation_pct", "number", "profit at which it acts", default=1.0, low=0, unit="%"),
        Key("offset_pct", "number", "beyond the entry price", default=0.1, unit="%"),
    )
)
