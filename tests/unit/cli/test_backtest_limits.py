"""A backtest says that it knows no limits, and under those of an account what is left of it."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from tests.unit.plays.plays_of import play_text

RULE = "{all: [[close, cross_above, ema]]}"
EMA = "{ema: {indicator: ema, params: {length: 9}}}"
CONFIG = """
[accounts.demo]
environment = "demo"
credential_file = "key"
"""


def play(tmp_path: Path, percent: int) -> str:
    """It commits so much of its equity as margin, at twofold leverage."""
    path = tmp_path / f"{percent}.yml"
    sizing = f"sizing: {{model: percent_equity, value: {percent}}}"
    risk = f"risk_model: {{stop_loss: {{type: percent, value: 2}}, take_profit: {{type: percent, value: 2}}, {sizing}}}"
    text = play_text(RULE, features=EMA, exec_tf="5m", more="validation: {seed: 7, bars: 90}", risk=risk)
    path.write_text(text, encoding="utf-8")
    return str(path)


def shown(*args: str) -> str:
    done = CliRunner().invoke(app, ["backtest", *args])
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("percent", "said"),
    [(5, "none\n"), (30, "none: entries of up to 60 % of equity, where accounts with money cut at 20 %; see --limits\n")],
)
def test_a_report_says_where_the_limits_that_accounts_have_would_cut_it(tmp_path: Path, percent: int, said: str) -> None:
    lines = shown(play(tmp_path, percent), "--pattern", "ranging").splitlines()
    (line,) = [each for each in lines if each.startswith("limits")]
    assert line.split(maxsplit=1)[1] + "\n" == said


def test_under_the_limits_of_an_account_the_same_entries_are_smaller(tmp_path: Path) -> None:
    config = tmp_path / "playd.toml"
    config.write_text(CONFIG, encoding="utf-8")
    told = orjson.loads(
        shown(play(tmp_path, 30), "--pattern", "ranging", "--limits", "demo", "--config", str(config), "--json")
    )
    limited = told["limited"]
    assert limited["cut"] == limited["entered"] > 0
    assert all(trade["qty"] * trade["entry_price"] <= 0.2 * 10_100 for trade in limited["trades"])
