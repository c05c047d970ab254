"""As-of alignment shows closed bars only, bridges one bar, and does not depend on how it is called."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.kernels import asof
from tests.kernel_runs import Floats, run_kernel, same_bits

STEPS_MS = [60_000, 180_000, 900_000, 3_600_000]
SPAN_MS = 100 * 3_600_000
laws = settings(deadline=None, max_examples=40, print_blob=True)


@st.composite
def clocks(draw: st.DrawFn) -> tuple[Floats, Floats, int]:
    """Close times of a source and of a target, both with absent bars, and the source's step."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    source_step, target_step = draw(st.sampled_from(STEPS_MS)), draw(st.sampled_from(STEPS_MS))
    closes: list[Floats] = []
    for step in (source_step, target_step):
        all_closes: Floats = np.arange(draw(st.integers(1, 5)) * step, SPAN_MS, step, dtype=np.float64)[:300]
        closes.append(all_closes[random.random(len(all_closes)) >= draw(st.sampled_from([0.0, 0.2, 0.8]))])
    return closes[0], closes[1], source_step


def align(values: Floats, source: Floats, target: Floats, step_ms: int, cuts: tuple[int, ...] = ()) -> Floats:
    state = np.zeros(asof.STATE_SIZE)
    aligned: Floats = run_kernel(asof.kernel(), [values, source, target], asof.pack(step_ms), state, 1, cuts)[0]
    return aligned


@laws
@given(clocks())
def test_the_value_is_that_of_the_last_bar_that_has_closed(clocks: tuple[Floats, Floats, int]) -> None:
    source, target, step_ms = clocks
    found = align(source.copy(), source, target, step_ms)
    for now, value in zip(target, found, strict=True):
        closed = source[source <= now]
        fresh = len(closed) > 0 and closed[-1] > now - 2 * step_ms
        assert value == closed[-1] if fresh else np.isnan(value)


@laws
@given(clocks(), st.integers(0, 300))
def test_bars_that_close_later_have_no_effect(clocks: tuple[Floats, Floats, int], bar: int) -> None:
    """The values and close times of unfinished bars may be anything that is later, or not there at all."""
    source, target, step_ms = clocks
    past = target[:bar]
    now = past[-1] if len(past) else 0.0
    known = source <= now
    expected = align(source.copy(), source, target, step_ms)[: len(past)]
    cut_off = align(source[known], source[known], past, step_ms)
    unwritten = align(np.where(known, source, -777.0), np.where(known, source, np.nan), past, step_ms)
    assert same_bits(expected, cut_off)
    assert same_bits(expected, unwritten)


@laws
@given(clocks(), st.lists(st.integers(0, 300), max_size=6))
def test_any_chunking_gives_the_same_bits(clocks: tuple[Floats, Floats, int], cuts: list[int]) -> None:
    source, target, step_ms = clocks
    whole = align(source.copy(), source, target, step_ms)
    pieces = tuple(min(cut, len(target)) for cut in cuts)
    assert same_bits(whole, align(source.copy(), source, target, step_ms, pieces))
    assert same_bits(whole, align(source.copy(), source, target, step_ms, tuple(range(1, len(target)))))
