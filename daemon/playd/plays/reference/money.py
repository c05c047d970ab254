"""Stop, target and size: keys of each kind, and what no table says of them."""

from collections.abc import Mapping
from typing import Final

from playd.plays.reader import Key, Table
from playd.plays.reference.rows import NOTHING, code, default_of, keys_of, table, takes
from playd.plays.risk_tables import BREAK_EVEN, RISK, RISK_MODEL, SIZING, STOPS, TARGETS, TRAILING

_HEAD: Final = """\
Either `risk_model`, or the short form `risk`, not both (E501). With neither there is no stop and no target, and
`account.risk_per_trade_pct` of equity is committed as margin (W505 where that is not written).

"""

_RISK: Final = """\
In the short form each side is written once, as `…_pct` or as a map; `none` (the word) says that there is none, and leaving one
out is E504. The size is `max_position_pct` of equity as margin.

"""

_REFERENCE: Final = """\
**E**, the price from which levels are measured, is the close at which the action fired, with `anchor: signal`: of the execution
bar, or of the minute for an action of minutes, for limit entries too. With `anchor: fill` the entry is sent with the levels of
the close, and when it has filled both are measured again from the average fill price, with the ATR of the close that decided. Λ
is `account.max_leverage`. Levels are rounded to the venue's tick towards E.

"""

STOP_WORDS: Final[dict[str, str]] = {
    "percent": "E · value / 100 / Λ: that share of the **margin** is lost at the stop. With `basis: price` E · value / 100",
    "atr_multiple": "value · ATR + E · buffer_pct / 100",
    "fixed_points": "value",
    "structure": (
        "from E to the level of that side, and E · buffer_pct / 100 beyond it; the key of every side that is entered is needed"
    ),
    "trailing_atr": "value · ATR at the entry, then it trails by as much",
    "trailing_pct": "E · trail_pct / 100 at the entry, then it trails by that percentage of the best close",
}
"""Kind of stop to its distance from E."""

TARGET_WORDS: Final[dict[str, str]] = {
    "percent": "E · value / 100 / Λ, or with `basis: price` E · value / 100",
    "atr_multiple": "value · ATR",
    "fixed_points": "value",
    "rr_ratio": "value times the distance of the stop, without its buffer; needs a stop (E506)",
}
"""Kind of target to its distance from E."""

SIZING_WORDS: Final[dict[str, str]] = {
    "percent_equity": "equity · value / 100 · Λ: percent of equity committed as margin, at most 100",
    "risk_based": (
        "equity · value / 100 · E / distance of the stop: percent of equity lost at the stop, before fees and slippage, at"
        " most 100; needs a stop (E508)"
    ),
    "fixed_usdt": "value, in USDT",
}
"""Model of size to the notional that it asks for."""

_AT_RUN: Final = """\
A level whose value is missing when the action fires, a stop that is not on the losing side of E, and a target at 0 or below
refuse the entry ([verdicts](#why-nothing-was-done)).

"""

_MOVES: Final = """\
**Trailing** and **break-even** move the stop at closes of the execution clock, only ever tighter, and the moved stop is in
force from the next minute on; if that close has passed it already, the position is left at the market. The best close begins
with the entry price; trailing acts from the first close on at which the best one is `activation_pct` beyond the entry price.
Where the ATR is missing nothing moves. `trailing` needs one of `atr_feature_id` and `trail_pct` (E507). A kind of stop that
trails has these keys inside and refuses `trailing` beside it.

"""

_BREAK_EVEN: Final = """\
Break-even acts once, at the first close `activation_pct` beyond the entry price: the stop goes to the entry price and
`offset_pct` beyond it.

"""

_ORDERS: Final = """\
**Orders.** Stops are triggered by the last price. `tp_order_type: Limit` rests in the book as a maker. `sl_order_type: Limit`
may not fill when price jumps over it (W504), and runs in backtest and shadow only: paper, demo and live refuse it (W904). Where
one minute touches both, backtest, shadow and local exchange count the stop as first.

"""

_SIZE: Final = """\
**Size.** A notional is cut to 95 % of equity · Λ, and to what margin and fees leave of the equity. The quantity is rounded down
to the venue's step; below `min_trade_notional_usdt` or the venue's minimum the entry is refused, above its maximum it is cut.

"""


def money_chapter() -> str:
    """The whole chapter."""
    return "".join(
        (
            _HEAD,
            "### risk_model\n\n",
            keys_of(RISK_MODEL),
            "\n### risk\n\n",
            _RISK,
            keys_of(RISK),
            "\n### Stops and targets\n\n",
            _REFERENCE,
            _levels("stop", STOPS, STOP_WORDS),
            "\n",
            _levels("target", TARGETS, TARGET_WORDS),
            "\n",
            _AT_RUN,
            _ORDERS,
            "### trailing, break_even\n\n",
            _MOVES,
            keys_of(TRAILING),
            "\n",
            _BREAK_EVEN,
            keys_of(BREAK_EVEN),
            "\n### sizing\n\n",
            keys_of(SIZING),
            "\n",
            table(("model", "notional"), [(code(name), words) for name, words in SIZING_WORDS.items()]),
            "\n",
            _SIZE.rstrip("\n") + "\n",
        )
    )


def _levels(what: str, kinds: Mapping[str, Table], words: Mapping[str, str]) -> str:
    """Kinds of stop or target: their distance from E, and their keys."""
    rows = [(code(kind), words[kind], _keys(keys)) for kind, keys in kinds.items()]
    return table((f"`type` of a {what}", "distance from E", "keys"), rows)


def _keys(keys: Table) -> str:
    """The keys of a kind on one line."""
    return "<br>".join(
        f"{code(key.name)}: {'reference' if key.kind == 'any' else takes(key)}{_default(key)}"
        for key in keys.keys
        if key.name != "type"
    )


def _default(key: Key) -> str:
    """The default behind what a key takes, nothing where there is none."""
    shown = default_of(key)
    return "" if shown == NOTHING else f", {shown}" if key.required else f"; default {shown}"
