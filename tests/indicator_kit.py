"""What tests of indicators against other implementations share: drawn markets, treacherous series, and the comparison."""

import numpy as np
from hypothesis import strategies as st

from tests.kernel_runs import Floats, Rows, walk

BARS = 300


class Market(dict[str, Floats]):
    """Candle rows that print as what they were drawn from."""

    def __init__(self, rows: Rows, origin: str) -> None:
        super().__init__(rows)
        self.origin = origin

    def __repr__(self) -> str:
        return f"Market({self.origin})"


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """A walk of BARS candles at a drawn price and pace."""
    price, step = draw(st.sampled_from([0.01, 1.0, 100.0, 65_000.0])), draw(st.sampled_from([5e-4, 5e-3, 0.02]))
    seed = draw(st.integers(0, 2**32 - 1))
    return Market(walk(BARS, seed, price=price, step=step), f"{seed=}, {price=}, {step=}")


def assert_same(found: Floats, expected: Floats, *, scale: float | Floats = 0.0) -> None:
    """Same first bar, same gaps, values within 1e-9 relative; `scale` is the size of operands whose difference is compared."""
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    allowed = 1e-9 * np.abs(expected) + 1e-14 * scale
    wrong = np.argwhere(np.abs(found - expected) > allowed)
    assert len(wrong) == 0, f"at {wrong[0]}: found {found[tuple(wrong[0])]}, expected {expected[tuple(wrong[0])]}"


def windows(values: Floats, length: int) -> Floats:
    """Every window of that length, one per row."""
    return np.lib.stride_tricks.sliding_window_view(values, length)


def spiky(seed: int) -> Floats:
    """Quiet stretches, spikes of ten thousand times their size, and long flats: what ruins a naive sliding sum."""
    random = np.random.default_rng(seed)
    values = 1.0 + 1e-4 * random.random(2000)
    values[random.random(2000) < 0.01] *= 1e4
    values[700:900] = values[700]
    values[1200:] *= 1e-3
    return values
