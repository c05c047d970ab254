"""`playd backtest --pattern`: a synthetic market in place of a file, and one clear error for everything in between."""

from pathlib import Path, PurePath

import orjson
import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from playd.core.timeframes import MINUTE_MS
from playd.ops.state_files import look
from playd.world.real import RealDisk
from tests.unit.plays.plays_of import play_text

RULE = "{all: [[close, cross_above, ema]]}"
EMA = "{ema: {indicator: ema, params: {length: 9}}}"


@pytest.fixture
def play(tmp_path: Path) -> str:
    """Its `date_range` is of recorded candles, long before the synthetic ones."""
    path = tmp_path / "mine.yml"
    more = "validation: {seed: 7, bars: 90}\ndate_range: {start: 2020-01-01, end: 2020-02-01}"
    path.write_text(play_text(RULE, features=EMA, exec_tf="5m", more=more), encoding="utf-8")
    return str(path)


def answer(*args: str) -> dict[str, object]:
    done = CliRunner().invoke(app, ["backtest", *args, "--json"])
    assert done.exit_code == 0, done.stderr
    return dict(orjson.loads(done.stdout))


def test_the_market_is_the_pattern_on_the_clock_of_the_play(play: str) -> None:
    found = answer(play, "--pattern", "ranging")
    assert (found["bars"], found["ended"]) == (90 * 5, "end_of_data")
    assert found["last_bar_ms"] == 1_735_689_600_000 + (90 * 5 - 1) * MINUTE_MS


def test_without_a_seed_it_is_the_plays_own(play: str) -> None:
    hashes = [answer(play, "--pattern", "ranging", *more)["hashes"] for more in ((), ("--seed", "7"), ("--seed", "8"))]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_run_is_kept_once_under_what_it_was_of_and_listed(play: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYD_STATE_DIR", str(tmp_path / "state"))
    found = [answer(play, "--pattern", "ranging", "--keep", *more) for more in ((), (), ("--seed", "8"))]
    listed = orjson.loads(CliRunner().invoke(app, ["runs", "--json"]).stdout)
    hashes: list[dict[str, str]] = [dict(each["hashes"]) for each in found]  # type: ignore[call-overload]
    assert {each["id"] for each in listed} == {each["run_hash"][:16] for each in hashes}
    assert len(listed) == 2
    (one,) = (each for each in listed if each["run_id"] == hashes[0]["run_hash"])
    assert (one["result_digest"], one["eligible"]) == (hashes[0]["result_hash"], False)
    trades = (tmp_path / "state" / "runs" / one["id"] / "trades.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line) for line in trades] == found[0]["trades"]
    assert [each.check for each in look(RealDisk(), PurePath(tmp_path / "state")) if each.damaged or each.kind is None] == []


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "one of --candles FILE and --pattern NAME is expected"),
        (("--pattern", "ranging", "--candles", "x.parquet"), "one of --candles FILE and --pattern NAME is expected"),
        (("--pattern", "rangin"), "did you mean `ranging`?"),
        (("--candles", "x.parquet", "--seed", "3"), "expected --pattern NAME beside them"),
    ],
)
def test_what_contradicts_itself_is_refused(play: str, args: tuple[str, ...], text: str) -> None:
    done = CliRunner().invoke(app, ["backtest", play, *args])
    assert done.exit_code == 78
    assert text in done.stderr
