"""What no table says of a Play as a document, of time, and of the limits."""

from typing import Final

from playd.core.limits import PLAY_CASES, PLAY_CONDITIONS, PLAY_FILE_BYTES, PLAY_PARTS, PLAY_RULE_DEPTH, PLAY_SETUPS
from playd.core.timeframes import DAY_MS, TIMEFRAME_MS
from playd.plays.document import LEVELS, VALUES
from playd.plays.expressions import DURATION_MAX_MS, WINDOW_BARS
from playd.plays.names import BUILT_IN, OFFSET_BARS
from playd.plays.reference.rows import NOTHING, code, codes, table

HEAD: Final = """\
# The Play language

Every key of a Play with its type, unit, default and bounds; every condition, indicator and detector, and what each of them does
where values are missing. Tables are made from those that the checker reads, so they say what this version accepts.

    playd play check my_play.yml          # every error and warning, with line, key and what is valid
    playd play show my_play.yml           # the same Play with every default, its clocks, its history, its hash
    playd play test my_play.yml           # on the synthetic market of its `validation`
    playd play explain my_play.yml --candles BTCUSDT-1m.parquet --at 2025-06-03T12:00:00Z

`playd play new --template trend -o my_play.yml` begins one (also `reversion`, `breakout`, `structure`), `config/plays/` holds
examples with comments, and `config/schema/play.schema.json` says what stands here to an editor. Findings of the checker are
named like E301 or W602: [all of them](#what-the-checker-finds).
"""

CONTENTS: Final = (
    "A Play, line by line",
    "The file",
    "Sections and keys",
    "Time",
    "What a condition may name",
    "Conditions",
    "Actions",
    "Stop, target and size",
    "Indicators",
    "Structures",
    "Candle patterns",
    "Synthetic markets",
    "Why nothing was done",
    "What the checker finds",
    "What a Play cannot do",
)
"""Titles of the chapters, in their order."""

FILE: Final = """\
A Play is one YAML 1.2 document in UTF-8, a map at its root. Plain `on`, `off`, `yes` and `no` are text; truths are `true` and
`false`. No key may stand twice, and one without effect is refused (`deploy.dcp_window_s` alone is warned of). NaN and
infinities are refused, and so is the merge key `<<`. Anchors and aliases (`&x`, `*x`) are followed. References with brackets
need quotes (`"fib.level[0.5]"`), and so do operators of signs (`">"`). The order of keys never matters; the order of a list
may.

A file is named by its path, or by its stem if it lies in the plays folder. Every fault of a file that can be read is reported
at once: `file:line:column: code key.path: found …, expected …`, with the nearest valid name, and for spellings of older files
with the command that rewrites them.

**Names** of features, structures, setups and variables are `[A-Za-z_][A-Za-z0-9_]{0,63}`. Features and structures share one set
of names, without {BUILT_IN}.

**Variables.** `"$name"` as a complete value, anywhere but in keys, in `version`, `name` and in `variables` itself, is replaced
by the variable's value with its type, before anything is checked. `"$$x"` is the text `$x`. An undeclared name is E440; `--set
name=value` gives another value to a declared one. Inside a longer text `$` means nothing.

**Numbers.** A key that takes an integer takes `5.0` too; text that looks like a number is refused where a number is wanted. A
key that ends in `_pct` is in percent, one in `_bps` in hundredths of a percent, one in `_usdt` in USDT, one in `_atr` in
multiples of the ATR. The exceptions are `width_pct` and `break_tolerance_pct` of `derived_zone`, `value_area_pct`, and the
outputs `depth_pct` and `nearest_…_fill_pct`: these are fractions.

**Hashes.** Two Plays with the same hash (`playd play show`) decide the same. It leaves out {NOT_HASHED}. Comments, order of
keys and spelled-out defaults do not change it; variables count with their values.
"""

