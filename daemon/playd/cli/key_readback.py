"""What the venues say about the configured keys, asked without starting anything: a few queries, nothing that changes."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from playd.cli.known_bans import banned_until
from playd.core.errors import LinkError, Refused, VenueError
from playd.venues.bybit.environment import VenueAccount
from playd.venues.bybit.key_check import key_expires_soon, key_refusal
from playd.venues.bybit.venue import open_bybit_venue
from playd.venues.port import Budget
from playd.world.ports import World


class Standing(StrEnum):
    """How a configured account stands."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """One account. `text` says why it is not simply accepted, or what will end soon."""

    alias: str
    standing: Standing
    text: str


async def read_back_keys(
    world: World,
    accounts: dict[str, VenueAccount],
    refused: dict[str, str],
    budget_of: Callable[[str], Budget],
) -> list[KeyFinding]:
    """The standing of every account: `accounts` and `refused` are what `key_accounts` made of the settings."""
    findings = [KeyFinding(alias, Standing.REFUSED, reason) for alias, reason in refused.items()]
    for alias, account in accounts.items():
        findings.append(await read_back_key(world, account, budget_of(alias)))
    return sorted(findings, key=lambda found: found.alias)


async def read_back_key(world: World, account: VenueAccount, budget: Budget) -> KeyFinding:
    """Ask the venue about one key and judge the answer as the start of the daemon would."""
    if budget.banned_for_s:
        return KeyFinding(account.alias, Standing.UNREACHABLE, f"nothing was sent: {banned_until(world.clock, budget)}")
    async with open_bybit_venue(world, account, budget) as port:
        try:
            await port.clock_offset_ms()
            info = await port.key_info()
        except Refused as error:
            return KeyFinding(account.alias, Standing.REFUSED, str(error))
        except (VenueError, LinkError) as error:
            return KeyFinding(account.alias, Standing.UNREACHABLE, str(error))
    refusal = key_refusal(
        info,
        account.environment,
        expected_uid=account.expected_uid,
        allow_unbound_key=account.allow_unbound_key,
    )
    if refusal is not None:
        return KeyFinding(account.alias, Standing.REFUSED, refusal)
    text = f"the key has {info.days_left} days left" if key_expires_soon(info) else ""
    return KeyFinding(account.alias, Standing.ACCEPTED, text)
