"""
Every key of a Play, section by section, as data. Checker and JSON Schema read these tables.

Keys that need more than type, word and range are checked where their section is read; their `meaning` says so.
"""

from typing import Final

from playd.kernels.catalog import STRUCTURES
from playd.plays.reader import Key, Table

ROLES: Final = ("low_tf", "med_tf", "high_tf")
PRICES: Final = ("open", "high", "low", "close", "volume")
DERIVED_PRICES: Final = ("hl2", "hlc3", "ohlc4")

ACCOUNT: Final = Table(
    (
        Key("starting_equity_usdt", "number", "equity at the start", default=10000, low=0, above=True, unit="USDT"),
        Key("max_leverage", "number", "leverage set at the venue", default=1, low=1, high=100, unit="×"),
        Key(
            "max_drawdown_pct",
            "number",
            "loss from the highest equity that ends the run; 100 is off",
            default=100,
            low=0,
            above=True,
            high=100,
            unit="%",
        ),
        Key("margin_mode", "word", "the only mode", default="isolated_usdt", words=("isolated_usdt",)),
        Key("fee_model", "map", "fees: taker_bps and maker_bps"),
        Key("slippage_bps", "number", "against us, on market fills", default=2.0, low=0, high=1000, unit="bps"),
        Key("min_trade_notional_usdt", "number", "smaller entries are refused", default=10, low=0, unit="USDT"),
        Key(
            "maintenance_margin_rate",
            "number",
            "as a fraction, where the instrument has no tiers",
            default=0.005,
            low=0,
            high=0.5,
        ),
        Key("mm_deduction", "number", "of the maintenance margin, where it has none", default=0, low=0, unit="USDT"),
        Key(
            "on_sl_beyond_liq",
            "word",
            "what becomes of a stop beyond liquidation",
            default="reject",
            words=("reject", "adjust", "warn"),
        ),
        Key(
            "risk_per_trade_pct",
            "number",
            "margin of an entry, without a risk map",
            default=1.0,
            low=0,
            above=True,
            high=100,
            unit="%",
        ),
    ),
    older={
        "initial_capital_usdt": "`starting_equity_usdt`",
        "leverage": "`max_leverage`",
        "fee_rate_pct": "`fee_model.taker_bps` (percent times 100)",
        "max_notional_usdt": "nothing: it had no effect",
        "max_margin_usdt": "nothing: it had no effect",
    },
)

SECOND_SYMBOL: Final = Table((Key("symbol", "text", "linear USDT perpetual, upper case, not the traded one", required=True),))

FEE_MODEL: Final = Table(
    (
        Key("taker_bps", "number", "fee of market fills", default=5.5, low=0, high=100, unit="bps"),
        Key("maker_bps", "number", "fee of resting fills; negative is a rebate", default=2.0, low=-10, high=100, unit="bps"),
    )
)

BACKTEST: Final = Table(
    (
        Key("equity_usdt", "number", "in place of account.starting_equity_usdt", low=0, above=True, unit="USDT"),
        Key("slippage_bps", "number", "in place of account.slippage_bps", low=0, high=1000, unit="bps"),
    )
)

DEPLOY: Final = Table(
    (
        Key("capital_usdt", "number", "share of the account; default starting_equity_usdt", low=0, above=True, unit="USDT"),
        Key("settle_coin", "word", "the only coin", default="USDT", words=("USDT",)),
        Key("dcp_window_s", "int", "accepted, without effect (W903)", default=30, low=3, high=300, unit="s"),
    )
)

TIMEFRAME_TABLE: Final = Table(
    (
        *(Key(role, "text", "a timeframe", required=True) for role in ROLES),
        Key("exec", "word", "the role whose timeframe is the execution clock", required=True, words=ROLES),
    ),
    older={"ltf": "`low_tf`", "mtf": "`med_tf`", "htf": "`high_tf`", "exec_tf": "`exec`"},
)

FEATURE: Final = Table(
    (
        Key("indicator", "text", "a name of the indicator catalog", required=True),
        Key("params", "map", "that indicator's parameters"),
        Key("tf", "text", "timeframe, role or exec: the feature's clock", default="exec"),
        Key("source", "text", "input of a single-series indicator: a price or another feature", default="close"),
    ),
    older={"timeframe": "`tf`", "type": "`indicator`", "indicator_type": "`indicator`", "input_source": "`source`"},
)

