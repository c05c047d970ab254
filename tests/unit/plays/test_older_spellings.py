"""Every older spelling of play-language 15.2 is refused and names the import command; other messages say what is meant."""

from typing import Any

import orjson
import pytest

from playd.plays.findings import IMPORTABLE
from playd.plays.importing.importer import import_play
from playd.plays.load import check_play

SWING = {"type": "swing", "key": "sw", "params": {"left": 3, "right": 3}}
ENTRY = ["close", ">", "fast"]
BLOCK = {"id": "a", "cases": [{"when": ENTRY, "emit": ["entry_long"]}]}
GONE = object()
BASE: dict[str, Any] = {
    "version": "3.0.0",
    "name": "older",
    "symbol": "BTCUSDT",
    "account": {"max_leverage": 3},
    "timeframes": {"low_tf": "15m", "med_tf": "1h", "high_tf": "D", "exec": "low_tf"},
    "features": {"fast": {"indicator": "ema", "params": {"length": 9}}, "atr": {"indicator": "atr"}},
    "structures": {"exec": [SWING, {"type": "market_structure", "key": "ms", "uses": "sw"}]},
    "actions": {"entry_long": {"all": [ENTRY]}},
    "risk": {"stop_loss_pct": 3, "take_profit_pct": 6, "max_position_pct": 10},
}


def edited(edits: dict[str, Any]) -> str:
    """The Play with values put at (or keys taken from) dotted places."""
    document = orjson.loads(orjson.dumps(BASE))
    for path, value in edits.items():
        *way, last = path.split(".")
        section = document
        for name in way:
            section = section.setdefault(name, {})
        if value is GONE:
            del section[last]
        else:
            section[last] = value
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def errors(edits: dict[str, Any]) -> list[str]:
    return check_play(edited(edits), "o.yml")[1].lines("E")


def condition(one: object) -> dict[str, Any]:
    return {"actions.entry_long": {"all": [ENTRY, one]}}


def structure(*specs: object) -> dict[str, Any]:
    return {"structures.exec": [SWING, *specs]}


def feature(indicator: str, **params: object) -> dict[str, Any]:
    return {"features.f": {"indicator": indicator, "params": params}}


