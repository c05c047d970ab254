"""Derived sources of single-series indicators: hl2 = (H+L)/2, hlc3 = (H+L+C)/3, ohlc4 = (O+H+L+C)/4."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from playd.kernels.compiled import Kernel, Row, Table, compile_kernel
from playd.kernels.spec import InputName


def hl2(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: high, low. No params, no state."""
    high, low, value = inputs[0][lo:hi], inputs[1][lo:hi], outputs[0][lo:hi]
    for t in range(len(value)):
        value[t] = (high[t] + low[t]) / 2.0


def hlc3(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: high, low, close. No params, no state."""
    high, low, close, value = inputs[0][lo:hi], inputs[1][lo:hi], inputs[2][lo:hi], outputs[0][lo:hi]
    for t in range(len(value)):
        value[t] = (high[t] + low[t] + close[t]) / 3.0


def ohlc4(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: open, high, low, close. No params, no state."""
    open_, high, low, close = inputs[0][lo:hi], inputs[1][lo:hi], inputs[2][lo:hi], inputs[3][lo:hi]
    value = outputs[0][lo:hi]
    for t in range(len(value)):
        value[t] = (open_[t] + high[t] + low[t] + close[t]) / 4.0


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source that is computed from candle fields. One output, valid from the first bar, no params, no state, no look back."""

    name: str
    inputs: tuple[InputName, ...]
    recurrence: Kernel

    @property
    def kernel(self) -> Kernel:
        """The compiled recurrence."""
        return compile_kernel(self.recurrence, len(self.inputs))


SOURCES: Final[dict[str, SourceSpec]] = {
    spec.name: spec
    for spec in (
        SourceSpec("hl2", ("high", "low"), hl2),
        SourceSpec("hlc3", ("high", "low", "close"), hlc3),
        SourceSpec("ohlc4", ("open", "high", "low", "close"), ohlc4),
    )
}
"""Derived sources by the name that Plays use."""
