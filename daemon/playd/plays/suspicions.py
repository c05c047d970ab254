"""What is legal and surely not meant: rules that cannot act, windows that wait, near conditions that are too near."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from playd.core.timeframes import NAME_OF_MS
from playd.kernels.catalog import CATALOG
from playd.plays.conditions import Between, Compare, Expr, Member, Not, UseSetup, Window, children_of
from playd.plays.evaluation import Evaluation
from playd.plays.findings import Mark, Report
from playd.plays.model import Feature
from playd.plays.names import Names
from playd.plays.steps import Steps
from playd.plays.verdicts import ALWAYS, NEVER, Judge

_NEAR_PCT: Final = 0.1
"""Less than this many percent is missed by most bars."""

_LONG_BARS: Final = 50
"""Windows of fewer closes are warm soon enough, whatever they look at."""


class Placed(NamedTuple):
    """An expression as it was read, and where it stands."""

    expr: Expr
    mark: Mark
    path: str


def warn_of_rules(
    placed: Sequence[Placed],
    setups: Sequence[tuple[str, Expr]],
    features: Sequence[Feature],
    names: Names,
    clocks: Evaluation,
    report: Report,
) -> Steps[None]:
    """W305 never true, W308 near_pct too near, W309 window longer than the warm-up, W312 always true."""
    judge = Judge(names, dict(setups))
    warmup_ms = max((_warmup_ms(feature) for feature in features), default=0)
    for expr, mark, path in placed:
        yield
        _warn_of_verdict(expr, mark, path, judge, report)
        if isinstance(expr, Compare) and expr.op == "near_pct" and expr.tolerance < _NEAR_PCT:
            text = f"found near_pct {expr.tolerance:g}, which is in percent: {expr.tolerance:g} % of the right side"
            report.add("W308", mark, path, f"{text}, less than most bars move")
        if isinstance(expr, Window):
            _warn_of_span(expr, mark, path, warmup_ms, min(clocks.clocks_of(path)), report)


def _warmup_ms(feature: Feature) -> int:
    spec = CATALOG[feature.indicator]
    return spec.warmup(dict(feature.params), feature.step_ms) * feature.step_ms


def _warn_of_verdict(expr: Expr, mark: Mark, path: str, judge: Judge, report: Report) -> None:
    verdict = judge.verdict(expr)
    if verdict is None or any(judge.verdict(child) is verdict for child in children_of(expr)):
        return  # what it is made of is named already
    judge.verdict(expr)
    if verdict is NEVER and not isinstance(expr, UseSetup | Not):
        report.add("W305", mark, path, f"found a condition that can never be true: {judge.why}")
    elif verdict is ALWAYS and isinstance(expr, Compare | Between | Member):
        report.add("W312", mark, path, f"found a condition that is true whenever it is known: {judge.why}")


def _warn_of_span(window: Window, mark: Mark, path: str, warmup_ms: int, clock_ms: int, report: Report) -> None:
    step_ms = window.anchor_ms or clock_ms
    span_ms = window.duration_ms or window.bars * step_ms
    bars = -(-span_ms // step_ms)
    if bars >= _LONG_BARS and warmup_ms and span_ms > warmup_ms:
        clock = NAME_OF_MS[step_ms]
        text = f"found a window of {bars} closes of {clock}, longer than the warm-up of every feature"
        report.add("W309", mark, path, f"{text} ({warmup_ms // step_ms} bars of {clock}): it is the last to be known")