TREND = {"type": "trend", "key": "t", "uses": "sw"}
BOTH = {"levels": [0.5], "use_paired_anchor": True, "use_trend_anchor": True}
OLDER: dict[str, dict[str, Any]] = {
    "less of the version": {"version": 3.0},
    "id": {"name": GONE, "id": "x"},
    "symbol_universe": {"symbol": GONE, "symbol_universe": ["BTCUSDT"]},
    "tf": {"timeframes": GONE, "tf": "15m"},
    "htf": {"timeframes": {"ltf": "15m", "mtf": "1h", "htf": "D", "exec_tf": "low_tf"}},
    "1d": {"timeframes.high_tf": "1d"},
    "240": {"timeframes.high_tf": 240},
    "feature on htf": {"features.fast.tf": "htf"},
    "blocks": {"actions": GONE, "blocks": [BLOCK]},
    "signal_rules": {"actions": GONE, "signal_rules": {}},
    "gt": condition(["close", "gt", 1]),
    "role and timeframe": {"structures": {"exec": {"15m": [SWING]}}},
    "structures.htf": {"structures.htf": [SWING]},
    "structures.swing": {"structures.swing": [{"left": 3}]},
    "- swing": structure({"swing": {"left": 3, "right": 3}}),
    "feature of type structure": {"features.s": {"type": "structure", "structure_type": "swing"}},
    "swing_high_level": condition(["ms.swing_high_level", ">", 1]),
    "trend_state": condition(["ms.trend_state", "==", 1]),
    "prefix": condition(["high_tf_D.sw.high_level", ">", 1]),
    "prefix in a map": condition([{"feature_id": "exec_15m.sw", "field": "high_level"}, ">", 1]),
    "direction": condition(["ms.direction", "==", 1]),
    "event_type": condition(["ms.event_type", "!=", 0]),
    "donchian length": feature("donchian", length=20),
    "kc multiplier": feature("kc", multiplier=2),
    "tsi long": feature("tsi", long=25),
    "period": feature("rsi", period=9),
    "vortex plus": {**feature("vortex"), **condition(["f.plus", ">", 1])},
    "talib": feature("ema", talib=True),
    "mamode": feature("atr", mamode="rma"),
    "offset": feature("ema", offset=0),
    "zigzag left": structure({"type": "swing", "key": "z", "params": {"mode": "atr_zigzag", "left": 2}}),
    "ms_key": structure({"type": "breaker_block", "key": "b", "params": {"ms_key": "ms"}}),
    "timeframe": {"features.fast.timeframe": "1h"},
    "both anchors": structure(TREND, {"type": "fibonacci", "key": "f", "uses": ["sw", "t"], "params": BOTH}),
    "one side": {"risk": {"stop_loss_pct": 3}},
    "risk_per_trade_pct": {"risk.risk_per_trade_pct": 1},
    "sizing in risk": {"risk.sizing": {"model": "percent_equity", "value": 1}},
    "take_profit_levels": {"risk": {"stop_loss_pct": 2, "take_profit_levels": [3]}},
    "tp_trigger_by": {"risk.tp_trigger_by": "LastPrice"},
    "leverage in risk": {"risk.leverage": 3},
    "atr_key": {
        "risk": {"stop_loss": {"type": "atr_multiple", "value": 1, "atr_key": "atr"}, "take_profit": "none"},
        "position_policy.exit_mode": "first_hit",
    },
    "initial_capital_usdt": {"account.initial_capital_usdt": 1},
    "fee_rate_pct": {"account.fee_rate_pct": 0.05},
    "max_margin_usdt": {"account.max_margin_usdt": 1},
    "risk_limits": {"risk_limits": {"max_drawdown_pct": 10}},
    "max_positions": {"position_policy.max_positions": 2},
    "several positions": {"position_policy.max_positions_per_symbol": 2},
    "pyramid_mode": {"position_policy.pyramid_mode": "none"},
    "allow_flip": {"position_policy.allow_flip": True},
    "no_action": {"actions.no_action": {"all": [ENTRY]}},
    "no_action in a list": {"actions": [{**BLOCK, "else": {"emit": ["no_action"]}}]},
    "sibling": {"actions.entry_long": {"all": [ENTRY], "note": "x"}},
    "two at once": {"actions.entry_long": {"all": [ENTRY], "any": [ENTRY]}},
    "_test_metadata": {"_test_metadata": {}},
    "nothing behind a section": {"setups": None},
    "nothing behind variables": {"variables": None},
    "a clock beside a structure": structure({"type": "trend", "key": "t", "uses": "sw", "tf": "15m"}),
    "id of a structure": structure({"type": "trend", "id": "t", "uses": "sw"}),
    "indicator of a structure": structure({"indicator": "trend", "key": "t", "uses": "sw"}),
    "a structure that does not say what it reads": structure({"type": "trend", "key": "t"}),
    "depends_on": structure({"type": "trend", "key": "t", "depends_on": "sw"}),
    "indicator_type": {"features.f": {"indicator_type": "ema"}},
    "input_source": {"features.fast.input_source": "close"},
    "exec_tf in timeframes": {"timeframes.exec_tf": "15m", "timeframes.exec": GONE},
    "an entry in words": condition({"indicator_key": "fast", "operator": "gt", "value": 1}),
    "an entry in words, with op": condition({"left": "fast", "op": "lt", "right": 1}),
    "an entry in words, with labels of the trade": {
        "actions.entry_long": {"left": "fast", "op": "lt", "right": 1, "name": "x", "metadata": {"why": "low"}}
    },
    "a share of the position beside a condition in words": {
        "actions.exit_long": {"left": "fast", "op": "near_abs", "right": 1, "tolerance": 2, "percent": 50},
        "position_policy.exit_mode": "first_hit",
    },
    "an event with labels of the trade": {
        "actions.entry_long": {"lhs": "ms.event_type", "op": "!=", "rhs": 0, "metadata": {"why": "low"}}
    },
    "a label of a condition": condition({"lhs": "close", "op": ">", "rhs": 1, "name": "above"}),
    "nothing emitted": {"actions": [{**BLOCK, "else": {"emit": []}}]},
    "an older parameter beside params": {"features.f": {"indicator": "donchian", "length": 9}},
    "a clock among the parameters": feature("rsi", tf="1h"),
    "a parameter beside params": {"features.f": {"indicator": "rsi", "length": 9}},
    "a source among the parameters": feature("rsi", source="hlc3"),
    "parameters of a detector beside params": structure({"type": "swing", "key": "z", "left": 2, "right": 2}),
    "what a structure reads among its parameters": structure({"type": "trend", "key": "t", "params": {"uses": "sw"}}),
    "risk of the account beside a risk map": {"account.risk_per_trade_pct": 1},
    "one condition below all": {"actions.entry_long": {"all": ENTRY}},
    "yes": structure({"type": "market_structure", "key": "m", "uses": "sw", "params": {"confirmation_close": "yes"}}),
    "digits in groups": {"account.starting_equity_usdt": "10_000"},
    "allow_flip as a word": {"position_policy.allow_flip": "no"},
    "another library": {"features.f": {"indicator": "bollinger_bands"}},
    "trigger of a model": {
        "risk": GONE,
        "risk_model": {
            "stop_loss": {"type": "percent", "value": 1},
            "take_profit": "none",
            "sizing": {"model": "percent_equity", "value": 5},
            "sl_trigger_by": "LastPrice",
        },
        "position_policy.exit_mode": "first_hit",
    },
    "pnl_direction": {"expected.pnl_direction": "long"},
    "max_trades": {"expected.max_trades": 5},
}


