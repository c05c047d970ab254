"""The sections of a Play: the keys of each, and what no table says of them."""

from typing import Final

from playd.plays.actions import BLOCK, CASE, ELSE, EMIT, FIXED_ORDER, RESERVED_METADATA
from playd.plays.reference.rows import codes, keys_of
from playd.plays.tables import (
    ACCOUNT,
    BACKTEST,
    COOLDOWN,
    DATE_RANGE,
    DEPLOY,
    ENTRY,
    EXPECTED,
    FEATURE,
    FEE_MODEL,
    FUNDING_GUARD,
    POLICY,
    SECOND_SYMBOL,
    STRUCTURE,
    TIMEFRAME_TABLE,
    TOP,
    TRADING_WINDOW,
    VALIDATION,
)

_TOP: Final = """\
A section that is left out has its defaults. What `variables` are, the chapter above says; `actions`, `risk` and `risk_model`
have chapters of their own below. "A form of its own" is described where it stands.

"""

_ACCOUNT: Final = """\
`starting_equity_usdt` is what a backtest begins with; what an instance may use of an account is `deploy.capital_usdt`, or
`--capital` of `playctl add`. Fees and slippage are those of backtest, shadow and local exchange; a venue takes its own.
`max_leverage` is set at the venue, and is Λ in what follows.

`max_drawdown_pct` is looked at at every close of the execution clock: if equity is that far below the highest it had at such a
close, the position is left at the market, resting entries are cancelled, and the Play stops; a person starts it again.
`on_sl_beyond_liq` says what becomes of an entry whose stop is 99.9 % of the way to its liquidation price or beyond: `reject`
refuses it, `adjust` puts the stop there, `warn` leaves it. `risk_per_trade_pct` counts without `risk` and `risk_model` only
(E104).

"""

_FEATURES: Final = """\
Map of id to:

"""

_FEATURE_NOTES: Final = """\
`source` is one of `open`, `high`, `low`, `close`, `volume`, `hl2`, `hlc3`, `ohlc4`; `reference`, the close of the second
symbol; or another feature on the same clock, `id` or `id.field`, of type FLOAT or INT. It belongs to indicators that read one
series, marked *source* below; on others it is E303. A feature on a clock that is no role loads one more (W301). One that
nothing names is W602 and computed nowhere.

"""

_STRUCTURES: Final = """\
Map of clock (a role, `exec` or a timeframe) to a list of:

"""

_STRUCTURE_NOTES: Final = """\
`uses` names structures on the same clock, one of each kind that the detector reads, in any order of the file; no circle (E313).

"""

_POLICY: Final = """\
The four keys about several positions are read and take one value only. An entry of a side that `mode` does not allow never acts
(W453).

`exit_mode` is a promise about how positions end, which is checked when the file is read:

* `sl_tp_only` needs a stop and a target, and refuses exit actions and `time_exit_bars` (E502).
* `signal` needs for each side that is entered an exit action, a stop or `time_exit_bars` (E503; W503 without an exit action).
* `first_hit` needs for each side a stop, a target, an exit action or `time_exit_bars` (E503).

Whatever is declared is in force in all three: the first of liquidation, stop, target, exit action and time closes the position.
A Play without a stop is W501: backtest and shadow run it, paper, demo and live refuse it.

`cooldown_bars`, `max_entries_per_day`, `trading_windows` and `funding_guard` refuse entries and never an exit. An entry that
was refused is not kept; it is decided anew where its action is true at a later close.

* `cooldown_bars` counts closes of the execution clock after the bar in which the position closed: stopped at 10:07 on bars of
  15 minutes with `stop: 8`, the first entry may be decided at 12:15. An integer stands for both keys.
* `max_entries_per_day` counts entries that were filled, by UTC day.
* `time_exit_bars` counts closes since the fill; the close of the bar in which it was filled is the first.

"""

_WINDOW: Final = """\
**Sessions.** `trading_windows` is a list of:

"""

_WINDOW_NOTES: Final = """\
An entry is allowed if the time of its decision, which is the close of a bar, lies in one of them: `from` ≤ time < `to` in local
time of `zone`. A window whose `to` is not after its `from` runs past midnight and belongs to the day on which it began. In a
zone with summer time the window moves in UTC (W603).

`funding_guard` refuses an entry while the next funding stamp is at most `within_min` minutes away and would cost more than
`max_rate_pct`; if the rate is not known it refuses too (W303).

"""

