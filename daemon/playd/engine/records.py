"""
Flat records of decisions: what never changes (RULES), what does (STATE), what a bar says (SIGNALS), what is decided (INTENT),
what is over (TRADE). Used as arrays of one element, so that Python and compiled code share the memory.

Prices are ticks and quantities steps unless the field says otherwise; 0 ticks mean "no such level". `dir` is +1 for a long,
-1 for a short, 0 for none. Money is USDT, times are epoch ms of market time, percentages are in percent.
"""

from typing import Final

import numpy as np

# Kinds of level.
NO_LEVEL: Final = 0
PERCENT: Final = 1
ATR: Final = 2
POINTS: Final = 3
STRUCTURE: Final = 4
REWARD: Final = 5

# Kinds of sizing.
PERCENT_EQUITY: Final = 1
RISK_BASED: Final = 2
FIXED_USDT: Final = 3

# What to do with a stop beyond liquidation.
REJECT: Final = 0
ADJUST: Final = 1
WARN: Final = 2

# Actions of an intent.
NO_ACTION: Final = 0
ENTER: Final = 1
EXIT: Final = 2

# Why an engine takes no new risk.
RUNNING: Final = 0
HALTED_DRAWDOWN: Final = 1
HALTED_LIQUIDATED: Final = 2

VERDICTS: Final = (
    "NO_SIGNAL",
    "ENTERED",
    "EXITED",
    "AMENDED",
    "HOLD",
    "COOLDOWN",
    "entries_today",
    "window_closed",
    "funding",
    "funding_unknown",
    "entry_pending",
    "entered_this_bar",
    "stop_missing",
    "stop_wrong_side",
    "target_missing",
    "target_invalid",
    "stop_beyond_liquidation",
    "below_min_notional",
    "below_min_qty",
    "exit_pending",
    "max_drawdown",
    "halted",
    "CANCELLED",
)
"""Words of the verdicts; their order is the code. Upper case: the ordinary ones. Lower case: why nothing was done."""

NO_SIGNAL: Final = 0
ENTERED: Final = 1
EXITED: Final = 2
AMENDED: Final = 3
HOLD: Final = 4
COOLDOWN: Final = 5
ENTRIES_TODAY: Final = 6
WINDOW_CLOSED: Final = 7
FUNDING: Final = 8
FUNDING_UNKNOWN: Final = 9
ENTRY_PENDING: Final = 10
ENTERED_THIS_BAR: Final = 11
STOP_MISSING: Final = 12
STOP_WRONG_SIDE: Final = 13
TARGET_MISSING: Final = 14
TARGET_INVALID: Final = 15
STOP_BEYOND_LIQUIDATION: Final = 16
BELOW_MIN_NOTIONAL: Final = 17
BELOW_MIN_QTY: Final = 18
EXIT_PENDING: Final = 19
MAX_DRAWDOWN_HIT: Final = 20
HALTED: Final = 21
CANCELLED: Final = 22

RULES: Final = np.dtype(
    [
        ("allow_long", np.int64),
        ("allow_short", np.int64),
        ("exit_long_pct", np.float64),
        ("exit_short_pct", np.float64),
        ("cooldown_exit_bars", np.int64),
        ("cooldown_stop_bars", np.int64),
        ("max_entries_per_day", np.int64),
        ("time_exit_bars", np.int64),
        ("stop_kind", np.int64),
        ("stop_value", np.float64),
        ("stop_divisor", np.float64),
        ("stop_buffer_pct", np.float64),
        ("target_kind", np.int64),
        ("target_value", np.float64),
        ("target_divisor", np.float64),
        ("trailing_kind", np.int64),
        ("trailing_value", np.float64),
        ("trailing_activation_pct", np.float64),
        ("break_even", np.int64),
        ("break_even_activation_pct", np.float64),
        ("break_even_offset_pct", np.float64),
        ("sizing_kind", np.int64),
        ("sizing_value", np.float64),
        ("on_stop_beyond_liquidation", np.int64),
        ("anchor_fill", np.int64),
        ("entry_is_limit", np.int64),
        ("entry_tif", np.int64),
        ("entry_offset_pct", np.float64),
        ("entry_expires", np.int64),
        ("max_drawdown_pct", np.float64),
        ("leverage", np.float64),
        ("taker", np.float64),
        ("mm_rate", np.float64),
        ("mm_deduction_usdt", np.float64),
        ("min_notional_usdt", np.float64),
        ("min_qty", np.int64),
        ("max_qty", np.int64),
        ("tick_num", np.int64),
        ("tick_den", np.int64),
        ("step_num", np.int64),
        ("step_den", np.int64),
        ("base_step_ms", np.int64),
        ("exec_step_ms", np.int64),
        ("decision_step_ms", np.int64),
        ("funding_guard_ms", np.int64),
        ("funding_guard_pct", np.float64),
        ("funding_step_ms", np.int64),
    ]
)
"""
One Play on one instrument. 0 in `max_entries_per_day` and `time_exit_bars` means no limit. `*_divisor` is the leverage for
percentages of the margin and 1 for percentages of the price. `taker` is a fraction. `exit_*_pct` hold where every exit of the
side closes the same share; otherwise SIGNALS says which. `anchor_fill` 1: levels are measured anew from the fill.
`entry_tif` is a code of `matching.records`, `entry_expires` the closes after which a resting entry is cancelled, 0 for never.
Decisions are due every `decision_step_ms`, which is `exec_step_ms` or, where an action names the price of a minute, a minute.
Funding is due every `funding_step_ms`; so long before it, `funding_guard_ms` (0: never), an entry must not pay more than
`funding_guard_pct`.
"""

