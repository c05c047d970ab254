"""Zones, gaps, blocks and liquidity in Plays: warm-up, words, slots, and that the examples trade."""

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from tests.kernel_runs import walk
from tests.unit.plays.plays_of import START_MS, columns_of, load

MINUTE_MS = 60_000
ROWS = walk(3000, seed=4, step=0.004)
FIELDS = ("open", "high", "low", "close", "volume")
MARKET = Candles("BTCUSDT", MINUTE_MS, START_MS + MINUTE_MS * np.arange(3000), *(ROWS[name] for name in FIELDS))

SPECS = {
    "s": "{type: swing, key: s, params: {left: 2, right: 2}}",
    "ms": "{type: market_structure, key: ms, uses: s}",
    "d": "{type: displacement, key: d, params: {body_atr_min: 0.8, wick_ratio_max: 1}}",
    "gap": "{type: fair_value_gap, key: gap}",
    "ob": "{type: order_block, key: ob}",
    "ob_d": "{type: order_block, key: ob_d, uses: d}",
    "ob_s": "{type: order_block, key: ob_s, uses: s}",
    "brk": "{type: breaker_block, key: brk, uses: [ms, ob_d]}",
    "fibs": "{type: derived_zone, key: fibs, uses: s, params: {levels: [0.5, 1], max_active: 3, break_tolerance_pct: 0.01}}",
    "liq": "{type: liquidity_zones, key: liq, uses: s}",
    "pd": "{type: premium_discount, key: pd, uses: s}",
}
STRUCTURES = f"structures: {{exec: [{', '.join(SPECS.values())}]}}"

ATR = 14 + 8 * 14
WINDOW = 2 + 2 + 1


@pytest.mark.parametrize(
    ("output", "bars"),
    [
        ("d.version", 150),
        ("gap.version", 200),
        ("ob.version", 200),
        ("ob_d.version", 200),
        ("fibs.active_count", 10 * WINDOW),
        ("liq.version", 30 * WINDOW),
        ("pd.version", 10 * WINDOW),
        ("brk.version", 200),
    ],
)
def test_warm_up_is_what_the_tables_say_and_what_the_atr_adds(output: str, bars: int) -> None:
    """A breaker waits for the slower of what it uses: 200 bars of the order block, not 30 windows of the market structure."""
    program = compile_program(load(f'{{all: [["{output}", ">", 0]]}}', more=STRUCTURES), MINUTE_MS)
    assert program.warmup_ms // MINUTE_MS == bars + ATR


def test_every_detector_is_the_same_one_bar_at_a_time() -> None:
    conditions = [
        '["brk.version", ">", 0]',
        '["fibs.zone[0].inside", "==", true]',
        '["fibs.zone2_state", "!=", "broken"]',
        '["liq.sweep_direction", "in", [1, -1]]',
        '["pd.zone", "in", ["premium", "discount"]]',
        '["gap.nearest_bear_fill_pct", "<", 0.4]',
        '["ob_s.active_bull_count", ">", 0]',
    ]
    play = load(f"{{any: [{', '.join(conditions)}]}}", more=STRUCTURES)
    whole, single = columns_of(play, MARKET), Columns(compile_program(play, MINUTE_MS), 1)
    for i in range(len(MARKET)):
        single.extend_one(MARKET.at(i))
    for name in ("fibs.zone[0].inside", "fibs.zone[2].state", "pd.zone", "brk.version", "liq.sweep_direction", "gap.version"):
        assert len(np.unique(whole.column(name))) > 1, f"{name} never changes"
        assert np.array_equal(whole.column(name), single.column(name), equal_nan=True), name
    assert whole.column("actions.entry_long").tobytes() == single.column("actions.entry_long").tobytes()
