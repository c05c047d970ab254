"""Older spellings of `risk` and `risk_model`."""

from typing import Final

from playd.plays.document import Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.importing.log import Log
from playd.plays.importing.references import References
from playd.plays.importing.trees import as_map, drop, key_mark, new_map, put, removed, renamed, text_of, word

_LEVEL_KEYS: Final = {"atr_key": "atr_feature_id", "atr_multiplier": "value"}
_SIDES: Final = ("stop_loss", "take_profit")
_LEVEL_VALUES: Final = ("pct", "percent", "level_pct", "take_profit_pct", "profit_pct", "value")
_ONE_SIDED: Final = "the block had no effect before"


def import_risk(root: Map, references: References, log: Log) -> Map:
    """Both spellings, whichever the file uses."""
    risk, model = root.get("risk"), root.get("risk_model")
    if isinstance(model, Map):
        for side in _SIDES:
            level = model.get(side)
            if isinstance(level, Map):
                model = put(model, side, _level(level, f"risk_model.{side}", references, log))
        root = put(root, "risk_model", _trailing(model, "risk_model", log))
        if word(as_map(model.get("sizing")).get("model")) == "risk_based":
            text = "the size comes from the distance of the stop"
            log.unchanged(key_mark(model, "sizing"), "risk_model.sizing.model", "risk_based", text)
    return _shorthand(root, risk, references, log) if isinstance(risk, Map) else root


def _trailing(of: Map, path: str, log: Log) -> Map:
    trailing = of.get("trailing")
    if not isinstance(trailing, Map):
        return of
    return put(of, "trailing", renamed(trailing, "atr_key", "atr_feature_id", f"{path}.trailing", log))


def _level(level: Map, path: str, references: References, log: Log) -> Map:
    for old, new in _LEVEL_KEYS.items():
        level = renamed(level, old, new, path, log)
    for key in ("long", "short"):
        item = level.get(key)
        if item is not None:
            level = put(level, key, references.operand(item, f"{path}.{key}"))
    return level


def _shorthand(root: Map, risk: Map, references: References, log: Log) -> Map:
    for key in ("tp_trigger_by", "sl_trigger_by"):
        risk = removed(risk, key, "risk", log, "levels trigger on the last price")
    per_trade = risk.get("risk_per_trade_pct")
    if per_trade is not None:
        text = text_of(per_trade)
        proposal = f"removed, it had no effect; to size by it write risk_model.sizing: {{model: risk_based, value: {text}}}"
        log.change(key_mark(risk, "risk_per_trade_pct"), "risk.risk_per_trade_pct", text, "", proposal)
        risk = drop(risk, "risk_per_trade_pct")
    root, risk = _leverage(root, _trailing(risk, "risk", log), log)
    undecided = len(log.problems)
    risk = _first_level(risk, log)
    for side in _SIDES:
        level = risk.get(side)
        if isinstance(level, Map):
            risk = put(risk, side, _level(level, f"risk.{side}", references, log))
    written = [side for side in _SIDES if side in risk.keys or f"{side}_pct" in risk.keys]
    if len(written) == 1 and len(log.problems) == undecided:
        other = next(side for side in _SIDES if side not in written)
        log.change(risk.mark, f"risk.{other}", "(not written)", f"risk.{other}", "none", _ONE_SIDED)
        risk = put(risk, other, Leaf("none", risk.mark))
    sizing = risk.get("sizing")
    if isinstance(sizing, Map):
        return _as_model(drop(root, "risk"), risk, sizing, key_mark(root, "risk"), log)
    return put(root, "risk", risk)


def _leverage(root: Map, risk: Map, log: Log) -> tuple[Map, Map]:
    item = risk.get("leverage")
    if item is None:
        return root, risk
    mark, account = key_mark(risk, "leverage"), as_map(root.get("account"))
    if "max_leverage" in account.keys:
        log.removed(mark, "risk.leverage", text_of(item), "`account.max_leverage` is written too, and counts")
        return root, drop(risk, "leverage")
    log.change(mark, "risk.leverage", text_of(item), "account.max_leverage", text_of(item))
    return put(root, "account", put(account, "max_leverage", item, mark)), drop(risk, "leverage")


def _first_level(risk: Map, log: Log) -> Map:
    """Several targets become the first."""
    levels = risk.get("take_profit_levels")
    if levels is None:
        return risk
    mark = key_mark(risk, "take_profit_levels")
    first = levels.items[0] if isinstance(levels, Sequence) and levels.items else None
    value: Item | None = first if isinstance(first, Leaf) else None
    if isinstance(first, Map):
        value = next((first.get(key) for key in _LEVEL_VALUES if key in first.keys), None)
    risk = drop(risk, "take_profit_levels")
    if value is None:
        log.problem(mark, "risk.take_profit_levels", f"which target? {text_of(levels)} does not say it in percent")
        return risk
    meaning = "the whole position leaves at the first level"
    if "take_profit_pct" in risk.keys or "take_profit" in risk.keys:
        log.removed(mark, "risk.take_profit_levels", text_of(levels), "the target written beside it counts")
        return risk
    log.change(mark, "risk.take_profit_levels", text_of(levels), "risk.take_profit_pct", text_of(value), meaning)
    return put(risk, "take_profit_pct", value, mark)


def _as_model(root: Map, risk: Map, sizing: Map, mark: Mark, log: Log) -> Map:
    """A shorthand with a size of its own as the full form."""
    basis = risk.get("basis")
    model = Map((), risk.mark)
    for side in _SIDES:
        percent, level = risk.get(f"{side}_pct"), risk.get(side)
        if percent is not None and word(percent) != "none":
            level = new_map({"type": Leaf("percent", percent.mark), "value": percent}, percent.mark)
            level = put(level, "basis", basis) if basis is not None else level
        model = put(model, side, level or Leaf("none", risk.mark))
    model = put(model, "sizing", sizing, key_mark(risk, "sizing"))
    gone = ("max_position_pct", "basis", "sizing", *_SIDES, *(f"{side}_pct" for side in _SIDES))
    for entry in drop(risk, *gone):
        model = put(model, entry.key, entry.value, entry.mark)
    if "max_position_pct" in risk.keys:
        text = text_of(risk.get("max_position_pct"))
        log.removed(key_mark(risk, "max_position_pct"), "risk.max_position_pct", text, "`sizing` says how much")
    log.change(mark, "risk", text_of(risk), "risk_model", text_of(model))
    return put(root, "risk_model", model, mark)
