"""
Accounts with a key: from settings and secrets to frozen values, each accepted or refused by itself.

A local account has one when it names the address of an exchange that is served elsewhere (`playd exchange serve`).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from playd.core.errors import CredentialError, SettingsError
from playd.core.modes import Environment, Mode
from playd.core.secret import Secret
from playd.orders.halts import account_scope
from playd.orders.incidents import Incidents
from playd.settings import Account, Loaded
from playd.venues.bybit.credentials import read_credentials
from playd.venues.bybit.environment import Hosts, VenueAccount, default_hosts, local_hosts, venue_account
from playd.world.ports import World

REFUSED: Final = "ACCOUNT_REFUSED"


def key_accounts(world: World, loaded: Loaded) -> tuple[dict[str, VenueAccount], dict[str, str]]:
    """Accepted accounts and the reasons of the refused ones, by alias. Wallets of the embedded exchange are not among them."""
    accepted: dict[str, VenueAccount] = {}
    refused: dict[str, str] = {}
    for alias, account in loaded.settings.accounts.items():
        if not account.has_key:
            continue
        if account.environment is Environment.LIVE and loaded.ceiling.mode is not Mode.LIVE:
            refused[alias] = (
                f"{loaded.ceiling.origin} allows {loaded.ceiling.mode} at most, so no account of real money is opened"
            )
            continue
        try:
            accepted[alias] = _alone(key_account(world, loaded, alias, account), accepted)
        except (CredentialError, SettingsError) as error:
            refused[alias] = str(error)
    return accepted, refused


def tell_refused(incidents: Incidents, refused: Mapping[str, str]) -> None:
    """Open an incident for every account that is refused before a byte is sent, and end those that an earlier start opened."""
    scopes = {account_scope(alias): reason for alias, reason in refused.items()}
    for each in incidents.open_ones():
        if each.kind == REFUSED and each.scope not in scopes:
            incidents.resolve(REFUSED, each.scope, "the daemon was started again, the key is asked anew")
    for scope, reason in scopes.items():
        incidents.open(REFUSED, "critical", scope, reason)


def _alone(account: VenueAccount, others: dict[str, VenueAccount]) -> VenueAccount:
    """
    A daemon follows one market per environment, and one key is one account: of two with the same each would take the other's
    positions for foreign ones. Raises `SettingsError` for a second local exchange, `CredentialError` for a key used twice.
    """
    for other in others.values():
        if (account.environment, account.api_key.reveal()) == (other.environment, other.api_key.reveal()):
            raise CredentialError(
                f"account {account.alias}: has the key of account {other.alias} ({other.api_key.fingerprint}):"
                " one user of a venue is one account here"
            )
        if account.environment is other.environment is Environment.LOCAL and account.hosts != other.hosts:
            raise SettingsError(
                f"accounts.{account.alias}: is on {account.hosts.rest}, {other.alias} on {other.hosts.rest};"
                " a daemon follows one local exchange"
            )
    return account


def key_account(world: World, loaded: Loaded, alias: str, account: Account) -> VenueAccount:
    """One account with the key that its source holds now. Raises `CredentialError`, `SettingsError`."""
    key, secret, rsa = _secrets(world, loaded, alias, account)
    hosts = _usual_hosts(alias, account)
    named = Hosts(
        rest=account.rest_url or hosts.rest,
        public=account.public_url or hosts.public,
        private=account.private_url or hosts.private,
        trade=hosts.trade,
    )
    return venue_account(
        alias,
        account.environment,
        named,
        key,
        secret,
        rsa=rsa,
        expected_uid=account.expected_uid,
        allow_unbound_key=account.allow_unbound_key,
        lock_step=account.environment is Environment.LOCAL,
        recv_window_ms=loaded.settings.clock.recv_window_ms,
        margin_mode=account.margin_mode,
    )


def _usual_hosts(alias: str, account: Account) -> Hosts:
    """Where an environment is; a local exchange has its streams on the port of its REST address."""
    if account.environment is not Environment.LOCAL:
        return default_hosts(account.environment, account.region)
    try:
        parts = urlsplit(account.rest_url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"accounts.{alias}: rest_url {account.rest_url!r}: {error}") from None
    if not parts.hostname or port is None:
        raise SettingsError(f"accounts.{alias}: rest_url {account.rest_url!r} found, http://127.0.0.1:PORT expected")
    return local_hosts(port, address=parts.hostname)


def _secrets(world: World, loaded: Loaded, alias: str, account: Account) -> tuple[Secret, Secret, bool]:
    """Key and secret: the service's credential, the named file, the environment, in this order."""
    directory = loaded.locations.credentials_dir
    if directory is not None and world.disk.exists(directory / f"bybit-{alias}"):
        found = read_credentials(world, directory / f"bybit-{alias}")
        return found.api_key, found.secret, found.rsa
    if account.credential_file is not None:
        found = read_credentials(world, account.credential_file)
        return found.api_key, found.secret, found.rsa
    pair = loaded.key_pairs.get(alias)
    if pair is None:
        raise CredentialError(f"account {alias}: no key: neither credential bybit-{alias}, credential_file nor environment")
    return pair.api_key, pair.secret, False
