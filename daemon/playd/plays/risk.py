"""`risk` and `risk_model`: two spellings of stop, target, size, trailing and break-even."""

from typing import Literal, cast

from playd.plays.document import Leaf, kind_of
from playd.plays.findings import IMPORTABLE, Report
from playd.plays.levels import LevelReader, says_none
from playd.plays.model import (
    Account,
    AtrTrailing,
    Basis,
    BreakEven,
    FixedNotional,
    OrderType,
    PercentDistance,
    PercentEquity,
    PercentTrailing,
    RewardRisk,
    Risk,
    RiskBased,
    Sizing,
    Stop,
    Target,
)
from playd.plays.names import Names
from playd.plays.reader import Section, read_scalar
from playd.plays.risk_tables import BREAK_EVEN, RISK, RISK_MODEL, SIZING, TRAILING

Trailing = AtrTrailing | PercentTrailing


def has_risk(top: Section) -> bool:
    """Whether one of the two spellings is written."""
    return top.has("risk") or top.has("risk_model")


def read_risk(top: Section, account: Account, risk_per_trade_pct: float, names: Names, report: Report) -> Risk:
    """The risk of the Play. Without `risk` and `risk_model`: no stop, no target, `risk_per_trade_pct` of equity as margin."""
    if top.has("risk") and top.has("risk_model"):
        text = "found both `risk` and `risk_model`, expected one of them"
        report.add("E501", top.mark_of("risk_model"), "risk_model", text)
    if top.has("risk_model"):
        return _RiskReader(top.section("risk_model", RISK_MODEL), account, names, report).full()
    if top.has("risk"):
        return _RiskReader(top.section("risk", RISK), account, names, report).shorthand()
    if not top.section_has("account", "risk_per_trade_pct"):
        text = "found no risk map and no `account.risk_per_trade_pct`"
        report.add("W505", top.mark, "", f"{text}: {risk_per_trade_pct:g} % of equity is committed as margin")
    return Risk(None, None, PercentEquity(risk_per_trade_pct))


