"""A log line as the service manager's journal takes it: with fields, so that `journalctl PLAYD_INSTANCE=…` finds it."""

import re
import struct
from collections.abc import Mapping
from typing import Any, Final

_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_NAME: Final = re.compile(r"[^A-Z0-9_]")
_IN_TEXT: Final = ("ts", "level", "event", "msg", "exc")


def entry(fields: Mapping[str, Any]) -> bytes:
    """
    The native form of one line: `MESSAGE` in words, `PRIORITY`, `PLAYD_EVENT`, and every other field under its own name, such
    as `PLAYD_ACCOUNT`, `PLAYD_SYMBOL`, `PLAYD_INTENT`, `PLAYD_SEQ`.
    """
    others = {name: value for name, value in fields.items() if name not in _IN_TEXT and value is not None}
    words = [str(fields.get("event", "")), str(fields.get("msg") or ""), *(f"{name}={value}" for name, value in others.items())]
    message = " ".join(word for word in words if word)
    if fields.get("exc"):
        message = f"{message}\n{fields['exc']}"
    named = {
        "MESSAGE": message,
        "PRIORITY": str(_PRIORITIES.get(str(fields.get("level")), 6)),
        "SYSLOG_IDENTIFIER": "playd",
        "PLAYD_EVENT": str(fields.get("event", "")),
        **{f"PLAYD_{_NAME.sub('_', name.upper())}": str(value) for name, value in others.items()},
    }
    return b"".join(_field(name, value.encode(errors="replace")) for name, value in named.items())


def _field(name: str, value: bytes) -> bytes:
    """`NAME=value`, or with its length where the value has more than one line."""
    if b"\n" not in value:
        return name.encode() + b"=" + value + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
