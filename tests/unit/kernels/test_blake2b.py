"""The compiled BLAKE2b against the standard library's."""

import hashlib
import random

import numpy as np

from playd.kernels.structures.blake2b import BLOCK_BYTES, digest_of_4_bytes, write_integer


def block_of(text: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(text.ljust(BLOCK_BYTES, b"\0"), dtype=np.uint8).copy()


def test_the_digest_is_that_of_the_standard_library_for_every_length_of_one_block() -> None:
    source = random.Random(1)
    for length in range(BLOCK_BYTES + 1):
        text = source.randbytes(length)
        expected = int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")
        assert digest_of_4_bytes(block_of(text), length) == expected, length


def test_numbers_are_written_as_decimals() -> None:
    for number in (0, 7, 10, 99, 100, 1_928_544, 2**53, -1, -272_000):
        text = block_of(b"")
        length = write_integer(text, 3, number)
        assert bytes(text[3:length]).decode() == str(number)