_ENTRY: Final = """\
`limit_offset_pct`, `time_in_force` and `expire_after_bars` need `order_type: LIMIT` (E509). In backtest, shadow and on the
local exchange a limit order arrives at the next minute's open: marketable there, it fills at the open and pays the taker's fee,
a `PostOnly` is refused; else `GTC` and `PostOnly` rest and pay the maker's fee, `IOC` and `FOK` are cancelled. While an entry
rests no other is decided; an exit action of its side, the drawdown rule and a halt cancel it. `expire_after_bars` belongs to
`GTC` and `PostOnly` (E104).

"""

_TRIAL: Final = """\
How to try the Play. None of it changes a decision or the hash. `synthetic` is another name for `validation`; both are E104.

"""

_ACTIONS: Final = f"""\
**As a map** of action to expression; beside the keys of the expression may stand `metadata` and, for exits, `percent`. Actions
are {codes(FIXED_ORDER)}, and in this order they are tried, whatever the order of the file.

**As a list** of blocks, tried in their order. In a block the first case whose `when` is true emits, and no other; a case that
is false or unknown is passed over. `else` emits only if every case is false: if one is unknown, nothing is emitted.

"""

_ACTION_NOTES: Final = f"""\
An item of `emit` is the name of an action, or a map:

{{EMIT}}

`metadata` maps names to numbers, text, truths or `{{feature_id, field, offset}}`. The values are kept with the order and in the
record of the trade; one that is missing is null there. It changes no order; {codes(RESERVED_METADATA)} are no names for it
(E445).

**What becomes of a true action.** Entries are looked at while there is no position, exits while there is one of their side
(`exit_all`: of either). So leaving and entering again are two decisions, and there are no flips. Of two entries that are true
at once the first in order is tried, the other if that one is refused. Exits due to drawdown, to a stop that the close has
passed, and to time go before exit actions.

An exit is a reduce-only market order for `percent` of the position, rounded down to the venue's step; if the rest would be
below the venue's minimum, all of it is closed. If several exits are true, the first one's share counts. A position whose exit
is under way gets no second one. Stop and target stay as they are for what is left.

"""


def sections_chapter() -> str:
    """Every section that has one chapter alone for all of them."""
    parts = [
        _TOP,
        keys_of(TOP),
        _titled("account", keys_of(ACCOUNT), "`fee_model`:", keys_of(FEE_MODEL), _ACCOUNT),
        _titled("backtest", keys_of(BACKTEST)),
        _titled("deploy", keys_of(DEPLOY)),
        _titled("timeframes", keys_of(TIMEFRAME_TABLE), "low_tf ≤ med_tf ≤ high_tf, which may be equal (E211)."),
        _titled(
            "reference", keys_of(SECOND_SYMBOL), "Another symbol than the one that is traded (E202). No order ever names it."
        ),
        _titled("features", _FEATURES, keys_of(FEATURE), _FEATURE_NOTES),
        _titled("structures", _STRUCTURES, keys_of(STRUCTURE), _STRUCTURE_NOTES),
        _titled("setups", "Map of name to [expression](#conditions). A setup that nothing names is W602."),
        _titled(
            "position_policy",
            keys_of(POLICY),
            _POLICY,
            "`cooldown_bars` as a map:",
            keys_of(COOLDOWN),
            _WINDOW,
            keys_of(TRADING_WINDOW),
            _WINDOW_NOTES,
            keys_of(FUNDING_GUARD),
        ),
        _titled("entry", keys_of(ENTRY), _ENTRY),
        _titled("validation, expected, date_range", _TRIAL, keys_of(VALIDATION), keys_of(EXPECTED), keys_of(DATE_RANGE)),
    ]
    return "".join(parts)


def actions_chapter() -> str:
    """Actions in both forms."""
    forms = ("A block:", keys_of(BLOCK), "A case:", keys_of(CASE), "`else`:", keys_of(ELSE))
    notes = _ACTION_NOTES.replace("{EMIT}", keys_of(EMIT))
    return _ACTIONS + "".join(f"{part.rstrip(chr(10))}\n\n" for part in forms) + notes.rstrip("\n") + "\n"


def _titled(name: str, *parts: str) -> str:
    """A section below its name."""
    return f"\n### {name}\n\n" + "\n\n".join(part.rstrip("\n") for part in parts) + "\n"
