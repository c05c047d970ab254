"""
Another key for a running account, without a restart: read from its source, proved at the venue, then taken in one step.

The new key must belong to the same user and pass the same judgement as at a start; it is asked about itself, and opens and
closes a private stream of its own, before anything changes. The old key stays in use when any of that fails.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import anyio

from playd.cli.runtime import Runtime
from playd.cli.venue_accounts import key_account
from playd.core.canonical import Json
from playd.core.errors import CredentialError, LinkError, OperatorError, PlaydError
from playd.core.record import Recorder
from playd.orders.halts import account_scope
from playd.orders.incidents import Incidents
from playd.settings import Loaded
from playd.venues.bybit.environment import VenueAccount
from playd.venues.bybit.key_check import key_refusal
from playd.venues.bybit.venue import BybitVenue, open_bybit_venue
from playd.venues.port import Budget, StreamDown

PROVED_WITHIN_S: Final = 30.0
KIND: Final = "KEY_NOT_CHANGED"


@dataclass(frozen=True, slots=True)
class Rekeying:
    """`change` for one account, asked for by a person."""

    runtime: Runtime
    loaded: Callable[[], Loaded]
    budget_of: Callable[[str], Budget]
    journal: Recorder
    incidents: Incidents

    async def change(self, alias: str, actor: str) -> dict[str, Json]:
        """
        What became of it: fingerprints of the key before and now, and its user. The same key again changes nothing.

        Raises `OperatorError` saying why the old key stays in use.
        """
        held = self.runtime.plan.key_accounts.get(alias)
        if held is None:
            raise OperatorError(self._why_none(alias))
        port = self.runtime.ports.get(alias)
        account = self.runtime.accounts.find(alias)
        if port is None or account is None:
            raise OperatorError(f"account {alias} is not open, so that there is nothing to compare its new key with")
        try:
            fresh = self._read(alias)
            if _same(fresh, held):
                return self._said(alias, held, fresh, account.key.uid)
            uid = await self._proved(fresh)
            if uid != account.key.uid:
                raise CredentialError(f"the new key belongs to uid {uid}, the account is that of {account.key.uid}")
        except PlaydError as error:
            self.incidents.open(KIND, "warning", account_scope(alias), f"the old key stays in use: {error}")
            raise OperatorError(f"account {alias}: the old key stays in use: {error}") from error
        self.runtime.plan.key_accounts[alias] = fresh
        await port.use_key(fresh)
        said = self._said(alias, held, fresh, uid)
        self.journal.append("auth.reloaded", said, account=alias, actor=actor)
        self.incidents.resolve(KIND, account_scope(alias), "the key was changed")
        await account.key.look_again()
        return said

    def _read(self, alias: str) -> VenueAccount:
        loaded = self.loaded()
        return key_account(self.runtime.world, loaded, alias, loaded.settings.accounts[alias])

    def _why_none(self, alias: str) -> str:
        if alias in self.runtime.plan.refused_accounts:
            return f"account {alias} was refused at the start of the daemon; start it again with the new key"
        known = ", ".join(self.runtime.plan.key_accounts) or "none"
        return f"there is no account {alias} with a key; there are: {known}"

    async def _proved(self, fresh: VenueAccount) -> str:
        """
        The user of a key that may be used and that opens a private stream.

        Raises `CredentialError`, `VenueError`, `LinkError`.
        """
        universe = self.runtime.universes[fresh.environment]
        opened = open_bybit_venue(
            self.runtime.world,
            replace(fresh, lock_step=False),  # a simulated market must not wait for this connection
            self.budget_of(fresh.alias),  # the venue counts users, whichever of their keys asks
            timing=universe.plan.socket_timing,
            limiter=universe.limiter,
            venue_clock=universe.clock,
        )
        try:
            with anyio.fail_after(PROVED_WITHIN_S):
                async with opened as port:
                    info = await port.key_info()
                    refusal = key_refusal(
                        info,
                        fresh.environment,
                        expected_uid=fresh.expected_uid,
                        allow_unbound_key=fresh.allow_unbound_key,
                    )
                    if refusal is not None:
                        raise CredentialError(refusal)
                    await _stream_opens(port)
        except TimeoutError:
            raise LinkError(f"the venue did not take it within {PROVED_WITHIN_S:g} s") from None
        return info.uid

    def _said(self, alias: str, before: VenueAccount, now: VenueAccount, uid: str) -> dict[str, Json]:
        return {
            "account": alias,
            "uid": uid,
            "before": before.api_key.fingerprint,
            "key": now.api_key.fingerprint,
            "changed": not _same(before, now),
        }


async def _stream_opens(port: BybitVenue) -> None:
    """Until the venue has taken the key and every topic on a connection of its own. Raises `CredentialError`."""
    async with anyio.create_task_group() as group:
        group.start_soon(port.stream.run)
        event = await port.stream.events.receive()
        group.cancel_scope.cancel()
    if isinstance(event, StreamDown):
        raise CredentialError(f"the private stream does not open with it: {event.reason}")


def _same(one: VenueAccount, other: VenueAccount) -> bool:
    return (one.api_key.reveal(), one.secret.reveal()) == (other.api_key.reveal(), other.secret.reveal())
