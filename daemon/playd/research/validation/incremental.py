"""Every kernel gives the same bits over a whole history, in pieces, and one bar at a time."""

from collections.abc import Iterable

import numpy as np

from playd.research.validation.kernel_cases import KernelCase
from playd.research.validation.verdict import Verdict


def check_incremental(cases: Iterable[KernelCase]) -> Verdict:
    """Whole against single bars, and against two pieces cut anywhere."""
    verdict = Verdict("kernels")
    for case in cases:
        verdict.checked += 1
        whole = case.run()
        for what, cuts in (("bar by bar", range(1, case.bars)), ("in two pieces", (case.bars // 3,))):
            pieces = case.run(tuple(cuts))
            differ = np.flatnonzero(~((whole == pieces) | (np.isnan(whole) & np.isnan(pieces))).all(axis=0))
            first = int(differ[0]) if len(differ) else -1
            verdict.expect(first < 0, f"{case.name} {what} differs from the whole at bar {first}")
    return verdict
