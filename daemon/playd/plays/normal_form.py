"""The normal form of a Play: JSON-able, every default written, one spelling for everything."""

from typing import Final

from playd.core.timeframes import NAME_OF_MS
from playd.kernels.catalog import STRUCTURES
from playd.kernels.spec import Value
from playd.plays.conditions import (
    All,
    Arith,
    Between,
    Compare,
    Expr,
    Member,
    Not,
    Number,
    Operand,
    Ref,
    UseSetup,
    Window,
    Word,
)
from playd.plays.model import (
    Account,
    AtrDistance,
    AtrTrailing,
    BacktestMoney,
    Block,
    Deploy,
    Emit,
    Entry,
    Feature,
    FixedNotional,
    LevelStop,
    PercentDistance,
    PercentEquity,
    PercentTrailing,
    PointsDistance,
    Policy,
    RewardRisk,
    Risk,
    RiskBased,
    Scalar,
    Stop,
    Structure,
    Target,
    Timeframes,
    Trial,
)
from playd.plays.tables import DAYS

Node = dict[str, object]

NOT_HASHED: Final = ("name", "description", "tags", "validation", "expected", "date_range", "backtest", "deploy")
"""Keys of the normal form that `play_hash` leaves out."""


def number(value: float) -> int | float:
    """An integer without a fraction, any other number as it is."""
    return int(value) if value == int(value) else value


def reference_form(symbol: str | None) -> Node:
    """The `reference` section, nothing without one: the hashes of Plays of one symbol do not know of it."""
    return {"reference": {"symbol": symbol}} if symbol is not None else {}


def account_form(account: Account) -> Node:
    """The `account` section."""
    return {
        "starting_equity_usdt": number(account.starting_equity_usdt),
        "max_leverage": number(account.max_leverage),
        "max_drawdown_pct": number(account.max_drawdown_pct),
        "margin_mode": account.margin_mode,
        "fee_model": {"taker_bps": number(account.taker_bps), "maker_bps": number(account.maker_bps)},
        "slippage_bps": number(account.slippage_bps),
        "min_trade_notional_usdt": number(account.min_trade_notional_usdt),
        "maintenance_margin_rate": number(account.maintenance_margin_rate),
        "mm_deduction": number(account.mm_deduction_usdt),
        "on_sl_beyond_liq": account.on_sl_beyond_liq,
    }


def backtest_form(money: BacktestMoney) -> Node:
    """The `backtest` section."""
    return {"equity_usdt": number(money.equity_usdt), "slippage_bps": number(money.slippage_bps)}


def deploy_form(deploy: Deploy) -> Node:
    """The `deploy` section."""
    return {
        "capital_usdt": number(deploy.capital_usdt),
        "settle_coin": deploy.settle_coin.lower(),
        "dcp_window_s": deploy.dcp_window_s,
    }


def timeframes_form(frames: Timeframes) -> Node:
    """The `timeframes` section, the execution role replaced by its timeframe."""
    return {
        "low_tf": NAME_OF_MS[frames.low_ms],
        "med_tf": NAME_OF_MS[frames.med_ms],
        "high_tf": NAME_OF_MS[frames.high_ms],
        "exec": NAME_OF_MS[frames.exec_ms],
    }


def feature_form(feature: Feature) -> Node:
    """One feature."""
    source = feature.source
    return {
        "id": feature.id,
        "indicator": feature.indicator,
        "tf": NAME_OF_MS[feature.step_ms],
        "params": {name: value if isinstance(value, str) else number(value) for name, value in feature.params},
        "source": ref_form(source) if isinstance(source, Ref) else source,
    }


def structure_form(structure: Structure) -> Node:
    """One structure. An `atr_key` of null is the built-in `atr` of length 14, where the detector reads one."""
    form: Node = {
        "key": structure.id,
        "type": structure.kind,
        "tf": NAME_OF_MS[structure.step_ms],
        "params": {name: _param_form(value) for name, value in structure.params},
        "uses": sorted(id for _, id in structure.uses),
    }
    if "atr" in STRUCTURES[structure.kind].inputs:
        form["atr_key"] = structure.atr.column if structure.atr else None
    return form


def _param_form(value: Value) -> object:
    if isinstance(value, tuple):
        return [number(one) for one in value]
    return value if value is None or isinstance(value, str | bool) else number(value)


def ref_form(ref: Ref) -> Node:
    """A reference to a column."""
    return {"id": ref.id, "field": ref.field, "offset": ref.offset}


def operand_form(operand: Operand) -> object:
    """A reference, a word, a number or arithmetic."""
    if isinstance(operand, Word):
        return operand.text
    if isinstance(operand, Number):
        return number(operand.value)
    if isinstance(operand, Arith):
        return {"op": operand.op, "args": [operand_form(operand.left), operand_form(operand.right)]}
    return ref_form(operand)


def expression_form(expr: Expr) -> Node:
    """An expression tree."""
    if isinstance(expr, Compare):
        form: Node = {"op": expr.op, "lhs": operand_form(expr.left), "rhs": operand_form(expr.right)}
        return {**form, "tol": number(expr.tolerance)} if expr.op.startswith("near") else form
    if isinstance(expr, Between):
        return {"op": "between", "lhs": operand_form(expr.value), "rhs": [operand_form(expr.low), operand_form(expr.high)]}
    if isinstance(expr, Member):
        return {"op": "in", "lhs": operand_form(expr.value), "rhs": list(expr.words or map(number, expr.values))}
    if isinstance(expr, UseSetup):
        return {"setup": expr.name}
    if isinstance(expr, Not):
        return {"not": expression_form(expr.child)}
    if isinstance(expr, Window):
        return {window_key(expr): _window_form(expr)}
    return {"all" if isinstance(expr, All) else "any": [expression_form(child) for child in expr.children]}


