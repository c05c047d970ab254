"""Two spellings of the same decisions have the same hash; anything that can change a decision changes it."""

import orjson
import pytest

from playd.core.canonical import canonical_json
from playd.plays.load import load_play
from tests.unit.plays.plays_of import load, play_text

BASE = play_text(
    '{all: [[fast, cross_above, slow], [close, ">", 100]]}',
    features="{fast: {indicator: ema, params: {length: 9}}, slow: {indicator: ema}}",
)


def hash_of(text: str) -> str:
    return load_play(text, "f.yml").play_hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: small", "name: other"),
        (
            "name: small",
            "name: small\ntags: [a]\nvalidation: {seed: 7}\nbacktest: {equity_usdt: 5}\ndeploy: {capital_usdt: 7}",
        ),
        ("{max_leverage: 2}", "{max_leverage: 2.0, slippage_bps: 2, fee_model: {taker_bps: 5.50}}"),
        ("slow: {indicator: ema}", "slow: {indicator: ema, params: {length: 20.0}, tf: low_tf, source: close}"),
        ("slow: {indicator: ema}", "slow: {indicator: ema, tf: 1m}"),
        ("[fast, cross_above, slow]", "{lhs: fast.value, op: cross_above, rhs: {feature_id: slow, field: value, offset: 0}}"),
        ('[close, ">", 100]', '[close, ">", 100.0]'),
        ("high_tf: D", "high_tf: d"),
        ("value: 1, basis: price}", "basis: price, value: 1.0}"),
    ],
)
def test_spelling_does_not_matter(old: str, new: str) -> None:
    assert old in BASE
    assert hash_of(BASE) == hash_of(BASE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("symbol: BTCUSDT", "symbol: ETHUSDT"),
        ("max_leverage: 2", "max_leverage: 3"),
        ("length: 9", "length: 10"),
        ("cross_above", "cross_below"),
        ('[close, ">", 100]', '[close, ">=", 100]'),
        ("exec: low_tf", "exec: med_tf"),
        ("value: 1, basis: price}", "value: 1}"),
        ("exit_mode: first_hit", "exit_mode: first_hit, cooldown_bars: 1"),
        ("slow: {indicator: ema}", "slow: {indicator: ema, source: hlc3}"),
    ],
)
def test_meaning_matters(old: str, new: str) -> None:
    assert old in BASE
    assert hash_of(BASE) != hash_of(BASE.replace(old, new))


def test_short_and_full_risk_are_one_normal_form() -> None:
    short = "risk: {stop_loss_pct: 3, take_profit_pct: 6, max_position_pct: 20}"
    full = """
risk_model:
  stop_loss: {type: percent, value: 3}
  take_profit: {type: percent, value: 6, basis: margin}
  sizing: {model: percent_equity, value: 20, max_leverage: 2}
"""
    condition = '[close, ">", 1]'
    assert load(condition, risk=short).play_hash == load(condition, risk=full).play_hash


def test_setups_and_unused_order_of_keys_do_not_matter_but_setups_are_inside() -> None:
    one = load("{setup: up}", more='setups: {up: [[close, ">", open]], down: [[close, "<", open]]}')
    other = load("{setup: up}", more='setups: {down: [[close, "<", open]], up: [[close, ">", open]]}')
    changed = load("{setup: up}", more='setups: {up: [[close, ">", low]], down: [[close, "<", open]]}')
    assert one.play_hash == other.play_hash != changed.play_hash


def test_the_normal_form_is_json_and_stays_the_same_through_it() -> None:
    form = load_play(BASE, "f.yml").normal_form
    assert canonical_json(form) == canonical_json(orjson.loads(canonical_json(form)))
    assert b".0," not in canonical_json(form)


def test_the_hash_of_the_bytes_is_another_one() -> None:
    one, other = load_play(BASE, "f.yml"), load_play(BASE + "# comment\n", "f.yml")
    assert one.play_hash == other.play_hash
    assert one.source_hash != other.source_hash
