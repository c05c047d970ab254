"""List form of actions: the first true case emits, unknown ones are passed over, and the order of entries counts."""

import numpy as np

from playd.plays.columns import Columns
from playd.plays.load import load_play
from tests.unit.plays.plays_of import columns_of, load, market, play_text

CANDLES = market([99, 101, 103, 105])
T, F, U = 1.0, 0.0, None


def columns(actions: str, mode: str = "long_short") -> Columns:
    head, _, tail = play_text("x").partition("actions:")
    policy = f"position_policy: {{mode: {mode}, exit_mode: first_hit}}\n"
    rest = tail.partition("position_policy:")[2].partition("\n")[2]
    features = "{rsi: {indicator: rsi}}"
    text = head.replace("features: {}", f"features: {features}") + f"actions: {actions}\n" + policy + rest
    return columns_of(load_play(text, "f.yml"), CANDLES)


def signals(actions: str, mode: str = "long_short") -> dict[str, list[float | None]]:
    found = columns(actions, mode)
    return {
        name: [None if np.isnan(value) else float(value) for value in found.row(column)]
        for name, column in found.program.signals.items()
    }


def test_the_first_true_case_emits() -> None:
    block = """
  - id: side
    cases:
      - {when: [close, ">", 104], emit: [exit_all]}
      - {when: [[close, ">", 100]], emit: [entry_long]}
    else: {emit: [{action: entry_short}]}
"""
    found = signals(block)
    assert found["exit_all"] == [F, F, F, T]
    assert found["entry_long"] == [F, T, T, F]
    assert found["entry_short"] == [T, F, F, F]


def test_an_unknown_case_is_passed_over_but_holds_back_else() -> None:
    block = """
  - id: side
    cases:
      - {when: [rsi, ">", 50], emit: [exit_all]}
      - {when: [close, ">", 100], emit: [entry_long]}
    else: {emit: [entry_short]}
"""
    found = signals(block)
    assert found["entry_long"] == [F, T, T, T]
    assert found["entry_short"] == [U, F, F, F]


def test_a_short_is_tried_first_where_no_true_long_stands_before_it() -> None:
    short, long, early = (
        '{id: s, cases: [{when: [close, ">", 102], emit: [entry_short]}]}',
        '{id: l, cases: [{when: [close, ">", 100], emit: [entry_long]}]}',
        '{id: e, cases: [{when: [close, ">", 104], emit: [entry_long]}]}',
    )
    found = signals(f"[{short}, {long}]")
    assert found["entry_long"] == [F, T, T, T]
    assert found["short_first"] == [F, F, T, T]
    assert signals(f"[{early}, {short}, {long}]")["short_first"] == [F, F, T, F]
    assert "short_first" not in signals(f"[{long}, {short}]")


def entries(*rules: tuple[str, str]) -> str:
    return ", ".join(f"{{id: b{k}, cases: [{{when: {when}, emit: [{action}]}}]}}" for k, (when, action) in enumerate(rules))


def test_each_short_gives_way_to_every_true_long_before_it_and_to_no_unknown_one() -> None:
    rules = entries(
        ('[close, ">", 104]', "entry_long"),
        ('[rsi, ">", 50]', "entry_long"),
        ('[close, ">", 102]', "entry_short"),
        ('[close, ">", 100]', "entry_long"),
        ('[close, "<", 102]', "entry_short"),
        ('[close, ">", 0]', "entry_long"),
    )
    assert signals(f"[{rules}]")["short_first"] == [T, F, T, F]


def test_where_shorts_and_longs_alternate_each_number_of_longs_needs_no_machine_code_of_its_own() -> None:
    sides = [("entry_long", "entry_short")[k % 2] for k in range(12)]
    rules = entries(*((f'[close, ">", {k}]', side) for k, side in enumerate(sides)))
    numbers = {len(node.inputs) for node in columns(f"[{rules}]").program.nodes if node.kind in ("all", "any")}
    assert numbers == {2, 5, 6}  # what stands before a short, all its turns, all places of each side


def test_an_action_emitted_by_several_blocks_is_any_of_them() -> None:
    low = '{id: a, cases: [{when: [close, "<", 100], emit: [exit_all]}]}'
    high = '{id: b, cases: [{when: [close, ">", 104], emit: [exit_all, entry_long]}]}'
    found = signals(f"[{low}, {high}]")
    assert found["exit_all"] == [T, F, F, T]
    assert found["entry_long"] == [F, F, F, T]


def test_the_mapping_form_is_one_block_per_action() -> None:
    assert [block.id for block in load('[close, ">", 1]').actions] == ["exit_long", "entry_long"]


def test_the_first_true_exit_of_a_side_says_which_share_it_closes() -> None:
    """One column per side, because an exit of the other side is nothing to it; none where all shares are the same."""
    tenth = '{id: a, cases: [{when: [close, ">", 104], emit: [{action: exit_short, percent: 10}]}]}'
    half = '{id: b, cases: [{when: [close, ">", 102], emit: [{action: exit_all, percent: 50}]}]}'
    whole = '{id: c, cases: [{when: [close, ">", 100], emit: [exit_long]}]}'
    found = signals(f"[{tenth}, {half}, {whole}]")
    assert found["exit_long_pct"] == [U, 100.0, 50.0, 50.0]
    assert found["exit_short_pct"] == [U, U, 50.0, 10.0]
    assert signals(f"[{tenth}, {half}]").keys().isdisjoint({"exit_long_pct"})
    assert signals(f"[{half}]").keys().isdisjoint({"exit_long_pct", "exit_short_pct"})
