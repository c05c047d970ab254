"""Example Plays over the synthetic markets: every trade is the one that it was when the golden lines were written."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from playd.core.candles import Candles
from playd.core.errors import PlaydError
from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.market.patterns.candles import synthetic_market
from playd.market.patterns.path import B
from playd.matching.records import REASONS
from playd.plays.model import Play
from playd.plays.words import PATTERNS
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.pattern_market import REFERENCE_SEED
from playd.research.validation.verdict import Verdict

SEED: Final = 42
_MOST_MINUTES: Final = 48_000
_BARS: Final = 1200

SPREAD: Final = PATTERNS[1::5]
"""Patterns of every family, for who has little time."""

Golden = Mapping[tuple[str, str], str]
"""Stem of a Play and a pattern to `TRADES HASH`."""


def golden_lines(text: str) -> dict[tuple[str, str], str]:
    """The golden file: `play pattern trades hash` a line. Raises ValueError for a line that is none."""
    lines: dict[tuple[str, str], str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if line.startswith("#") or not words:
            continue
        if len(words) != 4:
            raise ValueError(f"line {number}: found {len(words)} words, expected play, pattern, trades, hash")
        lines[words[0], words[1]] = f"{words[2]} {words[3]}"
    return lines


def golden_text(lines: Golden) -> str:
    """The golden file with these lines."""
    head = f"# Trades of the example Plays over the patterns, seed {SEED}: play, pattern, closing fills, hash of them.\n"
    return head + "".join(f"{play} {pattern} {found}\n" for (play, pattern), found in sorted(lines.items()))


def trades_of(plays: Mapping[str, Play], patterns: Sequence[str]) -> tuple[dict[tuple[str, str], str], list[str]]:
    """What each Play (by stem) traded on each pattern, and what went wrong."""
    found: dict[tuple[str, str], str] = {}
    faults: list[str] = []
    for stem, play in plays.items():
        for pattern in patterns:
            try:
                found[stem, pattern] = _summary(_run(play, pattern))
            except PlaydError as error:
                faults.append(f"{stem} on {pattern}: {error}")
    return found, faults


def check_pattern_trades(plays: Mapping[str, Play], patterns: Sequence[str], golden: Golden) -> Verdict:
    """Every Play on every pattern against its golden line. One without lines has only run, and the note says so."""
    found, faults = trades_of(plays, patterns)
    verdict = Verdict("runs", len(found), faults)
    for (stem, pattern), trades in found.items():
        wanted = golden.get((stem, pattern), trades)
        verdict.expect(trades == wanted, f"{stem} on {pattern}: trades {trades} where the golden line says {wanted}")
    verdict.note = _without_lines(plays, golden)
    return verdict


def _without_lines(plays: Iterable[str], golden: Golden) -> str:
    known = {stem for stem, _ in golden}
    new = [stem for stem in plays if stem not in known]
    return f"without golden lines: {', '.join(new)}" if new else ""


def _run(play: Play, pattern: str) -> BacktestResult:
    minutes = play.timeframes.exec_ms // MINUTE_MS
    candles = replace(_market(pattern, minutes, SEED), symbol=play.symbol)
    if play.reference is not None:
        candles = candles.beside(replace(_market(pattern, minutes, SEED + REFERENCE_SEED), symbol=play.reference))
    first, end = int(candles.open_time_ms[0]), int(candles.open_time_ms[-1]) + candles.step_ms
    return run_backtest(play, candles, synthetic_instrument(play.symbol, B), start_ms=first, end_ms=end)


@lru_cache(maxsize=len(PATTERNS))
def _market(pattern: str, minutes: int, seed: int) -> Candles:
    bars = min(_BARS, _MOST_MINUTES // minutes)
    return synthetic_market(pattern, seed=seed, exec_minutes=minutes, exec_bars=bars, symbol="BTCUSDT")


def _summary(result: BacktestResult) -> str:
    """Number and hash of the closing fills: what was filled, when and for how much, not how records are laid out."""
    rows = result.trade_rows
    data = hashlib.sha256()
    for name in ("dir", "entry_time_ms", "exit_time_ms", "qty"):
        data.update(rows[name].astype("<i8").tobytes())
    for name in ("entry_price", "exit_price", "net_usdt"):
        data.update(rows[name].astype("<f8").tobytes())
    data.update(" ".join(REASONS[int(code)] for code in rows["reason"]).encode())
    return f"{len(rows)} {data.hexdigest()[:16]}"
