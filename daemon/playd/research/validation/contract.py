"""The catalogs keep what they declare: parameters, inputs, outputs, first valid bars, types, and never an infinity."""

from collections.abc import Iterable

import numpy as np

from playd.kernels.spec import ColumnType, IndicatorSpec, ParamSpec
from playd.plays.params import param_key
from playd.research.validation.kernel_cases import KernelCase
from playd.research.validation.verdict import Verdict


def check_contract(cases: Iterable[KernelCase]) -> Verdict:
    """What is declared, and what the kernel does over the case's bars."""
    verdict = Verdict("kernels")
    for case in cases:
        verdict.checked += 1
        table = case.run()
        verdict.expect(len(set(case.outputs)) == len(case.outputs), f"{case.name} has two outputs of one name")
        verdict.expect(not np.isinf(table).any(), f"{case.name} gives an infinity")
        if case.indicator is not None:
            _check_indicator(case, case.indicator, table, verdict)
        elif case.declared:
            _check_structure(case, table, verdict)
        else:
            truths = set(table[~np.isnan(table)].tolist())
            verdict.expect(len(truths) > 1, f"{case.name} says the same of every bar")
    return verdict


def _check_indicator(case: KernelCase, spec: IndicatorSpec, table: np.ndarray, verdict: Verdict) -> None:
    for param in spec.params:
        verdict.expect(_has_sound_default(param), f"{spec.name}: the default of {param.name} is outside its own range")
    primary_fits = spec.primary in case.outputs if spec.primary is not None else len(case.outputs) > 1
    verdict.expect(primary_fits, f"{spec.name}: the primary output {spec.primary} is none of its outputs")
    for output, row in zip(spec.outputs, table, strict=True):
        first = output.first(case.params)
        name = f"{spec.name}.{output.name}"
        verdict.expect(np.isnan(row[:first]).all(), f"{name} has a value before bar {first}")
        missing = np.flatnonzero(np.isnan(row[first:])) if not output.gaps else ()
        verdict.expect(len(missing) == 0, f"{name} is missing after bar {first}")
        verdict.expect(_fits(row, output.type), f"{name} holds what is no {output.type}")
        warm = spec.warmup(case.params, 60_000, output.name)
        verdict.expect(warm >= first, f"{name} is warm after {warm} bars, before its first value at {first}")


def _has_sound_default(param: ParamSpec) -> bool:
    if param.default is None:
        return True
    if param.kind == "word":
        return param.default in param.words
    return not isinstance(param.default, int | float) or param_key(param).holds(param.default)


def _check_structure(case: KernelCase, table: np.ndarray, verdict: Verdict) -> None:
    for output, row in zip(case.declared, table, strict=True):
        name = f"{case.name}.{output.name}"
        verdict.expect(np.isnan(row[: output.first]).all(), f"{name} has a value before bar {output.first}")
        steady = not output.steady or not np.isnan(row[output.first :]).any()
        verdict.expect(steady, f"{name} is missing after bar {output.first}")
        verdict.expect(_fits(row, output.type), f"{name} holds what is no {output.type}")
        known = output.type is not ColumnType.ENUM or output.text is not None or bool(output.words)
        verdict.expect(known, f"{name} has no words")


def _fits(row: np.ndarray, type: ColumnType) -> bool:
    values = row[~np.isnan(row)]
    if type is ColumnType.BOOL:
        return bool(np.isin(values, (0.0, 1.0)).all())
    return type is ColumnType.FLOAT or bool((values == np.floor(values)).all())
