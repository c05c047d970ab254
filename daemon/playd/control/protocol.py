"""
The lines of the control socket: JSON-RPC 2.0, one UTF-8 object per line. Pure: bytes in, values out, values in, bytes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import orjson

from playd.control.answer_parts import Error, Fault
from playd.core.limits import REPLY_LINE_BYTES

PROTOCOL: Final = 1
REQUEST_ID_MAX: Final = 64

GUARDIAN_SOCKET: Final = "guardian.sock"
"""The guardian's socket, beside the daemon's control socket."""

MORE: Final = "more"
"""Warning of an answer that is one page: there is more before it."""

TOO_FAST: Final = "too_fast"
"""Reason of an error about one request too many within a second; the same a second later is answered."""

JsonObject = dict[str, Any]
"""A JSON object from or for the wire; its values are checked where they are used."""


class Code(IntEnum):
    """Error numbers of JSON-RPC and of playd."""

    PARSE = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL = -32603
    NOT_FOUND = -32001
    NOT_RUNNING = -32002
    REFUSED = -32003
    PHRASE_REQUIRED = -32004
    BUSY = -32005
    TIMED_OUT = -32006
    INVALID = -32007
    PERMISSION = -32008
    REQUEST_ID_CONFLICT = -32009
    INCOMPLETE = -32010
    DEGRADED = -32011
    DIFFERENCE = -32012


OUTCOME_UNKNOWN: Final = "outcome_unknown"
"""Reason of an error about a change that its daemon did not live to end."""

EXIT_OF_CODE: Final[dict[int, int]] = {
    Code.INVALID_PARAMS: 2,
    Code.METHOD_NOT_FOUND: 2,
    Code.NOT_RUNNING: 3,
    Code.NOT_FOUND: 4,
    Code.TIMED_OUT: 5,
    Code.INVALID: 6,
    Code.REFUSED: 8,
    Code.PHRASE_REQUIRED: 8,
    Code.REQUEST_ID_CONFLICT: 8,
    Code.DEGRADED: 9,
    Code.DIFFERENCE: 10,
    Code.INCOMPLETE: 11,
    Code.PERMISSION: 12,
}
"""Exit code of `playctl` for each error; 1 for the others."""


class RpcError(Exception):
    """An error answer. `reason` is a stable word, `hint` a thing to do, `closes` whether the connection ends with it."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        reason: str = "",
        hint: str = "",
        scope: str = "",
        details: Mapping[str, Any] | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or code.name.lower()
        self.hint = hint
        self.scope = scope
        self.details: JsonObject = dict(details or {})
        self.closes = closes

    def as_json(self) -> Error:
        """The `error` member of a reply."""
        data: Fault = {"reason": self.reason, "hint": self.hint, "scope": self.scope, "details": self.details}
        return {"code": int(self.code), "message": self.message, "data": data}

    @classmethod
    def from_json(cls, error: JsonObject) -> "RpcError":
        """The error a reply carried, for the client. Unknown codes become `INTERNAL` and keep their text."""
        data = error.get("data") or {}
        try:
            code = Code(error.get("code", Code.INTERNAL))
        except ValueError:
            code = Code.INTERNAL
        return cls(
            code,
            str(error.get("message", "")),
            reason=str(data.get("reason", "")),
            hint=str(data.get("hint", "")),
            scope=str(data.get("scope", "")),
            details=data.get("details") or {},
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `id` is None for a notification, which playd does not take."""

    id: int | str
    method: str
    params: JsonObject = field(default_factory=dict)


def parse_request(line: bytes) -> Request:
    """The request in one line (without its LF). Raises `RpcError`; what is not JSON or not a request ends the connection."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RpcError(Code.PARSE, f"not one JSON object per line: {error}", closes=True) from None
    if not isinstance(value, dict):
        what = "batches are not supported" if isinstance(value, list) else "expected a JSON object"
        raise RpcError(Code.INVALID_REQUEST, what, closes=True)
    if value.get("jsonrpc") != "2.0":
        raise RpcError(Code.INVALID_REQUEST, 'expected "jsonrpc": "2.0"', closes=True)
    call_id, method, params = value.get("id"), value.get("method"), value.get("params", {})
    if isinstance(call_id, bool) or not isinstance(call_id, int | str):
        raise RpcError(Code.INVALID_REQUEST, "expected an id (number or text): every request gets one reply", closes=True)
    if not isinstance(method, str) or not isinstance(params, dict):
        raise RpcError(Code.INVALID_REQUEST, "expected a method name and an object of params", closes=True)
    return Request(call_id, method, params)


def encode(message: JsonObject) -> bytes:
    """One line with its LF."""
    return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)


def encode_call(call_id: int | str, method: str, params: JsonObject) -> bytes:
    """The line of one request."""
    return encode({"jsonrpc": "2.0", "id": call_id, "method": method, "params": params})


def encode_result(call_id: int | str, result: JsonObject) -> bytes:
    """The line of one result. A result too long for a line becomes an error, because half an answer is a lie."""
    line = encode({"jsonrpc": "2.0", "id": call_id, "result": result})
    if len(line) > REPLY_LINE_BYTES:
        too_long = RpcError(
            Code.INTERNAL, f"the answer has {len(line)} bytes, more than {REPLY_LINE_BYTES}", hint="narrow the query"
        )
        return encode_error(call_id, too_long)
    return line


def encode_error(call_id: int | str | None, error: RpcError) -> bytes:
    """The line of one error; `call_id` is None when the request could not be read."""
    return encode({"jsonrpc": "2.0", "id": call_id, "error": error.as_json()})


def encode_stream(subscription: str, seq: int, data: JsonObject) -> bytes:
    """The line of one pushed message of a subscription."""
    params = {"subscription": subscription, "seq": seq, "data": data}
    return encode({"jsonrpc": "2.0", "method": "stream", "params": params})


class LineBuffer:
    """
    Cuts a byte stream into lines, never holding more than one line of `limit` bytes.

    Example: `LineBuffer(8).feed(b"ab\\ncd")` is `[b"ab"]`; the `cd` waits for its end.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Complete lines so far, without LF. Raises `RpcError` as soon as a line is known to be too long."""
        lines: list[bytes] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._rest += data[start:end]
            self._check()
            lines.append(bytes(self._rest))
            self._rest.clear()
            start = end + 1
        self._rest += data[start:]
        self._check()
        return lines

    @property
    def pending(self) -> int:
        """Bytes of an unfinished line."""
        return len(self._rest)

    def _check(self) -> None:
        if len(self._rest) > self._limit:
            size = len(self._rest)
            self._rest.clear()
            raise RpcError(Code.PARSE, f"a line of more than {self._limit} bytes ({size} so far)", closes=True)