STRUCTURE: Final = Table(
    (
        Key("type", "word", "a detector", required=True, words=tuple(STRUCTURES)),
        Key("key", "text", "id in references", required=True),
        Key("params", "map", "that detector's parameters"),
        Key("uses", "any", "ids of structures on the same clock that it reads: one, or a list"),
    ),
    older={
        "depends_on": "`uses`",
        **dict.fromkeys(("tf", "timeframe"), "the clock that it stands below"),
        **dict.fromkeys(("id", "block_id", "output_key"), "`key`"),
        **dict.fromkeys(("indicator", "structure_type", "block_type"), "`type`"),
    },
)

POLICY: Final = Table(
    (
        Key("mode", "word", "sides that are entered", default="long_only", words=("long_only", "short_only", "long_short")),
        Key("exit_mode", "word", "what may end a position", default="sl_tp_only", words=("sl_tp_only", "signal", "first_hit")),
        Key("max_positions_per_symbol", "int", "positions at a time", default=1, low=1, high=1),
        *(Key(name, "bool", "not offered: false alone") for name in ("allow_flip", "allow_scale_in", "allow_scale_out")),
        Key("cooldown_bars", "any", "closed execution bars without entry: an integer or {exit, stop}", default=0),
        Key("max_entries_per_day", "int", "entry fills per UTC day", low=1, high=1000),
        Key("time_exit_bars", "int", "market exit after that many execution closes", low=1, high=100000),
        Key("trading_windows", "list", "entries only inside these times"),
        Key("funding_guard", "map", "no entry shortly before an expensive funding stamp"),
    ),
    older={"max_positions": "`max_positions_per_symbol`", "pyramid_mode": "nothing: it is not offered"},
)

COOLDOWN: Final = Table(
    (
        Key("exit", "int", "after every other exit", default=0, low=0, high=10000, unit="bars"),
        Key("stop", "int", "after stops and liquidations", default=0, low=0, high=10000, unit="bars"),
    )
)

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

TRADING_WINDOW: Final = Table(
    (
        Key("days", "list", "days of mon … sun; default all"),
        Key("from", "text", "HH:MM, included", required=True),
        Key("to", "text", "HH:MM, excluded; not after `from` runs past midnight", required=True),
        Key("zone", "text", "IANA name", default="UTC"),
    )
)

FUNDING_GUARD: Final = Table(
    (
        Key("max_rate_pct", "number", "highest cost of one stamp", required=True, low=0, unit="%"),
        Key("within_min", "int", "minutes before the stamp", required=True, low=1, high=1440, unit="min"),
    )
)

ENTRY: Final = Table(
    (
        Key("order_type", "word", "order type", default="MARKET", words=("MARKET", "LIMIT"), any_case=True),
        Key("limit_offset_pct", "number", "limit price away from the close, better for us", default=0, low=0, unit="%"),
        Key("time_in_force", "word", "with LIMIT", default="GTC", words=("GTC", "IOC", "FOK", "PostOnly"), any_case=True),
        Key("expire_after_bars", "int", "execution closes until cancelled; 0 never", default=0, low=0, high=10000, unit="bars"),
    )
)

VALIDATION: Final = Table(
    (
        Key("pattern", "text", "synthetic pattern", default="trend_up_clean"),
        Key("bars", "int", "execution bars", low=50, high=1_000_000, unit="bars"),
        Key("seed", "int", "random seed", default=42, low=0),
        Key("expect_direction", "word", "side that must be traded", words=("long", "short")),
        Key("expect_entries", "list", "[min, max] entries"),
        Key("min_win_rate", "number", "as a fraction", low=0, high=1),
        Key("max_drawdown_pct", "number", "of the trial", low=0, high=100, unit="%"),
    )
)

EXPECTED: Final = Table(
    (Key("min_trades", "int", "trades of the trial", low=0),),
    older={"pnl_direction": "`validation.expect_direction`", "max_trades": "nothing: it was not checked"},
)

