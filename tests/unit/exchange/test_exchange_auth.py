"""Signatures over raw bytes, the edges of the time window, and texts that do not give the key away."""

import hashlib
import hmac
from base64 import b64encode
from contextlib import ExitStack

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

from playd.venues.exchange.auth import check_key, check_signature, check_socket, check_window, read_headers
from playd.venues.exchange.gate import Gate
from playd.venues.exchange.keys import ApiKey
from playd.venues.exchange.rates import RateLimits
from playd.venues.exchange.refusal import Refusal

SERVER_MS = 1_790_000_000_000
SECRET = "secret"
KEY = ApiKey("KEY", SECRET, 1001)


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
        check_window(signed.timestamp_ms, signed.window_ms, SERVER_MS)
        return
    with pytest.raises(Refusal) as caught:
        check_window(signed.timestamp_ms, signed.window_ms, SERVER_MS)
    assert caught.value.code == 10002
    assert f"req_timestamp[{SERVER_MS + offset_ms}],server_timestamp[{SERVER_MS}],recv_window[5000]" in caught.value.text


@pytest.mark.parametrize("payload", [b"", b"category=linear&cursor=page_args%3D1", b'{"qty": "1", "side":"Buy"}'])
def test_what_is_signed_is_what_travelled(payload: bytes) -> None:
    signed = read_headers(_headers(SERVER_MS, payload))
    assert signed is not None
    check_signature(signed, KEY, payload)
    with pytest.raises(Refusal) as caught:
        check_signature(signed, KEY, payload + b" ")
    assert caught.value.code == 10004
    assert "KEY" not in caught.value.text


def test_a_window_that_was_not_sent_counts_as_five_seconds() -> None:
    signed = read_headers(_headers(SERVER_MS - 4999, b"", window=""))
    assert signed is not None
    check_window(signed.timestamp_ms, signed.window_ms, SERVER_MS)


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

    check_socket(KEY, SERVER_MS + 1, sign(SERVER_MS + 1), SERVER_MS)
    check_socket(KEY, str(SERVER_MS + 1), sign(SERVER_MS + 1), SERVER_MS)
    for expires, signature in (
        (SERVER_MS, sign(SERVER_MS)),
        (SERVER_MS + 1, sign(SERVER_MS + 2)),
        ("soon", sign("soon")),
    ):
        with pytest.raises(Refusal):
            check_socket(KEY, expires, signature, SERVER_MS)


def test_a_key_counts_on_its_environment_from_its_addresses_and_until_its_end() -> None:
    bound = ApiKey("KEY", SECRET, 1001, addresses=("10.0.0.1",), environment="testnet", expires_ms=SERVER_MS + 1)
    assert check_key(bound, "testnet", "10.0.0.1", SERVER_MS) is bound
    for key, environment, address, server_ms, code in (
        (None, "testnet", "10.0.0.1", SERVER_MS, 10003),
        (bound, "mainnet", "10.0.0.1", SERVER_MS, 10003),
        (bound, "testnet", "10.0.0.2", SERVER_MS, 10010),
        (bound, "testnet", "10.0.0.1", SERVER_MS + 1, 33004),
    ):
        with pytest.raises(Refusal) as caught:
            check_key(key, environment, address, server_ms)
        assert caught.value.code == code


def test_a_key_of_the_users_own_signs_with_rsa() -> None:
    pair = RSA.generate(1024)
    key = ApiKey("KEY", pair.public_key().export_key().decode(), 1001, rsa=True)
    text = f"GET/realtime{SERVER_MS + 1}".encode()
    signature = b64encode(pkcs1_15.new(pair).sign(SHA256.new(text))).decode()
    check_socket(key, SERVER_MS + 1, signature, SERVER_MS)
    for wrong in (signature.swapcase(), "no base64", hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()):
        with pytest.raises(Refusal):
            check_socket(key, SERVER_MS + 1, wrong, SERVER_MS)


def test_an_address_that_asks_too_often_stays_out_for_a_while() -> None:
    gate = Gate(enabled=True, requests_max=3, ban_s=600.0)
    assert [gate.admits_request("a", 10.0 + number) for number in range(4)] == [True, True, True, False]
    assert gate.admits_request("b", 13.0)
    assert not gate.admits_request("a", 612.9)
    assert not gate.admits_socket("a", 612.9)
    assert gate.admits_request("a", 613.0)
    assert Gate(enabled=False, requests_max=0, ban_s=1.0).admits_request("a", 0.0)


def test_an_address_has_a_thousand_market_data_sockets_of_a_category_at_once() -> None:
    gate = Gate(enabled=True, requests_max=3, ban_s=600.0)
    with ExitStack() as sockets:
        assert all(sockets.enter_context(gate.public_socket("a", "linear")) for _ in range(1000))
        with gate.public_socket("a", "linear") as one_more, gate.public_socket("a", "spot") as of_spot:
            assert (one_more, of_spot) == (False, True)
        with gate.public_socket("b", "linear") as elsewhere:
            assert elsewhere
    with gate.public_socket("a", "linear") as again:
        assert again


def test_a_vip_may_send_more_orders_and_asks_as_everybody() -> None:
    rates = RateLimits(enabled=True)
    limits = [rates.take(1, "/v5/order/create", 100.0, vip=level).limit for level in range(6)]
    assert limits == [10, 20, 40, 60, 60, 60]
    assert rates.take(1, "/v5/position/set-leverage", 100.0, vip=5).limit == 10


def test_a_batch_takes_a_place_for_each_of_its_orders() -> None:
    rates = RateLimits(enabled=True)
    first, second = (rates.take(1, "/v5/order/create-batch", 100.0, places=6) for _ in range(2))
    assert (first.granted, second.granted, second.left) == (6, 4, 0)
    assert second.wait_s == 1.0


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
