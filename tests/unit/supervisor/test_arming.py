"""Real money: every link of the chain, each by itself, and records that nobody can change unseen."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Any, cast

import pytest

from playd.core.modes import Environment, Mode
from playd.orders.ledger import Ledger
from playd.supervisor.arming import CODES, Arming, ChainFacts, Held, broken_link, expires_soon
from playd.supervisor.arming_records import Armings
from playd.world.virtual import ManualClock, VirtualWorld, virtual_world
from tests.simulation.order_world import MemoryJournal

DAY_MS = 86_400_000
DRAFT = Arming(
    id="",
    account="main",
    uid="7",
    instance_uid="abcdefgh",
    play_digest="d" * 64,
    capital_step="micro",
    policy="p" * 64,
    order_usd="75",
    day_usd="1000",
    evidence=("e1",),
    waivers=("parity",),
    actor="me",
    created_ms=1000,
    expires_ms=1000 + DAY_MS,
)


class Desk:
    """The records of one ledger."""

    def __init__(self) -> None:
        self.world: VirtualWorld = virtual_world()
        self.world.disk.mkdir(PurePath("/state"))
        self.clock: ManualClock = self.world.clock
        self.journal = MemoryJournal()
        self.ledger = Ledger.open(self.world.disk, self.clock, PurePath("/state/ledger.sqlite"))
        self.armings = self.again()

    def again(self) -> Armings:
        """What another life of the daemon reads."""
        return Armings(self.ledger, self.clock, self.journal)


def facts(held: Held | None) -> ChainFacts:
    return ChainFacts(
        daemon_live=True,
        ceiling=Mode.LIVE,
        environment=Environment.LIVE,
        account="main",
        account_uid="7",
        instance_uid="abcdefgh",
        play_digest="d" * 64,
        capital_step="micro",
        order_usd="75",
        day_usd="500",
        held=held,
        now_ms=2000,
        max_days=7,
    )


def armed() -> Held:
    desk = Desk()
    desk.armings.create(DRAFT)
    held = desk.armings.confirm("abcdefgh", "me")
    assert held is not None
    return held


HELD = armed()


def test_a_whole_chain_has_no_broken_link() -> None:
    assert broken_link(facts(HELD), "mine") is None
    assert broken_link(replace(facts(HELD), now_ms=HELD.arming.expires_ms - 1), "mine") is None


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("daemon_not_live", {"daemon_live": False}),
    ("mode_ceiling", {"ceiling": Mode.DEMO}),
    ("not_a_live_account", {"environment": Environment.DEMO}),
    ("not_a_live_account", {"environment": None}),
    ("not_armed", {"held": None}),
    ("not_a_live_account", {"account_uid": ""}),
    ("arming_revoked", {"held": replace(HELD, revoked_by="me")}),
    ("arming_expired", {"now_ms": HELD.arming.expires_ms}),
    ("arming_expired", {"max_days": 0}),
    ("arming_of_another", {"play_digest": "e" * 64}),
    ("arming_of_another", {"capital_step": "full"}),
    ("arming_of_another", {"account_uid": "8"}),
    ("arming_of_another", {"account": "other"}),
    ("arming_of_another", {"instance_uid": "zzzzzzzz"}),
    ("arming_of_another", {"order_usd": "75.01"}),  # somebody raised the cap behind the person who armed it
    ("arming_of_another", {"day_usd": "1000.01"}),
    ("arming_of_another", {"order_usd": "", "day_usd": ""}),
    ("not_confirmed", {"held": replace(HELD, confirmed=False)}),
    ("arming_damaged", {"held": replace(HELD, arming=replace(HELD.arming, expires_ms=HELD.arming.expires_ms + 1))}),
    ("arming_damaged", {"held": replace(HELD, arming=replace(HELD.arming, order_usd="7500"))}),
]


@pytest.mark.parametrize(("code", "change"), BROKEN)
def test_each_broken_link_has_its_name(code: str, change: dict[str, Any]) -> None:
    link = broken_link(replace(facts(HELD), **change), "mine")

    assert link is not None
    assert (link.code, bool(link.text)) == (code, True)


def test_every_name_of_a_link_is_given_by_some_link_and_no_other_is() -> None:
    assert {code for code, _ in BROKEN} == set(CODES)


def test_a_record_outlives_its_daemon_and_is_journalled() -> None:
    desk = Desk()
    made = desk.armings.create(DRAFT)

    assert (made.confirmed, made.arming.is_whole, made.arming.id.startswith("arm-")) == (False, True, True)
    assert desk.again().held("abcdefgh") == made
    desk.armings.confirm("abcdefgh", "me")
    desk.armings.revoke("abcdefgh", "you")
    assert desk.again().held("abcdefgh") == replace(made, confirmed=True, revoked_by="you")
    assert [kind for kind, _ in desk.journal.records] == ["arm.created", "arm.confirmed", "arm.revoked"]


def test_a_record_that_was_changed_in_the_ledger_is_not_whole() -> None:
    desk = Desk()
    desk.armings.create(DRAFT)
    desk.ledger.write("UPDATE armings SET body = replace(body, '1000', '9000')")

    changed = desk.again().held("abcdefgh")
    assert changed is not None
    assert not changed.arming.is_whole


@pytest.mark.parametrize(
    ("change", "confirmed"),
    [
        (lambda after: after, True),
        (lambda after: replace(after, play_digest="e" * 64), False),
        (lambda after: replace(after, capital_step="full"), False),
        (lambda after: replace(after, created_ms=DRAFT.expires_ms), False),
    ],
)
def test_only_what_goes_on_without_a_gap_needs_no_new_start(change: Callable[[Arming], Arming], confirmed: bool) -> None:
    desk = Desk()
    desk.armings.create(DRAFT)
    desk.armings.confirm("abcdefgh", "me")

    after = change(replace(DRAFT, created_ms=5000, expires_ms=5000 + DAY_MS))
    assert desk.armings.create(after).confirmed is confirmed


def test_a_revoked_record_hands_nothing_on() -> None:
    desk = Desk()
    desk.armings.create(DRAFT)
    desk.armings.confirm("abcdefgh", "me")
    desk.armings.revoke("abcdefgh", "me")

    assert not desk.armings.create(replace(DRAFT, created_ms=5000)).confirmed


def test_a_waiver_ends_by_itself() -> None:
    desk = Desk()
    desk.armings.waive("parity", reason="why not", actor="me", until_ms=desk.clock.wall_ms() + 1000)

    assert desk.armings.waivers()["parity"][0] == "why not"
    cast("Any", desk.clock).advance(1.0)
    assert desk.armings.waivers() == {}


@pytest.mark.parametrize(("left_ms", "hours"), [(24 * 3_600_000, None), (24 * 3_600_000 - 1, 23), (1, 0), (0, None)])
def test_the_end_is_told_a_day_before_and_not_after_it(left_ms: int, hours: int | None) -> None:
    assert expires_soon(HELD, HELD.arming.expires_ms - left_ms, 24, 7) == hours


def test_an_end_that_the_settings_bring_forward_is_told_too() -> None:
    held = replace(HELD, arming=replace(HELD.arming, expires_ms=HELD.arming.created_ms + 5 * DAY_MS))
    assert held.arming.ends_ms(7) == held.arming.expires_ms
    assert expires_soon(held, held.arming.created_ms + 2 * DAY_MS - 1, 24, 2) == 0
    assert expires_soon(held, held.arming.created_ms + 2 * DAY_MS, 24, 2) is None


def test_the_record_of_an_older_program_is_read_and_not_whole() -> None:
    desk = Desk()
    desk.armings.create(DRAFT)
    desk.ledger.write("UPDATE armings SET body = replace(body, ?, '')", (f'"policy":"{DRAFT.policy}",',))
    held = desk.again().held("abcdefgh")
    assert held is not None
    assert (held.arming.policy, held.arming.is_whole) == ("", False)
