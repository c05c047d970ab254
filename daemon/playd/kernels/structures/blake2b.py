"""
BLAKE2b (RFC 7693) of one short text, for kernels that name what they find.

Unkeyed, one block of 128 bytes at most, and only the first four bytes of the digest: enough for an identity that people can
compare between two runs, computed where the zone is made.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from playd.kernels.compiled import part

BLOCK_BYTES: Final = 128

Text = NDArray[np.uint8]
"""A block of bytes, zeros after the text."""

Words = NDArray[np.uint64]

_START: Final = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    dtype=np.uint64,
)
"""The fractional parts of the square roots of the first eight primes."""

_ORDER: Final = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ]
)
"""In which order a round takes the words of the block. Rounds 10 and 11 repeat the first two."""

_ROUNDS: Final = 12


@part
def _turned(word: Any, bits: int) -> Any:
    """A word rotated to the right."""
    return (word >> np.uint64(bits)) | (word << np.uint64(64 - bits))


@part
def _mix(work: Words, a: int, b: int, c: int, d: int, x: Any, y: Any) -> None:
    """Two words of the block into four of the sixteen working words."""
    work[a] = work[a] + work[b] + x
    work[d] = _turned(work[d] ^ work[a], 32)
    work[c] = work[c] + work[d]
    work[b] = _turned(work[b] ^ work[c], 24)
    work[a] = work[a] + work[b] + y
    work[d] = _turned(work[d] ^ work[a], 16)
    work[c] = work[c] + work[d]
    work[b] = _turned(work[b] ^ work[c], 63)


@part
def digest_of_4_bytes(text: Text, length: int) -> int:
    """The digest of `text[:length]` as a big-endian integer. `text` has BLOCK_BYTES bytes, zeros from `length` on."""
    block, work = np.zeros(16, dtype=np.uint64), np.zeros(16, dtype=np.uint64)
    for k in range(BLOCK_BYTES):
        block[k // 8] |= np.uint64(text[k]) << np.uint64(8 * (k % 8))
    for k in range(8):
        work[k], work[k + 8] = _START[k], _START[k]
    first = _START[0] ^ np.uint64(0x01010000) ^ np.uint64(4)  # fan-out 1, depth 1, no key, four bytes
    work[0] = first
    work[12] ^= np.uint64(length)
    work[14] = ~work[14]  # the last block
    for one in range(_ROUNDS):
        order = _ORDER[one % 10]
        for k in range(4):
            _mix(work, k, k + 4, k + 8, k + 12, block[order[2 * k]], block[order[2 * k + 1]])
        for k in range(4):
            b, c, d = (k + 1) % 4 + 4, (k + 2) % 4 + 8, (k + 3) % 4 + 12
            _mix(work, k, b, c, d, block[order[2 * k + 8]], block[order[2 * k + 9]])
    low = first ^ work[0] ^ work[8]
    value = 0
    for k in range(4):
        value = value * 256 + int((low >> np.uint64(8 * k)) & np.uint64(255))
    return value


@part
def write_integer(text: Text, length: int, number: int) -> int:
    """Append a decimal number; returns the new length."""
    if number < 0:
        text[length] = 45  # minus
        length += 1
        number = -number
    digits, rest = 1, number // 10
    while rest > 0:
        digits, rest = digits + 1, rest // 10
    for k in range(digits):
        text[length + digits - 1 - k] = 48 + number % 10
        number //= 10
    return length + digits