def window_key(window: Window) -> str:
    """The key that writes this window."""
    return f"{window.kind}_duration" if window.duration_ms else window.kind


def _window_form(window: Window) -> Node:
    form: Node = {"expr": expression_form(window.child)}
    if window.duration_ms:
        form["duration"] = f"{window.duration_ms // 60_000}m"
    else:
        form["bars"] = window.bars
        form["anchor_tf"] = NAME_OF_MS[window.anchor_ms] if window.anchor_ms else None
    if window.kind == "count_true":
        form["min_true"] = window.min_true
    return form


def block_form(block: Block) -> Node:
    """One block of actions."""
    return {
        "id": block.id,
        "cases": [{"when": expression_form(case.when), "emit": _emit_forms(case.emit)} for case in block.cases],
        "else": {"emit": _emit_forms(block.otherwise)},
    }


def _emit_forms(emits: tuple[Emit, ...]) -> list[Node]:
    return [_emit_form(emit) for emit in emits]


def _emit_form(emit: Emit) -> Node:
    metadata = {key: _label_form(value) for key, value in emit.metadata}
    return {"action": emit.action, "percent": number(emit.percent), "metadata": metadata}


def _label_form(value: Scalar | Ref) -> object:
    if isinstance(value, Ref):
        return ref_form(value)
    return number(value) if isinstance(value, float) else value


def policy_form(policy: Policy) -> Node:
    """The `position_policy` section."""
    guard = policy.funding_guard
    return {
        "mode": policy.mode,
        "exit_mode": policy.exit_mode,
        "max_positions_per_symbol": 1,
        "allow_flip": False,
        "allow_scale_in": False,
        "allow_scale_out": False,
        "cooldown_bars": {"exit": policy.cooldown_exit_bars, "stop": policy.cooldown_stop_bars},
        "max_entries_per_day": policy.max_entries_per_day,
        "time_exit_bars": policy.time_exit_bars,
        "trading_windows": [
            {
                "days": [DAYS[day] for day in window.days],
                "from": f"{window.from_min // 60:02}:{window.from_min % 60:02}",
                "to": f"{window.to_min // 60:02}:{window.to_min % 60:02}",
                "zone": window.zone,
            }
            for window in policy.trading_windows
        ],
        "funding_guard": {"max_rate_pct": number(guard.max_rate_pct), "within_min": guard.within_min} if guard else None,
    }


def risk_form(risk: Risk) -> Node:
    """The risk as a `risk_model`, whichever spelling the file used."""
    trailing: Node | None = None
    if isinstance(risk.trailing, AtrTrailing):
        trailing = {"atr": ref_form(risk.trailing.atr), "atr_multiplier": number(risk.trailing.multiple)}
    elif isinstance(risk.trailing, PercentTrailing):
        trailing = {"trail_pct": number(risk.trailing.trail_pct)}
    if trailing is not None and risk.trailing is not None:
        trailing["activation_pct"] = number(risk.trailing.activation_pct)
    even = risk.break_even
    return {
        "stop_loss": _level_form(risk.stop),
        "take_profit": _level_form(risk.target),
        "sizing": _sizing_form(risk),
        "trailing": trailing,
        "break_even": {"activation_pct": number(even.activation_pct), "offset_pct": number(even.offset_pct)} if even else None,
        "anchor": risk.anchor,
        "tp_order_type": risk.tp_order_type.lower(),
        "sl_order_type": risk.sl_order_type.lower(),
    }


def _level_form(level: Stop | Target | None) -> object:
    if level is None:
        return "none"
    if isinstance(level, PercentDistance):
        return {"type": "percent", "value": number(level.percent), "basis": level.basis}
    if isinstance(level, AtrDistance):
        form: Node = {"type": "atr_multiple", "value": number(level.multiple), "atr": ref_form(level.atr)}
        return {**form, "buffer_pct": number(level.buffer_pct)}
    if isinstance(level, PointsDistance):
        return {"type": "fixed_points", "value": number(level.points)}
    if isinstance(level, RewardRisk):
        return {"type": "rr_ratio", "value": number(level.ratio)}
    return _level_stop_form(level)


def _level_stop_form(level: LevelStop) -> Node:
    return {
        "type": "structure",
        "long": ref_form(level.long) if level.long else None,
        "short": ref_form(level.short) if level.short else None,
        "buffer_pct": number(level.buffer_pct),
    }


def _sizing_form(risk: Risk) -> Node:
    sizing = risk.sizing
    if isinstance(sizing, PercentEquity):
        return {"model": "percent_equity", "value": number(sizing.percent)}
    if isinstance(sizing, RiskBased):
        return {"model": "risk_based", "value": number(sizing.percent)}
    assert isinstance(sizing, FixedNotional)
    return {"model": "fixed_usdt", "value": number(sizing.notional_usdt)}


def entry_form(entry: Entry) -> Node:
    """The `entry` section."""
    return {
        "order_type": entry.order_type.lower(),
        "limit_offset_pct": number(entry.limit_offset_pct),
        "time_in_force": entry.time_in_force.lower(),
        "expire_after_bars": entry.expire_after_bars,
    }


def trial_forms(trial: Trial) -> Node:
    """The sections that describe how to try the Play."""
    return {
        "validation": {
            "pattern": trial.pattern,
            "bars": trial.bars,
            "seed": trial.seed,
            "expect_direction": trial.expect_direction,
            "expect_entries": list(trial.expect_entries) if trial.expect_entries else None,
            "min_win_rate": trial.min_win_rate,
            "max_drawdown_pct": trial.max_drawdown_pct,
        },
        "expected": {"min_trades": trial.min_trades},
        "date_range": {"start_ms": trial.start_ms, "end_ms": trial.end_ms},
    }
