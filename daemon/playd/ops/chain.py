"""
One line of the journal and its place in the chain, as pure functions over bytes.

A record is canonical JSON. Its `hash` is SHA-256 over the previous hash, a newline, and the record without `hash`. The field
has a fixed length and a fixed place (keys are sorted and only flat fields follow `data`), so checking cuts it out of the raw
line instead of parsing and writing the record again.
"""

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Final

import orjson

from playd.core.canonical import Json, canonical_json

GENESIS: Final = "0" * 64
"""What stands for the previous hash in the very first record."""

_HASH: Final = b'"hash":"'
_BEHIND_HASH: Final = b'"instance":'
_PREV: Final = b'"prev":"'
_SEQ: Final = b'"seq":'
_HEX: Final = 64


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain: its number and its hash."""

    seq: int
    hash: str


def seal(record: dict[str, Json], prev: str) -> tuple[bytes, str]:
    """The line of a record (newline included) that follows `prev`, and its hash. `record` holds every field but `hash`."""
    raw = canonical_json(record)
    digest = _hash_of(prev.encode(), raw)
    at = raw.rindex(_BEHIND_HASH)
    return raw[:at] + _HASH + digest.encode() + b'",' + raw[at:] + b"\n", digest


def _hash_of(prev: bytes, raw: bytes) -> str:
    return sha256(prev + b"\n" + raw).hexdigest()


def whole_until(data: bytes, seq: int, prev: str) -> tuple[int, int, str]:
    """
    How far whole records stand in `data`, where the one with the number `seq` and the hash `prev` is the last before: the place
    behind the last of them, its number and its hash.

    As strict as `check`, which says what is wrong with the one that stands there instead. No record of a whole chain is parsed:
    more than half a million of them a second, which is why everything here has a name of its own and one line is held at a time
    (the memory of the one before is used again).
    """
    digest_of, join, own, before, last = sha256, b"".join, _HASH, _PREV, prev.encode()
    until = data.rfind(b"\n") + 1
    lines = BytesIO(data[:until])
    for line in lines:
        head, _, tail = line.rpartition(own)
        borne, _, rest = tail.partition(b'",')
        found = digest_of(join((last, b"\n", head, rest[:-1]))).hexdigest().encode()
        is_next = rest.startswith(b'"prev":"%b","seq":%d,' % (last, seq + 1), rest.rfind(before))
        if found != borne or not is_next:
            return lines.tell() - len(line), seq, last.decode()
        seq, last = seq + 1, found
    return until, seq, last.decode()


def check(line: bytes, head: Head) -> tuple[Head, str]:
    """
    Whether `line` (without newline) is the record behind `head`.

    Returns:
        The new head and an empty text, or `head` unchanged and the kind of damage: `not a record`, `changed`, `repeated`,
        `missing` (records between), `other chain`, `not a record of ours` (one whose fields are not where they have to be).
    """
    at = line.rfind(_HASH)
    begin = at + len(_HASH)
    end = begin + _HEX
    prev_at = line.rfind(_PREV) + len(_PREV)
    if at < 0 or line[end : end + 2] != b'",' or prev_at < len(_PREV):
        return head, "not a record"
    seq = _number(line)
    if seq is None:
        return head, "not a record"
    prev = line[prev_at : prev_at + _HEX]
    digest = _hash_of(prev, line[:at] + line[end + 2 :])
    if digest.encode() != line[begin:end]:
        return head, "changed"
    if seq != head.seq + 1:
        return head, "repeated" if seq <= head.seq else "missing"
    if prev != head.hash.encode():
        return head, "other chain"
    if whole_until(line + b"\n", head.seq, head.hash)[1] != seq:
        return head, "not a record of ours"
    return Head(seq, digest), ""


def _number(line: bytes) -> int | None:
    at = line.rfind(_SEQ) + len(_SEQ)
    end = line.find(b",", at)
    digits = line[at:end]
    return int(digits) if at >= len(_SEQ) and digits.isdigit() else None


def head_before(line: bytes) -> Head | None:
    """What a line claims to follow, for the first record of a file whose predecessor is elsewhere. None: not a record."""
    seq, at = _number(line), line.rfind(_PREV) + len(_PREV)
    if seq is None or at < len(_PREV):
        return None
    return Head(seq - 1, line[at : at + _HEX].decode(errors="replace"))


def own_hash(line: bytes) -> str:
    """The hash that a record bears."""
    begin = line.rfind(_HASH) + len(_HASH)
    return line[begin : begin + _HEX].decode(errors="replace")


def kind_of(line: bytes) -> str:
    """The kind of a record, empty when the line is not JSON."""
    try:
        return str(orjson.loads(line)["kind"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
