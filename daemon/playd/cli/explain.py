"""`playd play explain`: why a Play did what it did, or nothing, at a bar of recorded candles, or how often over all of them."""

from dataclasses import dataclass

import numpy as np

from playd.cli.inputs import BesideFiles, candles_of, market_of, play_of
from playd.cli.moments import time_ms
from playd.control.explain_rows import explanation, statistics_object
from playd.control.explain_text import explanation_text, statistics_text
from playd.control.figures import rfc3339
from playd.control.protocol import JsonObject
from playd.control.render import json_text
from playd.core.errors import CandleError
from playd.engine.statistics import bar_statistics
from playd.engine.verdicts import LATE_DATA
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.closed_bars import verdicts_of
from playd.world.real import real_world


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """The flags of `playd play explain`. Without `at` and `stats` it is the last bar."""

    play: str
    candles: str
    reference: str
    beside: BesideFiles
    symbol: str
    at: str
    stats: bool
    start: str
    end: str
    as_json: bool
    overrides: tuple[str, ...]


def explain_play(options: ExplainOptions) -> int:
    """Backtest the Play, then print one bar or the counts. Raises `PlayError`, `CandleError`, `SettingsError`."""
    world = real_world()
    at_ms = time_ms(options.at, "--at")
    start_ms, end_ms = time_ms(options.start, "--start"), time_ms(options.end, "--end")
    play = play_of(world, options.play, options.overrides, options.symbol)
    market = market_of(world, candles_of(world, options.candles, options.reference, play), options.beside)
    result = run_backtest(
        play,
        market.candles,
        market.instrument,
        start_ms=start_ms,
        end_ms=end_ms,
        funding=market.funding,
        charge_funding=market.charge_funding,
    )
    head = f"{play.name} on {play.symbol}, {result.program.clocks[result.program.decision_clock].name}"
    whose = {"play": play.name, "symbol": play.symbol, "play_hash": play.play_hash}
    if options.stats:
        data = counts(result)
        print(json_text({**whose, **data}) if options.as_json else statistics_text(head, data))
    else:
        data = bar(result, at_ms)
        print(json_text({**whose, **data}) if options.as_json else explanation_text(head, data))
    return 0


def counts(result: BacktestResult) -> JsonObject:
    """Statistics over the window. Raises `CandleError` when no execution bar closes in it."""
    found = bar_statistics(result.play, result.columns, verdicts_of(result))
    if found is None:
        raise CandleError("no execution bar closes in the window")
    return {**statistics_object(found)}


def bar(result: BacktestResult, at_ms: int | None) -> JsonObject:
    """
    The last bar of the decision clock that had closed at `at_ms`. Raises `CandleError` when there is none, and when a later one
    would have closed by then if the candles did not end before.
    """
    clock = result.program.decision_clock
    closes = result.columns.close_times_ms(clock)
    row = len(closes) - 1 if at_ms is None else int(np.searchsorted(closes, at_ms, side="right")) - 1
    if row < 0:
        first = rfc3339(int(closes[0])) if len(closes) else "none"
        raise CandleError(f"no bar had closed at {rfc3339(at_ms or 0)}; the first close loaded is {first}")
    if at_ms is not None and at_ms >= int(closes[-1]) + result.program.clocks[clock].step_ms:
        raise CandleError(f"the candles end before {rfc3339(at_ms)}; the last close loaded is {rfc3339(int(closes[-1]))}")
    verdicts, close_ms = verdicts_of(result), int(closes[row])
    is_late = bool(verdicts) and min(verdicts) < close_ms < max(verdicts)
    told = explanation(result.play, result.columns, close_ms, verdicts.get(close_ms, LATE_DATA if is_late else None))
    return {**told}
