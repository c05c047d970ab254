"""Forged Plays over the patterns: each loads, runs, and gives every closed bar one verdict that it can explain."""

from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.engine.explain import Explainer
from playd.engine.statistics import bar_statistics
from playd.market.patterns.path import B
from playd.plays.load import load_play
from playd.plays.rule_tree import action_rules
from playd.plays.words import PATTERNS
from playd.research.backtest import run_backtest
from playd.research.closed_bars import verdicts_of
from playd.research.forge.play import forge_play
from playd.research.pattern_market import pattern_market
from playd.research.validation.verdict import Verdict

_SEED = 1
_MOST_MINUTES = 6000


def check_forged(count: int) -> Verdict:
    """`count` Plays of one seed. What the checker or the engine raises is a fault of ours and ends the check."""
    verdict = Verdict("forged Plays")
    for number in range(count):
        play = load_play(forge_play(_SEED, number), f"forge-{_SEED}-{number}")
        bars = max(60, min(600, _MOST_MINUTES * MINUTE_MS // play.timeframes.exec_ms))
        candles = pattern_market(play, PATTERNS[number % len(PATTERNS)], number, bars)
        result = run_backtest(play, candles, synthetic_instrument(play.symbol, B))
        statistics = bar_statistics(play, result.columns, verdicts_of(result))
        counted = sum(one.bars for one in statistics.verdicts) if statistics is not None else 0
        verdict.checked += 1
        verdict.expect(
            counted == len(result.all_decision_times_ms), f"{play.name}: {counted} verdicts do not add up to its bars"
        )
        last_ms = int(candles.open_time_ms[-1]) + candles.step_ms
        for rule in action_rules(play):
            said = Explainer(result.columns, last_ms).action(rule)
            told = said.tree.truth is True or said.stopped_by is not None
            verdict.expect(told, f"{play.name}: {rule.action} names nothing that stopped it")
    return verdict
