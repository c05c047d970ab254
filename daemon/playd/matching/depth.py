"""
A synthetic depth of the market: how much there is to take at which price, as pure functions of a seed.

Matching without depth is a book of unlimited size at one price; everything here only says how an order that is larger than
the first level goes on. Quantities are steps, prices ticks, both whole numbers.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DepthProfile:
    """
    Attributes:
        level_usdt: Mean value of the first level, positive.
        gap_bps: Distance between two levels in basis points of the price; at least a tick.
        growth: By which fraction each level is larger than the one before it.
        spread: How far the size of a level strays from its mean, as a fraction below 1.
        levels: How many levels there are; what is larger than all of them finds nothing more.
        seed: Another seed draws other sizes.
    """

    level_usdt: float
    gap_bps: float = 1.0
    growth: float = 0.1
    spread: float = 0.5
    levels: int = 50
    seed: int = 0


def level_steps(profile: DepthProfile, key: str, price: float, step: float) -> tuple[int, ...]:
    """
    Size of every level, at least one step each. `key` names the side of a market at a time: the same key, the same sizes.
    """
    sizes = []
    for level in range(profile.levels):
        digest = hashlib.blake2b(f"{profile.seed}/{key}/{level}".encode(), digest_size=8).digest()
        stray = profile.spread * (2.0 * (int.from_bytes(digest, "big") / 2.0**64) - 1.0)
        value_usdt = profile.level_usdt * (1.0 + profile.growth) ** level * (1.0 + stray)
        sizes.append(max(int(value_usdt / price / step), 1))
    return tuple(sizes)


def gap_ticks(profile: DepthProfile, price: float, tick: float) -> int:
    """Ticks between two levels."""
    return max(round(price * profile.gap_bps / 10_000.0 / tick), 1)


def walk(sizes: Sequence[int], taken: int, gap: int, best_ticks: int, direction: int) -> Iterator[tuple[int, int]]:
    """
    What is left at each level and its price, best first, after `taken` steps are gone from the front.

    `direction` is +1 for a buyer, who pays more at every level, -1 for a seller.
    """
    for level, size in enumerate(sizes):
        gone = min(taken, size)
        taken -= gone
        if size > gone:
            yield size - gone, best_ticks + direction * gap * level
