"""An account of the plan, opened: its key read, its hosts checked, connections and rate share of the guardian's own."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NoReturn

from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.errors import CredentialError, LinkError, VenueError
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.plan import AccountPlan
from playd.orders.guardian.share import GuardianShare
from playd.venues.bybit.credentials import Credentials, read_credentials
from playd.venues.bybit.environment import Hosts, venue_account
from playd.venues.bybit.key_check import key_refusal
from playd.venues.bybit.venue import BybitVenue, open_bybit_venue
from playd.venues.port import PrivateEvent
from playd.world.ports import World


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """
    `accept` reads key and clock back (raises `CredentialError` for a key that is refused), `stream` keeps the private
    stream until cancelled, `events` are its events, `share` is what it may send.
    """

    hands: Hands
    share: GuardianShare
    accept: Callable[[], Coroutine[Any, Any, None]]
    stream: Callable[[], Coroutine[Any, Any, NoReturn]]
    events: MemoryObjectReceiveStream[PrivateEvent]


def credentials_of(world: World, place: AccountPlan) -> Credentials:
    """
    The guardian's own key if it was given one, else the daemon's: the service's credential, then the named file.

    Raises `CredentialError` saying where a key was looked for.
    """
    directory = world.env.get("CREDENTIALS_DIRECTORY")
    for name in (f"bybit-{place.alias}-guardian", f"bybit-{place.alias}") if directory else ():
        path = PurePath(str(directory)) / name
        if world.disk.exists(path):
            return read_credentials(world, path)
    if place.credential_file:
        return read_credentials(world, PurePath(place.credential_file))
    raise CredentialError(
        f"account {place.alias}: the guardian has no key: neither credential bybit-{place.alias}-guardian or"
        f" bybit-{place.alias} nor accounts.{place.alias}.credential_file; keys of the environment are the daemon's alone"
    )


@asynccontextmanager
async def open_account(world: World, place: AccountPlan, share: GuardianShare) -> AsyncIterator[OpenedAccount]:
    """
    The account while the block lasts, `share` being the same for all the times it is opened. Sends nothing by itself.

    Raises `CredentialError` or `SettingsError`.
    """
    found = credentials_of(world, place)
    # Never in lock-step: a simulated market waits for those who decide, and the guardian decides nothing.
    account = venue_account(
        place.alias,
        place.environment,
        Hosts(rest=place.rest, public=place.public, private=place.private, trade=place.trade),
        found.api_key,
        found.secret,
        rsa=found.rsa,
        expected_uid=place.expected_uid,
        allow_unbound_key=place.allow_unbound_key,
    )
    async with open_bybit_venue(world, account, share) as port:

        async def accept() -> None:
            await _accept(port, place)

        yield OpenedAccount(Hands(port, share, place.tolerances_pct), share, accept, port.stream.run, port.stream.events)


async def _accept(port: BybitVenue, place: AccountPlan) -> None:
    try:
        await port.clock_offset_ms()
        info = await port.key_info()
    except (LinkError, VenueError) as error:
        raise LinkError(f"account {place.alias}: the key could not be read back: {error}") from error
    refusal = key_refusal(
        info,
        place.environment,
        expected_uid=place.expected_uid,
        allow_unbound_key=place.allow_unbound_key,
    )
    if refusal is not None:
        raise CredentialError(f"account {place.alias}: {refusal}")