STATE: Final = np.dtype(
    [
        ("cash_usdt", np.float64),
        ("peak_equity_usdt", np.float64),
        ("halted", np.int64),
        ("dir", np.int64),
        ("qty", np.int64),
        ("size", np.float64),
        ("entry_price", np.float64),
        ("entry_fee_usdt", np.float64),
        ("funding_usdt", np.float64),
        ("entry_time_ms", np.int64),
        ("decided_ms", np.int64),
        ("stop_ticks", np.int64),
        ("target_ticks", np.int64),
        ("first_stop_ticks", np.int64),
        ("first_target_ticks", np.int64),
        ("peak_close", np.float64),
        ("break_even_done", np.int64),
        ("held_closes", np.int64),
        ("worst_price", np.float64),
        ("best_price", np.float64),
        ("pending_dir", np.int64),
        ("pending_qty", np.int64),
        ("pending_stop_ticks", np.int64),
        ("pending_target_ticks", np.int64),
        ("pending_decided_ms", np.int64),
        ("pending_closes", np.int64),
        ("pending_cancelled", np.int64),
        ("stop_atr", np.float64),
        ("stop_level_long", np.float64),
        ("stop_level_short", np.float64),
        ("target_atr", np.float64),
        ("exit_qty", np.int64),
        ("exit_reason", np.int64),
        ("exit_decided_ms", np.int64),
        ("cooldown_left", np.int64),
        ("entries_day", np.int64),
        ("entries_count", np.int64),
        ("trade_id", np.int64),
        ("part", np.int64),
    ]
)
"""
Everything a decision remembers. Position: from `dir` to `best_price` (`size` is `qty` in base coin; entry fee and funding are
what is left of them after partial exits; `peak_close` is the trailing peak). Entry order under way: `pending_*`, of which
`pending_decided_ms` stays when it is over (`pending_closes` counts execution closes since its decision, `pending_cancelled` is
1 once its cancel was decided). Exit order under way: `exit_*`.
`stop_atr` to `target_atr` are those SIGNALS at the close that decided the last entry, for levels measured from its fill.
"""

SIGNALS: Final = np.dtype(
    [
        ("exit_all", np.float64),
        ("exit_long", np.float64),
        ("exit_short", np.float64),
        ("entry_long", np.float64),
        ("entry_short", np.float64),
        ("stop_atr", np.float64),
        ("stop_level_long", np.float64),
        ("stop_level_short", np.float64),
        ("target_atr", np.float64),
        ("trailing_atr", np.float64),
        ("exit_long_pct", np.float64),
        ("exit_short_pct", np.float64),
        ("funding_rate", np.float64),
        ("short_first", np.float64),
    ]
)
"""
What the columns say at one decision: truths (1, 0, NaN for unknown), the levels that risk refers to, the share that
the first true exit of a side closes (NaN: the one of RULES), the funding rate as a fraction, and 1 where the short is the first
of the entries that are true, in the order of the Play's list.
"""

INTENT: Final = np.dtype(
    [
        ("verdict", np.int64),
        ("action", np.int64),
        ("dir", np.int64),
        ("qty", np.int64),
        ("stop_ticks", np.int64),
        ("target_ticks", np.int64),
        ("reason", np.int64),
        ("percent", np.float64),
        ("amend", np.int64),
        ("cancel", np.int64),
        ("limit_ticks", np.int64),
        ("capped", np.int64),
        ("beyond_liquidation", np.int64),
        ("price_ref", np.float64),
        ("equity_usdt", np.float64),
    ]
)
"""
One decision. `amend` 1: the position's stop moves to `stop_ticks` (for `ENTER` it is the new position's). `cancel` 1: the entry
order that rests is to go. `limit_ticks` is the price of an entry order, 0 for one at the market. `reason` is a code of
`matching.records.REASONS`, `capped` 1 if a cap cut the size, `beyond_liquidation` 1 if the stop is kept beyond liquidation.
"""

TRADE: Final = np.dtype(
    [
        ("trade_id", np.int64),
        ("part", np.int64),
        ("dir", np.int64),
        ("decided_ms", np.int64),
        ("exit_decided_ms", np.int64),
        ("entry_time_ms", np.int64),
        ("exit_time_ms", np.int64),
        ("entry_price", np.float64),
        ("exit_price", np.float64),
        ("qty", np.int64),
        ("reason", np.int64),
        ("gross_usdt", np.float64),
        ("entry_fee_usdt", np.float64),
        ("fees_usdt", np.float64),
        ("funding_usdt", np.float64),
        ("net_usdt", np.float64),
        ("first_stop_ticks", np.int64),
        ("first_target_ticks", np.int64),
        ("last_stop_ticks", np.int64),
        ("last_target_ticks", np.int64),
        ("mae_pct", np.float64),
        ("mfe_pct", np.float64),
    ]
)
"""
One closing fill (play-language 10.10). `exit_decided_ms` is the close that decided on it, 0 for a fill that no decision asked
for, such as a stop's. `fees_usdt` includes `entry_fee_usdt`, the share of the entry's fee. `mae_pct` and
`mfe_pct` are magnitudes, never negative.
"""
