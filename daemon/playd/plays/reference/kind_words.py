"""How indicators and detectors are described: meaning, parameters, outputs, and from which bar on they are known."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KindWords:
    """
    One indicator or detector in words.

    Attributes:
        meaning: What it is, and what it does where a divisor is zero, prices tie, or a value is missing.
        outputs: Output to what it says. A name with `N` or `x` in brackets stands for all of its numbers.
        first: Output to the place of its first value, the first bar of its inputs being bar 0: a formula of the parameters. The
            key "" is for all that are not named. Of detectors empty: their catalog says it.
        fade: Bars that are loaded beyond that, so that how it began no longer shows: a formula, or words where it depends on
            the clock.
        params: Parameters that mean something else here than elsewhere.
    """

    meaning: str
    outputs: Mapping[str, str]
    first: Mapping[str, str] = field(default_factory=dict)
    fade: str = "0"
    params: Mapping[str, str] = field(default_factory=dict)
