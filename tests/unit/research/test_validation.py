"""Each check of `playd validate` passes on what is sound and names what is not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from playd.cli import validate
from playd.cli.parity import Side
from playd.cli.playd import app
from playd.core.candles import Candles
from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from playd.kernels.compiled import Row, Table
from playd.kernels.spec import ColumnType
from playd.kernels.structures.spec import Output
from playd.market.patterns.candles import synthetic_market
from playd.research.validation import rollups, structure_vectors
from playd.research.validation.contract import check_contract
from playd.research.validation.incremental import check_incremental
from playd.research.validation.kernel_cases import KernelCase, all_cases, indicator_case, rows_of
from playd.research.validation.pattern_trades import check_pattern_trades, golden_lines, golden_text, trades_of
from playd.research.validation.tiers import Check
from playd.research.validation.verdict import Verdict
from playd.world.real import real_world
from tests.unit.plays.plays_of import load, play_text

CANDLES = synthetic_market("choppy_whipsaw", seed=1, exec_minutes=1, exec_bars=90, symbol="BTCUSDT")


def forgets(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """A sum that starts anew at every call."""
    outputs[0, lo:hi] = np.cumsum(inputs[0][lo:hi])


def case_of(kernel: Any, *outputs: Output) -> KernelCase:
    declared = outputs or (Output("value"),)
    return KernelCase("mine", kernel, (np.ones(20),), np.zeros(0), 1, tuple(one.name for one in declared), declared=declared)


def writes(value: float) -> Any:
    def kernel(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
        outputs[:, lo:hi] = value

    return kernel


def test_a_kernel_that_forgets_is_named_with_its_first_bar() -> None:
    verdict = check_incremental([case_of(forgets), case_of(writes(1.0))])
    assert verdict.checked == 2
    assert verdict.faults == [
        "mine bar by bar differs from the whole at bar 1",
        "mine in two pieces differs from the whole at bar 6",
    ]


@pytest.mark.parametrize(
    ("value", "output", "fault"),
    [
        (1.0, Output("value"), ""),
        (float("inf"), Output("value"), "mine gives an infinity"),
        (1.0, Output("value", first=3), "mine.value has a value before bar 3"),
        (float("nan"), Output("value"), "mine.value is missing after bar 0"),
        (0.5, Output("value", ColumnType.INT), "mine.value holds what is no INT"),
        (2.0, Output("value", ColumnType.BOOL), "mine.value holds what is no BOOL"),
        (0.0, Output("value", ColumnType.ENUM), "mine.value has no words"),
    ],
)
def test_a_structure_that_breaks_its_contract_is_named(value: float, output: Output, fault: str) -> None:
    assert check_contract([case_of(writes(value), output)]).faults == ([fault] if fault else [])


def test_an_indicator_that_is_ready_later_than_it_says_is_named() -> None:
    case = indicator_case(CATALOG["sma"], rows_of(CANDLES))
    assert check_contract([case]).passed
    late = replace(case, params={"length": 5})
    assert "sma.value is missing after bar 4" in check_contract([late]).faults


@pytest.mark.slow
def test_all_kernels_of_the_catalogs_are_looked_at_and_sound() -> None:
    cases = list(all_cases(synthetic_market("choppy_whipsaw", seed=1, exec_minutes=1, exec_bars=300, symbol="BTCUSDT")))
    assert [case.name for case in cases] == [*CATALOG, *STRUCTURES, *OPERATORS]
    assert check_contract(cases).faults == []
    assert check_incremental(cases).faults == []


def test_a_roll_up_that_loses_a_bar_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollups, "SLOW_MS", {"5m": 300_000})
    assert rollups.check_rollups(CANDLES).passed
    monkeypatch.setattr(rollups, "_grouped", lambda base, slow_ms: np.zeros((6, 3)))
    assert rollups.check_rollups(CANDLES).faults == [
        f"5m {what}: rolled up differs from grouped by hand" for what in ("whole", "with missing minutes")
    ]


def test_a_structure_that_says_something_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert structure_vectors.check_structures().faults == []
    swing = structure_vectors.VECTORS[0]
    monkeypatch.setattr(structure_vectors, "VECTORS", (replace(swing, total=33), replace(swing, first="7:H@4 12:H@9")))
    assert structure_vectors.check_structures().faults == ["swing: 34 events where 33", "swing: 12:L@9 where 12:H@9"]


def test_a_trade_that_changed_is_named_and_a_play_without_lines_only_noted() -> None:
    plays = {"mine": load("{all: [[close, cross_above, open]]}", more="")}
    found, faults = trades_of(plays, ["ranging"])
    assert faults == []
    assert golden_lines(golden_text(found)) == found
    assert check_pattern_trades(plays, ["ranging"], found).passed
    other = check_pattern_trades(plays, ["ranging"], {("mine", "ranging"): "0 abc"})
    assert other.faults == [f"mine on ranging: trades {found['mine', 'ranging']} where the golden line says 0 abc"]
    new = check_pattern_trades(plays, ["ranging"], {})
    assert (new.passed, new.note) == (True, "without golden lines: mine")


def test_a_damaged_golden_line_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2: found 3 words"):
        golden_lines("# head\nmine ranging 3\n")


def fails() -> Verdict:
    raise ZeroDivisionError("by zero")


@pytest.fixture
def a_folder_with_one_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays = tmp_path / "config" / "plays"
    plays.mkdir(parents=True)
    (plays / "mine.yml").write_text(play_text("{all: [[close, cross_above, open]]}"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("a_folder_with_one_play")
@pytest.mark.parametrize(("run", "code"), [(lambda: Verdict("things", 3), 0), (lambda: Verdict("things"), 10), (fails, 10)])
def test_the_command_ends_with_10_unless_every_check_passed(run: Any, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that looked at nothing has not passed, and one that breaks is a line like the others."""
    monkeypatch.setattr(validate, "_compile", lambda world: Verdict("kernels", 1))
    monkeypatch.setattr(
        validate, "checks_of", lambda tier, plays, golden: [Check("mine", run), Check("good", lambda: Verdict("x", 1))]
    )
    done = CliRunner().invoke(app, ["validate", "quick", "--json"])
    assert done.exit_code == code
    answer = orjson.loads(done.stdout)
    assert answer["ok"] is (code == 0)
    assert [(row["check"], row["ok"]) for row in answer["checks"]] == [
        ("kernels compile", True),
        ("Plays parse", True),
        ("mine", code == 0),
        ("good", True),
    ]
    lines = CliRunner().invoke(app, ["validate", "quick"]).stdout.splitlines()
    outcome = "FAIL" if code else "pass"
    assert [line[:4] for line in lines] == ["pass", "pass", outcome, "pass", outcome]