def test_the_play_without_an_older_spelling_is_good() -> None:
    assert errors({}) == []


@pytest.mark.parametrize("name", OLDER)
def test_an_older_spelling_is_refused_with_the_command_that_rewrites_it(name: str) -> None:
    assert [line for line in errors(OLDER[name]) if line.endswith("; `playd play import FILE` rewrites it")]


@pytest.mark.parametrize("name", OLDER)
def test_what_a_message_says_of_the_import_is_true(name: str) -> None:
    """It rewrites what it is said to rewrite, or asks."""
    result = import_play(edited(OLDER[name]), "o.yml")
    _, again = check_play(result.text, "o.yml")
    assert result.problems or not [one.text for one in again.findings if one.text.endswith(IMPORTABLE)]
    assert not [one.text for one in result.findings if one.text.endswith(IMPORTABLE)]


@pytest.mark.parametrize(
    "edits",
    [
        feature("ema", lenght=9),
        {"features.f": {"indicator": "psar", "period": 9}},
        condition(["close", ">", "fastt"]),
        condition(["ms.bais", "==", 1]),
        {"timeframes.high_tf": "8h"},
        {"account.leverag": 3},
    ],
)
def test_what_no_import_can_mend_does_not_send_to_it(edits: dict[str, Any]) -> None:
    found = errors(edits)
    assert found
    assert not any("playd play import" in line for line in found)


@pytest.mark.parametrize("name", [name for name in OLDER if "labels of the trade" in name])
def test_labels_of_a_trade_survive_an_import(name: str) -> None:
    play, _ = check_play(import_play(edited(OLDER[name]), "o.yml").text, "o.yml")
    assert play is not None
    assert "('why', 'low')" in str(play.actions)


def test_an_older_key_is_not_missed_under_its_present_name_too() -> None:
    level = {"type": "atr_multiple", "atr_multiplier": 2, "atr_feature_id": "atr"}
    (line,) = errors({"risk": {"stop_loss": level, "take_profit_pct": 3}})
    assert "E901 risk.stop_loss.atr_multiplier" in line


