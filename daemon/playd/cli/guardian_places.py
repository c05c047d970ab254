"""Accounts with a key as the guardian must know them: where they are and where their key lies, never the key itself."""

from collections.abc import Mapping

from playd.core.modes import Environment
from playd.orders.guardian.plan import AccountPlan
from playd.settings import Settings
from playd.venues.bybit.environment import VenueAccount
from playd.world.ports import World


def guardian_places(world: World, settings: Settings, accounts: Mapping[str, VenueAccount]) -> dict[str, AccountPlan]:
    """The plan of each account, without positions. Wallets of the embedded exchange end with the daemon and have none."""
    found = {}
    for alias, account in accounts.items():
        file = settings.accounts[alias].credential_file
        local = account.environment is Environment.LOCAL
        found[alias] = AccountPlan(
            alias=alias,
            environment=account.environment,
            rest=account.hosts.rest,
            public=account.hosts.public,
            private=account.hosts.private,
            trade=account.hosts.trade,
            expected_uid=account.expected_uid,
            allow_unbound_key=account.allow_unbound_key,
            credential_file="" if file is None else str(world.process.working_dir() / file),
            tolerances_pct=() if local else settings.orders.exit_tolerance_pct,
        )
    return found
