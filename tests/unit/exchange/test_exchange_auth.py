"""Signatures over raw bytes, the edges of the time window, and texts that do not give the key away."""

import hashlib
import hmac

import pytest

from playd.venues.exchange.auth import check_signature, check_socket, check_window, read_headers
from playd.venues.exchange.rates import RateLimits
from playd.venues.exchange.refusal import Refusal

SERVER_MS = 1_790_000_000_000
SECRET = "secret"


def _headers(stamp: int, payload: bytes, *, window: str = "5000", secret: str = SECRET) -> dict[str, str]:
    text = f"{stamp}KEY{window}".encode() + payload
    headers = {
        "X-BAPI-API-KEY": "KEY",
        "X-BAPI-TIMESTAMP": str(stamp),
        "X-BAPI-SIGN": hmac.new(secret.encode(), text, hashlib.sha256).hexdigest(),
    }
    return {**headers, "X-BAPI-RECV-WINDOW": window} if window else headers


@pytest.mark.parametrize(("offset_ms", "inside"), [(-5000, True), (-5001, False), (0, True), (999, True), (1000, False)])
def test_the_window_includes_its_old_edge_and_ends_a_second_ahead(offset_ms: int, inside: bool) -> None:
    signed = read_headers(_headers(SERVER_MS + offset_ms, b""))
    assert signed is not None
    if inside:
        check_window(signed, SERVER_MS)
        return
    with pytest.raises(Refusal) as caught:
        check_window(signed, SERVER_MS)
    assert caught.value.code == 10002
    assert f"req_timestamp[{SERVER_MS + offset_ms}],server_timestamp[{SERVER_MS}],recv_window[5000]" in caught.value.text


@pytest.mark.parametrize("payload", [b"", b"category=linear&cursor=page_args%3D1", b'{"qty": "1", "side":"Buy"}'])
def test_what_is_signed_is_what_travelled(payload: bytes) -> None:
    signed = read_headers(_headers(SERVER_MS, payload))
    assert signed is not None
    check_signature(signed, SECRET, payload)
    with pytest.raises(Refusal) as caught:
        check_signature(signed, SECRET, payload + b" ")
    assert caught.value.code == 10004
    assert "KEY" not in caught.value.text


def test_a_window_that_was_not_sent_counts_as_five_seconds() -> None:
    signed = read_headers(_headers(SERVER_MS - 4999, b"", window=""))
    assert signed is not None
    check_window(signed, SERVER_MS)


def test_missing_headers_are_no_request_and_wrong_numbers_are_refused() -> None:
    headers = _headers(SERVER_MS, b"")
    for name in headers:
        without = {key: value for key, value in headers.items() if key != name}
        assert (read_headers(without) is None) == (name != "X-BAPI-RECV-WINDOW")
    with pytest.raises(Refusal, match="10001"):
        read_headers({**headers, "X-BAPI-TIMESTAMP": "soon"})


def test_a_socket_signature_must_lie_ahead() -> None:
    def sign(expires: object) -> str:
        return hmac.new(SECRET.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()

    check_socket(SECRET, SERVER_MS + 1, sign(SERVER_MS + 1), SERVER_MS)
    check_socket(SECRET, str(SERVER_MS + 1), sign(SERVER_MS + 1), SERVER_MS)
    for secret, expires, signature in (
        (SECRET, SERVER_MS, sign(SERVER_MS)),
        (SECRET, SERVER_MS + 1, sign(SERVER_MS + 2)),
        (SECRET, "soon", sign("soon")),
        (None, SERVER_MS + 1, sign(SERVER_MS + 1)),
    ):
        with pytest.raises(Refusal):
            check_socket(secret, expires, signature, SERVER_MS)


def test_requests_are_counted_per_user_and_endpoint_over_a_rolling_second() -> None:
    rates = RateLimits(enabled=True)
    taken = [rates.take(1, "/v5/order/create", 100.0 + number / 100) for number in range(11)]
    assert [allowance.left for allowance in taken] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert [allowance.refused for allowance in taken] == [False] * 10 + [True]
    assert taken[-1].wait_s == pytest.approx(0.9)
    assert not rates.take(1, "/v5/order/cancel", 100.1).refused
    assert not rates.take(2, "/v5/order/create", 100.1).refused
    assert not rates.take(1, "/v5/order/create", 101.0).refused


def test_limits_that_are_off_say_so_in_their_size() -> None:
    rates = RateLimits(enabled=False)
    allowances = [rates.take(1, "/v5/order/create", 100.0) for _ in range(100)]
    assert not any(allowance.refused for allowance in allowances)
    assert allowances[0].limit == 1_000_000