@pytest.mark.parametrize("extra", ["foo", "all", "tolerence"])
def test_a_key_beside_a_long_condition_is_refused_once(extra: str) -> None:
    """4.1: anything beside the keys of a long condition is E401; a misspelt key of its own is not missed as well."""
    (line,) = errors(condition({"lhs": "close", "op": "near_abs" if extra == "tolerence" else ">", "rhs": 1, extra: 2}))
    assert f"E401 actions.entry_long.all[1].{extra}" in line
    assert ("did you mean `tolerance`?" in line) == (extra == "tolerence")


def test_an_anchor_may_be_named_by_its_role() -> None:
    def hash_with(tf: str) -> str:
        window = {"holds_for": {"bars": 3, "anchor_tf": tf, "expr": [ENTRY]}}
        play, report = check_play(edited(condition(window)), "o.yml")
        assert play is not None, report.lines("E")
        return play.play_hash

    assert hash_with("med_tf") == hash_with("1h") != hash_with("high_tf")


def test_brackets_without_quotes_are_explained() -> None:
    play, report = check_play('version: "3.0.0"\nactions: {entry_long: [close, ">", fib.level[0.5]]}\n', "o.yml")
    assert play is None
    assert 'put references with brackets in quotes, like "fib.level[0.5]"' in report.lines("E")[0]


@pytest.mark.parametrize(
    ("edits", "code", "said"),
    [
        (condition(["close", "=>", 1]), "E105", "; did you mean `>=`?"),
        (condition(["ms.bias", "==", "bullish"]), "E410", "found `bullish`, which names nothing, expected an integer"),
        (condition(["ms.bias", "==", "bearish"]), "E410", "or a reference to another INT; write -1 for bearish"),
        ({"actions.exit_long": {"all": [ENTRY]}}, "E502", "found exit_mode sl_tp_only, the default, beside exit_long"),
        (condition(["ms.bos_this_bar", "==", "true"]), "E410", "; true and false stand without quotes"),
        (condition(["ms.bias", "==", "fastt"]), "E410", "; did you mean `fast`?"),
        ({"timeframes.high_tf": "8h"}, "E210", "6h, 12h or D"),
        ({"risk.take_profit": {"type": "r_multiple"}, "risk.take_profit_pct": GONE}, "E105", "; did you mean `rr_ratio`?"),
        ({"actions.entry_long": {"conditions": [ENTRY]}}, "E401", "; did you mean `all`?"),
        ({"validation.bars": 10}, "E106", "expected 50…1000000 bars"),
        ({"actions.entry_long": {"all": [ENTRY], "metadatas": {}}}, "E401", "; did you mean `metadata`?"),
        ({"position_policy.exit_mode": "first_hit", "risk": GONE}, "E503", "exit_all, a stop, a target or time_exit_bars"),
    ],
)
def test_a_message_says_what_is_meant(edits: dict[str, Any], code: str, said: str) -> None:
    (line,) = errors(edits)
    assert f": {code} " in line
    assert said in line


def test_what_programs_read_has_the_parts_of_a_message() -> None:
    _, report = check_play(edited(feature("donchian", lengh=20, length=20)), "o.yml")
    first, second = [one.as_json() for one in report.ordered() if one.code == "E302"]
    assert (first["allowed"], first["nearest"], first["importable"]) == ("lower_length or upper_length", None, False)
    assert second["found"] == "the unknown parameter `length` of `donchian`"
    assert second["importable"]


@pytest.mark.parametrize("name", ["variables", "features", "structures", "setups", "validation", "risk_model", "entry"])
def test_a_section_without_content_is_one_finding(name: str) -> None:
    edits = {name: None} if name != "features" else {name: None, "actions.entry_long": ["close", ">", "open"]}
    found = errors(edits | {"risk": GONE, "position_policy.time_exit_bars": 3} if name == "risk_model" else edits)
    assert [line for line in found if f" {name}: found nothing behind `{name}`" in line] == found
