"""`playctl halts` says whether a cause goes on as it is now, and nothing where nobody can say."""

from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.context import Daemon
from playd.control.halt_causes import still_holds
from playd.control.rows import halt_row
from playd.control.tables import holds
from playd.orders.halts import Halts, Level
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.supervisor.states import State
from playd.world.virtual import virtual_world
from tests.simulation.order_world import MemoryJournal

STATE = PurePath("/state")


class Account:
    """What an account knows of its breakers and of its venue."""

    def __init__(self) -> None:
        self.trips: list[Any] = []
        self.standing: object | None = object()
        self.of_instance: object | None = None
        self.now_ms: int | None = None
        self.desk = SimpleNamespace(condition=SimpleNamespace(blind_since_s=None))

    @property
    def breakers(self) -> "Account":
        return self

    def trip_of(self, _uid: str) -> object | None:
        return self.of_instance


class Side:
    """A daemon with one account, one instance on it, and real halts and incidents."""

    def __init__(self) -> None:
        world, journal = virtual_world(), MemoryJournal()
        world.disk.mkdir(STATE)
        ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
        self.halts, self.incidents = (
            Halts(ledger, world.disk, world.clock, journal, STATE),
            Incidents(ledger, world.clock, journal),
        )
        self.account, self.space = Account(), SimpleNamespace(level=Level.OPEN)
        self.slot = SimpleNamespace(record=SimpleNamespace(uid="u1", account="main"), state=State.RUNNING)
        self.accounts = {"main": self.account}
        self.daemon = cast(
            "Daemon",
            SimpleNamespace(
                halts=self.halts,
                ledger=ledger,
                clock=world.clock,
                ops=SimpleNamespace(space=self.space),
                accounts=SimpleNamespace(find=self.accounts.get),
                supervisor=SimpleNamespace(slots={"alpha": self.slot}),
            ),
        )

    def holds(self, scope: str, level: Level, code: str, actor: str = "daemon") -> bool | None:
        return still_holds(self.daemon, self.halts.raise_level(scope, level, code, "why", actor=actor))


@pytest.fixture
def side() -> Side:
    return Side()


def test_space_is_asked_of_the_disk(side: Side) -> None:
    found = []
    for level in (Level.HALT, Level.PAUSE, Level.OPEN):
        side.space.level = level
        found.append((side.holds("all", Level.PAUSE, "DISK"), side.holds("all", Level.HALT, "DISK")))
    assert found == [(True, True), (True, False), (False, False)]


def test_a_breaker_is_asked_of_the_account_as_it_stands(side: Side) -> None:
    side.account.trips = [SimpleNamespace(code="DRAWDOWN", level=Level.HALT)]
    assert [side.holds("account:main", Level.HALT, code) for code in ("DRAWDOWN", "FAST_FALL")] == [True, False]
    side.account.standing = None
    assert side.holds("account:main", Level.HALT, "DRAWDOWN") is None, "its money was not read yet"
    assert side.holds("instance:u1", Level.HALT, "INSTANCE_DRAWDOWN") is False
    side.account.of_instance = object()
    assert side.holds("instance:u1", Level.HALT, "INSTANCE_DRAWDOWN") is True
    side.accounts.clear()
    assert side.holds("instance:u1", Level.HALT, "INSTANCE_DRAWDOWN") is None


def test_blindness_a_failure_and_a_pause_of_a_rule_are_as_they_are(side: Side) -> None:
    assert side.holds("account:main", Level.HALT, "BLIND") is False
    side.account.desk.condition.blind_since_s = 1.0
    assert side.holds("account:main", Level.HALT, "BLIND") is True
    assert side.holds("instance:u1", Level.HALT, "INSTANCE_FAILED") is False
    side.slot.state = State.FAILED
    assert side.holds("instance:u1", Level.HALT, "INSTANCE_FAILED") is True
    assert side.holds("account:main", Level.PAUSE, "BANNED") is True, "the rule lifts it itself"


def test_what_has_an_incident_goes_on_until_that_is_over_and_nobody_guesses(side: Side) -> None:
    scope = "symbol:main/BTCUSDT"
    assert side.holds(scope, Level.HALT, "NAKED") is None
    side.incidents.open("NAKED", "critical", scope, "no stop")
    assert side.holds(scope, Level.HALT, "NAKED") is True
    side.incidents.resolve("NAKED", scope, "it has one")
    assert side.holds(scope, Level.HALT, "NAKED") is False


def test_of_what_a_person_raised_nothing_can_be_said(side: Side) -> None:
    assert side.holds("all", Level.PAUSE, "OPERATOR", "uid:1(me)") is None


def test_the_row_of_a_halt_says_yes_or_no_as_ever_and_beside_it_what_is_known(side: Side) -> None:
    side.space.level = Level.HALT
    raised = [
        side.halts.raise_level("all", Level.HALT, "DISK", "why"),
        side.halts.raise_level("account:main", Level.HALT, "BLIND", "why"),
        side.halts.raise_level("all", Level.PAUSE, "OPERATOR", "lunch", actor="uid:1(me)"),
        side.halts.raise_level("symbol:main/BTCUSDT", Level.HALT, "NAKED", "why"),
    ]
    rows = [halt_row(side.daemon, halt) for halt in raised]
    assert [(row["still_holds"], row["cause"], holds(row)) for row in rows] == [
        (True, "goes_on", "yes"),
        (False, "gone", "no"),
        (False, "person", "-"),
        (False, "unknown", "?"),
    ]
    assert [holds({"still_holds": found}) for found in (True, False)] == ["yes", "no"], "a daemon that says no cause"


def test_the_pause_of_a_day_ends_with_the_day_of_its_exchange_whatever_our_clock_says(side: Side) -> None:
    halt = side.halts.raise_level("account:main", Level.PAUSE, "DAILY_LOSS", "lost")
    assert halt_row(side.daemon, halt)["ends"] is None, "the exchange was not heard yet"
    side.account.now_ms = 1_719_791_999_000  # a second before midnight, months from what our clock says
    assert halt_row(side.daemon, halt)["ends"] == "2024-07-01T00:00:00.000Z"
    assert halt_row(side.daemon, side.halts.raise_level("account:main", Level.HALT, "DAILY_LOSS", "more"))["ends"] is None
