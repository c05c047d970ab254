"""
What must be shown before an instance trades with real money: `policy.toml`, beside the settings and read like them.

Its digest stands in every arming record, so that nobody wonders later by which measure one was given.
"""

import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import PurePath
from typing import Final

from pydantic import ValidationError

from playd.core.canonical import digest
from playd.core.errors import SettingsError
from playd.settings.fields import Exact, Section, Whole, key
from playd.settings.load import read_toml
from playd.settings.words import nearest_word
from playd.world.ports import World

FILE_NAME: Final = "policy.toml"

_HEAD: Final = """\
# What must be shown before an instance trades with real money; `playctl readiness NAME` holds it against what there is. Every
# key is listed with its default. A line that begins with '#key =' is commented out and changes nothing.
"""


class Policy(Section):
    """Thresholds of readiness and of the look before a start."""

    paper_days: Whole = key(30, "Distinct UTC days of practice with the same Play.", unit="days", lo=1, hi=365)
    paper_bars_pct: Exact = key(
        Decimal(95), "Share of a day's bars that must have been decided for it to count.", unit="%", lo=1
    )
    paper_last_days: Whole = key(7, "How old the newest of these days may be.", unit="days", lo=1, hi=90)
    paper_trades: Whole = key(30, "Closed trades in that time.", lo=1, hi=10_000)
    paper_drawdown_pct: Exact = key(Decimal(15), "Largest fall of the result in that time.", unit="% of capital", lo=1, hi=100)
    clean_days: Whole = key(5, "Whole UTC days without a difference that nobody explained.", unit="days", lo=1, hi=60)
    clean_runs: Whole = key(500, "Reconciliations that could read everything, on each of these days.", lo=1, hi=100_000)
    clean_blind_pct: Exact = key(Decimal("0.1"), "Share of runs on these days that could not read everything.", unit="%", lo=0)
    backtest_age_days: Whole = key(7, "How old the evidence of a backtest may be.", unit="days", lo=1, hi=90)
    backtest_trades: Whole = key(50, "Trades of the backtest.", lo=1, hi=1_000_000)
    backtest_sharpe: Exact = key(Decimal(1), "Its Sharpe ratio.", lo=0)
    backtest_drawdown_pct: Exact = key(Decimal(20), "Its largest drawdown.", unit="%", lo=1, hi=100)
    backtest_profit_factor: Exact = key(Decimal("1.2"), "Its profit factor.", lo=0)
    backtest_profit_factor_doubled: Exact = key(Decimal(1), "Its profit factor with doubled costs, to be exceeded.", lo=0)
    parity_days: Whole = key(5, "Recorded days that a replay decided alike.", unit="days", lo=1, hi=60)
    drill_age_days: Whole = key(30, "How old a passed drill may be.", unit="days", lo=1, hi=365)
    rehearsal_age_days: Whole = key(30, "How old the last panic that was seen to work may be.", unit="days", lo=1, hi=365)
    key_days: Whole = key(7, "Days that the key must have left, to be exceeded.", unit="days", lo=1, hi=90)
    rate_head_pct: Exact = key(
        Decimal(50), "Share of any rate budget that may be in use before a start.", unit="%", lo=1, hi=100
    )

    @property
    def digest(self) -> str:
        """Of every value, SHA-256 in hex."""
        return digest(self.model_dump(mode="json"))


def load_policy(world: World, config_dir: PurePath) -> Policy:
    """The policy of a configuration directory; the defaults where there is no file. Raises `SettingsError` (78)."""
    path = config_dir / FILE_NAME
    if not world.disk.exists(path):
        return Policy()
    values, lines, wrong = {}, {}, []
    for leaf in read_toml(world, path):
        name = ".".join(leaf.path)
        values[name], lines[name] = leaf.value, leaf.line
        if name not in Policy.model_fields:
            wrong.append(f"{path}:{leaf.line}: unknown key {name}{nearest_word(name, Policy.model_fields)}")
    if wrong:
        raise SettingsError("\n".join(wrong))
    try:
        return Policy.model_validate(values)
    except ValidationError as error:
        found = [(str(fault["loc"][0]), fault) for fault in error.errors(include_url=False)]
        raise SettingsError(
            "\n".join(f"{path}:{lines[name]}: {name}: found {fault['input']}, {fault['msg']}" for name, fault in found)
        ) from None


def shipped_policy() -> str:
    """The text of the shipped `policy.toml`."""
    return "\n".join([_HEAD, *_keys()])


def _keys() -> Iterator[str]:
    for name, field in Policy.model_fields.items():
        extra = field.json_schema_extra
        unit = f" [{extra['unit']}]" if isinstance(extra, dict) and extra["unit"] else ""
        yield "\n".join(f"# {line}" for line in textwrap.wrap(f"{field.description}{unit}", 118))
        yield f"#{name} = {field.default}\n"
