"""Stops and targets that are legal and surely not meant: nearer than what a trade costs, beyond the liquidation price."""

from typing import Final

from playd.plays.clause_text import operand_text
from playd.plays.conditions import Compare, CompareOp, Ref
from playd.plays.document import Map
from playd.plays.findings import Mark, Report
from playd.plays.hints import hint
from playd.plays.model import (
    Account,
    Entry,
    FixedNotional,
    LevelStop,
    PercentDistance,
    PercentTrailing,
    Policy,
    RewardRisk,
    Risk,
    Stop,
    Target,
)
from playd.plays.names import Names
from playd.plays.reader import Section
from playd.plays.verdicts import NEVER, Judge

_LIQUIDATION_SHARE: Final = 0.999
"""A stop is refused from this share of the way to the liquidation price on."""


class RiskSense:
    """Compares the distances of one Play, those that are percentages; what depends on prices cannot be judged here."""

    def __init__(
        self, account: Account, policy: Policy, risk: Risk, entry: Entry, top: Section, names: Names, report: Report
    ) -> None:
        self._account = account
        self._policy = policy
        self._risk = risk
        self._entry = entry
        self._top = top
        self._names = names
        self._report = report
        self._section = "risk_model" if top.has("risk_model") else "risk"

    def warn(self) -> None:
        """
        W506 target behind the stop, or stop beyond the price, W507 level nearer than the costs, W508 stop beyond liquidation,
        W510 limit beyond the stop, W511 a size that is always too small.
        """
        if self._top.has(self._section):
            self._warn_of_size()
            self._warn_of_costs()
            self._warn_of_side()
            self._warn_of_limit()
            self._warn_of_liquidation()
            self._warn_of_targets()

    def _warn_of_costs(self) -> None:
        account = self._account
        market = account.taker_bps + account.slippage_bps
        limit = account.maker_bps
        way_in = limit if self._entry.order_type == "Limit" else market
        outs = (
            ("stop_loss", self._risk.stop, market if self._risk.sl_order_type == "Market" else account.taker_bps),
            ("take_profit", self._risk.target, market if self._risk.tp_order_type == "Market" else limit),
        )
        for name, level, way_out in outs:
            self._warn_if_near(name, self._percent(level), (way_in + way_out) / 100)
        if isinstance(self._risk.trailing, PercentTrailing):
            self._warn_if_near("trailing", self._risk.trailing.trail_pct, (way_in + market) / 100)

    def _warn_of_size(self) -> None:
        """A fixed notional that the account refuses."""
        sizing, account = self._risk.sizing, self._account
        if not isinstance(sizing, FixedNotional):
            return
        if sizing.notional_usdt < account.min_trade_notional_usdt:
            text = f"found {sizing.notional_usdt:g} USDT, less than min_trade_notional_usdt {account.min_trade_notional_usdt:g}"
            self._add("W511", "sizing", f"{text}: every entry is refused")

    def _warn_if_near(self, name: str, distance: float | None, costs: float) -> None:
        if distance is not None and distance < costs:
            text = f"found {distance:g} % of the price, less than the {costs:g} % that fees and slippage cost"
            self._add("W507", name, text)

    def _warn_of_side(self) -> None:
        """A level that is never on the losing side of the close."""
        stop = self._risk.stop
        if not isinstance(stop, LevelStop) or stop.buffer_pct:
            return
        judge = Judge(self._names, {})
        ways: tuple[tuple[str, Ref | None, CompareOp], ...] = (("long", stop.long, "<"), ("short", stop.short, ">"))
        for side, level, op in ways:
            if level is None:
                continue
            losing = Compare(op, level, Ref("close", "", 0))
            never = hint(losing, self._names) is not None or judge.verdict(losing) is NEVER
            if never:
                word = "below" if side == "long" else "above"
                text = f"found `{operand_text(level)}`, which is never {word} the close: every {side} is refused"
                self._add("W506", "stop_loss", text)

    def _warn_of_limit(self) -> None:
        """A limit entry that would be filled at its stop or beyond it is refused, unless levels come from the fill."""
        distance, offset = self._percent(self._risk.stop), self._entry.limit_offset_pct
        if distance is not None and self._risk.anchor == "signal" and offset >= distance:
            text = f"found a limit {offset:g} % from the close, with the stop {distance:g} % from it: every entry is refused"
            path = "entry.limit_offset_pct"
            self._report.add(
                "W510", self._top.mark_of("entry"), path, f"{text}; write anchor: fill to measure it from the fill"
            )

    def _warn_of_liquidation(self) -> None:
        """Liquidation of a long and of a short, by the Play's own maintenance rate and without instrument tiers."""
        distance = self._percent(self._risk.stop)
        if distance is None:
            return
        leverage, rate = self._account.max_leverage, self._account.maintenance_margin_rate
        ways = {
            "long": 1 - (1 - 1 / leverage) / (1 - rate),
            "short": (1 + 1 / leverage) / (1 + rate) - 1,
        }
        allowed = {"long": self._policy.allows_long, "short": self._policy.allows_short}
        beyond = [side for side, way in ways.items() if allowed[side] and distance >= _LIQUIDATION_SHARE * 100 * way]
        if beyond:
            nearest = min(100 * ways[side] for side in beyond)
            then = {
                "reject": "every entry is refused",
                "adjust": "the stop is moved before it",
                "warn": "liquidation comes first",
            }[self._account.on_sl_beyond_liq]
            text = f"found a stop {distance:g} % away, beyond the liquidation price of a {' and a '.join(beyond)}"
            self._add("W508", "stop_loss", f"{text} ({nearest:.3g} % at {leverage:g} ×): {then}")

    def _warn_of_targets(self) -> None:
        target, even = self._percent(self._risk.target), self._risk.break_even
        if even is not None and even.offset_pct >= even.activation_pct:
            text = f"found offset_pct {even.offset_pct:g} not below activation_pct {even.activation_pct:g}"
            self._add("W506", "break_even", f"{text}: the stop would stand ahead of the price, and the position leaves at once")
        elif even is not None and target is not None and even.offset_pct >= target:
            self._add("W506", "break_even", f"found a stop at {even.offset_pct:g} %, with the target of {target:g} % behind it")
        elif even is not None and target is not None and even.activation_pct >= target:
            text = f"found activation_pct {even.activation_pct:g} behind the target of {target:g} %"
            self._add("W506", "break_even", f"{text}: it never acts")
        trailing = self._risk.trailing
        if isinstance(trailing, PercentTrailing) and target is not None and trailing.activation_pct >= target:
            text = f"found activation_pct {trailing.activation_pct:g} behind the target of {target:g} %"
            self._add("W506", "trailing", f"{text}: it never acts")
        if target is not None and target >= 100 and self._policy.allows_short:
            self._add(
                "W506", "take_profit", f"found a target {target:g} % away, below zero for a short: its entries are refused"
            )

    def _percent(self, level: Stop | Target | None) -> float | None:
        """Distance of a level in percent of the price, None when prices decide it."""
        if isinstance(level, RewardRisk):
            distance = self._percent(self._risk.stop)
            return None if distance is None else level.ratio * distance
        if not isinstance(level, PercentDistance):
            return None
        return level.percent / self._account.max_leverage if level.basis == "margin" else level.percent

    def _add(self, code: str, name: str, text: str) -> None:
        mark, path = self._place(name)
        self._report.add(code, mark, path, text)

    def _place(self, name: str) -> tuple[Mark, str]:
        item = self._top.item(self._section)
        keys = item.keys if isinstance(item, Map) else ()
        key = next((one for one in (name, f"{name}_pct") if one in keys), "")
        value = item.get(key) if isinstance(item, Map) else None
        return (value.mark if value else self._top.mark_of(self._section)), f"{self._section}.{key or name}"