@pytest.mark.usefixtures("a_folder_with_one_play")
def test_golden_lines_are_written_on_request_and_then_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "PATTERNS", ("ranging", "volatile"))
    assert CliRunner().invoke(app, ["validate", "quick", "--accept"]).exit_code == 0
    lines = golden_lines(Path(validate.GOLDEN).read_text(encoding="utf-8"))
    assert sorted(lines) == [("mine", "ranging"), ("mine", "volatile")]


def test_an_unknown_tier_is_refused_with_the_nearest() -> None:
    done = CliRunner().invoke(app, ["validate", "quik"])
    assert (done.exit_code, "did you mean `quick`?" in done.stderr) == (78, True)


@pytest.mark.usefixtures("a_folder_with_one_play")
def test_over_the_wire_a_play_meets_the_pattern_on_which_it_trades_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a comparison in which nothing was traded has shown nothing."""
    met: list[tuple[int, float]] = []

    def compared(world: object, play: object, candles: Candles) -> tuple[None, Side]:
        met.append((len(candles), float(candles.close[-1])))
        return None, Side([], [{}] if len(met) > 1 else [], None)

    monkeypatch.setattr(validate, "compare", compared)
    monkeypatch.setattr(validate, "side_of", lambda result: None)
    monkeypatch.setattr(validate, "first_difference", lambda ours, theirs: None)
    golden = {("mine", "ranging"): "3 a", ("mine", "trend_grinding"): "10 b", ("other", "volatile"): "99 c"}
    plays = {"mine": load("{all: [[close, '>', open]]}")}
    silent, trading = (validate._check_wire(real_world(), plays, golden) for _ in range(2))
    assert silent.faults == ["no Play traded, so that no fill was compared"]
    assert (trading.faults, trading.note) == ([], "1 trades of the daemon's")
    path = synthetic_market("trend_grinding", seed=validate.SEED, exec_minutes=1, exec_bars=2000, symbol="BTCUSDT")
    assert met == [(2000, path.close[-1])] * 2
