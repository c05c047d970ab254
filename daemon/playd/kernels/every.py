"""Every kernel that a Play can ask for, by name, each compiled when it is called for."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from playd.kernels import asof, certain, chosen, duration, offset, rollup
from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from playd.kernels.compiled import Kernel
from playd.kernels.sources import SOURCES, SourceSpec
from playd.kernels.spec import IndicatorSpec
from playd.kernels.structures.spec import StructureSpec

MOST_INPUTS: Final = 6
"""
Kernels that take any number of inputs are another machine code for each number. A rule with more children than this compiles
its own at first use, which takes a fraction of a second.
"""

Compile = Callable[[], Any]


def every_kernel() -> Iterator[tuple[str, Compile]]:
    """Names, and what compiles the kernel or loads it from the cache."""
    for indicator in CATALOG.values():
        yield indicator.name, partial(_kernel_of, indicator)
    for structure in STRUCTURES.values():
        yield structure.name, partial(_kernel_of, structure)
    for source in SOURCES.values():
        yield f"source {source.name}", partial(_kernel_of, source)
    for operator in OPERATORS.values():
        for inputs in (operator.inputs,) if operator.inputs else range(1, MOST_INPUTS + 1):
            yield f"{operator.name} of {inputs}", partial(operator.kernel, inputs)
    for inputs in range(1, MOST_INPUTS + 1):
        yield f"chosen of {inputs}", partial(chosen.kernel, inputs)
    for transform in (asof, certain, duration, offset, rollup):
        yield transform.__name__.rpartition(".")[2], transform.kernel


def _kernel_of(spec: IndicatorSpec | StructureSpec | SourceSpec) -> Kernel:
    return spec.kernel
