"""Structures in Plays: names, words, clocks, dependencies, what metadata and the Program say of them (2.7, 4.3, 6.1)."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.errors import PlayError
from playd.engine.notes import NoteReader
from playd.kernels.catalog import STRUCTURES
from playd.kernels.structures.spec import Settings
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.values import value_at
from tests.kernel_runs import Floats, prefixed, run_structure, walk
from tests.unit.plays.plays_of import START_MS, columns_of, load, market, play_text, truths

MINUTE_MS = 60_000
EXAMPLE = Path(__file__).parents[3] / "config" / "plays" / "structure_breaks.yml"

SWING = "{type: swing, key: s, params: {left: 2, right: 2}}"
ROWS = walk(4000, seed=3, step=0.004)
FIELDS = ("open", "high", "low", "close", "volume")
MARKET = Candles("BTCUSDT", MINUTE_MS, START_MS + MINUTE_MS * np.arange(4000), *(ROWS[name] for name in FIELDS))


def structures(*specs: str, clock: str = "exec") -> str:
    return f"structures: {{{clock}: [{', '.join(specs)}]}}"


def rows_of() -> dict[str, Floats]:
    return {**ROWS, "index": MARKET.open_time_ms / MINUTE_MS}


def test_a_play_sees_what_the_kernel_finds_whatever_the_order_of_the_file() -> None:
    first = structures("{type: market_structure, key: ms, uses: s}", SWING)
    second = structures(SWING, "{type: market_structure, key: ms, uses: [s]}")
    condition = '{all: [["ms.bias", "==", 1]]}'
    assert load(condition, more=first).play_hash == load(condition, more=second).play_hash
    columns = columns_of(load(condition, more=first), MARKET)
    swing = run_structure("swing", rows_of(), {"left": 2, "right": 2})
    expected = run_structure("market_structure", rows_of(), {}, prefixed("swing", swing))
    for name, row in expected.items():
        assert np.array_equal(columns.column(f"ms.{name}"), row, equal_nan=True)


def test_structures_that_others_use_have_named_columns_too() -> None:
    play = load('{all: [["ms.bias", "==", 1]]}', more=structures(SWING, "{type: market_structure, key: ms, uses: s}"))
    swing = run_structure("swing", rows_of(), {"left": 2, "right": 2})
    assert np.array_equal(columns_of(play, MARKET).column("s.high_level"), swing["high_level"], equal_nan=True)


def test_a_field_can_be_looked_at_bars_back_on_its_own_clock() -> None:
    earlier = "{feature_id: s, field: version, offset: 2}"
    play = load(f'{{all: [["s.version", ">", {earlier}]]}}', more=structures(SWING, clock="15m"))
    columns = columns_of(play, MARKET)
    versions, seen = columns.column("s.version"), columns.column("actions.entry_long.all[0].rhs")
    assert seen[1499] == versions[1500 // 15 - 1 - 2]
    assert len(np.unique(versions)) > 10


def test_what_the_kernel_finds_is_the_same_one_bar_at_a_time() -> None:
    zone = "{type: zone, key: z, uses: s, params: {zone_type: supply, width_atr: 1}}"
    play = load('{all: [["z.state", "==", "active"]]}', more=structures(SWING, zone, clock="15m"))
    whole = columns_of(play, MARKET)
    single = Columns(compile_program(play, MINUTE_MS), 1)
    for i in range(len(MARKET)):
        single.extend_one(MARKET.at(i))
    for name in ("z.state", "z.upper", "actions.entry_long"):
        assert np.array_equal(whole.column(name), single.column(name), equal_nan=True)


def test_a_slower_structure_is_seen_through_closed_bars_and_missing_before_the_first() -> None:
    play = load('{all: [["s.version", ">=", 0]]}', more=structures(SWING, clock="1h"))
    columns = columns_of(play, MARKET)
    seen, hourly = columns.column("actions.entry_long.all[0].lhs"), columns.column("s.version")
    assert np.all(np.isnan(seen[:59]))
    for i in range(59, 600):
        assert seen[i] == hourly[(i + 1) // 60 - 1]


@pytest.mark.parametrize("spelling", ["f.level[0.618]", "f.level_0.618", "f.level[0.6180]", "f.level[+.618]"])
def test_every_spelling_of_a_level_is_one_field(spelling: str) -> None:
    fibonacci = "{type: fibonacci, key: f, uses: s, params: {levels: [0.618, 1]}}"
    play = load(f'{{all: [["close", ">", "{spelling}"]]}}', more=structures(SWING, fibonacci))
    plain = load('{all: [["close", ">", "f.level[0.618]"]]}', more=structures(SWING, fibonacci))
    assert play.play_hash == plain.play_hash


def test_slots_are_written_in_two_ways() -> None:
    zones = "{type: derived_zone, key: z, uses: s, params: {levels: [0.5], max_active: 2}}"
    one, other = (load(f'{{all: [["z.{name}", "==", "active"]]}}', more=structures(SWING, zones)) for name in SLOT_SPELLINGS)
    assert one.play_hash == other.play_hash


SLOT_SPELLINGS = ("zone[1].state", "zone1_state")


def test_words_are_compared_without_regard_to_case_and_begin_with_none() -> None:
    ms = structures(SWING, "{type: market_structure, key: ms, uses: s}")
    candles = market([100.0] * 10)
    assert truths('{all: [["ms.bos_direction", "==", "NONE"]]}', candles, more=ms) == [True] * 10
    assert truths('{all: [["ms.bos_direction", "in", [Bullish, bearish]]]}', candles, more=ms) == [False] * 10
    assert truths('{all: [["ms.bos_this_bar", "==", false]]}', candles, more=ms) == [True] * 10


def test_the_atr_is_the_named_feature_else_the_one_called_atr_else_built_in() -> None:
    zone = "{type: zone, key: z, uses: s, params: {zone_type: supply, width_atr: 1%s}}"
    condition = '{all: [["close", ">", "z.upper"]]}'

    def atr_of(features: str, key: str = "", clock: str = "exec") -> object:
        play = load(condition, features=features, more=structures(SWING, zone % key, clock=clock))
        assert not [line for line in play.warnings if "W602" in line]
        return next(one for one in play.structures if one.id == "z").atr

    atr, other = "atr: {indicator: atr, params: {length: 5}}", "slow: {indicator: atr, params: {length: 50}}"
    assert atr_of("{}") is None
    assert str(atr_of(f"{{{atr}}}")) == "Ref(id='atr', field='value', offset=0)"
    assert str(atr_of(f"{{{atr}, {other}}}", ", atr_key: slow")) != str(atr_of(f"{{{atr}}}"))
    play = load(condition, features=f"{{{atr}}}", more=structures(SWING, zone % "", clock="1h"))
    assert play.structures[0].atr is None, "a feature of another clock is not taken"
    nodes = [node.kind for node in compile_program(load(condition, more=structures(SWING, zone % "")), MINUTE_MS).nodes]
    assert nodes.count("atr") == 1, "structures share the built-in one"


def test_warm_up_is_what_the_tables_say_and_what_the_atr_adds() -> None:
    def warmup_bars(condition: str, *specs: str) -> int:
        play = load(f"{{all: [{condition}]}}", more=structures(*specs))
        return compile_program(play, MINUTE_MS).warmup_ms // MINUTE_MS

    atr, window = 14 + 8 * 14, 5
    swing, zigzag = SWING, "{type: swing, key: s, params: {mode: atr_zigzag}}"
    fibonacci = "{type: fibonacci, key: f, uses: s, params: {levels: [1]}}"
    rolling = "{type: rolling_window, key: r, params: {size: 30, mode: max, source: high}}"
    assert warmup_bars('["s.version", ">", 0]', swing) == atr + 10 * window
    assert warmup_bars('["s.version", ">", 0]', zigzag) == atr + 500
    assert warmup_bars('["t.strength", ">", 0]', swing, "{type: trend, key: t, uses: s}") == atr + 30 * window
    assert warmup_bars('["f.range", ">", 0]', swing, fibonacci) == atr + 10 * window
    assert warmup_bars('["r.value", ">", 0]', rolling) == 30


def test_readiness_says_when_a_value_can_first_be_there() -> None:
    play = load('{all: [["s.high_level", ">", 0], ["s.version", ">", 0]]}', more=structures(SWING))
    first = compile_program(play, MINUTE_MS).readiness()
    assert (first["s.high_level"], first["s.version"]) == (4, 0)


def test_metadata_says_words_truths_and_the_text_of_an_anchor() -> None:
    fields = {"side": "pair_direction", "new": "high_accepted", "version": "pair_version", "hash": "pair_anchor_hash"}
    notes = ", ".join(f"{key}: {{feature_id: s, field: {field}}}" for key, field in fields.items())
    condition = f'{{all: [["s.pair_version", ">", 3]], metadata: {{{notes}}}}}'
    play = load(condition, more=structures(SWING))
    columns = columns_of(play, MARKET)
    row = int(np.flatnonzero(columns.column("actions.entry_long") == 1.0)[0])
    said = NoteReader(play).of_entry(columns, 1, START_MS + (row + 1) * MINUTE_MS).metadata
    high_idx, high, low_idx, low = (
        columns.column(f"s.pair_{name}")[row] for name in ("high_idx", "high_level", "low_idx", "low_level")
    )
    direction = value_at(columns, "s.pair_direction", row)
    assert direction in ("bullish", "bearish")
    text = f"{high_idx:.0f}|{high:.8f}|{low_idx:.0f}|{low:.8f}|{direction}"
    digest = blake2b(text.encode(), digest_size=8).hexdigest()
    assert said == {"side": direction, "new": direction == "bullish", "version": 4, "hash": digest}


def test_an_anchor_that_is_not_there_yet_is_called_none() -> None:
    condition = '{all: [["close", ">", 0]], metadata: {hash: {feature_id: s, field: pair_anchor_hash}}}'
    play = load(condition, more=structures(SWING))
    assert NoteReader(play).of_entry(columns_of(play, MARKET), 1, START_MS + MINUTE_MS).metadata == {"hash": "none"}


def test_anchors_of_one_swing_can_be_compared_those_of_two_cannot() -> None:
    other = "{type: swing, key: o, params: {left: 3, right: 3}}"
    fibonacci = "{type: fibonacci, key: f, uses: s, params: {levels: [1]}}"
    load('{all: [["f.anchor_hash", "==", "s.pair_anchor_hash"]]}', more=structures(SWING, fibonacci))
    with pytest.raises(PlayError, match=r"E420.*found the anchors of another structure"):
        load('{all: [["o.pair_anchor_hash", "==", "s.pair_anchor_hash"]]}', more=structures(SWING, other))


def warnings(condition: str, *specs: str, clock: str = "exec") -> list[str]:
    return [line.split(": ")[1] for line in load(f"{{all: [{condition}]}}", more=structures(*specs, clock=clock)).warnings]


def test_an_event_of_a_slower_clock_is_warned_of_unless_it_is_sampled_there() -> None:
    event = '["s.high_accepted", "==", true]'
    window = f"{{occurred_within: {{bars: 1, anchor_tf: %s, expr: [{event}]}}}}"
    assert warnings(event, SWING) == []
    assert warnings(event, SWING, clock="1h") == ["W310 actions.entry_long.all[0][0]"]
    assert warnings(window % "1h", SWING, clock="1h") == []
    assert len(warnings(window % "15m", SWING, clock="1h")) == 1


def test_an_extreme_that_includes_the_present_bar_can_never_be_passed() -> None:
    window = "{type: rolling_window, key: r, params: {size: 5, mode: max, source: %s%s}}"
    never = ["W305 actions.entry_long.all[0][0]"]
    assert warnings('["close", ">", "r.value"]', window % ("high", "")) == never
    assert warnings('["r.value", "<", "close"]', window % ("close", "")) == never
    assert warnings('["close", ">", "r.value"]', window % ("high", ", exclude_current: true")) == []
    assert warnings('["high", ">", "r.value"]', window % ("close", "")) == []
    assert warnings('["close", "<", "r.value"]', window % ("high", "")) == []
    lowest = window.replace("max", "min") % ("low", "")
    assert warnings('["close", "<", "r.value"]', lowest) == never


def test_a_structure_that_nothing_uses_is_warned_of() -> None:
    other = "{type: swing, key: o, params: {left: 3, right: 3}}"
    assert warnings('["s.version", ">", 1]', SWING, other) == ["W602 structures.exec[1].key"]
    assert warnings('["t.strength", ">", 1]', SWING, "{type: trend, key: t, uses: s}") == []


def test_a_zone_that_breaks_at_once_is_warned_of() -> None:
    zones = "{type: derived_zone, key: z, uses: s, params: {levels: [0.5], max_active: 2%s}}"
    condition = '["z.any_active", "==", true]'
    assert warnings(condition, SWING, zones % "") == ["W306 structures.exec[1].params.break_tolerance_pct"]
    assert warnings(condition, SWING, zones % ", break_tolerance_pct: 0.005") == []


def test_a_dependency_without_effect_is_warned_of() -> None:
    trend = "{type: trend, key: t, uses: s}"
    fibonacci = "{type: fibonacci, key: f, uses: [s, t], params: {levels: [1]%s}}"
    assert warnings('["close", ">", "f.range"]', SWING, trend, fibonacci % "") == ["W311 structures.exec[2].uses[1]"]
    assert warnings('["close", ">", "f.range"]', SWING, trend, fibonacci % ", use_trend_anchor: true") == []


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_detector_can_be_declared_and_every_output_named(name: str) -> None:
    """Each with what it needs, on a slower clock; every output is compared with what its type allows."""
    specs: list[str] = []

    def declare(kind: str) -> str:
        spec = STRUCTURES[kind]
        uses = [declare(use.kind) for use in spec.uses if use.needed(spec.settled(NEEDED.get(kind, {})))]
        written = NEEDED.get(kind, {})
        params = ", ".join(f"{key}: {list(one) if isinstance(one, tuple) else one}" for key, one in written.items())
        specs.append(f"{{type: {kind}, key: x_{kind}, uses: [{', '.join(uses)}], params: {{{params}}}}}")
        return f"x_{kind}"

    declare(name)
    spec = STRUCTURES[name]
    outputs = spec.outputs(spec.settled(NEEDED.get(name, {})))
    sides = {"FLOAT": '">", 0', "INT": '">=", 0', "BOOL": '"==", true', "ENUM": '"!=", none'}
    conditions = ", ".join(f'["x_{name}.{output.name}", {sides[output.type]}]' for output in outputs)
    text = play_text(f"{{any: [{conditions}]}}", more=structures(*dict.fromkeys(specs), clock="15m"))
    columns = columns_of(load_play(text, "every.yml"), MARKET)
    for output in outputs:
        row = columns.column(f"x_{name}.{output.name}")
        if output.steady:
            assert not np.isnan(row[output.first :]).any(), output.name


NEEDED: dict[str, Settings] = {
    "swing": {"left": 2, "right": 2},
    "fibonacci": {"levels": (0.5, 1)},
    "zone": {"zone_type": "demand", "width_atr": 1},
    "rolling_window": {"size": 5, "source": "high", "mode": "max"},
    "derived_zone": {"levels": (0.5, 1), "max_active": 3},
}


def test_the_example_trades_breaks_both_ways_with_stops_behind_the_last_pivot() -> None:
    play = load_play(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name)
    rows = walk(40_000, seed=5, step=0.002)
    times = START_MS + MINUTE_MS * np.arange(40_000)
    columns = columns_of(play, Candles("BTCUSDT", MINUTE_MS, times, *(rows[name] for name in FIELDS)))
    close, bars = columns.column("close"), np.arange(columns.decision_count)
    broke, direction = columns.column("ms.bos_this_bar") == 1, columns.column("ms.bos_direction")
    breaks = {way: bars[broke & (direction == word)] for way, word in SIDES}
    for way, sign in (("long", 1), ("short", -1)):
        entries = bars[columns.column(f"actions.entry_{way}") == 1]
        stops = columns.signal(f"stop_level_{way}")
        assert len(entries) > 5
        assert stops is not None
        assert np.all((close[entries] - stops[entries]) * sign > 0)
        for bar in entries:
            assert np.any((breaks[way] <= bar) & (breaks[way] > bar - 16)), f"no break before {bar}"


SIDES = (("long", 1.0), ("short", 2.0))
