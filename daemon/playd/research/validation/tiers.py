"""Which checks a tier has, and how one is run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from playd.core.candles import Candles
from playd.market.patterns.candles import synthetic_market
from playd.plays.model import Play
from playd.plays.words import PATTERNS
from playd.research.validation.contract import check_contract
from playd.research.validation.forged import check_forged
from playd.research.validation.incremental import check_incremental
from playd.research.validation.kernel_cases import all_cases
from playd.research.validation.pattern_trades import SPREAD, Golden, check_pattern_trades
from playd.research.validation.rollups import check_rollups
from playd.research.validation.structure_vectors import check_structures
from playd.research.validation.verdict import Verdict

Tier = Literal["quick", "standard", "full"]
TIERS: Final[tuple[Tier, ...]] = ("quick", "standard", "full")

_BARS: Final = 700
_WEEKS: Final = 3
_FORGED: Final[dict[Tier, int]] = {"quick": 0, "standard": 20, "full": 60}


@dataclass(frozen=True, slots=True)
class Check:
    """A named check that has not run yet."""

    name: str
    run: Callable[[], Verdict]


def checks_of(tier: Tier, plays: Mapping[str, Play], golden: Golden) -> list[Check]:
    """Checks that need nothing but these Plays (by stem) and golden lines; a slower tier has all those of a faster one."""
    patterns = SPREAD if tier == "quick" else PATTERNS
    checks = [
        Check("catalog contract", lambda: check_contract(all_cases(_candles()))),
        Check("incremental parity", lambda: check_incremental(all_cases(_candles()))),
        Check("roll-up parity", _check_rollups),
        Check("structure cases", check_structures),
        Check("Plays on patterns", lambda: check_pattern_trades(plays, patterns, golden)),
    ]
    if _FORGED[tier]:
        checks.append(Check("forged Plays", lambda: check_forged(_FORGED[tier])))
    return checks


def run_check(check: Check) -> Verdict:
    """What it found; one that breaks has failed."""
    try:
        return check.run()
    except Exception as error:  # noqa: BLE001 - whatever breaks in a check is what it found; the others still have their say
        return Verdict("checks", 1, [f"it broke: {type(error).__name__}: {error}"])


def _candles() -> Candles:
    return synthetic_market("choppy_whipsaw", seed=1, exec_minutes=1, exec_bars=_BARS, symbol="BTCUSDT")


def _check_rollups() -> Verdict:
    hours = _WEEKS * 7 * 24
    return check_rollups(synthetic_market("trending", seed=1, exec_minutes=60, exec_bars=hours, symbol="BTCUSDT"))
