"""Units of symbols whose rules change: what can be counted in one unit before and after."""

from dataclasses import replace
from decimal import Decimal
from math import gcd, lcm

from playd.core.instrument import Instrument, fraction


def common_unit(first: Decimal, second: Decimal) -> Decimal:
    """The largest unit that both are multiples of, e.g. 0.1 of 0.2 and 0.5; the finer one where it divides the other."""
    (a, b), (c, d) = fraction(first), fraction(second)
    den = lcm(b, d)
    return Decimal(gcd(a * (den // b), c * (den // d))) / Decimal(den)


def counted_in(rules: Instrument, tick: Decimal, step: Decimal) -> Instrument:
    """Rules whose tick and step also count what was a multiple of `tick` and `step`."""
    return replace(rules, tick=common_unit(tick, rules.tick), step=common_unit(step, rules.step))
