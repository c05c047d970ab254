"""The control protocol's lines: what is read, what is refused, and that no line grows without bound."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playd.control.protocol import (
    EXIT_OF_CODE,
    Code,
    LineBuffer,
    Request,
    RpcError,
    encode_call,
    encode_error,
    encode_result,
    parse_request,
)
from playd.core.limits import REPLY_LINE_BYTES


def test_a_call_is_read_back_as_it_was_written() -> None:
    line = encode_call(7, "instance.start", {"name": "alpha"})
    assert line.endswith(b"\n")
    assert parse_request(line[:-1]) == Request(7, "instance.start", {"name": "alpha"})


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", Code.PARSE),
        (b"{", Code.PARSE),
        (b'{"jsonrpc":"2.0","id":1,"method":"hello"', Code.PARSE),
        (b"\xff\xfe", Code.PARSE),
        (b"[]", Code.INVALID_REQUEST),
        (b"1", Code.INVALID_REQUEST),
        (b'{"id":1,"method":"hello"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","method":"hello"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":true,"method":"hello"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"hello","params":[1]}', Code.INVALID_REQUEST),
    ],
)
def test_a_malformed_line_is_refused_and_ends_the_connection(line: bytes, code: Code) -> None:
    with pytest.raises(RpcError) as caught:
        parse_request(line)
    assert caught.value.code is code
    assert caught.value.closes


def test_an_error_survives_the_wire() -> None:
    sent = RpcError(Code.REFUSED, "no", reason="duplicate", hint="pick another", scope="instance:a", details={"n": 1})
    received = RpcError.from_json(orjson.loads(encode_error(1, sent))["error"])
    assert (received.code, received.message, received.reason, received.hint) == (
        Code.REFUSED,
        "no",
        "duplicate",
        "pick another",
    )
    assert (received.scope, received.details) == ("instance:a", {"n": 1})


def test_a_result_too_long_for_a_line_becomes_an_error() -> None:
    line = encode_result(1, {"data": "x" * REPLY_LINE_BYTES})
    assert len(line) < 1000
    assert orjson.loads(line)["error"]["code"] == Code.INTERNAL


def test_every_error_code_of_playd_has_an_exit_code() -> None:
    ours = [code for code in Code if -32012 <= code <= -32001 and code is not Code.BUSY]
    assert [code for code in ours if code not in EXIT_OF_CODE] == []


@given(st.lists(st.binary(max_size=20).filter(lambda data: b"\n" not in data)), st.lists(st.integers(0, 50)))
def test_lines_are_the_same_however_the_bytes_arrive(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    buffer = LineBuffer(64)
    received: list[bytes] = []
    start = 0
    for cut in cuts:
        received += buffer.feed(data[start : start + cut])
        start += cut
    received += buffer.feed(data[start:])
    assert received == lines
    assert buffer.pending == 0


def test_a_line_without_end_is_refused_before_it_is_whole() -> None:
    buffer = LineBuffer(1000)
    buffer.feed(b"x" * 1000)
    with pytest.raises(RpcError, match="1000 bytes"):
        buffer.feed(b"x")
    assert buffer.pending == 0
