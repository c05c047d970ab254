"""
The chain that lets an instance open positions with real money. Pure: facts in, the first broken link out.

Nothing here stops an instance: without the chain it leads its position out and opens none. What halts, accounts and the
guardian say is looked at by the gates of their own names; the chain holds what only a person can give.
"""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from playd.core.canonical import Json, digest
from playd.core.modes import Environment, Mode

HOUR_MS: Final = 3_600_000

CODES: Final = (
    "not_armed",
    "daemon_not_live",
    "mode_ceiling",
    "not_a_live_account",
    "arming_revoked",
    "arming_expired",
    "arming_damaged",
    "arming_of_another",
    "not_confirmed",
)
"""Every word that names a broken link."""


@dataclass(frozen=True, slots=True)
class Arming:
    """
    The permission for one instance to open positions on one account, given by a person for some days.

    Attributes:
        uid: The account's at the venue, as the key was read back. `order_usd`, `day_usd`: what the step of capital allows.
        policy: Digest of the policy by which it was given.
        evidence: Ids of what was shown. `waivers`: names of the checks that were waived.
        digest: Of everything else here; another one means that somebody changed the record.
    """

    id: str
    account: str
    uid: str
    instance_uid: str
    play_digest: str
    capital_step: str
    policy: str
    order_usd: str
    day_usd: str
    evidence: tuple[str, ...]
    waivers: tuple[str, ...]
    actor: str
    created_ms: int
    expires_ms: int
    digest: str = ""

    def fields(self) -> dict[str, Json]:
        """Everything but the digest, as it is stored and hashed."""
        found: dict[str, Any] = asdict(self)
        del found["digest"]
        return {**found, "evidence": list(self.evidence), "waivers": list(self.waivers)}

    def ends_ms(self, max_days: int) -> int:
        """When it ends: as it was given, or sooner where the settings allow only shorter ones by now."""
        return min(self.expires_ms, self.created_ms + max_days * 24 * HOUR_MS)

    @property
    def is_whole(self) -> bool:
        """Whether it is what was written."""
        return self.digest == digest(self.fields())


@dataclass(frozen=True, slots=True)
class Held:
    """The newest record of an instance, and what became of it."""

    arming: Arming
    confirmed: bool
    revoked_by: str = ""


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """
    What the chain hangs on.

    `account_uid` is what the venue says of the key in use, empty before it was read; `max_days` the longest permission;
    `order_usd` and `day_usd` what the step of capital allows the instance now, as the record says it, empty without a bound.
    """

    daemon_live: bool
    ceiling: Mode
    environment: Environment | None
    account: str
    account_uid: str
    instance_uid: str
    play_digest: str
    capital_step: str
    order_usd: str
    day_usd: str
    held: Held | None
    now_ms: int
    max_days: int


@dataclass(frozen=True, slots=True)
class Link:
    """A broken link: a code of `CODES`, what is missing, and what to type."""

    code: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


def broken_link(facts: ChainFacts, name: str) -> Link | None:
    """The first link that does not hold, or None: the instance `name` may open positions as far as a person can allow it."""
    arm = f"playctl arm {name}"
    if not facts.daemon_live:
        return Link("daemon_not_live", "daemon.live is false", "set it in playd.toml and restart")
    if facts.ceiling is not Mode.LIVE:
        return Link("mode_ceiling", f"the environment allows {facts.ceiling} at most")
    if facts.environment is not Environment.LIVE:
        return Link("not_a_live_account", f"account {facts.account} is on {facts.environment or 'nothing'}")
    held = facts.held
    if held is None:
        return Link("not_armed", "no person has armed it", arm)
    if not facts.account_uid:
        return Link("not_a_live_account", f"the key of account {facts.account} has not been read")
    arming = held.arming
    if not arming.is_whole:
        return Link("arming_damaged", f"the arming record {arming.id} was changed", arm)
    if held.revoked_by:
        return Link("arming_revoked", f"disarmed by {held.revoked_by}", arm)
    if facts.now_ms >= arming.ends_ms(facts.max_days):
        return Link("arming_expired", "the time for which it was armed is over", arm)
    if (other := _other_subject(arming, facts)) is not None:
        return Link("arming_of_another", other, arm)
    if not held.confirmed:
        command = f"playctl start {name} --confirm '{live_phrase(facts.account, name)}'"
        return Link("not_confirmed", "it was armed and not started since", command)
    return None


def _other_subject(arming: Arming, facts: ChainFacts) -> str | None:
    """What the record was made for and is not any more."""
    for what, armed, found in (
        ("account", arming.account, facts.account),
        ("uid of the account", arming.uid, facts.account_uid),
        ("instance", arming.instance_uid, facts.instance_uid),
        ("Play", arming.play_digest[:16], facts.play_digest[:16]),
        ("step of capital", arming.capital_step, facts.capital_step),
    ):
        if armed != found:
            return f"it was armed for {what} {armed}, and that is {found or 'unknown'} now"
    for what, armed, found in (("an order", arming.order_usd, facts.order_usd), ("a day", arming.day_usd, facts.day_usd)):
        if armed and (not found or Decimal(found) > Decimal(armed)):
            return f"it was armed for {armed} USD {what}, and {found or 'any number of them'} may be opened now"
    return None


def expires_soon(held: Held | None, now_ms: int, warn_before_h: int, max_days: int) -> int | None:
    """Hours that are left of a permission when there are not many; None else, and where none is in force."""
    if held is None or held.revoked_by or now_ms >= (ends_ms := held.arming.ends_ms(max_days)):
        return None
    left_h = (ends_ms - now_ms) // HOUR_MS
    return left_h if left_h < warn_before_h else None


def arm_phrase(account: str, name: str) -> str:
    """What a person types to arm an instance."""
    return f"ARM {account} {name}"


def live_phrase(account: str, name: str) -> str:
    """What a person types at the first start behind it."""
    return f"LIVE {account} {name}"


def step_caps(step: str, order_usd: Decimal | None, day_usd: Decimal | None) -> tuple[str, str]:
    """The caps of a step as the record says them; empty where the step has none of its own."""
    caps = (order_usd, day_usd) if step == "micro" else (None, None)
    first, second = ("" if cap is None else str(cap) for cap in caps)
    return first, second
