"""Signatures, against values made with another tool (openssl) and against the public key."""

import base64

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

from playd.core.errors import CredentialError
from playd.core.modes import Environment
from playd.core.secret import Secret
from playd.venues.bybit.environment import local_hosts, venue_account
from playd.venues.bybit.signing import HmacSigner, RsaSigner, auth_args, rest_headers, signer_for

ACCOUNT = venue_account("a", Environment.LOCAL, local_hosts(1), Secret("SIMKEY"), Secret("SIMSECRET"))


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (
            b'{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Market","qty":"0.01"}',
            "5464e095094713000dbe777e465a3ec9f216c0b5723917927967cf1b086689d0",
        ),
        (b"category=linear&symbol=BTCUSDT", "7514b232c47c83a2a78af5fa980668a6cebe02f4e9303e0990bceb026813064d"),
    ],
)
def test_rest_signature_is_the_hmac_of_time_key_window_and_payload(payload: bytes, signature: str) -> None:
    headers = rest_headers(ACCOUNT, signer_for(ACCOUNT), 1790000000000, payload)
    assert headers["X-BAPI-SIGN"] == signature
    assert headers["X-BAPI-API-KEY"] == "SIMKEY"
    assert headers["X-BAPI-TIMESTAMP"] == "1790000000000"
    assert headers["X-BAPI-RECV-WINDOW"] == "5000"


def test_socket_signature_is_the_hmac_of_get_realtime_and_expiry() -> None:
    assert auth_args(ACCOUNT, HmacSigner(Secret("SIMSECRET")), 1790000005000) == [
        "SIMKEY",
        1790000005000,
        "d8bccf4d15232d9a589ed3fdcf0a22b6df4eece3295f2c555bc76a63e7c97355",
    ]


def test_rsa_signature_is_verified_by_the_public_key() -> None:
    key = RSA.generate(1024)
    signature = RsaSigner(Secret(key.export_key().decode())).sign(b"text")
    pkcs1_15.new(key.public_key()).verify(SHA256.new(b"text"), base64.b64decode(signature))


def test_a_public_key_or_no_key_cannot_sign() -> None:
    with pytest.raises(CredentialError, match="public key"):
        RsaSigner(Secret(RSA.generate(1024).public_key().export_key().decode()))
    with pytest.raises(CredentialError, match="PEM"):
        RsaSigner(Secret("not a key"))
