"""Account, position policy, risk and entry orders, such that every position can be closed (play-language 2.3, 7 to 9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from playd.kernels.spec import ColumnType
from playd.plays.reader import Table
from playd.plays.risk_tables import BREAK_EVEN, RISK, RISK_MODEL, SIZING, STOPS, TARGETS, TRAILING
from playd.plays.tables import ACCOUNT, BACKTEST, COOLDOWN, DAYS, DEPLOY, ENTRY, FEE_MODEL, POLICY, TRADING_WINDOW
from playd.plays.tables import FUNDING_GUARD as GUARD
from playd.research.forge.columns import Named
from playd.research.forge.draw import Draw

_SCALARS: Final = ("number", "int", "bool", "word")
_RESTS: Final = ("GTC", "PostOnly")
_ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")


def scalars(table: Table, *without: str) -> list[str]:
    """Names of the keys of a table that hold one value, without some."""
    return [key.name for key in table.keys if key.kind in _SCALARS and key.name not in without]


@dataclass(frozen=True, slots=True)
class Sides:
    """What a Play trades and how it gets out: `mode` and `exit_mode` of the policy."""

    mode: str
    exit_mode: str

    @property
    def entered(self) -> tuple[str, ...]:
        """The sides that it enters."""
        return {"long_only": ("long",), "short_only": ("short",)}.get(self.mode, ("long", "short"))


class MoneyForge:
    """Writes the sections of one Play that are about money. `atr` makes a feature that is an ATR and gives its id."""

    def __init__(self, draw: Draw, sides: Sides, columns: Sequence[Named], atr: Callable[[], str]) -> None:
        self._draw = draw
        self._sides = sides
        self._levels = [column for column in columns if column.type is ColumnType.FLOAT]
        self._atr = atr

    def account(self, has_risk: bool) -> dict[str, object]:
        """The account. A size per trade counts only where there is no risk map."""
        account = self._draw.keys(ACCOUNT, scalars(ACCOUNT, *(("risk_per_trade_pct",) if has_risk else ())))
        if self._draw.chance(0.4):
            account["fee_model"] = self._draw.keys(FEE_MODEL, scalars(FEE_MODEL))
        if (leverage := account.get("max_leverage")) is not None:
            account["max_leverage"] = float(f"{leverage:.2f}")  # finer steps no venue takes
        return account or {"max_leverage": 1}

    def overrides(self) -> dict[str, object]:
        """`backtest` and `deploy`, or nothing."""
        tables = {"backtest": BACKTEST, "deploy": DEPLOY}
        return {name: self._draw.keys(table, scalars(table)) for name, table in tables.items() if self._draw.chance(0.15)}

    def policy(self) -> dict[str, object]:
        """The position policy of these sides."""
        simple = scalars(POLICY, "mode", "exit_mode", "allow_flip", "allow_scale_in", "allow_scale_out", "time_exit_bars")
        policy: dict[str, object] = {"mode": self._sides.mode, "exit_mode": self._sides.exit_mode}
        policy |= self._draw.keys(POLICY, simple, 0.25)
        if self._sides.exit_mode != "sl_tp_only" and self._draw.chance(0.4):
            policy["time_exit_bars"] = self._draw.key(POLICY.key("time_exit_bars"))
        if self._draw.chance(0.3):
            both = {name: self._draw.integer(0, 5) for name in COOLDOWN.names}
            policy["cooldown_bars"] = both if self._draw.chance(0.5) else self._draw.integer(0, 5)
        if self._draw.chance(0.2):
            policy["trading_windows"] = [self._window() for _ in range(self._draw.integer(1, 3))]
        if self._draw.chance(0.2):
            policy["funding_guard"] = self._draw.keys(GUARD, scalars(GUARD))
        return policy

    def _window(self) -> dict[str, object]:
        times = {name: f"{self._draw.integer(0, 23):02}:{self._draw.integer(0, 59):02}" for name in ("from", "to")}
        days = {"days": self._draw.some(DAYS, 1, 7)} if self._draw.chance(0.5) else {}
        zone = {"zone": self._draw.one_of(_ZONES)} if self._draw.chance(0.3) else {}
        assert set(times) | {"days", "zone"} == set(TRADING_WINDOW.names)
        return {**days, **times, **zone}

    def risk(self, stop: str, target: str, sizing: str) -> dict[str, object]:
        """`risk_model` or `risk` with a stop and a target of these types; `none` for no such level."""
        needs_stop = sizing == "risk_based" or target == "rr_ratio"
        stop = "percent" if needs_stop and stop == "none" else stop
        levels: dict[str, object] = {"stop_loss": self._stop(stop), "take_profit": self._target(target)}
        more = self._more(stop)
        if sizing == "shorthand":
            return {"risk": {**self._shorthand(levels), **more, **self._draw.keys(RISK, ["max_position_pct"])}}
        value = self._draw.number(500, 5000) if sizing == "fixed_usdt" else self._draw.number(0.5, 100)
        assert sizing in SIZING.key("model").words
        return {"risk_model": {**levels, "sizing": {"model": sizing, "value": value}, **more}}

    def _shorthand(self, levels: dict[str, object]) -> dict[str, object]:
        """The levels as maps, or as percentages of the short form."""
        if self._draw.chance(0.5):
            return levels
        short = {f"{name}_pct": self._draw.number(0.5, 20) if level != "none" else "none" for name, level in levels.items()}
        return short | (self._draw.keys(RISK, ["basis"]) if set(short.values()) != {"none"} else {})

    def _more(self, stop: str) -> dict[str, object]:
        """Order types, and what moves a stop where there is one."""
        more = self._draw.keys(RISK_MODEL, ["tp_order_type", "sl_order_type"], 0.3)
        if self._draw.chance(0.3):
            more["anchor"] = self._draw.one_of(RISK.key("anchor").words)
        if stop != "none" and self._draw.chance(0.3):
            more["break_even"] = self._draw.keys(BREAK_EVEN, ["activation_pct"])
        if stop != "none" and not stop.startswith("trailing") and self._draw.chance(0.3):
            by_atr = self._draw.chance(0.5)
            distance = (
                {"atr_feature_id": self._atr(), **self._draw.keys(TRAILING, ["atr_multiplier"])}
                if by_atr
                else {"trail_pct": self._draw.number(0.2, 5)}
            )
            more["trailing"] = {**distance, **self._draw.keys(TRAILING, ["activation_pct"])}
        return more

    def _stop(self, type: str) -> object:
        if type == "structure":
            return {"type": type, **{side: self._draw.one_of(self._levels).text for side in self._sides.entered}}
        return self._level(type, STOPS)

    def _target(self, type: str) -> object:
        return self._level(type, TARGETS)

    def _level(self, type: str, tables: dict[str, Table]) -> object:
        if type == "none":
            return "none"
        table = tables[type]
        atr = {"atr_feature_id": self._atr()} if "atr_feature_id" in table.names else {}
        return {"type": type, **atr, **self._draw.keys(table, scalars(table))}

    def entry(self) -> dict[str, object]:
        """`entry`, or nothing for market orders."""
        if self._draw.chance(0.6):
            return {"entry": {"order_type": "market"}} if self._draw.chance(0.2) else {}
        entry = {"order_type": "LIMIT", **self._draw.keys(ENTRY, ["time_in_force"])}
        if self._draw.chance(0.7):
            entry["limit_offset_pct"] = self._draw.number(0, 1)
        if entry.get("time_in_force", "GTC") in _RESTS and self._draw.chance(0.5):
            entry["expire_after_bars"] = self._draw.integer(0, 10)
        return {"entry": entry}
