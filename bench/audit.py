"""
The look at a whole journal, in processor time of one core: half a million records of orders in files of 64 MiB.

    python bench/audit.py

Timed: `verify` over the directory, files read from the disk; beside it what hashing alone takes, which no way of checking can
fall below.
"""

import tempfile
import time
from hashlib import sha256
from pathlib import Path, PurePath

import _setup  # noqa: F401 - finds the package
from _figures import tell

from playd.core.canonical import Json
from playd.ops.chain import GENESIS, Head, seal
from playd.ops.segments import verify
from playd.world.real import RealDisk

RECORDS = 500_000
FILE_BYTES = 64 * 1024 * 1024
RUNS = 7
LIMIT = 500_000.0


def record(number: int, prev: str) -> dict[str, Json]:
    """A change of an order's state, which is what most records are."""
    at_ms = 1_704_067_200_000 + number
    return {
        **{"mode": None, "account": "main", "instance": "ab12cd34", "symbol": "BTCUSDT"},
        **{"cause": f"ab12cd34/{at_ms}/enter/0", "actor": "daemon", "kind": "order.state", "v": 1},
        **{"seq": number, "ts_ms": at_ms, "mono_ms": number, "prev": prev},
        "data": {
            **{"link_id": "pdezldnyy-axzhrv222auhxbveybjt2sm3", "before": "SENT", "state": "ACKED", "source": "rest"},
            **{"code": 0, "detail": "", "executed": "0", "at_ms": at_ms},
        },
    }


def write(directory: Path) -> tuple[Head, list[bytes]]:
    """The files; where the chain ends, and a hundred thousand of its lines."""
    prev, lines, size, files = GENESIS, list[bytes](), 0, 0
    kept: list[bytes] = []
    for number in range(1, RECORDS + 1):
        line, prev = seal(record(number, prev), prev)
        lines.append(line)
        size += len(line)
        if size >= FILE_BYTES or number == RECORDS:
            (directory / f"2024-01-01{f'.{files}' if files else ''}.jsonl").write_bytes(b"".join(lines))
            kept = kept or lines[:100_000]
            lines, size, files = [], 0, files + 1
    return Head(RECORDS, prev), kept


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        head, lines = write(Path(name))
        rates, bare = [], []
        for _ in range(RUNS):
            began_s = time.process_time()
            report = verify(RealDisk(), PurePath(name), anchor=head)
            rates.append(RECORDS / (time.process_time() - began_s))
            if (report.records, report.damage) != (RECORDS, None):
                raise SystemExit(f"found {report}")
            began_s = time.process_time()
            for line in lines:
                sha256(line).hexdigest()
            bare.append(len(lines) / (time.process_time() - began_s))
    tell("records of a journal checked per second", rates, "1/s", limit=LIMIT)
    tell("records hashed per second, nothing else", bare, "1/s")


if __name__ == "__main__":
    main()
