"""Targets mean what people expect, and a wrong name is answered with the nearest right one."""

import pytest

from playd.supervisor.names import nearest, not_found, select

ROWS = {
    "ema-cross": {"mode": "paper", "symbol": "BTCUSDT", "account": "a", "state": "running"},
    "ema-short": {"mode": "paper", "symbol": "ETHUSDT", "account": "b", "state": "paused"},
    "donchian": {"mode": "demo", "symbol": "BTCUSDT", "account": "c", "state": "running"},
}


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (None, ["donchian", "ema-cross", "ema-short"]),
        ("all", ["donchian", "ema-cross", "ema-short"]),
        ("donchian", ["donchian"]),
        ("ema-*", ["ema-cross", "ema-short"]),
        ("mode=demo", ["donchian"]),
        ("symbol=BTCUSDT", ["donchian", "ema-cross"]),
        ("state=run*", ["donchian", "ema-cross"]),
    ],
)
def test_a_target_selects(target: str | None, names: list[str]) -> None:
    assert select(target, ROWS) == names


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(LookupError, match="did you mean 'ema-cross'"):
        select("ema-crss", ROWS)
    assert nearest("donchain", ROWS) == "donchian"
    assert not_found("instance", "zzz", ROWS) == "no instance 'zzz'; there are: donchian, ema-cross, ema-short"


def test_a_selector_that_matches_nothing_is_an_error_and_not_an_empty_success() -> None:
    with pytest.raises(LookupError):
        select("mode=live", ROWS)
    with pytest.raises(ValueError, match="mode, symbol"):
        select("colour=red", ROWS)
