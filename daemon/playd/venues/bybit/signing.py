"""Signatures over exactly the text that travels: `time + key + window + query or body`, and `GET/realtime + expires`."""

import base64
import hmac
from typing import Protocol

from playd.core.errors import CredentialError
from playd.core.secret import Secret
from playd.venues.bybit.environment import VenueAccount


class Signer(Protocol):
    """Turns a text into the venue's signature of it."""

    def sign(self, text: bytes) -> str:
        """The signature of `text`, in the spelling that the venue expects of this kind of key."""
        ...


class HmacSigner:
    """HMAC-SHA256 as lower-case hex, for keys the venue generated."""

    def __init__(self, secret: Secret) -> None:
        # Keyed once: looking the digest up by name for each order takes longer than the digest.
        self._keyed = hmac.new(secret.reveal().encode(), digestmod="sha256")

    def sign(self, text: bytes) -> str:
        signature = self._keyed.copy()
        signature.update(text)
        return signature.hexdigest()


class RsaSigner:
    """RSA PKCS#1 v1.5 over SHA-256 in base64, for keys the owner generated. Raises `CredentialError` for an unreadable PEM."""

    def __init__(self, pem: Secret) -> None:
        # Here, because most keys are not RSA keys: three MiB in each process otherwise.
        from Crypto.Hash import SHA256
        from Crypto.PublicKey import RSA
        from Crypto.Signature import pkcs1_15

        try:
            key = RSA.import_key(pem.reveal())
        except (ValueError, IndexError, TypeError):
            raise CredentialError("the RSA private key is not readable PEM") from None
        if not key.has_private():
            raise CredentialError("the RSA key is a public key, signing needs the private one")
        self._scheme, self._hash = pkcs1_15.new(key), SHA256.new

    def sign(self, text: bytes) -> str:
        return base64.b64encode(self._scheme.sign(self._hash(text))).decode()


def signer_for(account: VenueAccount) -> Signer:
    """The signer an account's key needs."""
    return RsaSigner(account.secret) if account.rsa else HmacSigner(account.secret)


def rest_headers(account: VenueAccount, signer: Signer, timestamp_ms: int, payload: bytes) -> dict[str, str]:
    """Headers of a signed REST request. `payload` is the raw query string of a GET or the raw body of a POST."""
    key = account.api_key.reveal()
    text = f"{timestamp_ms}{key}{account.recv_window_ms}".encode() + payload
    return {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": str(timestamp_ms),
        "X-BAPI-SIGN": signer.sign(text),
        "X-BAPI-SIGN-TYPE": "2",
        "X-BAPI-RECV-WINDOW": str(account.recv_window_ms),
    }


def auth_args(account: VenueAccount, signer: Signer, expires_ms: int) -> list[str | int]:
    """`args` of the socket's auth frame. `expires_ms` must lie in the venue's future when it reads the frame."""
    return [account.api_key.reveal(), expires_ms, signer.sign(f"GET/realtime{expires_ms}".encode())]
