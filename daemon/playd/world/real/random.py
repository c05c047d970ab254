"""Randomness of the system."""

import random
import secrets
import string

_UID_ALPHABET = string.ascii_lowercase + string.digits


class RealRandom:
    """`Random` from the operating system's generator."""

    def random(self) -> float:
        return random.random()

    def token(self, nbytes: int) -> str:
        return secrets.token_hex(nbytes)

    def uid8(self) -> str:
        return "".join(secrets.choice(_UID_ALPHABET) for _ in range(8))
