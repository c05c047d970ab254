"""Who a request comes from: signatures over the bytes as they travelled, and the time window around them."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from playd.venues.exchange.refusal import (
    OUTSIDE_WINDOW,
    PARAMETER,
    UNKNOWN_KEY,
    WRONG_SIGNATURE,
    Refusal,
)

DEFAULT_WINDOW_MS: Final = 5_000
AHEAD_MS: Final = 1_000
"""A stamp this far ahead of the server's clock is refused, however large the window."""


@dataclass(frozen=True, slots=True)
class SignedHeaders:
    """The four headers of a signed request. `window_text` is hashed as it was sent."""

    key: str
    timestamp_ms: int
    window_text: str
    window_ms: int
    signature: str


def read_headers(headers: Mapping[str, str]) -> SignedHeaders | None:
    """The authentication headers, or None when one that is needed is missing. Raises `Refusal` when one is not a number."""
    key, stamp, signature = (headers.get(f"X-BAPI-{name}", "") for name in ("API-KEY", "TIMESTAMP", "SIGN"))
    if not (key and stamp and signature):
        return None
    window = headers.get("X-BAPI-RECV-WINDOW", "") or str(DEFAULT_WINDOW_MS)
    if not (stamp.isdecimal() and window.isdecimal()):
        raise Refusal(PARAMETER, "X-BAPI-TIMESTAMP and X-BAPI-RECV-WINDOW must be whole numbers of milliseconds")
    return SignedHeaders(key, int(stamp), window, int(window), signature)


def check_window(signed: SignedHeaders, server_ms: int) -> None:
    """`server - window <= timestamp < server + 1000`, or `Refusal` 10002 with the three numbers."""
    if not server_ms - signed.window_ms <= signed.timestamp_ms < server_ms + AHEAD_MS:
        raise Refusal(
            OUTSIDE_WINDOW,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{signed.timestamp_ms}],server_timestamp[{server_ms}],recv_window[{signed.window_ms}]",
        )


def check_signature(signed: SignedHeaders, secret: str, payload: bytes) -> None:
    """
    HMAC-SHA256 over timestamp, key, window and payload (raw query or raw body), or `Refusal` 10004.

    The text of the refusal shows what was hashed with the key blotted out.
    """
    text = f"{signed.timestamp_ms}{signed.key}{signed.window_text}".encode() + payload
    if not hmac.compare_digest(_hmac(secret, text), signed.signature.lower()):
        shown = payload.decode("utf-8", "replace")
        raise Refusal(WRONG_SIGNATURE, f"error sign! origin_string[{signed.timestamp_ms}***{signed.window_text}{shown}]")


def check_socket(secret: str | None, expires: object, signature: object, server_ms: int) -> None:
    """The `auth` frame of a private socket: `expires` (number or text) lies ahead and is signed, or `Refusal`."""
    if secret is None:
        raise Refusal(UNKNOWN_KEY, "API key is invalid.")
    text = str(expires)
    if not text.isdecimal() or int(text) <= server_ms:
        raise Refusal(OUTSIDE_WINDOW, f"Params Error: expires[{text[:20]}] is not ahead of server_timestamp[{server_ms}]")
    if not hmac.compare_digest(_hmac(secret, f"GET/realtime{text}".encode()), str(signature).lower()):
        raise Refusal(WRONG_SIGNATURE, "Params Error: error sign!")


def _hmac(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
