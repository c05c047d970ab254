"""Who a request comes from: signatures over the bytes as they travelled, and the time window around them."""

import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from playd.venues.exchange.keys import ApiKey
from playd.venues.exchange.refusal import (
    KEY_EXPIRED,
    OUTSIDE_WINDOW,
    PARAMETER,
    UNKNOWN_KEY,
    WRONG_ADDRESS,
    WRONG_SIGNATURE,
    Refusal,
)
from playd.venues.exchange.text import whole_number

DEFAULT_WINDOW_MS: Final = 5_000
AHEAD_MS: Final = 1_000
"""A stamp this far ahead of the server's clock is refused, however large the window."""


@dataclass(frozen=True, slots=True)
class SignedHeaders:
    """The four headers of a signed request. `window_text` is hashed as it was sent, empty when it was not."""

    key: str
    timestamp_ms: int
    window_ms: int
    window_text: str
    signature: str


def read_headers(headers: Mapping[str, str]) -> SignedHeaders | None:
    """The authentication headers, or None when one that is needed is missing. Raises `Refusal` when one is not a number."""
    key, stamp, signature = (headers.get(f"X-BAPI-{name}", "") for name in ("API-KEY", "TIMESTAMP", "SIGN"))
    if not (key and stamp and signature):
        return None
    window = headers.get("X-BAPI-RECV-WINDOW", "")
    return SignedHeaders(key, *read_window(stamp, window), window, signature)


def read_window(stamp: str, window: str) -> tuple[int, int]:
    """A time stamp and its window in ms, the default when it is empty. Raises `Refusal` when one is not a number."""
    stamp_ms, window_ms = whole_number(stamp), whole_number(window) if window else DEFAULT_WINDOW_MS
    if stamp_ms is None or window_ms is None:
        raise Refusal(PARAMETER, "X-BAPI-TIMESTAMP and X-BAPI-RECV-WINDOW must be whole numbers of milliseconds")
    return stamp_ms, window_ms


def check_key(key: ApiKey | None, environment: str, address: str, server_ms: int) -> ApiKey:
    """A key that may be used here, from there and now, or `Refusal` 10003, 33004, 10010."""
    if key is None or key.environment != environment:
        raise Refusal(UNKNOWN_KEY, "API key is invalid.")
    if key.expires_ms and key.expires_ms <= server_ms:
        raise Refusal(KEY_EXPIRED, "Your api key has expired.")
    if key.addresses and address not in key.addresses:
        raise Refusal(WRONG_ADDRESS, "Unmatched IP, please check your API key's bound IP addresses.")
    return key


def check_window(timestamp_ms: int, window_ms: int, server_ms: int) -> None:
    """`server - window <= timestamp < server + 1000`, or `Refusal` 10002 with the three numbers."""
    if not server_ms - window_ms <= timestamp_ms < server_ms + AHEAD_MS:
        raise Refusal(
            OUTSIDE_WINDOW,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{timestamp_ms}],server_timestamp[{server_ms}],recv_window[{window_ms}]",
        )


def check_signature(signed: SignedHeaders, key: ApiKey, payload: bytes) -> None:
    """
    The signature over timestamp, key, window and payload (raw query or raw body), or `Refusal` 10004.

    Who sends no window signs nothing in its place, as the Go clients do, or the default. The text of the refusal shows what was
    hashed with the key blotted out.
    """
    stamp = f"{signed.timestamp_ms}{signed.key}".encode()
    windows = (signed.window_text,) if signed.window_text else ("", str(DEFAULT_WINDOW_MS))
    if not any(_is_signed(key, stamp + window.encode() + payload, signed.signature) for window in windows):
        shown = payload.decode("utf-8", "replace")
        raise Refusal(WRONG_SIGNATURE, f"error sign! origin_string[{signed.timestamp_ms}***{signed.window_text}{shown}]")


def check_socket(key: ApiKey, expires: object, signature: object, server_ms: int) -> None:
    """The `auth` frame of a socket: `expires` (number or text) lies ahead and is signed, or `Refusal`."""
    text = str(expires)
    if (whole_number(text) or 0) <= server_ms:
        raise Refusal(PARAMETER, f"Params Error: expires[{text[:20]}] is not ahead of server_timestamp[{server_ms}]")
    if not _is_signed(key, f"GET/realtime{text}".encode(), str(signature)):
        raise Refusal(WRONG_SIGNATURE, "Params Error: error sign!")


def check_public_key(pem: str) -> None:
    """Raises `ValueError` when the text is not a public RSA key in PEM form."""
    from Crypto.PublicKey import RSA  # here and below: three MiB that only keys of this kind need

    if RSA.import_key(pem).has_private():
        raise ValueError("this is a private key: it stays with its owner")


def _is_signed(key: ApiKey, text: bytes, signature: str) -> bool:
    """HMAC-SHA256 as hex for keys of the venue's making, RSA-SHA256 (PKCS#1 v1.5) as base64 for the user's own."""
    if not key.rsa:
        expected = hmac.digest(key.secret.encode(), text, "sha256").hex()
        return hmac.compare_digest(expected.encode(), signature.lower().encode(errors="surrogateescape"))
    from Crypto.Hash import SHA256
    from Crypto.PublicKey import RSA
    from Crypto.Signature import pkcs1_15

    try:
        pkcs1_15.new(RSA.import_key(key.secret)).verify(SHA256.new(text), b64decode(signature, validate=True))
    except ValueError:
        return False
    return True
