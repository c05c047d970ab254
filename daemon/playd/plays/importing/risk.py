"""Older spellings of `risk` and `risk_model`."""

from typing import Final

from playd.plays.document import Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.importing.log import Log
from playd.plays.importing.references import References
from playd.plays.importing.trees import as_map, drop, key_mark, new_map, put, removed, renamed, text_of, word
from playd.plays.risk_tables import TARGETS

_LEVEL_KEYS: Final = {"atr_key": "atr_feature_id", "atr_multiplier": "value"}
_SIDES: Final = ("stop_loss", "take_profit")
_LEVEL_VALUES: Final = ("pct", "percent", "level_pct", "take_profit_pct", "profit_pct", "price_pct", "value")
_ONE_SIDED: Final = "the block had no effect before"


def import_risk(root: Map, references: References, log: Log) -> Map:
    """Both spellings, whichever the file uses."""
    risk, model = root.get("risk"), root.get("risk_model")
    if isinstance(model, Map):
        root, model = _without_effect(root, model, "risk_model", log)
        model = _first_level(model, "risk_model", log)
        for side in _SIDES:
            level = model.get(side)
            if isinstance(level, Map):
                model = put(model, side, _level(level, f"risk_model.{side}", references, log))
        root = put(root, "risk_model", _trailing(model, "risk_model", references, log))
        if word(as_map(model.get("sizing")).get("model")) == "risk_based":
            text = "the size comes from the distance of the stop"
            log.unchanged(key_mark(model, "sizing"), "risk_model.sizing.model", "risk_based", text)
    return _without_other_size(_shorthand(root, risk, references, log) if isinstance(risk, Map) else root, log)


def _without_other_size(root: Map, log: Log) -> Map:
    """The document without the size of `account` beside a risk map that is left, with or without a size of its own."""
    account, left = root.get("account"), (as_map(root.get("risk")), as_map(root.get("risk_model")))
    if not isinstance(account, Map) or not any(of.entries for of in left):
        return root
    says_size = any(key in of.keys for of in left for key in ("max_position_pct", "sizing"))
    meaning = "the risk map beside it says the size" if says_size else "beside a risk map 10 % of equity is committed as margin"
    return put(root, "account", removed(account, "risk_per_trade_pct", "account", log, meaning))


def _trailing(of: Map, path: str, references: References, log: Log) -> Map:
    trailing, where = of.get("trailing"), f"{path}.trailing"
    if not isinstance(trailing, Map):
        return of
    trailing = renamed(trailing, "atr_key", "atr_feature_id", where, log)
    return put(of, "trailing", references.entry(trailing, "atr_feature_id", where))


def _level(level: Map, path: str, references: References, log: Log) -> Map:
    for old, new in _LEVEL_KEYS.items():
        level = renamed(level, old, new, path, log)
    for key in ("long", "short", "atr_feature_id"):
        level = references.entry(level, key, path)
    return level


def _without_effect(root: Map, of: Map, path: str, log: Log) -> tuple[Map, Map]:
    """The document and its risk without what never acted there."""
    for key in ("tp_trigger_by", "sl_trigger_by"):
        of = removed(of, key, path, log, "levels trigger on the last price")
    per_trade = of.get("risk_per_trade_pct")
    if per_trade is not None:
        text = text_of(per_trade)
        proposal = f"removed, it had no effect; to size by it write risk_model.sizing: {{model: risk_based, value: {text}}}"
        log.change(key_mark(of, "risk_per_trade_pct"), f"{path}.risk_per_trade_pct", text, "", proposal)
        of = drop(of, "risk_per_trade_pct")
    return _leverage(root, of, path, log)


def _shorthand(root: Map, risk: Map, references: References, log: Log) -> Map:
    root, risk = _without_effect(root, _trailing(risk, "risk", references, log), "risk", log)
    undecided = len(log.problems)
    risk = _first_level(risk, "risk", log)
    if not risk.entries:
        return removed(root, "risk", "", log)
    for side in _SIDES:
        level = risk.get(side)
        if isinstance(level, Map):
            risk = put(risk, side, _level(level, f"risk.{side}", references, log))
    missing = [side for side in _SIDES if side not in risk.keys and f"{side}_pct" not in risk.keys]
    for side in missing if len(log.problems) == undecided else ():
        log.change(risk.mark, f"risk.{side}", "(not written)", f"risk.{side}", "none", _ONE_SIDED)
        risk = put(risk, side, Leaf("none", risk.mark))
    sizing = risk.get("sizing")
    if isinstance(sizing, Map):
        return _as_model(drop(root, "risk"), risk, sizing, key_mark(root, "risk"), log)
    return put(root, "risk", risk)


def _leverage(root: Map, risk: Map, path: str, log: Log) -> tuple[Map, Map]:
    item = risk.get("leverage")
    if item is None:
        return root, risk
    mark, account = key_mark(risk, "leverage"), as_map(root.get("account"))
    written = account.get("max_leverage")
    if written is not None:
        meaning = "" if text_of(written) == text_of(item) else "`account.max_leverage` is written too, and counts"
        log.removed(mark, f"{path}.leverage", text_of(item), meaning)
        return root, drop(risk, "leverage")
    log.change(mark, f"{path}.leverage", text_of(item), "account.max_leverage", text_of(item))
    return put(root, "account", put(account, "max_leverage", item, mark)), drop(risk, "leverage")


def _first_level(of: Map, path: str, log: Log) -> Map:
    """Several targets become the first."""
    levels = of.get("take_profit_levels")
    if levels is None:
        return of
    mark, where = key_mark(of, "take_profit_levels"), f"{path}.take_profit_levels"
    first = levels.items[0] if isinstance(levels, Sequence) and levels.items else None
    found = _target_of(first) if first is not None else None
    of = drop(of, "take_profit_levels")
    if found is None:
        log.problem(mark, where, f"which target? {text_of(levels)} does not say it in one way")
        return of
    if "take_profit_pct" in of.keys or "take_profit" in of.keys:
        log.removed(mark, where, text_of(levels), "the target written beside it counts")
        return of
    key = "take_profit"
    if isinstance(found, Leaf) and path == "risk":
        key = "take_profit_pct"
    elif isinstance(found, Leaf):
        found = new_map({"type": Leaf("percent", found.mark), "value": found}, found.mark)
    meaning = "the whole position leaves at the first level"
    log.change(mark, where, text_of(levels), f"{path}.{key}", text_of(found), meaning)
    return put(of, key, found, mark)


def _target_of(level: Item) -> Leaf | Map | None:
    """One target: a number of percent, or a map with a type; None when it could be several. How much leaves there is gone."""
    if isinstance(level, Leaf):
        return level
    given = as_map(level)
    if word(given.get("type")) in TARGETS:
        kept = (*TARGETS[word(given.get("type"))].names, *_LEVEL_KEYS)
        return Map(tuple(entry for entry in given if entry.key in kept), given.mark)
    said = [entry.value for entry in given if entry.key in _LEVEL_VALUES]
    return said[0] if len(said) == 1 and isinstance(said[0], Leaf) and "type" not in given.keys else None


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
