"""How one alert leaves the machine: as JSON to an address, or as text to a program of the operator's."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import anyio

from playd.core.errors import CredentialError, SettingsError
from playd.core.secret import Secret
from playd.world.ports import Net, Process, World
from playd.world.private_file import read_private

SEND_WITHIN_S: Final = 10.0
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class NotTaken(Exception):
    """The provider did not take the alert. The text holds no address and no token."""


class Way(Protocol):
    """What is written about a way out, in the settings or in the guardian's plan."""

    @property
    def name(self) -> str:
        """What people call it, and what its credential is named after."""
        ...

    @property
    def command(self) -> Sequence[str]:
        """Program and arguments that take the alert; empty for a webhook."""
        ...

    @property
    def credential(self) -> PurePath | None:
        """File with the address of a webhook; None where the service manager hands it over."""
        ...

    @property
    def kinds(self) -> Sequence[str]:
        """Globs over kinds of incident; empty for all."""
        ...

    @property
    def scopes(self) -> Sequence[str]:
        """Globs over scopes; empty for all."""
        ...


def concerns(way: Way, kind: str, scope: str) -> bool:
    """Whether a way out is for incidents of this kind and scope."""
    wanted = not way.kinds or any(fnmatchcase(kind, glob) for glob in way.kinds)
    return wanted and (not way.scopes or any(fnmatchcase(scope, glob) for glob in way.scopes))


class Sender(Protocol):
    """One way out. `key` is the same for every attempt of one alert, so that a receiver can drop a second copy."""

    async def send(self, message: dict[str, Any], text: str, key: str) -> None:
        """Deliver within `SEND_WITHIN_S`, or raise `NotTaken`."""
        ...


@dataclass(frozen=True, slots=True)
class Webhook:
    """POSTs the alert as JSON; any answer of 2xx is a delivery."""

    net: Net
    address: Secret

    async def send(self, message: dict[str, Any], text: str, key: str) -> None:
        import aiohttp

        try:
            async with (
                self.net.http_session(timeout_s=SEND_WITHIN_S) as session,
                session.post(
                    self.address.reveal(),
                    json={**message, "text": text},
                    headers={"Idempotency-Key": key},
                    allow_redirects=False,
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NotTaken(f"{type(error).__name__}: {self.address.scrub(str(error))}"[:300]) from None
        if not 200 <= status < 300:
            raise NotTaken(f"answered with status {status}")


@dataclass(frozen=True, slots=True)
class Command:
    """Runs a program with the alert's text on its standard input; exit code 0 is a delivery."""

    process: Process
    words: Sequence[str]

    async def send(self, message: dict[str, Any], text: str, key: str) -> None:
        code: int | None = None
        try:
            with anyio.move_on_after(SEND_WITHIN_S):
                code = await self.process.run_command(self.words, f"{text}\n")
        except OSError as error:
            raise NotTaken(f"{self.words[0]}: {error.strerror or error}") from None
        if code != 0:
            how = f"took longer than {SEND_WITHIN_S:g} s" if code is None else f"ended with {code}"
            raise NotTaken(f"{self.words[0]} {how}")


def sender_of(world: World, route: Way, credentials_dir: PurePath | None) -> Sender:
    """
    The way out of a route. Raises `SettingsError` for one that names no way or two, `CredentialError` for a file that is
    missing, readable by others, or holds no address.
    """
    where = f"alerts.routes {route.name}"
    service = credentials_dir / f"alerts-{route.name}" if credentials_dir is not None else None
    path = route.credential or (service if service is not None and world.disk.exists(service) else None)
    if route.command and path is not None:
        raise SettingsError(f"{where}: found command and an address, expected one of them")
    if route.command:
        return Command(world.process, route.command)
    if path is None:
        raise SettingsError(
            f"{where}: found neither command nor credential nor a credential alerts-{route.name} of the service"
        )
    return Webhook(world.net, Secret(_address(world, path)))


def _address(world: World, path: PurePath) -> str:
    text = read_private(world, path).strip()
    parts = urlsplit(text)
    if parts.scheme == "https" and parts.hostname:
        return text
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return text
    raise CredentialError(
        f"credential file {path}: found scheme {parts.scheme or 'none'!r}, expected one line with an https address"
        " (http only for 127.0.0.1)"
    )
