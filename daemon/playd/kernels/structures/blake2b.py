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
def _mix(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
    """Two words of the block into four of the sixteen working words."""
    a = a + b + x
    d = _turned(d ^ a, 32)
    c = c + d
    b = _turned(b ^ c, 24)
    a = a + b + y
    d = _turned(d ^ a, 16)
    c = c + d
    b = _turned(b ^ c, 63)
    return a, b, c, d


@part
def digest_of_4_bytes(text: Text, length: int) -> int:
    """
    The digest of `text[:length]` as a big-endian integer. `text` has BLOCK_BYTES bytes, zeros from `length` on.

    The working words are sixteen variables, which stay in registers: zones are made often, and an array costs five times that.
    """
    block = text.view(np.uint64)  # little-endian, as is every machine that this runs on
    first = _START[0] ^ np.uint64(0x01010000) ^ np.uint64(4)  # fan-out 1, depth 1, no key, four bytes
    v0, v1, v2, v3 = first, _START[1], _START[2], _START[3]
    v4, v5, v6, v7 = _START[4], _START[5], _START[6], _START[7]
    v8, v9, v10, v11 = _START[0], _START[1], _START[2], _START[3]
    v12, v13, v14, v15 = _START[4] ^ np.uint64(length), _START[5], ~_START[6], _START[7]  # 14: the last block
    for one in range(_ROUNDS):
        order = _ORDER[one % 10]
        v0, v4, v8, v12 = _mix(v0, v4, v8, v12, block[order[0]], block[order[1]])
        v1, v5, v9, v13 = _mix(v1, v5, v9, v13, block[order[2]], block[order[3]])
        v2, v6, v10, v14 = _mix(v2, v6, v10, v14, block[order[4]], block[order[5]])
        v3, v7, v11, v15 = _mix(v3, v7, v11, v15, block[order[6]], block[order[7]])
        v0, v5, v10, v15 = _mix(v0, v5, v10, v15, block[order[8]], block[order[9]])
        v1, v6, v11, v12 = _mix(v1, v6, v11, v12, block[order[10]], block[order[11]])
        v2, v7, v8, v13 = _mix(v2, v7, v8, v13, block[order[12]], block[order[13]])
        v3, v4, v9, v14 = _mix(v3, v4, v9, v14, block[order[14]], block[order[15]])
    low = first ^ v0 ^ v8
    value = 0
    for k in range(4):
        value = value * 256 + int((low >> np.uint64(8 * k)) & np.uint64(255))
    return value


@part
def write_text(text: Text, length: int, more: Text) -> int:
    """Append bytes; returns the new length."""
    for k in range(len(more)):
        text[length + k] = more[k]
    return length + len(more)


@part
def write_integer(text: Text, length: int, number: int) -> int:
    """Append a decimal number of at most 18 digits; returns the new length."""
    if number < 0:
        text[length] = 45  # minus
        length += 1
        number = -number
    digits, limit = 1, 10
    while number >= limit:
        digits, limit = digits + 1, limit * 10
    for k in range(length + digits - 1, length - 1, -1):
        rest = number // 10
        text[k] = 48 + number - 10 * rest
        number = rest
    return length + digits
