"""An account that nobody reads has its figures and its words, open or not."""

from types import SimpleNamespace
from typing import Any

import pytest

from playd.control import rows
from playd.control.slo_readings import _accounts
from playd.control.watch import Watch
from playd.ops.meters import Meters
from playd.world.virtual import virtual_world


def daemon(for_s: float, at_risk: str) -> Any:
    blind = SimpleNamespace(for_s=for_s, at_risk=at_risk)
    plan = SimpleNamespace(alias="main")
    held = SimpleNamespace(account=None, blind=blind, plan=plan, step="start barrier: no answer", step_since_s=0.0)
    accounts = SimpleNamespace(held={"main": held}, guardians_view=lambda alias: f"the guardian saw {alias}")
    return SimpleNamespace(clock=virtual_world().clock, accounts=accounts, ops=SimpleNamespace(meters=Meters()))


@pytest.mark.parametrize(("at_risk", "value"), [("0.5 BTCUSDT", 20.0), ("", 0.0)])
def test_seconds_without_a_reading_count_while_something_may_be_open(at_risk: str, value: float) -> None:
    found = [(each.name, each.scope, each.value) for each in _accounts(daemon(20.0, at_risk))]
    assert found == [("recon_blind", "account:main", value)]


def test_status_says_what_may_be_open_on_an_account_that_is_not_and_what_the_guardian_sees() -> None:
    at_risk, flat = daemon(75.0, "0.5 BTCUSDT"), daemon(75.0, "")
    text = rows.account_step(at_risk, at_risk.accounts.held["main"])
    assert text == "start barrier: no answer; unread for 75 s, open by the ledger: 0.5 BTCUSDT; the guardian saw main"
    assert rows.account_step(flat, flat.accounts.held["main"]) == "start barrier: no answer"


def test_blind_seconds_of_an_account_that_is_not_open_are_counted() -> None:
    side: Any = daemon(20.0, "")
    Watch._count_blindness(SimpleNamespace(_daemon=side))  # type: ignore[arg-type]
    assert side.ops.meters.counters["playd_blind_seconds_total"] == {("main",): 1.0}
