"""
The checked Play as frozen values. Every default is filled in, every name resolved, every unit in the attribute's name.

Nothing here is ever half valid: only `load.load_play` builds a `Play`, and it refuses the file otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from playd.kernels.anchors import ANCHOR_STRUCTURE
from playd.kernels.spec import Value
from playd.plays.conditions import Expr, Ref

ActionName = Literal["entry_long", "entry_short", "exit_long", "exit_short", "exit_all"]
Basis = Literal["margin", "price"]
OrderType = Literal["Market", "Limit"]
Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Account:
    """
    Money and venue assumptions. `max_leverage` is the Λ of every formula; fees and slippage are in basis points.

    `max_drawdown_pct` of 100 means off. `maintenance_margin_rate` and `mm_deduction_usdt` serve when no tiers are loaded.
    """

    starting_equity_usdt: float
    max_leverage: float
    max_drawdown_pct: float
    margin_mode: Literal["isolated_usdt"]
    taker_bps: float
    maker_bps: float
    slippage_bps: float
    min_trade_notional_usdt: float
    maintenance_margin_rate: float
    mm_deduction_usdt: float
    on_sl_beyond_liq: Literal["reject", "adjust", "warn"]


@dataclass(frozen=True, slots=True)
class BacktestMoney:
    """What a backtest uses in place of the account's values; equal to them when the file says nothing."""

    equity_usdt: float
    slippage_bps: float


@dataclass(frozen=True, slots=True)
class Deploy:
    """What a run at a venue uses: its share of the account and the venue's disconnect protection window."""

    capital_usdt: float
    settle_coin: Literal["USDT"]
    dcp_window_s: int


@dataclass(frozen=True, slots=True)
class Timeframes:
    """Lengths of the three roles and of the execution clock in ms."""

    low_ms: int
    med_ms: int
    high_ms: int
    exec_role: Literal["low_tf", "med_tf", "high_tf"]

    @property
    def exec_ms(self) -> int:
        """Length of the execution clock's bars."""
        return {"low_tf": self.low_ms, "med_tf": self.med_ms, "high_tf": self.high_ms}[self.exec_role]


@dataclass(frozen=True, slots=True)
class Feature:
    """One indicator on one clock. `source` is None unless the indicator reads a single series."""

    id: str
    indicator: str
    step_ms: int
    params: tuple[tuple[str, int | float | str], ...]
    source: str | Ref | None

    @property
    def swing(self) -> str | None:
        """Id of the swing whose pivots it starts over at, None for an indicator that does not."""
        return next((str(value) for name, value in self.params if name == ANCHOR_STRUCTURE.name), None)


@dataclass(frozen=True, slots=True)
class Structure:
    """
    One detector on one clock.

    Attributes:
        params: Every parameter by name, without `atr_key`.
        uses: Kind and id of each structure that it reads, sorted.
        atr: The feature that is its ATR; None for the built-in `atr` of length 14, and when it reads none.
    """

    id: str
    kind: str
    step_ms: int
    params: tuple[tuple[str, Value], ...]
    uses: tuple[tuple[str, str], ...]
    atr: Ref | None


