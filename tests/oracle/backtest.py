"""One position, one Play, minute by minute, in the order the language gives. Orders, stops, targets, exits, sizing."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.oracle.conditions import TIMEFRAME_MIN, Evaluator, Truth

Candle = tuple[int, float, float, float, float, float]


@dataclass
class Trade:
    side: str
    entry_time_ms: int
    exit_time_ms: int
    entry_price: float
    exit_price: float
    qty: float
    exit_reason: str
    net_pnl_usdt: float


@dataclass
class Position:
    direction: int
    qty: float
    entry: float
    stop: float | None
    target: float | None
    opened_ms: int
    fee: float
    closes_held: int = 0
    peak: float = 0.0
    broke_even: bool = False
    stop_rests: int = 0


FIXED_ORDER = ("exit_all", "exit_long", "exit_short", "entry_long", "entry_short")


def to_unit(value: float, unit: float, up: bool) -> float:
    """`value` on the grid of `unit`, snapped when it is on the grid up to 1e-9, as the nearest float of the decimal."""
    y = value / unit
    near = round(y)
    count = near if abs(y - near) <= 1e-9 * max(1.0, abs(y)) else (math.ceil(y) if up else math.floor(y))
    return float(count * Decimal(str(unit)))


class Backtest:
    """Runs one Play over base candles without gaps. `trades` and `cash` are the result."""

    def __init__(
        self, play: dict[str, Any], base: list[Candle], base_ms: int, tick: float, step: float, start_ms: int | None = None
    ) -> None:
        self.play, self.base, self.base_ms, self.tick, self.step = play, base, base_ms, tick, step
        self.start_ms = base[0][0] if start_ms is None else start_ms
        account = play.get("account", {})
        self.leverage = float(account.get("max_leverage", 1))
        self.taker = account.get("fee_model", {}).get("taker_bps", 5.5) / 10_000
        self.maker = account.get("fee_model", {}).get("maker_bps", 2.0) / 10_000
        self.slip = account.get("slippage_bps", 2.0) / 10_000
        self.min_notional = max(account.get("min_trade_notional_usdt", 10.0), 5.0)
        self.max_drawdown = float(account.get("max_drawdown_pct", 100))
        self.cash = self.peak = float(account.get("starting_equity_usdt", 10_000))
        self.eval = Evaluator(play, base, base_ms)
        self.position: Position | None = None
        self.pending: tuple[str, Any] | None = None
        self.resting: dict[str, Any] | None = None
        self.trades: list[Trade] = []
        self.exec_ms = TIMEFRAME_MIN[self.eval.exec_tf] * 60_000
        self.decision_tf = self.eval.exec_tf
        self.bar = self.entered_bar = -1
        self.calm_until_ms = 0
        self.limits = {
            side: str(self._risk_map().get(f"{side}_order_type", "Market")).lower() == "limit" for side in ("sl", "tp")
        }

    def run(self) -> list[Trade]:
        exec_tf = self.eval.exec_tf
        actions = self.play["actions"]
        blocks = list(actions.values()) if isinstance(actions, dict) else [block["cases"] for block in actions]
        self.decision_tf = "1m" if any(self.eval.clock_of(block) == "1m" for block in blocks) else exec_tf
        begun = False
        for candle in self.base:
            if candle[0] < self.start_ms:
                continue
            self._minute(candle)
            now_ms = candle[0] + self.base_ms
            bar = self.eval.index(exec_tf, now_ms)
            begun = begun or bar >= 0
            if bar >= 0:
                self.bar = bar
            i = self.eval.index(self.decision_tf, now_ms)
            if i >= 0 and begun and not self._decide(i, bar >= 0, candle[4], now_ms):
                return self.trades
        if self.position is not None:
            last = self.base[-1]
            self._close(last[4], "end_of_data", last[0])
        return self.trades

    def _minute(self, candle: Candle) -> None:
        open_ms, o, h, low, _, _ = candle
        pending, self.pending = self.pending, None
        if pending is not None and pending[0] != "enter" and self.position is not None:
            self._close(o, pending[0], open_ms, pending[1], at_market=True)
        if pending is not None and pending[0] == "enter":
            self._arrive(pending[1], o, open_ms)
        elif self.resting is not None and self._reaches(self.resting, o):
            self._open(self.resting, o, open_ms, maker=True)
        self._levels_against(o, h, low, open_ms)
        if self.resting is not None and self._reaches(self.resting, low if self.resting["direction"] == 1 else h):
            order = self.resting
            self._open(order, order["limit"], open_ms, maker=True)
            fresh = self.position
            assert fresh is not None
            target, fresh.target = fresh.target, None
            self._levels_against(math.nan, h, low, open_ms)
            fresh.target = target

    @staticmethod
    def _reaches(order: dict[str, Any], price: float) -> bool:
        return bool(price <= order["limit"] if order["direction"] == 1 else price >= order["limit"])

    def _arrive(self, order: dict[str, Any], o: float, open_ms: int) -> None:
        """9.1: at the market, or at a limit by its time in force."""
        if order["limit"] is None:
            self._open(order, o, open_ms)
        elif self._reaches(order, o):
            if order["tif"] != "PostOnly":
                self._open(order, o, open_ms, maker=False)
        elif order["tif"] in ("GTC", "PostOnly"):
            self.resting = order

    def _levels_against(self, o: float, h: float, low: float, open_ms: int) -> None:
        """10.6: the open against stop and target (not at all when it is no number), then stop before target."""
        p = self.position
        if p is None:
            return
        long = p.direction == 1
        if p.stop is not None and (p.stop_rests or (self.limits["sl"] and (o < p.stop if long else o > p.stop))):
            self._limit_stop(p, o, h if long else low, open_ms)
        elif p.stop is not None and (o < p.stop if long else o > p.stop):
            self._close(o, "sl", open_ms)
        elif p.target is not None and (o > p.target if long else o < p.target):
            self._close(o, "tp", open_ms)
        elif p.stop is not None and (low <= p.stop if long else h >= p.stop):
            self._close(p.stop, "sl", open_ms)
        elif p.target is not None and (h >= p.target if long else low <= p.target):
            self._close(p.target, "tp", open_ms)

    def _limit_stop(self, p: Position, o: float, best: float, open_ms: int) -> None:
        """10.5: jumped over, it rests at its price: taker in the minute in which it was triggered, maker later."""
        assert p.stop is not None
        p.stop_rests += 1
        if (best >= p.stop if p.direction == 1 else best <= p.stop) or (p.stop_rests > 1 and o == p.stop):
            self._close(p.stop, "sl", open_ms, maker=p.stop_rests > 1)

    def _open(self, order: dict[str, Any], o: float, open_ms: int, maker: bool = False) -> None:
        self.resting = None
        d, qty = order["direction"], order["qty"]
        slip = self.slip if order["limit"] is None else 0.0
        price = to_unit(o * (1 + d * slip), self.tick, up=d == 1)
        lam, f = self.leverage, self.taker
        if qty * price / lam + qty * price * f + qty * price * (1 - d / lam) * f > self.cash:
            return
        fee = qty * price * (self.maker if maker else f)
        self.cash -= fee
        levels = order["stop"], order["target"]
        if self._anchor() == "fill":
            levels = self._levels_of_fill(d, order["i"], price)
        self.position = Position(d, qty, price, *levels, open_ms, fee, peak=price)

    def _close(
        self,
        base_price: float,
        reason: str,
        open_ms: int,
        qty: float | None = None,
        *,
        maker: bool = False,
        at_market: bool = False,
    ) -> None:
        p = self.position
        assert p is not None
        qty = p.qty if qty is None else qty
        at_limit = self.limits.get(reason, False) and not at_market
        slip = 0.0 if at_limit else self.slip
        price = to_unit(base_price * (1 - p.direction * slip), self.tick, up=p.direction == -1)
        fee = qty * price * (self.maker if maker or (reason == "tp" and at_limit) else self.taker)
        gross = p.direction * qty * (price - p.entry)
        self.cash += gross - fee
        side = "long" if p.direction == 1 else "short"
        opening = p.fee * qty / p.qty
        self.trades.append(Trade(side, p.opened_ms, open_ms, p.entry, price, qty, reason, gross - fee - opening))
        rest = round((p.qty - qty) / self.step)
        p.fee -= opening
        p.qty = to_unit(rest * self.step, self.step, up=False)
        if rest == 0:
            self.position = None
            self._calm_down(reason, open_ms)

    def _calm_down(self, reason: str, open_ms: int) -> None:
        """7.2: no entry until that many execution bars have closed after the one in which the position closed."""
        bars = self.play.get("position_policy", {}).get("cooldown_bars", 0)
        bars = bars.get("stop" if reason == "sl" else "exit", 0) if isinstance(bars, dict) else bars
        self.calm_until_ms = (open_ms // self.exec_ms + 1 + bars) * self.exec_ms if bars else 0

    def _decide(self, i: int, closes_bar: bool, close: float, now_ms: int) -> bool:
        """`i` is the bar of the decision clock, `closes_bar` whether the execution clock closes with it."""
        p = self.position
        equity = self.cash + (p.direction * p.qty * (close - p.entry) if p else 0.0)
        self.peak = max(self.peak, equity) if closes_bar else self.peak
        if closes_bar and (self.peak - equity) / self.peak * 100 >= self.max_drawdown:
            if p:
                raise ValueError("the oracle does not model the drawdown rule")
            return False
        policy = self.play.get("position_policy", {})
        if self.resting is not None:
            self._look_at_resting(self.resting, now_ms)
            return True
        if p is not None:
            p.closes_held += closes_bar
            if closes_bar and self._move_stop(p, close, i):
                self.pending = ("sl", None)
                return True
            if policy.get("time_exit_bars") and p.closes_held >= policy["time_exit_bars"]:
                self.pending = ("time", None)
                return True
            exits = ("exit_all", "exit_long" if p.direction == 1 else "exit_short")
            percent = next((percent for name, percent in self._emitted(now_ms) if name in exits), None)
            qty = 0.0 if percent is None else self._share(p, percent, close)
            if qty > 0:
                self.pending = ("signal", qty)
            return True
        mode = policy.get("mode", "long_only")
        for name, _ in self._emitted(now_ms):
            if self.entered_bar == (now_ms - 1) // self.exec_ms or now_ms < self.calm_until_ms:
                break
            d = {"entry_long": 1, "entry_short": -1}.get(name, 0)
            if d and (mode == "long_short" or (mode == "long_only") == (d == 1)):
                order = self._order(d, i, close, equity)
                if order is not None:
                    self.entered_bar = (now_ms - 1) // self.exec_ms
                    self.pending = ("enter", order)
                    return True
        return True

    def _move_stop(self, p: Position, close: float, i: int) -> bool:
        """8.5, 8.6: break-even, then trailing, each only to the tighter side. True if the close is beyond the new stop."""
        d, before, risk = p.direction, p.stop, self._risk_map()

        def tighten(level: float) -> None:
            ticked = to_unit(level, self.tick, up=d == 1)
            p.stop = ticked if p.stop is None or d * (ticked - p.stop) > 0 else p.stop

        even, trail = risk.get("break_even"), risk.get("trailing")
        if even is not None and not p.broke_even and d * (close - p.entry) / p.entry * 100 >= even.get("activation_pct", 1.0):
            p.broke_even = True
            tighten(p.entry * (1 + d * even.get("offset_pct", 0.1) / 100))
        stop = risk.get("stop_loss")
        if isinstance(stop, dict) and stop["type"].startswith("trailing"):
            trail = {**stop, "atr_multiplier": stop.get("value")}
        if trail is not None:
            p.peak = max(p.peak, close) if d == 1 else min(p.peak, close)
            if d * (p.peak - p.entry) / p.entry * 100 >= trail.get("activation_pct", 0):
                by_atr = "atr_feature_id" in trail
                atr = trail.get("atr_multiplier", 2.0) * self.eval.value(trail["atr_feature_id"], i) if by_atr else 0.0
                distance = atr if by_atr else p.peak * trail["trail_pct"] / 100
                if not math.isnan(distance):
                    tighten(p.peak - d * distance)
        if p.stop == before:
            return False
        assert p.stop is not None
        p.stop_rests = 0
        return d * (close - p.stop) <= 0

    def _look_at_resting(self, order: dict[str, Any], now_ms: int) -> None:
        """It keeps other entries away; expiry and an exit of its side take it out."""
        expires = self.play["entry"].get("expire_after_bars", 0)
        exits = ("exit_all", "exit_long" if order["direction"] == 1 else "exit_short")
        if (expires and self.bar - order["bar"] >= expires) or any(name in exits for name, _ in self._emitted(now_ms)):
            self.resting = None

    def _emitted(self, now_ms: int) -> list[tuple[str, float]]:
        """Actions that are true now with their percent, in the order in which they are tried."""
        actions = self.play["actions"]
        if isinstance(actions, dict):
            true = [name for name in FIXED_ORDER if name in actions and self._is_true(actions[name], now_ms)]
            return [(name, actions[name].get("percent", 100)) for name in true]
        emitted: list[Any] = []
        for block in actions:
            i = self.eval.index(self.eval.clock_of(block["cases"]), now_ms)
            truths: list[Truth] = [self.eval.truth(case["when"], i) for case in block["cases"]] if i >= 0 else [None]
            if True in truths:
                emitted += block["cases"][truths.index(True)]["emit"]
            elif all(truth is False for truth in truths):
                emitted += block.get("else", {}).get("emit", [])
        self.eval.tf = self.decision_tf
        items: list[dict[str, Any]] = [{"action": item} if isinstance(item, str) else item for item in emitted]
        return [(item["action"], item.get("percent", 100)) for item in items]

    def _is_true(self, action: Any, now_ms: int) -> bool:
        i = self.eval.index(self.eval.clock_of(action), now_ms)
        fired = i >= 0 and self.eval.truth(action, i) is True
        self.eval.tf = self.decision_tf
        return fired

    def _share(self, p: Position, percent: float, close: float) -> float:
        """9.2: the share rounded down to the step; everything if the rest would be too little to trade."""
        steps = round(p.qty / self.step)
        part = math.floor(steps * percent / 100 + 1e-9)
        rest = to_unit((steps - part) * self.step, self.step, up=False)
        whole = steps - part < 1 or rest * close < self.min_notional
        return p.qty if whole else to_unit(part * self.step, self.step, up=False)

    def _risk_map(self) -> dict[str, Any]:
        return dict(self.play.get("risk_model") or self.play["risk"])

    def _anchor(self) -> str:
        return str(self._risk_map().get("anchor", "signal"))

    def _levels_of_fill(self, d: int, i: int, e: float) -> tuple[float | None, float | None]:
        """8.4: measured from the fill with the values of the bar that decided; too late to refuse, so a stop is adjusted."""
        levels = self._levels(d, i, e)
        assert levels is not None
        stop, target = levels
        if stop is not None and self._beyond_liquidation(d, e, stop):
            stop = to_unit(e - d * 0.999 * abs(e - self._liquidation(d, e)), self.tick, up=d == 1)
        return stop, target

    def _order(self, d: int, i: int, e: float, equity: float) -> dict[str, Any] | None:
        sizing = self._risk()[2]
        levels = self._levels(d, i, e)
        if levels is None:
            return None
        stop, target = levels
        if stop is not None and (d * (e - stop) <= 0 or self._beyond_liquidation(d, e, stop)):
            return None
        lam, f = self.leverage, self.taker
        if sizing["model"] == "percent_equity":
            notional = equity * sizing["value"] / 100 * lam
        elif sizing["model"] == "risk_based":
            assert stop is not None
            notional = equity * sizing["value"] / 100 * e / abs(e - stop)
        else:
            notional = float(sizing["value"])
        notional = min(notional, 0.95 * equity * lam, equity / (1 / lam + f + (1 - d / lam) * f))
        entry, limit = self.play.get("entry", {}), None
        if entry.get("order_type", "MARKET").upper() == "LIMIT":
            limit = to_unit(e * (1 - d * entry.get("limit_offset_pct", 0) / 100), self.tick, up=d == -1)
            if stop is not None and d * (limit - stop) <= 0:
                return None
        paid = e if limit is None else limit
        qty = to_unit(notional / paid, self.step, up=False)
        if qty <= 0 or qty * paid < self.min_notional:
            return None
        tif = entry.get("time_in_force", "GTC")
        return {"direction": d, "qty": qty, "stop": stop, "target": target, "i": i, "bar": self.bar, "limit": limit, "tif": tif}

    def _levels(self, d: int, i: int, e: float) -> tuple[float | None, float | None] | None:
        """Stop and target measured from `e` with the values of decision `i`; None when one of them is missing."""
        stop_spec, target_spec, _ = self._risk()
        stop = target = None
        distance = plain = math.nan
        if stop_spec is not None and stop_spec["type"] == "structure":
            level = self.eval.value(stop_spec["long" if d == 1 else "short"], i)
            if math.isnan(level):
                return None
            plain = abs(e - level)
            stop = to_unit(level - d * e * stop_spec.get("buffer_pct", 0) / 100, self.tick, up=d == 1)
        elif stop_spec is not None:
            plain = distance = self._distance(stop_spec, e, i)
            if math.isnan(distance):
                return None
            distance += e * stop_spec.get("buffer_pct", 0) / 100
            stop = to_unit(e - d * distance, self.tick, up=d == 1)
        if target_spec is not None:
            reward = target_spec["value"] * plain if target_spec["type"] == "rr_ratio" else self._distance(target_spec, e, i)
            if math.isnan(reward):
                return None
            target = to_unit(e + d * reward, self.tick, up=d == -1)
        return stop, target

    def _liquidation(self, d: int, e: float) -> float:
        mmr = float(self.play.get("account", {}).get("maintenance_margin_rate", 0.005))
        return e * (1 - 1 / self.leverage) / (1 - mmr) if d == 1 else e * (1 + 1 / self.leverage) / (1 + mmr)

    def _beyond_liquidation(self, d: int, e: float, stop: float) -> bool:
        return abs(e - stop) >= 0.999 * abs(e - self._liquidation(d, e))

    def _risk(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any]]:
        if "risk_model" in self.play:
            model = self.play["risk_model"]
            stop, target = model.get("stop_loss"), model.get("take_profit")
            return (None if stop == "none" else stop), (None if target == "none" else target), model["sizing"]
        risk = self.play["risk"]
        basis = risk.get("basis", "margin")
        stop = {"type": "percent", "value": risk["stop_loss_pct"], "basis": basis} if "stop_loss_pct" in risk else None
        target = {"type": "percent", "value": risk["take_profit_pct"], "basis": basis} if "take_profit_pct" in risk else None
        return stop, target, {"model": "percent_equity", "value": risk.get("max_position_pct", 10)}

    def _distance(self, spec: dict[str, Any], e: float, i: int) -> float:
        if spec["type"] == "percent":
            lam = 1.0 if spec.get("basis", "margin") == "price" else self.leverage
            return e * float(spec["value"]) / 100 / lam
        if spec["type"] == "trailing_pct":
            return e * float(spec["trail_pct"]) / 100
        if spec["type"] in ("atr_multiple", "trailing_atr"):
            return float(spec["value"]) * self.eval.value(spec["atr_feature_id"], i)
        return float(spec["value"])
