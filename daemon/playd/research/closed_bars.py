"""The verdict of every bar that a backtest decided, and of those after its end."""

from playd.engine.records import HALTED, VERDICTS
from playd.research.backtest import BacktestResult


def verdicts_of(result: BacktestResult) -> dict[int, str]:
    """
    Verdict by close time, for each close of the window at which a decision was due.

    A run that ended before its data says `halted` to the rest, as an engine does.
    """
    words = [VERDICTS[code] for code in result.verdicts.tolist()]
    closes = result.all_decision_times_ms.tolist()
    return dict(zip(closes, words + [VERDICTS[HALTED]] * (len(closes) - len(words)), strict=True))
