"""Randomness with a seed."""

import random
import string

_UID_ALPHABET = string.ascii_lowercase + string.digits


class SeededRandom:
    """`Random` whose whole sequence follows from the seed."""

    def __init__(self, seed: int) -> None:
        self._generator = random.Random(seed)

    def random(self) -> float:
        return self._generator.random()

    def token(self, nbytes: int) -> str:
        return self._generator.randbytes(nbytes).hex()

    def uid8(self) -> str:
        return "".join(self._generator.choice(_UID_ALPHABET) for _ in range(8))