class _RiskReader:
    def __init__(self, section: Section, account: Account, names: Names, report: Report) -> None:
        self._section = section
        self._account = account
        self._names = names
        self._report = report
        self._levels = LevelReader(names, report)

    def full(self) -> Risk:
        stop, own_trailing = self._levels.stop(self._section, "stop_loss")
        target = self._levels.target(self._section, "take_profit")
        return self._risk(stop, own_trailing, target, self._sizing())

    def shorthand(self) -> Risk:
        section = self._section
        for side in ("stop_loss", "take_profit"):
            if section.has(f"{side}_pct") and section.has(side):
                text = f"found both `{side}_pct` and `{side}`, expected one of them"
                self._report.add("E104", section.mark_of(side), section.path_of(side), text)
        written = [side for side in ("stop_loss", "take_profit") if section.has(f"{side}_pct") or section.has(side)]
        if not written:
            text = "found neither a stop nor a target, expected stop_loss_pct or stop_loss, and take_profit_pct or take_profit"
            self._report.add("E103", section.mark, section.path, text)
        elif len(written) == 1:
            other = "take_profit" if written == ["stop_loss"] else "stop_loss"
            text = (
                f"found {written[0]} only, expected the other side too: name {other}_pct or write `{other}: none`{IMPORTABLE}"
            )
            self._report.add("E504", section.mark, section.path, text)
        if not section.has("max_position_pct"):
            text = "found no `max_position_pct`: 10 % of equity is committed as margin"
            self._report.add("W505", section.mark, section.path, text)
        numbers = [section.item(f"{side}_pct") for side in ("stop_loss", "take_profit")]
        if section.has("basis") and all(item is None or says_none(item) for item in numbers):
            text = (
                "found `basis` without stop_loss_pct and take_profit_pct, where it has no effect, expected it inside the maps"
            )
            self._report.add("E104", section.mark_of("basis"), section.path_of("basis"), text)
        stop, own_trailing = (
            self._levels.stop(section, "stop_loss") if section.has("stop_loss") else (self._percent("stop_loss_pct"), None)
        )
        target = self._levels.target(section, "take_profit") if section.has("take_profit") else self._percent("take_profit_pct")
        return self._risk(stop, own_trailing, target, PercentEquity(section.number("max_position_pct")))

    def _says_no_stop(self) -> bool:
        """Whether the file means no stop, which is not the same as a stop that is wrong."""
        items = [self._section.item(name) for name in ("stop_loss", "stop_loss_pct")]
        return all(item is None or says_none(item) for item in items)

    def _percent(self, name: str) -> PercentDistance | None:
        item = self._section.item(name)
        if item is None or says_none(item):
            return None
        if isinstance(item, Leaf) and isinstance(item.value, str) and item.value.lower() == "none":
            text = f"found {kind_of(item)}, expected a number {RISK.key(name).range_text} or none; did you mean `none`?"
            self._report.add("E107", item.mark, self._section.path_of(name), text)
            return None
        value = read_scalar(item, RISK.key(name), self._section.path_of(name), self._report)
        return PercentDistance(float(value or 1.0), cast(Basis, self._section.text("basis")))

    def _risk(self, stop: Stop | None, own_trailing: Trailing | None, target: Target | None, sizing: Sizing) -> Risk:
        section = self._section
        if isinstance(target, RewardRisk) and self._says_no_stop():
            text = "found rr_ratio without a stop, expected a stop: the reward is a multiple of its distance"
            self._report.add("E506", section.mark_of("take_profit"), section.path_of("take_profit"), text)
        if own_trailing and section.has("trailing"):
            text = "found `trailing` beside a trailing stop type, expected one of them"
            self._report.add("E104", section.mark_of("trailing"), section.path_of("trailing"), text)
        trailing = own_trailing or self._trailing()
        for name in ("trailing", "break_even"):
            if self._says_no_stop() and section.has(name):
                text = f"found `{name}` without a stop, which it would move, expected a stop"
                self._report.add("E104", section.mark_of(name), section.path_of(name), text)
        if section.text("sl_order_type") == "Limit":
            mark, path = section.mark_of("sl_order_type"), section.path_of("sl_order_type")
            self._report.add("W504", mark, path, "found a limit stop: it may not fill when the price jumps over it")
            text = "found Limit, which backtest and shadow do: paper, demo and live refuse the Play (LIMIT_STOP)"
            self._report.add("W904", mark, path, text)
        return Risk(
            stop=stop,
            target=target,
            sizing=sizing,
            trailing=trailing,
            break_even=self._break_even(),
            anchor=cast(Literal["signal", "fill"], section.text("anchor")),
            tp_order_type=cast(OrderType, section.text("tp_order_type")),
            sl_order_type=cast(OrderType, section.text("sl_order_type")),
        )

    def _trailing(self) -> Trailing | None:
        if not self._section.has("trailing"):
            return None
        section = self._section.section("trailing", TRAILING)
        by_atr, by_percent = section.has("atr_feature_id"), section.has("trail_pct")
        activation = section.number("activation_pct")
        if by_atr == by_percent:
            found = "both" if by_atr else "neither"
            text = f"found {found} of atr_feature_id and trail_pct, expected one of them"
            self._report.add("E507", section.mark, section.path, text)
        if section.has("atr_multiplier") and not by_atr:
            text = "found `atr_multiplier` without `atr_feature_id`, where it has no effect"
            self._report.add("E104", section.mark_of("atr_multiplier"), section.path_of("atr_multiplier"), text)
        if by_percent:
            return PercentTrailing(section.number("trail_pct"), activation)
        atr = self._levels.atr(section)
        return AtrTrailing(atr, section.number("atr_multiplier"), activation) if atr else None

    def _break_even(self) -> BreakEven | None:
        if not self._section.has("break_even"):
            return None
        section = self._section.section("break_even", BREAK_EVEN)
        return BreakEven(section.number("activation_pct"), section.number("offset_pct"))

    def _sizing(self) -> Sizing:
        section = self._section.section("sizing", SIZING)
        model, value = section.text("model"), section.number("value")
        path = section.path_of("value")
        if model != "fixed_usdt" and value > 100:
            self._report.add("E106", section.mark_of("value"), path, f"found `{value:g}`, expected above 0…100 %")
        leverage = section.optional_number("max_leverage")
        if leverage is not None and leverage != self._account.max_leverage:
            text = (
                f"found {leverage:g}, which differs from account.max_leverage {self._account.max_leverage:g}, expected the same"
            )
            self._report.add("E505", section.mark_of("max_leverage"), section.path_of("max_leverage"), text)
        if model == "risk_based" and self._says_no_stop():
            text = "found risk_based without a stop, expected a stop: size comes from its distance"
            self._report.add("E508", section.mark_of("model"), section.path_of("model"), text)
        if model == "risk_based":
            return RiskBased(value)
        return FixedNotional(value) if model == "fixed_usdt" else PercentEquity(value)
