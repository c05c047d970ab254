"""Which records of the journal are wanted: the same answer for kept ones, for followed ones, and for files without a daemon."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import orjson

from playd.control.protocol import JsonObject


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """
    None asks for nothing. `kind` is a glob; `instance` the uid; `grep` a text in the record's line.

    `order` and `intent` are ids that stand in the record. A record is wanted from `since_ms` on and before `until_ms`.
    """

    kind: str | None = None
    instance: str | None = None
    account: str | None = None
    symbol: str | None = None
    order: str | None = None
    intent: str | None = None
    grep: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def read(self, line: bytes) -> JsonObject | None:
        """The record of a line if it is wanted; None for others, and for a damaged line, which `audit verify` names."""
        if any(text is not None and text.encode() not in line for text in self._texts()):
            return None
        try:
            record: JsonObject = orjson.loads(line)
            return record if self._fits(record) else None
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def passes(self, record: JsonObject) -> bool:
        """Whether a record is wanted."""
        return self.read(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)) is not None

    def _texts(self) -> tuple[str | None, ...]:
        """What must stand in the line. Ids of orders and intents are never parts of other words."""
        return self.order, self.intent, self.grep

    def _fits(self, record: JsonObject) -> bool:
        return (
            isinstance(record["seq"], int)
            and (self.kind is None or fnmatchcase(record["kind"], self.kind))
            and self.instance in (None, record["instance"])
            and self.account in (None, record["account"])
            and self.symbol in (None, record["symbol"])
            and record["ts_ms"] >= (self.since_ms or 0)
            and (self.until_ms is None or record["ts_ms"] < self.until_ms)
        )


def told(data: JsonObject) -> str:
    """What a record holds as `key=value`."""
    return " ".join(f"{name}={value}" for name, value in data.items() if value not in (None, ""))


def bare_record(record: JsonObject) -> str:
    """Kind and data of a record, without number and time."""
    return f"{record['kind']} {told(record['data'])}".rstrip()


def record_line(record: JsonObject) -> str:
    """The same behind number and time."""
    return f"{record['seq']} {record['time']} {bare_record(record)}"
