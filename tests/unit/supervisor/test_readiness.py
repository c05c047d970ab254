"""Readiness: every check at its edge, and nothing that is missing or too old ever passes."""

from dataclasses import fields, replace
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import pytest

from playd.core.errors import SettingsError
from playd.core.timeframes import DAY_MS
from playd.settings.policy import Policy, load_policy, shipped_policy
from playd.supervisor.checks import WAIVABLE, blockers, with_waivers
from playd.supervisor.readiness import BookDay, Evidence, ReadinessFacts, Trade, readiness
from playd.world.virtual import virtual_world

TODAY = 20_000
NOW_MS = TODAY * DAY_MS + 1
NUMBERS: dict[str, Any] = {
    "trades": 50,
    "sharpe": 1.0,
    "max_drawdown_pct": 20.0,
    "profit_factor": 1.2,
    "net_return_pct": 0.1,
    "profit_factor_doubled": 1.01,
    "trade_mean_usdt": 1.0,
    "trade_sd_usdt": 1.0,
}


def shown(kind: str, numbers: dict[str, Any], age_ms: int = 0, *, passed: bool = True) -> Evidence:
    return Evidence("e" * 64, kind, passed, NOW_MS - age_ms, NOW_MS - age_ms + 90 * DAY_MS, numbers)


GOOD = ReadinessFacts(
    now_ms=NOW_MS,
    decided={day: 1368 for day in range(TODAY - 36, TODAY - 6)},
    bars_a_day=1440,
    trades=[Trade(NOW_MS, Decimal(1))] * 30,
    capital_usd=Decimal(1000),
    books=[BookDay(day, 501, 0, 0) for day in range(TODAY - 5, TODAY)],
    backtest=shown("backtest", NUMBERS, 7 * DAY_MS),
    parity=[shown("parity", {"days": [day]}) for day in range(5)],
    drills={"DRL-01": shown("drill", {}, 30 * DAY_MS)},
    needed_drills=["DRL-01"],
    critical=[],
    alerts_verified=True,
)


def failing(facts: ReadinessFacts) -> dict[str, str]:
    return {check.name: check.result for check in readiness(facts, Policy()) if not check.holds}


def test_values_at_their_limits_pass() -> None:
    assert failing(GOOD) == {}


def backtest(**changes: Any) -> ReadinessFacts:
    return replace(GOOD, backtest=shown("backtest", {**NUMBERS, **changes}, 7 * DAY_MS))


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("paper_time", replace(GOOD, decided={**GOOD.decided, TODAY - 7: 1367})),
        ("paper_time", replace(GOOD, decided={day - 1: bars for day, bars in GOOD.decided.items()})),
        ("paper_trades", replace(GOOD, trades=GOOD.trades[:29])),
        ("clean_books", replace(GOOD, books=GOOD.books[1:])),
        ("clean_books", replace(GOOD, books=[*GOOD.books[:4], BookDay(TODAY - 1, 499, 0, 0)])),
        ("clean_books", replace(GOOD, books=[*GOOD.books[:4], BookDay(TODAY - 1, 501, 0, 1)])),
        ("clean_books", replace(GOOD, books=[*GOOD.books[:4], BookDay(TODAY - 1, 2000, 2, 0)])),
        ("backtest", replace(GOOD, backtest=shown("backtest", NUMBERS, 7 * DAY_MS + 1))),
        ("backtest", replace(GOOD, backtest=shown("backtest", NUMBERS, passed=False))),
        ("backtest", backtest(trades=49)),
        ("backtest", backtest(sharpe=0.99)),
        ("backtest", backtest(max_drawdown_pct=20.1)),
        ("backtest", backtest(profit_factor=1.19)),
        ("backtest", backtest(profit_factor=None)),
        ("backtest", backtest(net_return_pct=0)),
        ("backtest", backtest(profit_factor_doubled=1.0)),
        ("paper_profit", replace(GOOD, trades=[*GOOD.trades, Trade(NOW_MS, Decimal(-30))])),
        ("paper_profit", replace(GOOD, trades=[Trade(NOW_MS, Decimal("1.4"))] * 30)),
        ("parity", replace(GOOD, parity=GOOD.parity[1:])),
        ("parity", replace(GOOD, parity=[shown("parity", {"days": [1]})] * 5)),
        ("operations", replace(GOOD, drills={"DRL-01": shown("drill", {}, 30 * DAY_MS + 1)})),
        ("operations", replace(GOOD, drills={"DRL-01": shown("drill", {}, passed=False)})),
        ("operations", replace(GOOD, critical=["inc_1"])),
        ("operations", replace(GOOD, alerts_verified=False)),
    ],
)
def test_one_step_beyond_a_limit_fails(name: str, facts: ReadinessFacts) -> None:
    assert failing(facts)[name] == "fail"


EMPTY: dict[str, Any] = {
    "decided": {},
    "trades": [],
    "books": [],
    "backtest": None,
    "parity": [],
}


@pytest.mark.parametrize("name", EMPTY)
def test_what_nobody_looked_at_is_unknown_and_does_not_pass(name: str) -> None:
    found = failing(replace(GOOD, **{name: EMPTY[name]}))

    assert "unknown" in found.values()


def test_without_anything_every_check_is_an_obstacle() -> None:
    nothing = replace(GOOD, **EMPTY, drills={}, alerts_verified=False)

    assert set(failing(nothing)) == set(WAIVABLE)
    assert {field.name for field in fields(ReadinessFacts)} >= set(EMPTY)


def test_a_blocker_says_when_it_can_pass_at_the_earliest() -> None:
    lacking = replace(GOOD, decided={day: 1440 for day in range(TODAY - 20, TODAY)})
    check = next(each for each in readiness(lacking, Policy()) if each.name == "paper_time")

    assert (check.result, check.next_ms) == ("fail", (TODAY + 10) * DAY_MS)


def test_a_waiver_covers_its_check_alone() -> None:
    checks = readiness(replace(GOOD, trades=GOOD.trades[:29], parity=[]), Policy())

    assert [each.name for each in blockers(with_waivers(checks, {"parity": ("small", 0)}))] == ["paper_trades"]


def test_a_wrong_policy_is_refused_with_file_and_line() -> None:
    world = virtual_world()
    world.disk.mkdir(PurePath("/config"))
    path = PurePath("/config/policy.toml")
    assert load_policy(world, path.parent) == Policy()
    for text, expected in (
        ("paper_days = 10\npaper_day = 3", "/config/policy.toml:2: unknown key paper_day; did you mean paper_days?"),
        ("\npaper_days = 0", "/config/policy.toml:2: paper_days: found 0"),
        ("paper_days =", "/config/policy.toml:1"),
    ):
        world.disk.write_replace(path, text.encode(), keep_previous=False)
        with pytest.raises(SettingsError, match=r"policy\.toml") as caught:
            load_policy(world, path.parent)
        assert expected in str(caught.value)
    world.disk.write_replace(path, b"paper_days = 10", keep_previous=False)
    assert load_policy(world, path.parent).paper_days == 10
    assert load_policy(world, path.parent).digest != Policy().digest


def test_the_shipped_policy_is_the_generated_one() -> None:
    from tests.tidy.source import ROOT

    assert (ROOT / "config" / "policy.toml").read_text() == shipped_policy(), "run `make generated`"
