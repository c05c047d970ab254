"""Accounts of real keys: from settings and secrets to frozen values, each accepted or refused by itself."""

from playd.core.errors import CredentialError, SettingsError
from playd.core.modes import Environment
from playd.core.secret import Secret
from playd.settings import Account, Loaded
from playd.venues.bybit.credentials import read_credentials
from playd.venues.bybit.environment import Hosts, VenueAccount, default_hosts, venue_account
from playd.world.ports import World


def key_accounts(world: World, loaded: Loaded) -> tuple[dict[str, VenueAccount], dict[str, str]]:
    """Accepted accounts and the reasons of the refused ones, by alias. Local accounts are not among them."""
    accepted: dict[str, VenueAccount] = {}
    refused: dict[str, str] = {}
    for alias, account in loaded.settings.accounts.items():
        if account.environment is Environment.LOCAL:
            continue
        try:
            accepted[alias] = _account(world, loaded, alias, account)
        except (CredentialError, SettingsError) as error:
            refused[alias] = str(error)
    return accepted, refused


def _account(world: World, loaded: Loaded, alias: str, account: Account) -> VenueAccount:
    key, secret, rsa = _secrets(world, loaded, alias, account)
    hosts = default_hosts(account.environment, account.region)
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
    )


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
