"""Credential files: two lines, `api_key=…` and `api_secret=…`, or the key's line and a PEM block for RSA keys."""

from dataclasses import dataclass
from pathlib import PurePath

from playd.core.errors import CredentialError
from playd.core.secret import Secret
from playd.world.ports import World
from playd.world.private_file import read_private


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its secret. `rsa` when the secret is a private key in PEM form."""

    api_key: Secret
    secret: Secret
    rsa: bool


def parse_credentials(text: str, source: str) -> Credentials:
    """Read the text of a credential file. Raises `CredentialError` naming `source` and what is missing, never a value."""
    values: dict[str, str] = {}
    pem: list[str] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if pem or line.startswith("-----BEGIN"):
            pem.append(line)
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals or name.strip() not in ("api_key", "api_secret"):
                raise CredentialError(f"{source}:{number}: expected api_key=…, api_secret=… or a PEM block")
            values[name.strip()] = value.strip()
    secret = "\n".join(pem) + "\n" if pem else values.get("api_secret", "")
    if not values.get("api_key") or not secret.strip():
        raise CredentialError(f"{source}: {'api_key' if not values.get('api_key') else 'api_secret or PEM block'} is missing")
    if pem and "api_secret" in values:
        raise CredentialError(f"{source}: holds both api_secret and a PEM block")
    return Credentials(Secret(values["api_key"]), Secret(secret), rsa=bool(pem))


def read_credentials(world: World, path: PurePath) -> Credentials:
    """
    Read a credential file that only its owner (us or root) can read.

    Raises `CredentialError` when it is missing, readable by others, owned by somebody else, or not understood.
    """
    return parse_credentials(read_private(world, path), str(path))