@dataclass(frozen=True, slots=True)
class Emit:
    """One action that a case emits. `percent` is the share of the position that an exit closes, 100 for entries."""

    action: ActionName
    percent: float
    metadata: tuple[tuple[str, Scalar | Ref], ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """`emit` happens when this is the first case of its block whose `when` is true."""

    when: Expr
    emit: tuple[Emit, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """
    Cases in order; `otherwise` is emitted only when every case is false.

    The mapping form of actions is one block per action with one case, in the order of
    `actions.FIXED_ORDER`; `id` is then the action's name.
    """

    id: str
    cases: tuple[Case, ...]
    otherwise: tuple[Emit, ...] = ()


@dataclass(frozen=True, slots=True)
class TradingWindow:
    """Entries are allowed from `from_min` to before `to_min` (minutes of the local day) on `days` (0 is Monday)."""

    days: tuple[int, ...]
    from_min: int
    to_min: int
    zone: str


@dataclass(frozen=True, slots=True)
class FundingGuard:
    """No entry within `within_min` minutes of a funding stamp that would cost more than `max_rate_pct`."""

    max_rate_pct: float
    within_min: int


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What the position may do. Cool-downs count closed execution bars; None and 0 mean no limit.

    `time_exit_bars`: a market exit once the position has been held that many execution closes.
    """

    mode: Literal["long_only", "short_only", "long_short"]
    exit_mode: Literal["sl_tp_only", "signal", "first_hit"]
    cooldown_exit_bars: int
    cooldown_stop_bars: int
    max_entries_per_day: int | None
    time_exit_bars: int | None
    trading_windows: tuple[TradingWindow, ...]
    funding_guard: FundingGuard | None

    @property
    def allows_long(self) -> bool:
        """Whether an entry_long can ever act."""
        return self.mode != "short_only"

    @property
    def allows_short(self) -> bool:
        """Whether an entry_short can ever act."""
        return self.mode != "long_only"


@dataclass(frozen=True, slots=True)
class PercentDistance:
    """Stop or target at `percent` of the margin (divided by the leverage) or of the price from the reference price."""

    percent: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class AtrDistance:
    """Stop or target `multiple` ATRs away; a stop adds `buffer_pct` percent of the reference price."""

    multiple: float
    atr: Ref
    buffer_pct: float = 0.0


@dataclass(frozen=True, slots=True)
class PointsDistance:
    """Stop or target a fixed number of quote units away."""

    points: float


@dataclass(frozen=True, slots=True)
class LevelStop:
    """Stop at the value of a column (one per side that is used), moved away by `buffer_pct` percent of the price."""

    long: Ref | None
    short: Ref | None
    buffer_pct: float


@dataclass(frozen=True, slots=True)
class RewardRisk:
    """Target at `ratio` times the stop's distance, without the stop's buffer."""

    ratio: float


Stop = PercentDistance | AtrDistance | PointsDistance | LevelStop
Target = PercentDistance | AtrDistance | PointsDistance | RewardRisk


@dataclass(frozen=True, slots=True)
class AtrTrailing:
    """Trail `multiple` ATRs behind the best close, once the move has reached `activation_pct` percent."""

    atr: Ref
    multiple: float
    activation_pct: float


@dataclass(frozen=True, slots=True)
class PercentTrailing:
    """Trail `trail_pct` percent behind the best close, once the move has reached `activation_pct` percent."""

    trail_pct: float
    activation_pct: float


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Once, at `activation_pct` percent of profit, the stop goes to the entry price plus `offset_pct` percent."""

    activation_pct: float
    offset_pct: float


@dataclass(frozen=True, slots=True)
class PercentEquity:
    """Commit `percent` of equity as margin."""

    percent: float


@dataclass(frozen=True, slots=True)
class RiskBased:
    """Lose `percent` of equity at the stop, before fees and slippage."""

    percent: float


@dataclass(frozen=True, slots=True)
class FixedNotional:
    """Trade `notional_usdt` USDT, whatever the equity."""

    notional_usdt: float


Sizing = PercentEquity | RiskBased | FixedNotional


@dataclass(frozen=True, slots=True)
class Risk:
    """
    Stop, target and size, in one form for both spellings of the language.

    The stop types `trailing_atr` and `trailing_pct` arrive here as their starting distance plus `trailing`.
    `anchor` says whether levels stay where the signal put them or are recomputed from the fill.
    """

    stop: Stop | None
    target: Target | None
    sizing: Sizing
    trailing: AtrTrailing | PercentTrailing | None = None
    break_even: BreakEven | None = None
    anchor: Literal["signal", "fill"] = "signal"
    tp_order_type: OrderType = "Market"
    sl_order_type: OrderType = "Market"


@dataclass(frozen=True, slots=True)
class Entry:
    """How an entry is sent. The last three matter for limit orders only; `expire_after_bars` 0 means never."""

    order_type: OrderType
    limit_offset_pct: float
    time_in_force: Literal["GTC", "IOC", "FOK", "PostOnly"]
    expire_after_bars: int


@dataclass(frozen=True, slots=True)
class Trial:
    """How to try the Play (`validation`, `expected`, `date_range`). Never changes a decision, never hashed."""

    pattern: str | None
    bars: int | None
    seed: int
    expect_direction: Literal["long", "short"] | None
    expect_entries: tuple[int, int] | None
    min_win_rate: float | None
    max_drawdown_pct: float | None
    min_trades: int | None
    start_ms: int | None
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class Play:
    """
    One checked Play.

    Attributes:
        source: Where the text came from, as findings name it.
        reference: Symbol of the second market that is read and never traded, None without one.
        features: Sorted by id. `structures`: by clock and id. `setups`: by name.
        normal_form: JSON-able; two Plays with equal normal forms (less the keys of `normal_form.NOT_HASHED`) decide the same.
        play_hash, source_hash: 64 hex characters.
        warnings: Findings that did not refuse the Play, as text lines.
    """

    source: str
    name: str
    description: str
    tags: tuple[str, ...]
    symbol: str
    reference: str | None
    account: Account
    backtest: BacktestMoney
    deploy: Deploy
    timeframes: Timeframes
    features: tuple[Feature, ...]
    structures: tuple[Structure, ...]
    setups: tuple[tuple[str, Expr], ...]
    actions: tuple[Block, ...]
    policy: Policy
    risk: Risk
    entry: Entry
    trial: Trial
    normal_form: Mapping[str, object]
    play_hash: str
    source_hash: str
    warnings: tuple[str, ...]

    @property
    def emits(self) -> tuple[Emit, ...]:
        """Every emit item in block order."""
        return tuple(
            emit for block in self.actions for emit in (*(item for case in block.cases for item in case.emit), *block.otherwise)
        )

    def exit_percent(self, action: ActionName) -> float:
        """
        Share of the position that exits of a side close; 100 when the Play has none. `action`: `exit_long` or `exit_short`.

        Where they close different shares it is the first one's: the Program then has a column that says which holds.
        """
        return next((emit.percent for emit in self.emits if emit.action in ("exit_all", action)), 100.0)