DATE_RANGE: Final = Table(
    (
        Key("start", "text", "YYYY-MM-DD or RFC 3339, included"),
        Key("end", "text", "YYYY-MM-DD or RFC 3339, excluded"),
    )
)

_ELSEWHERE: Final = {
    **{
        key.name: f"`{section}.{key.name}`"
        for section, table in (
            ("timeframes", TIMEFRAME_TABLE),
            ("position_policy", POLICY),
            ("entry", ENTRY),
            ("validation", VALIDATION),
            ("account", ACCOUNT),
        )
        for key in table.keys
    },
    **dict.fromkeys(("initial_capital_usdt", "initial_capital", "capital", "equity"), "`account.starting_equity_usdt`"),
    **dict.fromkeys(
        ("stop_loss", "take_profit", "trailing", "break_even", "tp_order_type", "sl_order_type"), "a key of `risk_model`"
    ),
    **dict.fromkeys(("stop_loss_pct", "take_profit_pct", "max_position_pct"), "a key of `risk`"),
    **dict.fromkeys(("sizing", "position_size", "size"), "`risk_model.sizing`"),
    "leverage": "`account.max_leverage`",
    **dict.fromkeys(("fees", "fee_rate_pct", "commission"), "`account.fee_model`"),
    "slippage": "`account.slippage_bps`",
    **dict.fromkeys(("exec", "timeframe", "interval"), "`timeframes` with low_tf, med_tf, high_tf, exec"),
    **dict.fromkeys(("indicators", "inputs"), "`features`"),
    **dict.fromkeys(("pair", "ticker", "instrument", "market"), "`symbol`"),
    **dict.fromkeys(("rules", "conditions", "signals", "entries", "exits", "entry_rules", "exit_rules"), "`actions`"),
    **dict.fromkeys(("entry_long", "entry_short", "exit_long", "exit_short", "exit_all"), "a key of `actions`"),
    **dict.fromkeys(("params", "parameters", "constants"), "`variables`"),
    **dict.fromkeys(("filters", "macros"), "`setups`"),
}
"""What people write at the top of a file to where it belongs."""

TOP: Final = Table(
    (
        Key("version", "text", 'exactly "3.0.0"', required=True),
        Key("name", "text", "identity for people, [A-Za-z0-9_.-]{1,64}; not hashed", required=True),
        Key("description", "text", "free text, never interpreted", default=""),
        Key("tags", "list", "labels for listing and filtering; not hashed"),
        Key("symbol", "text", "linear USDT perpetual, upper case, e.g. BTCUSDT", required=True),
        Key("reference", "map", "a second symbol that is read, never traded"),
        Key("account", "map", "money and venue assumptions", required=True),
        Key("backtest", "map", "overrides of the account for backtests alone"),
        Key("deploy", "map", "what a run at a venue uses"),
        Key("timeframes", "map", "three roles and the execution clock", required=True),
        Key("variables", "map", "name to number, text or boolean; used as $name"),
        Key("features", "map", "id to indicator"),
        Key("structures", "map", "clock to list of detectors"),
        Key("setups", "map", "name to expression; used as {setup: name}"),
        Key("actions", "any", "what to do when: a map of action to expression, or a list of blocks", required=True),
        Key("position_policy", "map", "sides, exits, limits"),
        Key("risk", "map", "stop, target and size, short form"),
        Key("risk_model", "map", "stop, target and size, full form"),
        Key("entry", "map", "order type of entries"),
        Key("validation", "map", "how to try the Play"),
        Key("synthetic", "map", "the same as validation"),
        Key("expected", "map", "what a trial must show"),
        Key("date_range", "map", "default window of backtests"),
    ),
    older={
        "id": "`name`",
        "symbol_universe": "`symbol`",
        **dict.fromkeys(
            ("tf", "execution_tf", "exec_tf", "htf", "mtf", "ltf", "tf_mapping"),
            "`timeframes` with low_tf, med_tf, high_tf, exec",
        ),
        "blocks": "`actions`",
        "tf_configs": "`features`",
        "signal_rules": "`actions`",
        "risk_limits": "`account.max_drawdown_pct`",
        "market_structure_blocks": "`structures`",
        "_test_metadata": "`validation`",
    },
    elsewhere=_ELSEWHERE,
)