TIME: Final = """\
**Clocks.** A timeframe is one of {TIMEFRAMES} (`d` is read as `D`). Bars open at multiples of their length from 1970-01-01
00:00 UTC, so a day is a UTC day. Wherever a clock is asked for, one of the roles `low_tf`, `med_tf`, `high_tf` or `exec` may
stand for it. All clocks are rolled up from the candles that arrive, which are of one minute in a running daemon; a backtest
needs candles of which every clock of the Play is a whole number.

**Closed bars only.** A decision at time T reads bars that had closed at T. A value of a slower clock stays what it was at that
clock's last close: at 10:15 the hour is the one that closed at 10:00. A column of a faster clock shows its newest closed bar.

**When it is decided.** Every action is looked at when a bar of the execution clock closes. One whose conditions, setups
included, name `last_price` or `mark_price` is looked at at every minute's close instead; everything else that it names is still
of closed bars. In the list form this goes by the block. At most one entry is decided in an execution bar. An order that is
decided at a close can fill from the next minute's open on.

**Missing values.** A value is missing before the first bar at which its indicator is defined; where its definition leaves it
open (a zero divisor, the other side of `psar`); where the candle, the second symbol or the rate is not there; and when the last
bar of its clock that closed did so two of its lengths ago or earlier, so that a gap is bridged by one bar and no more. An
infinity is missing. Whatever compares a missing value is *unknown*, which is neither true nor false ([below](#conditions)).
Numbers and levels of structures are missing until something sets them, and without a bar of their clock; counts begin with 0,
flags with false, words with `none`.

**Warm-up.** For each indicator below stand its *first* value (the bar at which it appears, the first bar of its input being 0)
and the bars that are loaded beyond it, so that how it began no longer shows: an exponential average never forgets its first
value, it fades. Before a running instance decides anything, the longest of these over all that its rules and its risk name is
loaded, likewise in a backtest over recorded candles whose window begins later than they do. `playd play show` prints it per
clock. What is not named by a rule costs nothing and is not waited for; `metadata` is not a rule. Nothing else is waited for
either: what is still missing at the first decision, because the candles do not reach back so far or a detector has found
nothing yet, is unknown and fires nothing. An `offset` of k and a window of k bars need k bars more.

A running instance stores the open time of the first bar that it was fed and warms up from it again after a restart, so that it
decides the same.

**Missing minutes.** A minute that is not in the data is skipped. A slower bar is made of the minutes that are there; one whose
last minute is missing closes without a decision (`late_data`), and what counts closes (cool-down, time exit, expiry) does not
count it.
"""

LIMITS_HEAD: Final = "What is larger than this is refused when the file is read, and never later.\n\n"


def limits() -> str:
    """The bounds of a file and of its rules."""
    rows = (
        ("size of the file", f"{PLAY_FILE_BYTES // 1024} KiB ({PLAY_FILE_BYTES:,} bytes)", "E100"),
        ("values in it, aliases followed", f"{VALUES:,}", "E100"),
        ("nesting of lists and maps", f"{LEVELS} levels", "E100"),
        (
            "conditions of all rules, with `all`, `any`, `not` and windows, setups written out wherever they are used",
            f"{PLAY_CONDITIONS:,}",
            "E106",
        ),
        ("levels of one rule, setups written out", f"{PLAY_RULE_DEPTH}", "E106"),
        ("parts side by side in one `all`, `any` or list", f"{PLAY_PARTS}", "E106"),
        ("places that emit one action", f"{PLAY_PARTS}", "E106"),
        ("cases of one block", f"{PLAY_CASES}", "E106"),
        ("setups", f"{PLAY_SETUPS}", "E106"),
        ("chain of features that are each other's `source`", f"{PLAY_RULE_DEPTH}", "E304"),
        ("`offset` of a reference", f"{OFFSET_BARS:,} bars", "E106"),
        ("`bars` of a window", f"1…{WINDOW_BARS:,}", "E106"),
        (
            "`duration` of a window",
            f"one bar of the clock on which it is looked at … {DURATION_MAX_MS // DAY_MS} d",
            "E442, E106",
        ),
        ("length of a name", "64 characters", "E107"),
        ("symbols", "one that is traded, one that is read", NOTHING),
        ("positions", "one, in one direction", "E106"),
    )
    return LIMITS_HEAD + table(("what", "most", "finding"), rows)


def file_rules(not_hashed: tuple[str, ...]) -> str:
    """The chapter about the file."""
    return FILE.replace("{BUILT_IN}", codes(BUILT_IN)).replace("{NOT_HASHED}", codes(not_hashed))


def time_rules() -> str:
    """The chapter about clocks."""
    return TIME.replace("{TIMEFRAMES}", " ".join(code(name) for name in TIMEFRAME_MS))
